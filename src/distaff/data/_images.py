"""Images as batches of uint8 [b, c, h, w]: in memory, on disk, packed, resized, black and white.

Arrays too large for memory are read row by row as they are asked for. A memory map would do the same with
less code, but every page of it that was once touched counts as the process's memory, so that a map of 20 GB
looks like a leak to people and to what limits a container. Resizing is two matrix products for a batch.

Black and white images are made of grey ones, whose levels are probabilities, the same every time or drawn
anew. A draw follows from a seed, the image's row and the pixel's place alone, so that any batch can be made
again.
"""

from __future__ import annotations

import threading
import weakref
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from distaff.errors import InputError

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint64]
"""What each image is known by, whatever its name and place."""
Shape = tuple[int, int, int]
"""Channels, height, width."""
LARGE = 2**30
"""Bytes of an array on disk from which on its rows are read and not mapped."""
GAP = 2**16
"""Bytes that are rather read and dropped than jumped over."""
SPAN = 2**23
"""Bytes read at a time at most, but for a larger row."""
GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R 601-2, as Pillow's)."""


class Images(Protocol):
    """n images of c channels, h rows and w columns."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w)."""

    @property
    def on_disk(self) -> int:
        """Bytes of the array that they are read from as they are taken; 0 if that is in memory."""

    def __len__(self) -> int: ...

    def take(self, indices: Rows | slice) -> Bytes:
        """Copy some images out: uint8 [b, c, h, w], values 0 to 255."""


class ArrayImages:
    """Images in one uint8 array [n, c, h, w], in memory or memory-mapped."""

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
        """Copy some images out: uint8 [b, c, h, w]."""
        taken = self.array[indices]
        return taken if isinstance(self.array, StoredArray) else np.array(taken)


class PackedImages:
    """Black and white images, one bit a pixel: an eighth of the memory.

    Args:
        bits: uint8 [n, ceil(c h w / 8)], each image's pixels in C order, the first in the highest bit.
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
        """Unpack some images: uint8 [b, c, h, w], values 0 and 255."""
        pixels = np.unpackbits(self.bits[indices], axis=1, count=self._pixels)
        # 0 - 1 wraps round to 255.
        return np.negative(pixels, out=pixels).reshape(-1, *self._shape)


class DerivedImages:
    """Images made of other images as they are taken, one of each.

    Args:
        images: the images.
    """

    def __init__(self, images: Images) -> None:
        self.images = images

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w)."""
        return self.images.shape

    @property
    def on_disk(self) -> int:
        """Bytes of the whole array that they are read from, if it is on disk."""
        return self.images.on_disk

    def __len__(self) -> int:
        return self.shape[0]


class SubsetImages(DerivedImages):
    """Some rows of other images, left where they are.

    Args:
        images: the images.
        rows: int [m], which of them, in order.
    """

    def __init__(self, images: Images, rows: Rows) -> None:
        super().__init__(images)
        self.rows = rows

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(m, c, h, w)."""
        return (len(self.rows), *self.images.shape[1:])

    def take(self, indices: Rows | slice) -> Bytes:
        """Copy some images out: uint8 [b, c, h, w]."""
        return self.images.take(self.rows[indices])


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


def window(height: int, width: int, target: tuple[int, int], crop: int | None) -> tuple[int, int, int, int]:
    """The part of an image that is resized to `target`.

    First the centre square of `crop` pixels, if asked for; then the largest centred part of the target's
    proportions, so that nothing is stretched.

    Returns:
        (top, left, height, width) in pixels.

    Raises:
        InputError: the image is smaller than the crop.
    """
    inner_height, inner_width = height, width
    if crop is not None:
        if crop > min(height, width):
            raise InputError(
                f"crop is {crop}, but an image is {height} x {width} pixels: at most {min(height, width)}"
            )
        inner_height = inner_width = crop
    wanted = target[0] / target[1]
    if inner_height > inner_width * wanted:
        inner_height = max(1, round(inner_width * wanted))
    else:
        inner_width = max(1, round(inner_height / wanted))
    return (height - inner_height) // 2, (width - inner_width) // 2, inner_height, inner_width


class ResizedImages(DerivedImages):
    """Other images, cropped, resized and turned grey or to colour as they are taken.

    Args:
        images: the images.
        shape: the (c, h, w) to make of them; c is 1 or 3.
        crop: centre square to cut first, in pixels.

    Raises:
        InputError: the crop is larger than the images, or the channels cannot be turned into c.
    """

    def __init__(self, images: Images, shape: Shape, crop: int | None = None) -> None:
        _, channels, height, width = images.shape
        if shape[0] != channels and {shape[0], channels} != {1, 3}:
            raise InputError(f"images of {channels} channels cannot be made {shape[0]}: leave channels unset")
        super().__init__(images)
        self._shape = shape
        self._window = window(height, width, shape[1:], crop)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w)."""
        return (len(self.images), *self._shape)

    def take(self, indices: Rows | slice) -> Bytes:
        """Resize some images: uint8 [b, c, h, w]."""
        top, left, height, width = self._window
        pixels = self.images.take(indices)[:, :, top : top + height, left : left + width]
        channels, out_height, out_width = self._shape
        if channels < pixels.shape[1]:
            grey = np.tensordot(np.asarray(GREY, dtype=np.float32), pixels, axes=(0, 1))
            pixels = np.rint(grey).astype(np.uint8)[:, None]
        if (out_height, out_width) != (height, width):
            rows, columns = _weights(height, out_height), _weights(width, out_width)
            resized = rows @ pixels.astype(np.float32) @ columns.T
            pixels = np.rint(np.clip(resized, 0, 255)).astype(np.uint8)
        return (
            np.repeat(pixels, channels, axis=1)
            if channels > pixels.shape[1]
            else np.ascontiguousarray(pixels)
        )


