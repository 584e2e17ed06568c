"""CelebA: 202,599 faces with 40 attributes: https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from distaff.data.celeba_lists import read_attributes, read_partition
from distaff.data.dataset import Found, Opened
from distaff.data.decoding import decode_once
from distaff.data.images import Bytes, Rows
from distaff.data.options import DataOptions
from distaff.data.pictures import BadPictureError, decode
from distaff.data.published import usual_places
from distaff.data.resize import Shape, target_shape
from distaff.errors import InputError

PICTURES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
NEEDED = f"the folder must hold {PICTURES}/ or {PICTURES}.zip, {ATTRIBUTES} and {PARTITION}"
SHAPE = (3, 218, 178)
"""(c, h, w) of the aligned pictures."""
SIDE = 64
"""Pixels of a side when the options do not say: all pictures at their own size would take 23 GB."""


@dataclass(frozen=True)
class Store:
    """Where the pictures lie.

    Attributes:
        path: the folder or the archive.
        marks: for the name of each picture, what changes when its content does.
        open: gives the content of one; None if it is read from its own file.
    """

    path: Path
    marks: dict[str, str]
    open: Callable[[str], io.BytesIO | None]


def find(place: str | None, options: DataOptions) -> Found:
    """The aligned faces with "no" or "yes" for each published attribute, and the published partition.

    They become 64 x 64 unless `image_size` says otherwise, from the largest centred square of their 178 x 218
    pixels unless `crop` does (128 and 148 are customary). They are decoded once, from the folder or straight
    from the archive, and then memory-mapped. Nothing is downloaded.

    Raises:
        InputError: a file is missing or damaged, the lists do not fit each other or the pictures, a picture
            that cannot be read (unless `skip_bad`), no room to keep them.
    """
    root = _root(place)
    names, attributes = read_attributes(root / ATTRIBUTES)
    parts = read_partition(root / PARTITION, names)
    store = _folder(root / PICTURES) if (root / PICTURES).is_dir() else _archive(root / f"{PICTURES}.zip")
    lost = next((name for name in names if name not in store.marks), None)
    if lost is not None:
        raise InputError(f"{store.path}: no picture {lost!r}, which {ATTRIBUTES} lists; get the file again")
    sized = options if options.image_size is not None else options.model_copy(update={"image_size": SIDE})

    def open_rows(rows: Rows) -> Opened:
        chosen = [names[row] for row in rows]

        def read(path: Path, wanted: Shape) -> Bytes:
            return decode(path, wanted, sized.crop, store.open(path.name))

        paths = [store.path / name for name in chosen]
        name = f"celeba-{_key(store, chosen, sized)}"
        return decode_once(name, paths, rows, lambda: target_shape(SHAPE, sized), read, sized.skip_bad)

    return Found("celeba", attributes, open_rows, parts)


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
                "celeba: not found in $DISTAFF_DATA/celeba or ../shared/data/celeba, and not downloaded; "
                f"write celeba:FOLDER: {NEEDED}"
            )
        root = found
    for names in ((ATTRIBUTES,), (PARTITION,), (PICTURES, f"{PICTURES}.zip")):
        if not any((root / name).exists() for name in names):
            raise InputError(f"{root}: no {' or '.join(names)} there; {NEEDED}")
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
            raise BadPictureError(f"{path / name}: the picture cannot be read ({error})") from None

    return Store(path, {name: f"{info.file_size} {info.CRC}" for name, info in members.items()}, read)


def _key(store: Store, names: list[str], options: DataOptions) -> str:
    """A name for what the decoded pictures depend on: where they lie, their marks, and the options."""
    wanted = (1, str(store.path.resolve()), options.image_size, options.crop, options.channels)
    digest = hashlib.sha256(repr((*wanted, options.skip_bad)).encode())
    for name in names:
        digest.update(f"\n{name} {store.marks[name]}".encode())
    return digest.hexdigest()[:24]
