"""Cropping, resizing and recolouring: the window that is kept, and batches as two matrix products."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from distaff.data.images import Bytes, Images, Rows
from distaff.data.options import DataOptions
from distaff.errors import InputError

Shape = tuple[int, int, int]
GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R 601-2, as Pillow's)."""


def target_shape(shape: Shape, options: DataOptions) -> Shape:
    """The (c, h, w) that the options make of pictures of this (c, h, w)."""
    channels, height, width = shape
    if options.crop is not None:
        height = width = options.crop
    if options.image_size is not None:
        side = options.image_size
        height, width = (side, side) if isinstance(side, int) else side
    return options.channels or channels, height, width


def window(height: int, width: int, target: tuple[int, int], crop: int | None) -> tuple[int, int, int, int]:
    """The part of a picture that is resized to `target`.

    First the centre square of `crop` pixels, if asked for; then the largest centred part of the target's
    proportions, so that nothing is stretched.

    Returns:
        (top, left, height, width) in pixels.

    Raises:
        InputError: the picture is smaller than the crop.
    """
    inner_height, inner_width = height, width
    if crop is not None:
        if crop > min(height, width):
            raise InputError(
                f"crop is {crop}, but a picture is {height} x {width} pixels: at most {min(height, width)}"
            )
        inner_height = inner_width = crop
    wanted = target[0] / target[1]
    if inner_height > inner_width * wanted:
        inner_height = max(1, round(inner_width * wanted))
    else:
        inner_width = max(1, round(inner_height / wanted))
    return (height - inner_height) // 2, (width - inner_width) // 2, inner_height, inner_width


class ResizedImages:
    """Other pictures, cropped, resized and turned grey or to colour as they are taken.

    Args:
        images: the pictures.
        shape: the (c, h, w) to make of them; c is 1 or 3.
        crop: centre square to cut first, in pixels.

    Raises:
        InputError: the crop is larger than the pictures, or the channels cannot be turned into c.
    """

    def __init__(self, images: Images, shape: Shape, crop: int | None = None) -> None:
        _, channels, height, width = images.shape
        if shape[0] != channels and {shape[0], channels} != {1, 3}:
            raise InputError(
                f"pictures of {channels} channels cannot be made {shape[0]}: leave channels unset"
            )
        self.images = images
        self._shape = shape
        self._window = window(height, width, shape[1:], crop)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w)."""
        return (len(self.images), *self._shape)

    @property
    def on_disk(self) -> int:
        """Bytes of the array that they are read from, if it is on disk."""
        return self.images.on_disk

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Rows | slice) -> Bytes:
        """Resize some pictures: uint8 [b, c, h, w]."""
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
