"""MNIST, Fashion-MNIST and their format, and scikit-learn's digits.

Four idx files (http://yann.lecun.com/exdb/mnist/), found where people keep them or downloaded and checked.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from distaff.attributes import Attribute, AttributeTable
from distaff.data._cache import cache_folder
from distaff.data._images import ArrayImages, Bytes, Rows
from distaff.data._source import DataOptions, Found, Opened, Source, Split
from distaff.errors import InputError

GZIP = b"\x1f\x8b"
STEMS = ("train-images", "train-labels", "t10k-images", "t10k-labels")
"""Images and labels of the two published parts, in this order."""
DIGIT = Attribute(name="digit", kind="categorical", values=tuple(range(10)))
GARMENT = Attribute(
    name="garment",
    kind="categorical",
    values=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
)


class Digits(Source):
    """scikit-learn's handwritten digits: https://archive.ics.uci.edu/dataset/80."""

    tag: ClassVar[str] = "digits"
    about: ClassVar[str] = "handwritten digits, small enough for a first try"
    attributes: ClassVar[str] = "digit (10)"
    size: ClassVar[str] = "1,797 of 8 x 8, grey"
    origin: ClassVar[str] = "comes with scikit-learn"
    has_place: ClassVar[bool] = False

    def find(self, options: DataOptions) -> Found:
        """Find the digits that lie in scikit-learn: uint8 [1797, 1, 8, 8]; see `Source.find`."""
        from sklearn.datasets import load_digits

        bunch = load_digits()
        # The published grey levels are counts of ink from 0 to 16.
        images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
        return _found(self.tag, images, bunch.target, DIGIT)


class Mnist(Source):
    """MNIST, with its published test images: http://yann.lecun.com/exdb/mnist/."""

    tag: ClassVar[str] = "mnist"
    about: ClassVar[str] = "handwritten digits"
    attributes: ClassVar[str] = "digit (10)"
    size: ClassVar[str] = "60,000 + 10,000 of 28 x 28, grey"
    origin: ClassVar[str] = "idx files: mnist:FOLDER or $DISTAFF_DATA/mnist, else downloaded"

    attribute: ClassVar[Attribute] = DIGIT
    """What the labels mean."""
    raw: ClassVar[str] = "MNIST/raw"
    """The folder that torchvision unpacks the files in."""
    url: ClassVar[str] = "https://ossci-datasets.s3.amazonaws.com/mnist"
    """The folder they are downloaded from, as NAME-idxN-ubyte.gz."""
    sha256: ClassVar[tuple[str, ...]] = (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    )
    """Of each file's decompressed content, in the order of STEMS."""
    places: ClassVar[tuple[Path, ...]] = ()
    """Folders where systems keep them."""

    def find(self, options: DataOptions) -> Found:
        """Find the four files and read them; see `Source.find`.

        Without a place they are looked for under `$DISTAFF_DATA` and where systems keep them, and are
        downloaded at last.

        Raises:
            InputError: no such folder or file, a damaged file, labels that do not fit, no download.
        """
        if self.place is not None:
            given = Path(self.place).expanduser()
            files = _files(given) or _files(given / self.raw)
            if files is None:
                raise InputError(f"{self.tag}:{self.place}: {_missing(given)}")
        else:
            files = next(filter(None, map(_files, self._usual())), None) or self._download()
        train, train_labels, test, test_labels = (read_idx(file) for file in files)
        if train.shape[1:] != test.shape[1:]:
            raise InputError(
                f"{files[2]}: images of {list(test.shape[1:])}, but {files[0]} has {list(train.shape[1:])}"
            )
        for images, labels, name in ((train, train_labels, files[1]), (test, test_labels, files[3])):
            if len(images) != len(labels):
                raise InputError(
                    f"{name}: {len(labels)} labels for {len(images)} images: there must be as many"
                )
            if len(labels) and labels.max() >= self.attribute.size:
                raise InputError(
                    f"{name}: label {labels.max()} is out of range: 0 to {self.attribute.size - 1}"
                )
        whole = np.concatenate([train, test])[:, None]
        return _found(
            self.tag, whole, np.concatenate([train_labels, test_labels]), self.attribute, len(train)
        )

    def _usual(self) -> Iterator[Path]:
        yield from usual_places(self.tag, self.raw)
        yield from self.places
        yield cache_folder() / self.tag

    def _download(self) -> list[Path]:
        """Fetch the four files into the cache folder; only the published content is kept."""
        import pooch

        target = cache_folder() / self.tag
        files = []
        for stem, sha256 in zip(STEMS, self.sha256, strict=True):
            name = f"{next(_names(stem))}.gz"
            unchecked = Path(f"{target / name}.part")
            try:
                pooch.retrieve(
                    f"{self.url}/{name}",
                    known_hash=None,
                    fname=unchecked.name,
                    path=target,
                    progressbar=False,
                )
                content = _content(unchecked)
                if hashlib.sha256(content).hexdigest() != sha256:
                    raise InputError(f"{self.url}/{name}: not the published file; write {self.tag}:FOLDER")
                unchecked.replace(target / name)
            except (OSError, ValueError) as error:
                if isinstance(error, InputError):
                    raise
                raise InputError(
                    f"{self.tag}: not found, and {self.url}/{name} cannot be downloaded "
                    f"({str(error).splitlines()[0]:.100}); write {self.tag}:FOLDER or set DISTAFF_DATA"
                ) from None
            finally:
                unchecked.unlink(missing_ok=True)
            files.append(target / name)
        return files


