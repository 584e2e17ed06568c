"""The arrays of a .npz, .npy or .h5 file: looked at without loading them, read in pieces, never unpickled.

Images are taken as people save them, in any layout, as bits, bytes or floats, and become uint8 [n, c, h,
w].
"""

from __future__ import annotations

import importlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import isqrt
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from distaff.data._cache import tell
from distaff.data._files import PARTS, is_hidden
from distaff.data._image_files import DARK, SUFFIXES, rounded_white
from distaff.data._images import Bytes, Rows, rows_of
from distaff.errors import InputError

IMAGES = ("imgs", "images", "x", "X")
"""Names under which the images are looked for, in this order."""
CHUNK = 2**24
"""Bytes read at a time."""
ROW = 2**28
"""Bytes of the largest image that is believed."""
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError),
    *(SyntaxError, TokenError, TypeError, LookupError, OverflowError),
)
"""What a damaged archive or header raises."""
HIGHEST_RATIO = 2**13
"""Bytes that one packed byte of an HDF5 file may hold; more are declared, and nowhere to be read."""
CHANNELS = 16
"""The most channels that are told from a height or a width."""


@dataclass(frozen=True)
class Member:
    """One array in the file.

    Attributes:
        path: the file.
        name: the array's name.
        shape: its shape.
        dtype: its type; never object.
        start: where its data begin in the member.
        offset: where its data begin in the file, if they lie there as they are; None if compressed.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    offset: int | None

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array."""
        return self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64))

    @property
    def stamp(self) -> str:
        """What changes when the file does."""
        status = self.path.stat()
        return f"{self.path.resolve()} {status.st_size} {status.st_mtime_ns} {self.name}"

    def mapped(self) -> np.memmap[Any, np.dtype[Any]]:
        """The array as it lies in the file, memory-mapped; only where there is an offset."""
        assert self.offset is not None
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)

    def chunks(self) -> Iterator[npt.NDArray[Any]]:
        """The array from its first row to its last, rows at a time; InputError if the data are damaged."""
        row = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))
        step = max(1, CHUNK // max(row, 1))
        with _reading(self.path), self._open() as stream:
            stream.read(self.start)
            for first in range(0, self.shape[0], step):
                rows = min(step, self.shape[0] - first)
                data = stream.read(rows * row)
                yield np.frombuffer(data, self.dtype).reshape(rows, *self.shape[1:])

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if self.path.suffix.lower() == ".npy":
            with self.path.open("rb") as stream:
                yield stream
            return
        with zipfile.ZipFile(self.path) as file, file.open(f"{self.name}.npy") as stream:
            yield stream

    def read(self) -> npt.NDArray[Any]:
        """The whole array; InputError if the data are damaged."""
        pieces = list(self.chunks())
        return np.concatenate(pieces) if pieces else np.empty(self.shape, self.dtype)


@dataclass
class Archive:
    """A table of arrays.

    Attributes:
        path: the file or the folder.
        members: its arrays of numbers or texts of one dimension or more, by name.
        left_out: why each other array is not among them.
        files: what else lies in a folder.
    """

    path: Path
    members: dict[str, Member] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    @property
    def names(self) -> str:
        """The arrays' names, for an error."""
        return ", ".join(self.members) or "nothing"


def npz_archive(path: Path) -> Archive:
    """The arrays of a .npz file.

    Raises:
        InputError: the file is missing or damaged, or holds an array that cannot be read safely.
    """
    found = Archive(path)
    with _reading(path), zipfile.ZipFile(path) as file:
        for info in file.infolist():
            if info.filename.endswith(".npy"):
                name = info.filename.removesuffix(".npy")
                with file.open(info) as stream:
                    member = _header(path, name, stream, info.file_size)
                if member is None:
                    found.left_out[name] = "it is no label of an image"
                    continue
                if info.compress_type == zipfile.ZIP_STORED:
                    member = replace(member, offset=_data_of(path, info) + member.start)
                found.members[name] = member
    return found


def halves(name: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return what may be the part of a split and what else a name says: first before, then behind.

    >>> halves("train_images"), halves("x_train")
    ((('train', 'images'), ('images', 'train')), (('x', 'train'), ('train', 'x')))
    """
    first, _, behind = name.partition("_")
    before, _, last = name.rpartition("_")
    return (first, behind), (last, before)


def holds_images(name: str) -> bool:
    """Tell whether an array of this name holds images, or those of a part.

    >>> holds_images("X"), holds_images("x_train"), holds_images("y_train")
    (True, True, False)
    """
    return name in IMAGES or any(part.lower() in PARTS and rest in IMAGES for part, rest in halves(name))


def is_folder_of_arrays(path: Path) -> bool:
    """Tell whether a folder holds .npy files that are called like images, and no image files beside them."""
    files = [each.name for each in os.scandir(path) if each.is_file()]
    arrays = any(name.lower().endswith(".npy") and holds_images(name[:-4]) for name in files)
    return arrays and not any(Path(name).suffix.lower() in SUFFIXES for name in files)


def folder_archive(path: Path) -> Archive:
    """The arrays of a folder of .npy files, by their names.

    Raises:
        InputError: one that is called like images is damaged or cannot be read safely.
    """
    found = Archive(path)
    for each in sorted(path.iterdir()):
        if each.suffix.lower() == ".npy" and each.is_file():
            _add(found, each.stem, each)
        elif not is_hidden(each.name):
            found.files.append(each.name)
    return found


def labels_beside(path: Path, words: frozenset[str]) -> Archive:
    """The arrays that are called like a .npy file of images but for a word: y_train.npy beside X_train.npy.

    Args:
        path: the file of images.
        words: what labels are called, in lower case; also behind the file's name, as in cells_labels.npy.
    """
    found, own = Archive(path), path.stem.split("_")
    for each in sorted(path.parent.glob("*.npy")):
        theirs = each.stem.split("_")
        differ = [i for i, pair in enumerate(zip(own, theirs, strict=False)) if pair[0] != pair[1]]
        if len(theirs) == len(own) and len(differ) == 1 and own[differ[0]] in IMAGES:
            word = theirs[differ[0]]
        else:
            word = theirs[-1] if theirs[:-1] == own else ""
        if word.lower() in words:
            _add(found, word, each)
    return found


def _add(archive: Archive, name: str, path: Path) -> None:
    """Add the array of a .npy file; what is no images and cannot be read is left out."""
    try:
        archive.members[name] = replace(single(path), name=name)
    except InputError as error:
        if holds_images(name):
            raise
        archive.left_out[name] = str(error).removeprefix(f"{path}: ")


@dataclass(frozen=True)
class Hdf5Member(Member):
    """An array of an HDF5 file, usually packed in pieces of some rows; `key` is its full name there."""

    key: str = ""

    def chunks(self) -> Iterator[npt.NDArray[Any]]:
        """The array from its first row to its last, whole pieces at a time; see `Member.chunks`."""
        row = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))
        with _reading(self.path), _opened_hdf5(self.path) as file:
            stored = file[self.key]
            piece = stored.chunks[0] if stored.chunks else 1
            step = piece * max(1, CHUNK // max(row * piece, 1))
            texts = stored.asstr() if self.dtype.kind == "U" else stored
            for first in range(0, self.shape[0], step):
                yield np.asarray(texts[first : first + step]).astype(self.dtype, copy=False)


def hdf5_archive(path: Path) -> Archive:
    """The arrays of an HDF5 file, wherever in its groups; `latents/classes` is called `latents_classes`.

    Raises:
        InputError: h5py is not installed, or the file is missing or damaged.
    """
    archive = Archive(path)

    def look_at(key: str, found: Any) -> None:
        if not hasattr(found, "shape"):
            return  # a group
        name, shape, dtype = key.replace("/", "_"), found.shape, found.dtype
        if dtype.metadata and dtype.metadata.get("vlen") in (str, bytes):
            dtype = np.dtype(str)
        if not shape:
            archive.left_out[name] = "it is no label of an image"
        elif dtype.kind not in "biufSU":
            archive.left_out[name] = f"it holds {dtype} values, which are not read"
        elif found.is_virtual or found.external:
            archive.left_out[name] = "its values lie in other files"
        elif dtype.itemsize * int(np.prod(shape, dtype=float)) > HIGHEST_RATIO * found.id.get_storage_size():
            archive.left_out[name] = f"it is {list(shape)} by its header, but most of that is not in the file"
        else:
            archive.members[name] = Hdf5Member(path, name, shape, dtype, 0, None, key)

    with _reading(path), _opened_hdf5(path) as file:
        file.visititems(look_at)
    return archive


@contextmanager
def _opened_hdf5(path: Path) -> Iterator[Any]:
    try:
        h5py = importlib.import_module("h5py")
    except ModuleNotFoundError:
        raise InputError(f"{path}: needs h5py; run: pip install 'distaff[h5]'") from None
    with h5py.File(path, "r") as file:
        yield file


def single(path: Path) -> Member:
    """The one array of a .npy file.

    Raises:
        InputError: the file is missing or damaged, or holds an array that cannot be read safely.
    """
    with _reading(path), path.open("rb") as stream:
        member = _header(path, "images", stream, path.stat().st_size)
        if member is None:
            raise InputError(f"{path}: holds a single number; images are [n, h, w] or more")
        return replace(member, offset=member.start)


def _data_of(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a member's content begins in a zip file: behind its own header, of which two parts vary."""
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = np.frombuffer(file.read(4), "<u2")
    return info.header_offset + 30 + int(name) + int(extra)


def _header(path: Path, name: str, stream: IO[bytes], size: int) -> Member | None:
    version = np.lib.format.read_magic(stream)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = reader(stream)
    if not shape or name == "metadata":
        return None
    where = f"{path}: array {name!r}"
    if dtype.kind not in "biufUS":
        raise InputError(f"{where} holds {dtype} values, which are not read; save numbers or texts")
    if fortran and len(shape) > 1:
        raise InputError(f"{where} is in Fortran order; save numpy.ascontiguousarray of it")
    # Python's whole numbers, since a damaged header may multiply past 64 bits.
    row = dtype.itemsize
    for side in shape[1:]:
        row *= side
    if stream.tell() + row * shape[0] != size:
        raise InputError(
            f"{where} has {size} bytes, which are not the {list(shape)} of its header; save it again"
        )
    if row > ROW:
        raise InputError(f"{where} has rows of {row / 2**20:.0f} MiB: at most {ROW >> 20} MiB an image")
    return Member(path, name, shape, dtype, stream.tell(), None)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say in one line what is wrong with the file."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, *BROKEN) as error:
        if isinstance(error, OSError) and error.strerror:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        kind = path.suffix.lower() or ".npz"
        raise InputError(
            f"{path}: no {kind} file, or a damaged one ({str(error) or 'cut short':.120}); save it again"
        ) from None


def channels_first(member: Member) -> tuple[int, int, int, int]:
    """The (n, c, h, w) of an array of images [n, h, w], [n, h, w, c] or [n, c, h, w].

    The channels are the smaller of the second and the last size; the last if they are equal.

    Raises:
        InputError: another number of dimensions, an empty array, or sizes of which none can be channels.
    """
    where = f"{member.path}: images {member.name!r}"
    if member.dtype.kind not in "biuf":
        raise InputError(f"{where} are {member.dtype}; they must be numbers")
    if len(member.shape) == 3:
        n, h, w = member.shape
        shape = (n, 1, h, w)
    elif len(member.shape) == 4:
        n, a, b, d = member.shape
        shape = (n, d, a, b) if _last(member) else (n, a, b, d)
    else:
        raise InputError(
            f"{where} are {list(member.shape)}; they must be [n, h, w], [n, h, w, c] or [n, c, h, w]"
            f"{unflattened(member.shape)}"
        )
    if 0 in shape:
        raise InputError(f"{where} are {list(member.shape)}: there is nothing in them")
    if shape[1] > CHANNELS:
        raise InputError(
            f"{where} are {list(member.shape)}: no size in it can be channels (at most {CHANNELS})"
        )
    return shape


def unflattened(shape: Sequence[int]) -> str:
    """Return the clause that says how rows of pixels become square images; nothing if they cannot.

    >>> unflattened((70000, 784)), unflattened((70000, 10))
    ('; reshape rows of pixels to [n, 28, 28]', '')
    """
    side = isqrt(shape[1]) if len(shape) == 2 else 0
    return f"; reshape rows of pixels to [n, {side}, {side}]" if side > 3 and side**2 == shape[1] else ""


@dataclass(frozen=True)
class Scale:
    """How pixels become bytes.

    Attributes:
        shape: (n, c, h, w).
        last: channels come last.
        white: the value that becomes 255.
        binary: pixels are whole, 0 and 1, and may be packed.
    """

    shape: tuple[int, int, int, int]
    last: bool
    white: float
    binary: bool

    def apply(self, pixels: npt.NDArray[Any]) -> Bytes:
        """Rows as they were saved -> uint8 [b, c, h, w], 0 to 255."""
        if self.last:
            pixels = np.moveaxis(pixels, -1, 1)
        pixels = pixels.reshape(-1, *self.shape[1:])
        if pixels.dtype == np.uint8 and self.white == 255:
            return pixels
        if self.binary:
            return pixels.astype(np.uint8) * np.uint8(255)
        if self.white == 255 and pixels.dtype.kind != "f":
            return pixels.astype(np.uint8)
        return np.rint(np.clip(pixels * (255 / self.white), 0, 255)).astype(np.uint8)


def white_of_array(member: Member) -> float:
    """Read the images, as far as it takes to see which value is white: 1, 255, or that of 10 to 16 bits.

    Where none is above a tenth of 255 it is the highest.

    Bytes are known by the first that is neither 0 nor 1; of other types every pixel is read.

    Raises:
        InputError: NaN or infinite pixels, or negative ones.
    """
    where = f"{member.path}: images {member.name!r}"
    whole = member.dtype.kind in "biu"
    low, high, row = 0.0, 0.0, 0
    for chunk in () if member.dtype.kind == "b" else member.chunks():
        if not whole:
            finite = np.isfinite(chunk)
            if not finite.all():
                bad = row + int(np.argmin(finite.reshape(len(chunk), -1).all(axis=1)))
                raise InputError(
                    f"{where}: image {bad} has NaN or infinite pixels; pixels must be 0 to 1 or 0 to 255"
                )
        low, high, row = min(low, float(chunk.min())), max(high, float(chunk.max())), row + len(chunk)
        if member.dtype == np.uint8 and high > 1:
            break
        tell(f"reading {member.path.name}: {row / member.shape[0]:.0%}")
    # A float just below 0 is 0 with a rounding error.
    if low < (0 if whole else -1e-6 * max(high, 1)):
        raise InputError(
            f"{where} have values from {low:g} to {high:g}; pixels must be 0 to 1 or 0 to 255, or any whole "
            "numbers from 0 on"
        )
    if member.dtype != np.uint8 and 1 < high < DARK:
        # On no scale of bits: images of 0 to 16 would be all but black on that of bytes.
        return rounded_white(high) if high <= 1 + 1e-6 else high
    return rounded_white(high)


def scale_of(member: Member, white: float) -> Scale:
    """Return how these images become bytes if that value is white."""
    whole = member.dtype.kind in "biu"
    return Scale(channels_first(member), _last(member), white, binary=whole and white == 1)


def _last(member: Member) -> bool:
    return len(member.shape) == 4 and member.shape[3] <= member.shape[1]


class ScaledImages:
    """Images left in the file as they were saved, turned into bytes as they are taken.

    Args:
        member: an array that lies in its file as it is.
        scale: what its values mean.
    """

    def __init__(self, member: Member, scale: Scale) -> None:
        self.rows, self.scale, self.on_disk = rows_of(member.mapped()), scale, member.nbytes

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w)."""
        return self.scale.shape

    def __len__(self) -> int:
        return self.scale.shape[0]

    def take(self, indices: Rows | slice) -> Bytes:
        """Copy some images out: uint8 [b, c, h, w]."""
        return self.scale.apply(self.rows[indices])
