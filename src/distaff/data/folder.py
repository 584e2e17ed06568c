"""A folder of pictures, after https://huggingface.co/docs/datasets/image_dataset (imagefolder)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from distaff.data.columns import table
from distaff.data.dataset import Found, Opened
from distaff.data.decoding import attempt, decode_once
from distaff.data.images import Bytes, Rows
from distaff.data.listing import look
from distaff.data.options import DataOptions
from distaff.data.pictures import decode, measure
from distaff.data.resize import Shape, target_shape
from distaff.errors import InputError

SIDE = 64
"""Pixels of a side when the pictures differ in size and the options do not say."""


def find(place: str | None, options: DataOptions) -> Found:
    """Pictures of any size, grey or colour, labelled by metadata.csv or by the names of subfolders.

    They become colour if one of them is; if they differ in size and neither `image_size` nor `crop` is set,
    they become 64 x 64. They are decoded once and then memory-mapped.

    Raises:
        InputError: no pictures, a metadata.csv that does not fit, a picture that cannot be read (unless
            `skip_bad`), no room to keep them.
    """
    root = Path(place or "").expanduser()
    try:
        listing = look(root)
    except OSError as error:
        raise InputError(f"{root}: cannot be listed: {error.strerror or error}") from None

    def open_rows(rows: Rows) -> Opened:
        return _open([root / listing.files[row] for row in rows], rows, options)

    columns = listing.columns()
    attributes = table(columns, options.attributes, len(listing.files), str(root))
    return Found(str(root), attributes, open_rows, listing.parts)


def _open(paths: list[Path], rows: Rows, options: DataOptions) -> Opened:
    notes = []

    def shape() -> Shape:
        found, differ = _shape(attempt(measure, paths, options.skip_bad), options)
        if differ:
            notes.append(
                f"the pictures differ in size and were made {SIDE} x {SIDE}; image_size sets another"
            )
        return found

    def read(path: Path, wanted: Shape) -> Bytes:
        return decode(path, wanted, options.crop)

    opened = decode_once(f"folder-{_key(paths, options)}", paths, rows, shape, read, options.skip_bad)
    return replace(opened, notes=(*notes, *opened.notes))


def _key(paths: Sequence[Path], options: DataOptions) -> str:
    """A name for what the decoded pictures depend on: every file's path, size and time, and the options."""
    digest = hashlib.sha256()
    digest.update(repr((1, options.image_size, options.crop, options.channels, options.skip_bad)).encode())
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            # Such as a link that leads nowhere: reading it will say what is wrong, or skip it.
            digest.update(f"{path}\0{error.strerror}\n".encode())
            continue
        digest.update(f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]


def _shape(measured: Sequence[Shape | None], options: DataOptions) -> tuple[Shape, bool]:
    """The (c, h, w) of all, and whether the pictures' own sizes differ and nothing was asked for."""
    known = [shape for shape in measured if shape is not None]
    if not known:
        raise InputError(f"none of the {len(measured)} pictures can be read")
    channels = max(shape[0] for shape in known)
    sizes = {shape[1:] for shape in known}
    if len(sizes) > 1 and options.image_size is None and options.crop is None:
        return (options.channels or channels, SIDE, SIDE), True
    return target_shape((channels, *known[0][1:]), options), False