class FashionMnist(Mnist):
    """Fashion-MNIST, with its published test images: https://github.com/zalandoresearch/fashion-mnist."""

    tag: ClassVar[str] = "fashion-mnist"
    about: ClassVar[str] = "clothes, shoes and bags"
    attributes: ClassVar[str] = "garment (10)"
    origin: ClassVar[str] = (
        "idx files: fashion-mnist:FOLDER or $DISTAFF_DATA/fashion-mnist, Debian's, else downloaded"
    )
    attribute: ClassVar[Attribute] = GARMENT
    raw: ClassVar[str] = "FashionMNIST/raw"
    url: ClassVar[str] = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
    sha256: ClassVar[tuple[str, ...]] = (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    )
    # Where Debian's package dataset-fashion-mnist puts it.
    places: ClassVar[tuple[Path, ...]] = (Path("/usr/share/datasets/fashion-mnist"),)


def usual_places(name: str, *inside: str) -> Iterator[Path]:
    """Yield where a published set of that name is looked for in `$DISTAFF_DATA`; `inside` it too."""
    given = os.environ.get("DISTAFF_DATA")
    if given:
        root = Path(given).expanduser()
        for each in (name, *inside):
            yield root / each
        # Files named alike hold MNIST as well as its kin, so a folder is trusted by its name alone.
        if root.name == name:
            yield root


def read_idx(path: Path) -> Bytes:
    """One idx file of bytes, gzipped or not: uint8 [n] (labels) or [n, h, w] (images).

    Raises:
        InputError: the file cannot be read, is no idx file of this kind, or is cut short or too long.
    """
    content = _content(path)
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


def _content(path: Path) -> bytes:
    """The bytes of a file, decompressed if it is gzipped; InputError if that cannot be done."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == GZIP else content
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise InputError(f"{path}: its gzip data are cut short or damaged; get the file again") from None


def _found(
    name: str, images: Bytes, labels: Rows | Bytes, attribute: Attribute, train: int | None = None
) -> Found:
    """Return images in memory, uint8 [n, 1, h, w], as a source; from image `train` on they are the test's."""
    held, everything = ArrayImages(images), np.arange(len(images))

    def open_rows(rows: Rows) -> Opened:
        return Opened(held if len(rows) == len(held) else ArrayImages(held.take(rows)), rows)

    table = AttributeTable((attribute,), labels.astype(np.float32)[:, None])
    parts: dict[Split, Rows] | None = None
    if train is not None:
        parts = {"train": everything[:train], "test": everything[train:]}
    return Found(name, table, open_rows, parts)


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
