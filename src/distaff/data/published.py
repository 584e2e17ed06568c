"""MNIST and its kin: four idx files, found where people keep them or downloaded and checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distaff.data.attributes import Attribute, AttributeTable
from distaff.data.cache import folder
from distaff.data.dataset import Found, Opened
from distaff.data.idx import content_of, read
from distaff.data.images import ArrayImages, Rows
from distaff.errors import InputError

STEMS = ("train-images", "train-labels", "t10k-images", "t10k-labels")
"""Images and labels of the two published parts, in this order."""


@dataclass(frozen=True)
class Published:
    """A set of images in four idx files.

    Attributes:
        name: the source's name, also its folder's.
        raw: the folder that torchvision unpacks it in.
        attribute: what the labels mean.
        url: the folder they are downloaded from, as NAME-idxN-ubyte.gz.
        sha256: of each file's decompressed content, in the order of STEMS.
        places: folders where systems keep it.
    """

    name: str
    raw: str
    attribute: Attribute
    url: str
    sha256: tuple[str, str, str, str]
    places: tuple[Path, ...] = ()


def find(published: Published, place: str | None) -> Found:
    """The images uint8 [n, 1, h, w] and their labels, with the published test split.

    Without a place the files are looked for under `$DISTAFF_DATA`, in ../shared/data beside the working
    directory or its repository, where systems keep them, and are downloaded at last.

    Raises:
        InputError: no such folder or file, a damaged file, labels that do not fit the images, no download.
    """
    if place is not None:
        given = Path(place).expanduser()
        files = _files(given) or _files(given / published.raw)
        if files is None:
            raise InputError(f"{published.name}:{place}: {_missing(given)}")
    else:
        files = next(filter(None, map(_files, _places(published))), None) or _download(published)
    train, train_labels, test, test_labels = (read(file) for file in files)
    if train.shape[1:] != test.shape[1:]:
        raise InputError(
            f"{files[2]}: images of {list(test.shape[1:])}, but {files[0]} has {list(train.shape[1:])}"
        )
    for images, labels, name in ((train, train_labels, files[1]), (test, test_labels, files[3])):
        if len(images) != len(labels):
            raise InputError(f"{name}: {len(labels)} labels for {len(images)} images: there must be as many")
        if len(labels) and labels.max() >= published.attribute.size:
            raise InputError(
                f"{name}: label {labels.max()} is out of range: 0 to {published.attribute.size - 1}"
            )
    pictures = ArrayImages(np.concatenate([train, test])[:, None])
    values = np.concatenate([train_labels, test_labels]).astype(np.float32)[:, None]
    everything = np.arange(len(values))

    def open_rows(rows: Rows) -> Opened:
        return Opened(pictures if len(rows) == len(pictures) else ArrayImages(pictures.take(rows)), rows)

    return Found(
        published.name,
        AttributeTable((published.attribute,), values),
        open_rows,
        {"train": everything[: len(train)], "test": everything[len(train) :]},
    )


def _names(stem: str) -> Iterator[str]:
    kind = "idx3" if stem.endswith("images") else "idx1"
    for name in (f"{stem}-{kind}-ubyte", f"{stem}.{kind}-ubyte"):
        yield name
        yield f"{name}.gz"


def _files(place: Path) -> list[Path] | None:
    """The four files of a folder; None unless all are there."""
    found = [
        next((place / name for name in _names(stem) if (place / name).is_file()), None) for stem in STEMS
    ]
    files = [path for path in found if path is not None]
    return files if len(files) == len(STEMS) else None


def _missing(place: Path) -> str:
    if not place.is_dir():
        return (
            "no such folder" if not place.exists() else "not a folder; give the folder of the four idx files"
        )
    stem = next(stem for stem in STEMS if not any((place / name).is_file() for name in _names(stem)))
    return f"no {next(_names(stem))} (or .gz) there; the folder must hold all four idx files"


def _places(published: Published) -> Iterator[Path]:
    yield from usual_places(published.name, published.raw)
    yield from published.places
    yield folder() / published.name


def usual_places(name: str, *inside: str) -> Iterator[Path]:
    """Where a published set of that name is looked for without a place; `inside` $DISTAFF_DATA too."""
    given = os.environ.get("DISTAFF_DATA")
    if given:
        root = Path(given).expanduser()
        for each in (name, *inside):
            yield root / each
        # Files named alike hold MNIST as well as its kin, so a folder is trusted by its name alone.
        if root.name == name:
            yield root
    here = Path.cwd()
    for base in (here, *(parent for parent in (here, *here.parents) if (parent / ".git").exists())):
        yield base.parent / "shared" / "data" / name


def _download(published: Published) -> list[Path]:
    """The four files, fetched into the cache folder; only the published content is kept."""
    import pooch

    target = folder() / published.name
    files = []
    for stem, sha256 in zip(STEMS, published.sha256, strict=True):
        name = f"{next(_names(stem))}.gz"
        unchecked = Path(f"{target / name}.part")
        try:
            pooch.retrieve(
                f"{published.url}/{name}",
                known_hash=None,
                fname=unchecked.name,
                path=target,
                progressbar=False,
            )
            content = content_of(unchecked)
            if hashlib.sha256(content).hexdigest() != sha256:
                raise InputError(
                    f"{published.url}/{name}: not the published file; write {published.name}:FOLDER"
                )
            unchecked.replace(target / name)
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{published.name}: not found, and {published.url}/{name} cannot be downloaded "
                f"({str(error).splitlines()[0]:.100}); write {published.name}:FOLDER or set DISTAFF_DATA"
            ) from None
        finally:
            unchecked.unlink(missing_ok=True)
        files.append(target / name)
    return files
