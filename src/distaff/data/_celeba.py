"""CelebA: 202,599 faces with 40 attributes: https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from distaff.attributes import Attribute, AttributeTable
from distaff.data._folder import Plan, decode_once
from distaff.data._image_files import BadImageError, Decoded, decode
from distaff.data._images import Rows
from distaff.data._mnist import usual_places
from distaff.data._source import DataOptions, Found, Opened, Source, Split
from distaff.errors import InputError

IMAGES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
NEEDED = f"the folder must hold {IMAGES}/ or {IMAGES}.zip, {ATTRIBUTES} and {PARTITION}"
VALUES = {"-1": 0.0, "1": 1.0}
PARTS: dict[str, Split] = {"0": "train", "1": "valid", "2": "test"}
SHAPE = (3, 218, 178)
"""(c, h, w) of the aligned images."""
SIDE = 64
"""Pixels of a side when the options do not say: all images at their own size would take 23 GB."""


@dataclass(frozen=True)
class Store:
    """Where the images lie.

    Attributes:
        path: the folder or the archive.
        marks: for the name of each image, what changes when its content does.
        open: gives the content of one; None if it is read from its own file.
    """

    path: Path
    marks: dict[str, str]
    open: Callable[[str], io.BytesIO | None]


class CelebA(Source):
    """The aligned faces with "no" or "yes" for each published attribute, and the published partition.

    They become 64 x 64 unless `image_size` says otherwise, from the largest centred square of their 178 x 218
    pixels unless `crop` does (128 and 148 are customary). They are decoded once, from the folder or straight
    from the archive, and then memory-mapped. Nothing is downloaded.
    """

    tag: ClassVar[str] = "celeba"
    about: ClassVar[str] = "faces of celebrities, aligned"
    attributes: ClassVar[str] = "40, such as Smiling (2), Male (2), Blond_Hair (2)"
    size: ClassVar[str] = "202,599 of 64 x 64 unless image_size says otherwise, colour"
    origin: ClassVar[str] = "the published files: celeba:FOLDER or $DISTAFF_DATA/celeba; not downloaded"

    def find(self, options: DataOptions) -> Found:
        """Read the lists beside the faces; see `Source.find`.

        Raises:
            InputError: a file is missing or damaged, or the lists do not fit each other or the images.
        """
        root = _root(self.place)
        names, attributes = read_attributes(root / ATTRIBUTES)
        parts = read_partition(root / PARTITION, names)
        store = _folder(root / IMAGES) if (root / IMAGES).is_dir() else _archive(root / f"{IMAGES}.zip")
        lost = next((name for name in names if name not in store.marks), None)
        if lost is not None:
            raise InputError(f"{store.path}: no image {lost!r}, which {ATTRIBUTES} lists; get the file again")
        sized = options if options.image_size is not None else options.model_copy(update={"image_size": SIDE})

        def open_rows(rows: Rows) -> Opened:
            chosen = [names[row] for row in rows]

            def read(path: Path, wanted: Plan) -> Decoded:
                return decode(path, wanted.shape, sized.crop, store.open(path.name))

            paths = [store.path / name for name in chosen]
            plan = Plan(sized.target_shape(SHAPE))
            name = f"celeba-{_key(store, chosen, sized)}"
            return decode_once(name, paths, rows, lambda: plan, read, sized.skip_bad)

        return Found(self.tag, attributes, open_rows, parts, names=names)


def _root(place: str | None) -> Path:
    """The folder of all three; InputError says where they must lie."""
    if place is not None:
        root = Path(place).expanduser()
        if not root.is_dir():
            raise InputError(f"celeba:{place}: no such folder; {NEEDED}")
    else:
        found = next((path for path in usual_places("celeba") if path.is_dir()), None)
        if found is None:
            raise InputError(
                f"celeba: not in $DISTAFF_DATA/celeba, and not downloaded; write celeba:FOLDER: {NEEDED}"
            )
        root = found
    for names in ((ATTRIBUTES,), (PARTITION,), (IMAGES, f"{IMAGES}.zip")):
        if not any((root / name).exists() for name in names):
            tables = (root / ATTRIBUTES).with_suffix(".csv").exists()
            kaggle = f"; a copy with .csv tables is read as a folder: --data {root}" if tables else ""
            raise InputError(f"{root}: no {' or '.join(names)} there; {NEEDED}{kaggle}")
    return root


def _folder(path: Path) -> Store:
    marks = {}
    try:
        for file in path.iterdir():
            status = file.stat()
            marks[file.name] = f"{status.st_size} {status.st_mtime_ns}"
    except OSError as error:
        raise InputError(f"{path}: cannot be listed: {error.strerror or error}") from None
    return Store(path, marks, lambda _: None)


def _archive(path: Path) -> Store:
    try:
        file = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no .zip file, or a damaged one ({error}); get the file again") from None
    members = {Path(info.filename).name: info for info in file.infolist() if not info.is_dir()}

    def read(name: str) -> io.BytesIO:
        try:
            return io.BytesIO(file.read(members[name]))
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise BadImageError(f"{path / name}: the image cannot be read ({error})") from None

    return Store(path, {name: f"{info.file_size} {info.CRC}" for name, info in members.items()}, read)


def _key(store: Store, names: list[str], options: DataOptions) -> str:
    """A name for what the decoded images depend on: where they lie, their marks, and the options."""
    wanted = (2, str(store.path.resolve()), options.image_size, options.crop, options.channels)
    digest = hashlib.sha256(repr((*wanted, options.skip_bad)).encode())
    for name in names:
        digest.update(f"\n{name} {store.marks[name]}".encode())
    return digest.hexdigest()[:24]


def read_attributes(path: Path) -> tuple[list[str], AttributeTable]:
    """The images' names, and "no" or "yes" of each attribute.

    The first line counts the images, the second names the attributes, and each that follows holds an
    image's name and -1 or 1 for every attribute.

    Raises:
        InputError: the file is missing or is not as described.
    """
    lines = _lines(path)
    if len(lines) < 2 or not lines[0].isdecimal():
        raise InputError(
            f"{path}: its first line must be the number of images, its second the attributes' names"
        )
    header = lines[1].split()
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: two attributes are called {twice!r}")
    names, values = [], []
    for number, line in enumerate(lines[2:], start=3):
        name, *cells = line.split()
        if len(cells) != len(header):
            raise InputError(
                f"{path}: line {number} has {len(cells)} values for the {len(header)} attributes of line 2"
            )
        try:
            values.append([VALUES[cell] for cell in cells])
        except KeyError as error:
            raise InputError(f"{path}: line {number} has the value {error}; values are -1 or 1") from None
        names.append(name)
    if len(names) != int(lines[0]):
        raise InputError(f"{path}: lists {len(names)} images where its first line says {lines[0]}")
    if len(set(names)) != len(names):
        raise InputError(f"{path}: lists an image twice")
    attributes = (Attribute(name=name, kind="categorical", values=("no", "yes")) for name in header)
    table = np.array(values, dtype=np.float32).reshape(len(names), len(header))
    return names, AttributeTable(tuple(attributes), table)


def read_partition(path: Path, names: list[str]) -> dict[Split, Rows]:
    """The rows of each part, of lines that hold an image's name and 0 (train), 1 (valid) or 2 (test).

    Raises:
        InputError: the file is missing or not as described, or leaves an image out.
    """
    part_of: dict[str, str] = {}
    for number, line in enumerate(_lines(path), start=1):
        name, *cells = line.split()
        if len(cells) != 1 or cells[0] not in PARTS:
            raise InputError(f"{path}: line {number} must be an image's name and 0, 1 or 2")
        part_of[name] = cells[0]
    lost = next((name for name in names if name not in part_of), None)
    if lost is not None:
        raise InputError(f"{path}: the image {lost!r} is in no part; get the file again")
    written = np.array([part_of[name] for name in names])
    return {part: np.flatnonzero(written == digit) for digit, part in PARTS.items()}


def _lines(path: Path) -> list[str]:
    """The lines that are not blank, stripped."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: no text; get the file again") from None
    return [line.strip() for line in text.splitlines() if line.strip()]
