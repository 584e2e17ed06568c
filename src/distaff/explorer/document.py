"""The page as one file: all of it inline, and a policy under which only its own script runs."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
import zlib
from importlib.resources import files
from pathlib import Path
from typing import Any

from distaff.errors import InputError
from distaff.explorer.blocks import Bundle, pack, references

PLACE = "<!--distaff:bundle-->"
CHARSET = '<meta charset="utf-8">'
TITLE = "<title>distaff</title>"
LONGEST_TITLE = 120
MANIFEST = re.compile(r'<script type="application/json" id="distaff-manifest">(.*?)</script>', re.DOTALL)
BLOCK = re.compile(
    r'<script type="application/octet-stream" data-block="([^"]*)">([A-Za-z0-9+/=\s]*)</script>'
)
SCRIPT = re.compile(r"<script(?:\s+type=\"module\")?>(.*?)</script>", re.DOTALL)


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
            name: gzip.decompress(base64.b64decode(content))
            for name, content in BLOCK.findall(text)
            if name != "ort"
        }
    except (ValueError, OSError, EOFError, zlib.error):
        raise InputError(f"{path}: damaged: its bundle cannot be read; export the run again") from None
    if not isinstance(manifest, dict):
        raise InputError(f"{path}: damaged: its manifest is no object; export the run again")
    bundle = Bundle(manifest, blocks)
    bundle.check(str(path))
    return bundle


def _script(name: str, content: bytes) -> str:
    text = base64.b64encode(content).decode()
    return f'<script type="application/octet-stream" data-block="{html.escape(name)}">{text}</script>'
