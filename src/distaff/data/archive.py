"""The arrays of a .npz or .npy file, looked at without loading them, read in pieces, never unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from distaff.errors import InputError

CHUNK = 2**24
"""Bytes read at a time."""
ROW = 2**28
"""Bytes of the largest picture that is believed."""


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
        if self.path.suffix == ".npy":
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

    Raises:
        InputError: the file is missing or damaged, or holds an array that cannot be read safely.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members: dict[str, Member] = {}
        with _reading(path), zipfile.ZipFile(path) as file:
            for info in file.infolist():
                if info.filename.endswith(".npy"):
                    with file.open(info) as stream:
                        member = _header(path, info.filename.removesuffix(".npy"), stream, info.file_size)
                    if member is not None and info.compress_type == zipfile.ZIP_STORED:
                        member = replace(member, offset=_data_of(path, info) + member.start)
                    if member is not None:
                        self.members[member.name] = member

    @property
    def names(self) -> str:
        """The arrays' names, for an error."""
        return ", ".join(self.members) or "nothing"


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
        raise InputError(f"{where} has rows of {row / 2**20:.0f} MiB: at most {ROW >> 20} MiB a picture")
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
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        kind = path.suffix if path.suffix == ".npy" else ".npz"
        raise InputError(
            f"{path}: no {kind} file, or a damaged one ({error or 'cut short'}); save it again"
        ) from None
