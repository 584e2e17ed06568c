"""Many pictures decoded once, in threads, and kept: the bad ones named, or left out where that is allowed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from distaff.data import cache
from distaff.data.dataset import Opened
from distaff.data.images import ArrayImages, Bytes, Rows, SubsetImages
from distaff.data.pictures import BadPictureError, careful
from distaff.data.resize import Shape
from distaff.errors import InputError

T = TypeVar("T")
CHUNK = 256
"""Pictures decoded before they are written."""


def attempt(work: Callable[[Path], T], paths: Sequence[Path], skip_bad: bool) -> list[T | None]:
    """Work on every picture in threads; None for one that cannot be read, if such are left out.

    Raises:
        InputError: a picture that cannot be read, unless `skip_bad`.
    """

    def one(path: Path) -> T | None:
        try:
            return work(path)
        except BadPictureError as error:
            if skip_bad:
                return None
            raise InputError(f"{error}; mend or remove it, or skip such pictures (--skip-bad)") from None

    with careful(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(one, paths))


def decode_once(
    name: str,
    paths: Sequence[Path],
    rows: Rows,
    shape: Callable[[], Shape],
    read: Callable[[Path, Shape], Bytes],
    skip_bad: bool,
) -> Opened:
    """Decode pictures, or take them from where they were kept.

    Args:
        name: what they are kept by; says all that they depend on.
        paths: m pictures.
        rows: int64 [m], the rows of the attributes that they belong to.
        shape: finds the (c, h, w) to make of them; called only when they are not kept.
        read: makes uint8 (c, h, w) of one.
        skip_bad: leave out pictures that cannot be read, with a note that names them.

    Raises:
        InputError: a picture that cannot be read (unless `skip_bad`), or no room to keep them.
    """
    array = cache.find(name)
    bad = cache.find(f"{name}-bad", (len(paths),))
    if array is None or bad is None:
        wanted = shape()
        failed = np.zeros(len(paths), dtype=np.uint8)

        def chunks() -> Iterator[Bytes]:
            blank = np.zeros(wanted, dtype=np.uint8)
            for start in range(0, len(paths), CHUNK):
                part = paths[start : start + CHUNK]
                decoded = attempt(lambda path: read(path, wanted), part, skip_bad)
                failed[start : start + CHUNK] = [picture is None for picture in decoded]
                yield np.stack([blank if picture is None else picture for picture in decoded])

        # Both anew: where only one was kept, decoding alone says which pictures are bad.
        array = cache.make(name, (len(paths), *wanted), chunks)
        bad = cache.make(f"{name}-bad", failed.shape, lambda: iter([failed]))
    images = ArrayImages(array)
    if not bad.any():
        return Opened(images, rows, sized=True)
    good = np.flatnonzero(bad == 0)
    skipped = [paths[int(index)].name for index in np.flatnonzero(bad)]
    more = ", ..." if len(skipped) > 5 else ""
    note = f"skipped {len(skipped)} pictures that cannot be read: {', '.join(skipped[:5])}{more}"
    return Opened(SubsetImages(images, good), rows[good], (note,), sized=True)
