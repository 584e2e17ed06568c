"""A folder of images, after https://huggingface.co/docs/datasets/image_dataset (imagefolder).

Many images are decoded once, in threads, and kept; the bad ones are named, or left out where that is
allowed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from distaff.data import _cache
from distaff.data._arrays import is_folder_of_arrays
from distaff.data._columns import read_columns
from distaff.data._files import is_table
from distaff.data._image_files import BadImageError, Decoded, Measured, careful, decode, measure, white_of
from distaff.data._images import ArrayImages, Bytes, Rows, Shape, SubsetImages
from distaff.data._listing import Listing, look, look_at_table
from distaff.data._source import DataOptions, Found, LeftOut, Opened, Source
from distaff.errors import InputError

T = TypeVar("T")
CHUNK = 256
"""Images decoded before they are written."""
SIDE = 64
"""Pixels of a side when the images differ in size and the options do not say."""


@dataclass(frozen=True)
class Plan:
    """What to make of a set of images.

    Attributes:
        shape: (c, h, w) of each.
        white: the pixel value that is white in files of more than 8 bits; None if there are none.
        notes: what the user should hear of that.
    """

    shape: Shape
    white: float | None = None
    notes: tuple[str, ...] = ()


def attempt(work: Callable[[Path], T], paths: Sequence[Path], skip_bad: bool) -> list[T | None]:
    """Work on every image in threads; None for one that cannot be read, if such are left out.

    Raises:
        InputError: an image that cannot be read, unless `skip_bad`.
    """

    def one(path: Path) -> T | None:
        try:
            return work(path)
        except BadImageError as error:
            if skip_bad:
                return None
            raise InputError(
                f"{error}; mend or remove it, or skip such images (data.skip_bad=True, train --skip-bad)"
            ) from None

    with careful(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(one, paths))


def decode_once(
    name: str,
    paths: Sequence[Path],
    rows: Rows,
    plan: Callable[[], Plan],
    read: Callable[[Path, Plan], Decoded],
    skip_bad: bool,
    names: Sequence[str] | None = None,
) -> Opened:
    """Decode images, or take them from where they were kept.

    Args:
        name: what they are kept by; says all that they depend on.
        paths: m images.
        rows: int64 [m], the rows of the attributes that they belong to.
        plan: finds what to make of them; called only when they are not kept.
        read: decodes one.
        skip_bad: leave out images that cannot be read, and name them.
        names: what to call each image; the name of its file if None.

    Raises:
        InputError: an image that cannot be read (unless `skip_bad`), or no room to keep them.
    """
    array, digests, about = (_cache.find(f"{name}{end}") for end in ("", "-digests", "-about"))
    # All anew: where only some were kept, decoding alone says what belongs together.
    if array is None or digests is None or about is None or len(digests) != len(paths):
        array, digests, about = _decode(name, paths, plan(), read, skip_bad)
    said: dict[str, Any] = json.loads(about.tobytes())
    known = digests.reshape(-1).view(np.uint64)
    images = ArrayImages(array)
    if not said["bad"]:
        return Opened(images, rows, tuple(said["notes"]), (), True, known, said["white"])
    good = np.setdiff1d(np.arange(len(paths)), said["bad"])
    left = LeftOut.of(
        "image", [names[index] if names else paths[index].name for index in said["bad"]], "cannot be read"
    )
    kept = SubsetImages(images, good)
    return Opened(kept, rows[good], tuple(said["notes"]), (left,), True, known[good], said["white"])


def _decode(
    name: str,
    paths: Sequence[Path],
    plan: Plan,
    read: Callable[[Path, Plan], Decoded],
    skip_bad: bool,
) -> tuple[Bytes, Bytes, Bytes]:
    """Decode and keep the images, their digests, and what is to say about them."""
    digests = np.zeros(len(paths), dtype=np.uint64)
    bad: list[int] = []
    binary = several = black = 0

    def chunks() -> Iterator[Bytes]:
        nonlocal binary, several, black
        bad.clear()
        binary = several = black = 0
        blank = np.zeros(plan.shape, dtype=np.uint8)
        for start in range(0, len(paths), CHUNK):
            _cache.tell(f"decoding images: {start / len(paths):.0%}")
            decoded = attempt(lambda path: read(path, plan), paths[start : start + CHUNK], skip_bad)
            for index, each in enumerate(decoded, start=start):
                if each is None:
                    bad.append(index)
                else:
                    digests[index] = each.digest
                    binary += each.binary
                    several += each.several
                    black += each.black
            yield np.stack([blank if each is None else each.pixels for each in decoded])

    array = _cache.make(name, (len(paths), *plan.shape), chunks)
    notes = list(plan.notes)
    if binary:
        notes.append(f"{binary:,} images hold only the values 0 and 1, which were read as black and white")
    if several:
        notes.append(f"{several:,} files hold several images or pages, of which the first alone is read")
    if black:
        notes.append(
            f"{black:,} images are wholly black where {plan.white:g} is white; save all on one scale, or "
            "set data.white"
        )
    about = json.dumps({"notes": notes, "bad": bad, "white": plan.white}).encode()
    written = np.frombuffer(about, dtype=np.uint8)
    marks = digests.view(np.uint8).reshape(-1, 8)
    return (
        array,
        _cache.make(f"{name}-digests", marks.shape, lambda: iter([marks])),
        _cache.make(f"{name}-about", written.shape, lambda: iter([written])),
    )


class Folder(Source):
    """Images of any size, grey or colour, labelled by a table or by the names of subfolders.

    They become colour if one of them is; if they differ in size and neither `image_size` nor `crop` is set,
    they become 64 x 64. They are decoded once and then memory-mapped.
    """

    tag: ClassVar[str] = "folder"
    about: ClassVar[str] = "your images in a folder; train, valid and test folders in it are the split"
    attributes: ClassVar[str] = "the columns of metadata.csv or another table, or label from the subfolders"
    size: ClassVar[str] = "any; decoded once, then memory-mapped"
    origin: ClassVar[str] = "a path to a folder"
    path: ClassVar[str | None] = "FOLDER"

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Claim every folder but those of arrays."""
        return path.is_dir() and not is_folder_of_arrays(path)

    def find(self, options: DataOptions) -> Found:
        """List the images and read their labels; see `Source.find`.

        Raises:
            InputError: no images, or a table that does not fit.
        """
        root = Path(self.place or "").expanduser()
        try:
            return listed(look(root, options.skip_bad), options)
        except OSError as error:
            raise InputError(f"{root}: cannot be listed: {error.strerror or error}") from None


