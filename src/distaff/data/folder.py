"""A folder of pictures, after https://huggingface.co/docs/datasets/image_dataset (imagefolder)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from distaff.data import cache
from distaff.data.columns import table
from distaff.data.dataset import Found, Opened
from distaff.data.images import ArrayImages, Bytes, Rows, SubsetImages
from distaff.data.listing import look
from distaff.data.options import DataOptions
from distaff.data.pictures import BadPictureError, careful, decode, measure
from distaff.data.resize import Shape, target_shape
from distaff.errors import InputError

T = TypeVar("T")
SIDE = 64
"""Pixels of a side when the pictures differ in size and the options do not say."""
CHUNK = 256
"""Pictures decoded before they are written."""


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
    name = f"folder-{_key(paths, options)}"
    array = cache.find(name)
    bad = cache.find(f"{name}-bad", (len(paths),))
    notes = []
    if array is None or bad is None:
        with careful(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            shape, differ = _shape(_attempt(pool, measure, paths, options.skip_bad), options)
            if differ:
                notes.append(
                    f"the pictures differ in size and were made {SIDE} x {SIDE}; image_size sets another"
                )
            failed = np.zeros(len(paths), dtype=np.uint8)

            def chunks() -> Iterator[Bytes]:
                for start in range(0, len(paths), CHUNK):
                    part = paths[start : start + CHUNK]
                    decoded = _attempt(
                        pool, lambda path: decode(path, shape, options.crop), part, options.skip_bad
                    )
                    failed[start : start + CHUNK] = [picture is None for picture in decoded]
                    blank = np.zeros(shape, dtype=np.uint8)
                    yield np.stack([blank if picture is None else picture for picture in decoded])

            # Both anew: where only one was kept, decoding alone says which pictures are bad.
            array = cache.make(name, (len(paths), *shape), chunks)
            bad = cache.make(f"{name}-bad", failed.shape, lambda: iter([failed]))
    images = ArrayImages(array)
    if not bad.any():
        return Opened(images, rows, tuple(notes), sized=True)
    good = np.flatnonzero(bad == 0)
    skipped = [paths[index].name for index in np.flatnonzero(bad)]
    more = ", ..." if len(skipped) > 5 else ""
    notes.append(f"skipped {len(skipped)} pictures that cannot be read: {', '.join(skipped[:5])}{more}")
    return Opened(SubsetImages(images, good), rows[good], tuple(notes), sized=True)


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


def _attempt(
    pool: ThreadPoolExecutor, work: Callable[[Path], T], paths: Sequence[Path], skip_bad: bool
) -> list[T | None]:
    """Work on every picture in threads; None for a bad one if they are to be skipped."""

    def one(path: Path) -> T | None:
        try:
            return work(path)
        except BadPictureError as error:
            if skip_bad:
                return None
            raise InputError(f"{error}; mend or remove it, or skip such pictures (--skip-bad)") from None

    return list(pool.map(one, paths))
