"""Pictures as batches of uint8 [b, c, h, w], kept in memory, on disk, or one bit a pixel."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from distaff.data.stored import StoredArray, rows_of

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]


class Images(Protocol):
    """n pictures of c channels, h rows and w columns."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w)."""

    @property
    def on_disk(self) -> int:
        """Bytes of the array that they are read from as they are taken; 0 if that is in memory."""

    def __len__(self) -> int: ...

    def take(self, indices: Rows | slice) -> Bytes:
        """Copy some pictures out: uint8 [b, c, h, w], values 0 to 255."""


class ArrayImages:
    """Pictures in one uint8 array [n, c, h, w], in memory or memory-mapped."""

    def __init__(self, array: Bytes) -> None:
        if array.dtype != np.uint8 or array.ndim != 4:
            raise TypeError(f"images must be uint8 [n, c, h, w], not {array.dtype} {list(array.shape)}")
        self.array = rows_of(array)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w)."""
        n, c, h, w = self.array.shape
        return n, c, h, w

    @property
    def on_disk(self) -> int:
        """Bytes on disk, if they are read from there."""
        return self.array.nbytes if isinstance(self.array, StoredArray) else 0

    def __len__(self) -> int:
        return len(self.array)

    def take(self, indices: Rows | slice) -> Bytes:
        """Copy some pictures out: uint8 [b, c, h, w]."""
        taken = self.array[indices]
        return taken if isinstance(self.array, StoredArray) else np.array(taken)


class PackedImages:
    """Black and white pictures, one bit a pixel: an eighth of the memory.

    Args:
        bits: uint8 [n, ceil(c h w / 8)], each picture's pixels in C order, the first in the highest bit.
        shape: (c, h, w).
    """

    def __init__(self, bits: Bytes, shape: tuple[int, int, int]) -> None:
        self.bits = rows_of(bits)
        self._shape = shape
        self._pixels = int(np.prod(shape))
        if bits.shape[1:] != (-(-self._pixels // 8),):
            raise TypeError(f"packed rows are {list(bits.shape[1:])} bytes, which do not hold {shape}")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w)."""
        return (len(self.bits), *self._shape)

    @property
    def on_disk(self) -> int:
        """Bytes on disk, if they are read from there."""
        return self.bits.nbytes if isinstance(self.bits, StoredArray) else 0

    def __len__(self) -> int:
        return len(self.bits)

    def take(self, indices: Rows | slice) -> Bytes:
        """Unpack some pictures: uint8 [b, c, h, w], values 0 and 255."""
        pixels = np.unpackbits(self.bits[indices], axis=1, count=self._pixels)
        # 0 - 1 wraps round to 255.
        return np.negative(pixels, out=pixels).reshape(-1, *self._shape)


class SubsetImages:
    """Some rows of other pictures, left where they are.

    Args:
        images: the pictures.
        rows: int [m], which of them, in order.
    """

    def __init__(self, images: Images, rows: Rows) -> None:
        self.images = images
        self.rows = rows

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(m, c, h, w)."""
        return (len(self.rows), *self.images.shape[1:])

    @property
    def on_disk(self) -> int:
        """Bytes of the whole array that they are read from, if it is on disk."""
        return self.images.on_disk

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indices: Rows | slice) -> Bytes:
        """Copy some pictures out: uint8 [b, c, h, w]."""
        return self.images.take(self.rows[indices])
