"""A bundle and the page that shows it.

A bundle is one manifest that is JSON, and named blocks of bytes whose sha256 it holds.

The page is one file: all of it is inline, under a policy that lets only its own script run.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.errors import InputError
from distaff.explorer._text import pack_text, unpack_text

SCHEMA = 1
Reference = dict[str, Any]
"""How a manifest names a block: `block`, `dtype`, `shape`, `bytes`, and the `sha256` of the raw bytes."""
KINDS = {"float16", "float32", "uint8"}
PLACE = "<!--distaff:bundle-->"
CHARSET = '<meta charset="utf-8">'
TITLE = "<title>distaff</title>"
LONGEST_TITLE = 120
MANIFEST = re.compile(r'<script type="application/json" id="distaff-manifest">(.*?)</script>', re.DOTALL)
BLOCK = re.compile(r'<script type="application/octet-stream" data-block="([^"]*)">([^<]*)</script>')
SCRIPT = re.compile(r"<script(?:\s+type=\"module\")?>(.*?)</script>", re.DOTALL)


def pack(content: bytes) -> bytes:
    """Compress bytes, the same bytes for the same content."""
    return gzip.compress(content, compresslevel=6, mtime=0)


@dataclass
class Bundle:
    """What the page shows: `manifest`, and the raw bytes of each block by its full name (`0/codes`)."""

    manifest: dict[str, Any]
    blocks: dict[str, bytes] = field(default_factory=dict)

    def check(self, where: str) -> None:
        """Raise InputError when the schema is another one, or a block is missing, damaged or changed."""
        if self.manifest.get("schema") != SCHEMA:
            raise InputError(
                f"{where}: made by another version of distaff (schema {self.manifest.get('schema')!r}, "
                f"this one reads {SCHEMA}); export the run again"
            )
        for reference in references(self.manifest):
            content = self.blocks.get(reference["block"])
            if content is None:
                raise InputError(f"{where}: damaged: it lacks the block {reference['block']!r}")
            if hashlib.sha256(content).hexdigest() != reference["sha256"]:
                raise InputError(
                    f"{where}: damaged or changed: the sha256 of its block {reference['block']!r} is not the "
                    "one written; export the run again"
                )


def references(part: Any) -> Iterator[Reference]:
    """Find every reference to a block in a manifest or a part of one."""
    if isinstance(part, dict):
        # An attribute may be called "block": what it maps to is no name.
        if isinstance(part.get("block"), str) and isinstance(part.get("sha256"), str):
            yield part
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def join(bundles: Sequence[Bundle]) -> Bundle:
    """Return one bundle of the runs of several, each block under its run's new place."""
    entries: list[dict[str, Any]] = []
    content: dict[str, bytes] = {}
    metrics: dict[str, Any] = {}
    for bundle in bundles:
        metrics |= bundle.manifest["metrics"]
        for run in bundle.manifest["runs"]:
            index = len(entries)
            for reference in references(run):
                name = f"{index}/{reference['block'].partition('/')[2]}"
                content[name] = bundle.blocks[reference["block"]]
                reference["block"] = name
            entries.append(run)
    return Bundle({**bundles[0].manifest, "metrics": metrics, "runs": entries}, content)


class Blocks:
    """Collects the blocks of one run, whose place in the page is `index`."""

    def __init__(self, index: int = 0) -> None:
        self.index = index
        self.content: dict[str, bytes] = {}

    def add(self, name: str, values: npt.NDArray[Any]) -> Reference:
        """Keep an array, little-endian and in C order, and return its reference."""
        if values.dtype.name not in KINDS:
            raise TypeError(f"a block of {values.dtype} has no name in the schema")
        raw = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
        return self._keep(name, raw, values.dtype.name, list(values.shape))

    def add_bytes(self, name: str, content: bytes) -> Reference:
        """Keep a file, and return its reference."""
        return self._keep(name, content, "bytes", [len(content)])

    def _keep(self, name: str, content: bytes, kind: str, shape: list[int]) -> Reference:
        full = f"{self.index}/{name}"
        assert full not in self.content
        self.content[full] = content
        digest = hashlib.sha256(content).hexdigest()
        return {"block": full, "dtype": kind, "shape": shape, "bytes": len(content), "sha256": digest}


def asset(name: str) -> bytes:
    """Return a file of the built page; raises InputError when this installation lacks it."""
    try:
        return (files("distaff.explorer") / "page" / name).read_bytes()
    except OSError:
        raise InputError(
            f"explorer: this installation of distaff lacks page/{name}; install it again, or build the "
            "page in frontend/ with 'npm run build'"
        ) from None


def to_html(bundle: Bundle) -> str:
    """Return the page of a bundle as one HTML file that needs no other."""
    names = dict.fromkeys(each["block"] for each in references(bundle.manifest))
    scripts = [f'<script type="application/json" id="distaff-manifest">{to_json(bundle.manifest)}</script>']
    scripts += [_script(name, pack(bundle.blocks[name])) for name in names]
    scripts.append(_script("ort", asset("ort.wasm.gz")))
    title = " and ".join(run["name"] for run in bundle.manifest["runs"])
    return page(title, "\n".join(scripts), connect="data: blob:")


def page(title: str, bundle: str, *, connect: str) -> str:
    """Return the built page with its title, its policy, and the scripts that hold a bundle, if any."""
    template = asset("index.html").decode()
    for part in (PLACE, CHARSET):
        assert template.count(part) == 1, part
    rule = f'{CHARSET}<meta http-equiv="Content-Security-Policy" content="{policy(template, connect)}">'
    title = title.encode(errors="replace").decode()
    shown = title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"
    head, tail = template.replace(CHARSET, rule).split(PLACE)
    return head.replace(TITLE, f"<title>{html.escape(shown)} · distaff</title>") + bundle + tail


def policy(template: str, connect: str) -> str:
    """Return a policy that allows the template's own inline scripts by their sha256, and no other script."""
    digests = [
        base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in SCRIPT.findall(template)
    ]
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {scripts} 'wasm-unsafe-eval' blob:; worker-src blob:; "
        f"style-src 'unsafe-inline'; img-src data: blob:; font-src data:; connect-src {connect}; "
        "base-uri 'none'; form-action 'none'"
    )


def to_json(content: Any) -> str:
    """Return JSON that no HTML parser can take for markup."""
    # Escaping all that is not ASCII also covers line separators, marks of direction and halves of characters.
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def read_html(path: Path) -> Bundle:
    """Return the bundle in an exported page.

    Raises InputError when the file is no such page, of another version, or damaged or changed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    found = MANIFEST.search(text)
    if found is None:
        raise InputError(f"{path}: not a page that distaff made; 'distaff export' makes one")
    try:
        manifest = json.loads(found[1])
        blocks = {
            name: gzip.decompress(unpack_text(content))
            for name, content in BLOCK.findall(text)
            if name != "ort"
        }
    except (ValueError, OSError, EOFError, RecursionError, zlib.error):
        raise InputError(f"{path}: damaged: its bundle cannot be read; export the run again") from None
    if not isinstance(manifest, dict):
        raise InputError(f"{path}: damaged: its manifest is no object; export the run again")
    bundle = Bundle(manifest, blocks)
    bundle.check(str(path))
    return bundle


def _script(name: str, content: bytes) -> str:
    place = f'data-block="{html.escape(name)}"'
    return f'<script type="application/octet-stream" {place}>{pack_text(content)}</script>'
