"""A bundle: one manifest that is JSON, and named blocks of bytes whose sha256 it holds."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.errors import InputError

SCHEMA = 1
Reference = dict[str, Any]
"""How a manifest names a block: `block`, `dtype`, `shape`, `bytes`, and the `sha256` of the raw bytes."""
KINDS = {"float16", "float32", "uint8"}


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
        if {"block", "sha256"} <= part.keys():
            yield part
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


class Blocks:
    """Collects the blocks of one run, whose place in the page is `index`."""

    def __init__(self, index: int) -> None:
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
