"""Arrays too large for memory: rows are read from the file as they are asked for, into memory of their own.

A memory map would do the same with less code, but every page of it that was once touched counts as the
process's memory, so that a map of 20 GB looks like a leak to people and to what limits a container.
"""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.errors import InputError

LARGE = 2**30
"""Bytes of an array on disk from which on its rows are read and not mapped."""
GAP = 2**16
"""Bytes that are rather read and dropped than jumped over."""
SPAN = 2**23
"""Bytes read at a time at most, but for a larger row."""

Rows = npt.NDArray[np.int64]


class StoredArray:
    """An array in a file, of which rows are read when it is indexed by them.

    Args:
        path: the file.
        offset: where the array begins in it, in bytes.
        shape: of the array.
        dtype: of the array.
    """

    def __init__(self, path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.offset, self.shape, self.dtype = path, offset, shape, dtype
        self.ndim = len(shape)
        self._row = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        self.nbytes = self._row * shape[0]
        self._file = path.open("rb", buffering=0)
        weakref.finalize(self, self._file.close)
        # The file's position is shared by the threads that read.
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: Rows | slice) -> npt.NDArray[Any]:
        """Read some rows, in the order asked for; InputError if the file can no longer be read."""
        if isinstance(indices, slice):
            indices = np.arange(*indices.indices(len(self)))
        rows = np.asarray(indices, dtype=np.int64)
        rows = np.where(rows < 0, rows + len(self), rows)
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows from {rows.min()} to {rows.max()} of {len(self)}")
        if (np.diff(rows) >= 0).all():
            return self._sorted(rows)
        order = np.argsort(rows, kind="stable")
        read = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        read[order] = self._sorted(rows[order])
        return read

    def _sorted(self, rows: Rows) -> npt.NDArray[Any]:
        """Read rows that are sorted: those that lie near each other in one go."""
        read = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        start = 0
        for end in self._ends(rows):
            first, last = int(rows[start]), int(rows[end - 1])
            if (np.diff(rows[start:end]) == 1).all():
                self._fill(read[start:end], first)
            else:
                scratch = np.empty((last - first + 1, *self.shape[1:]), dtype=self.dtype)
                self._fill(scratch, first)
                read[start:end] = scratch[rows[start:end] - first]
            start = end
        return read

    def _ends(self, rows: Rows) -> list[int]:
        """Where each piece of sorted rows ends that is read in one go."""
        if not len(rows):
            return []
        far = np.diff(rows) * self._row > GAP + self._row
        # A piece also ends where it leaves its stretch of the file, so that scratch memory stays small.
        stretch = rows // max(1, SPAN // max(1, self._row))
        return [*(np.flatnonzero(far | (np.diff(stretch) > 0)) + 1).tolist(), len(rows)]

    def _fill(self, target: npt.NDArray[Any], first: int) -> None:
        view = target.reshape(-1).view(np.uint8).data
        try:
            with self._lock:
                self._file.seek(self.offset + first * self._row)
                while view:
                    count = self._file.readinto(view)
                    if not count:
                        raise InputError(f"{self.path}: cut short since it was opened")
                    view = view[count:]
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror or error}") from None


def rows_of(array: npt.NDArray[Any]) -> npt.NDArray[Any] | StoredArray:
    """A large memory-mapped array as one that is read; any other array as it is."""
    if isinstance(array, np.memmap) and array.nbytes > LARGE and array.filename is not None:
        return StoredArray(Path(array.filename), array.offset, array.shape, array.dtype)
    return array