class TableFile(Source):
    """Images that a table names, wherever they lie under its folder."""

    tag: ClassVar[str] = "table"
    about: ClassVar[str] = (
        "your images, named with their labels by a table (.csv, .tsv or .jsonl) beside them"
    )
    attributes: ClassVar[str] = "its other columns; one called split with train, valid and test is the split"
    size: ClassVar[str] = "any; decoded once, then memory-mapped"
    origin: ClassVar[str] = "a path that ends in .csv, .tsv or .jsonl"
    path: ClassVar[str | None] = "FILE.csv"

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Claim every table that is there."""
        return is_table(path.name) and path.is_file()

    def find(self, options: DataOptions) -> Found:
        """Read the table and find its images; see `Source.find`.

        Raises:
            InputError: the table does not fit, or names no images.
        """
        return listed(look_at_table(Path(self.place or "").expanduser(), options.skip_bad), options)


def listed(listing: Listing, options: DataOptions) -> Found:
    """Return the source that a listing is.

    Raises:
        InputError: labels that are not what the options say.
    """

    def open_rows(rows: Rows) -> Opened:
        return _open(listing, rows, options)

    where, n = str(listing.root), len(listing.files)
    folders = frozenset(listing.folders)
    labels = read_columns(listing.columns(), n, where, options, names=listing.files, folders=folders)
    return Found(
        where,
        labels.attributes,
        open_rows,
        listing.parts,
        (*listing.notes, *labels.notes),
        (*listing.left_out, *labels.left_out),
        listing.files,
    )


def _open(listing: Listing, rows: Rows, options: DataOptions) -> Opened:
    names = [listing.files[row] for row in rows]
    paths = [listing.root / name for name in names]

    def plan() -> Plan:
        measured = attempt(measure, paths, options.skip_bad)
        shape, differ = _shape(measured, options)
        white = options.white if options.white is not None else white_of(measured)
        notes = []
        if differ:
            notes.append(f"the images differ in size and were made {SIDE} x {SIDE}; image_size sets another")
        deep = [each.highest for each in measured if each is not None and each.highest is not None]
        if deep and options.white is None:
            notes.append(
                f"the pixel value {white:g} is taken as white, and the highest is {max(deep):g}; data.white "
                "sets another"
            )
        return Plan(shape, white if deep else None, tuple(notes))

    def read(path: Path, wanted: Plan) -> Decoded:
        return decode(path, wanted.shape, options.crop, white=wanted.white)

    return decode_once(f"folder-{_key(paths, options)}", paths, rows, plan, read, options.skip_bad, names)


def _key(paths: Sequence[Path], options: DataOptions) -> str:
    """Return a name for what decoded images depend on: every file's path, size and time, and the options."""
    digest = hashlib.sha256()
    wanted = (options.image_size, options.crop, options.channels, options.skip_bad, options.white)
    digest.update(repr((5, *wanted)).encode())
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            # Such as a link that leads nowhere: reading it will say what is wrong, or skip it.
            digest.update(f"{path}\0{error.strerror}\n".encode("utf-8", "surrogateescape"))
            continue
        written = f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\n"
        digest.update(written.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:24]


def _shape(measured: Sequence[Measured | None], options: DataOptions) -> tuple[Shape, bool]:
    """Return the (c, h, w) of all, and whether their own sizes differ and nothing was asked for."""
    known = [each.shape for each in measured if each is not None]
    if not known:
        raise InputError(f"none of the {len(measured)} images can be read")
    channels = max(shape[0] for shape in known)
    sizes = {shape[1:] for shape in known}
    if len(sizes) > 1 and options.image_size is None and options.crop is None:
        return (options.channels or channels, SIDE, SIDE), True
    return options.target_shape((channels, *known[0][1:])), False