@cache
def _weights(size: int, target: int) -> npt.NDArray[np.float32]:
    """Pillow's antialiased bilinear filter as a matrix [target, size]: what it makes of the identity."""
    from PIL import Image

    identity = Image.fromarray(np.eye(size, dtype=np.float32))
    return np.asarray(identity.resize((size, target), Image.Resampling.BILINEAR))


class BinaryImages(DerivedImages):
    """Other images in black and white, the same every time: by a threshold, or drawn once for each image.

    Args:
        images: the images; a grey level is the probability of white.
        seed: of the draw; None for a threshold, from 128 on.
    """

    def __init__(self, images: Images, seed: int | None) -> None:
        super().__init__(images)
        self.seed = seed

    def take(self, indices: Rows | slice) -> Bytes:
        """Make some images black and white: uint8 [b, c, h, w], values 0 and 255."""
        pixels = self.images.take(indices)
        if self.seed is None:
            return np.where(pixels >= 128, np.uint8(255), np.uint8(0))
        return draw_binary(pixels, np.arange(len(self))[indices], (self.seed,))


def draw_binary(pixels: Bytes, rows: Rows, seed: tuple[int, ...]) -> Bytes:
    """Draw black and white images of which every pixel is white with its grey level as the probability.

    What is drawn of an image follows from the seed and its row alone, whatever else is in the batch.

    Args:
        pixels: uint8 [b, c, h, w].
        rows: int [b], which images these are.
        seed: numbers of which the draw is made.

    Returns:
        uint8 [b, c, h, w], values 0 and 255.

    >>> grey = np.full((2, 1, 100, 100), 51, np.uint8)
    >>> drawn = draw_binary(grey, np.array([3, 4]), (0, 1))
    >>> alone = draw_binary(grey[1:], np.array([4]), (0, 1))
    >>> round(float(drawn.mean() / 255), 2), bool((drawn[1:] == alone).all())
    (0.2, True)
    """
    key = np.random.SeedSequence(list(seed)).generate_state(1, np.uint64).astype(np.uint64)
    first = _mixed(key + rows.astype(np.uint64))
    count = pixels[0].size if len(pixels) else 0
    bits = _mixed(first[:, None] + np.arange(count, dtype=np.uint64))
    # 0 is never white and 255 always.
    white = (bits >> np.uint64(32)) * np.uint64(255) >> np.uint64(32) < pixels.reshape(len(pixels), -1)
    return np.where(white, np.uint8(255), np.uint8(0)).reshape(pixels.shape)


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64 (Steele et al. 2014, https://doi.org/10.1145/2660193.2660195): a number's random bits."""
    bits = numbers * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ bits >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ bits >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return bits ^ bits >> np.uint64(31)
