"""One idx file of bytes, gzipped or not: http://yann.lecun.com/exdb/mnist/."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from distaff.data.images import Bytes
from distaff.errors import InputError

GZIP = b"\x1f\x8b"


def read(path: Path) -> Bytes:
    """One idx file of bytes, gzipped or not: uint8 [n] (labels) or [n, h, w] (images).

    Raises:
        InputError: the file cannot be read, is no idx file of this kind, or is cut short or too long.
    """
    content = content_of(path)
    dimensions = 1 if "labels" in path.name else 3
    magic = bytes([0, 0, 8, dimensions])
    if content[:4] != magic:
        raise InputError(
            f"{path}: starts with {content[:4].hex() or 'nothing'}, not with {magic.hex()} as idx does"
        )
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise InputError(
            f"{path}: cut short in its header: {len(content)} bytes of {start}; get the file again"
        )
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, 4))
    # Python's whole numbers, since a damaged header may multiply past 64 bits.
    wanted = start + shape[0] * (shape[1] * shape[2] if dimensions == 3 else 1)
    if len(content) != wanted:
        how = "cut short" if len(content) < wanted else "too long"
        raise InputError(
            f"{path}: {how}: {len(content)} bytes where its header asks for {wanted}; get it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def content_of(path: Path) -> bytes:
    """The bytes of a file, decompressed if it is gzipped; InputError if that cannot be done."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == GZIP else content
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise InputError(f"{path}: its gzip data are cut short or damaged; get the file again") from None
