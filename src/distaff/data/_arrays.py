"""The arrays of a .npz, .npy or .h5 file: looked at without loading them, read in pieces, never unpickled.

Images are taken as people save them, in any layout, as bits, bytes or floats, and become uint8 [n, c, h,
w].
"""

from __future__ import annotations

import importlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isqrt
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from distaff.data._cache import tell
from distaff.data._image_files import DARK, rounded_white
from distaff.data._images import Bytes, Rows, rows_of
from distaff.errors import InputError

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


class Archive:
    """A .npz file's table of arrays.

    Args:
        path: the file.

    Attributes:
        path: the file.
        members: its arrays of numbers or texts of one dimension or more, by name.
        left_out: why each other array is not among them.

    Raises:
        InputError: the file is missing or damaged, or holds an array that cannot be read safely.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members: dict[str, Member] = {}
        self.left_out: dict[str, str] = {}
        with _reading(path), zipfile.ZipFile(path) as file:
            for info in file.infolist():
                if info.filename.endswith(".npy"):
                    with file.open(info) as stream:
                        member = _header(path, info.filename.removesuffix(".npy"), stream, info.file_size)
                    if member is not None and info.compress_type == zipfile.ZIP_STORED:
                        member = replace(member, offset=_data_of(path, info) + member.start)
                    if member is None:
                        name = info.filename.removesuffix(".npy")
                        self.left_out[name] = "it is no label of an image"
                    else:
                        self.members[member.name] = member

    @property
    def names(self) -> str:
        """The arrays' names, for an error."""
        return ", ".join(self.members) or "nothing"


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


class Hdf5Archive(Archive):
    """An HDF5 file's arrays, wherever in its groups; `latents/classes` is called `latents_classes`.

    Raises:
        InputError: h5py is not installed, or the file is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.members, self.left_out = path, {}, {}
        with _reading(path), _opened_hdf5(path) as file:
            file.visititems(self._look_at)

    def _look_at(self, key: str, found: Any) -> None:
        if not hasattr(found, "shape"):
            return  # a group
        name, shape, dtype = key.replace("/", "_"), found.shape, found.dtype
        if dtype.metadata and dtype.metadata.get("vlen") in (str, bytes):
            dtype = np.dtype(str)
        if not shape:
            self.left_out[name] = "it is no label of an image"
        elif dtype.kind not in "biufSU":
            self.left_out[name] = f"it holds {dtype} values, which are not read"
        elif found.is_virtual or found.external:
            self.left_out[name] = "its values lie in other files"
        elif dtype.itemsize * int(np.prod(shape, dtype=float)) > HIGHEST_RATIO * found.id.get_storage_size():
            self.left_out[name] = f"it is {list(shape)} by its header, but most of that is not in the file"
        else:
            self.members[name] = Hdf5Member(self.path, name, shape, dtype, 0, None, key)


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
