"""Pictures in and out: any common array layout to [n, c, h, w] in [0, 1], and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.errors import InputError

Floats = npt.NDArray[np.float32]


def read_pictures(images: npt.ArrayLike, shape: tuple[int, int, int]) -> npt.NDArray[Any]:
    """Return pictures as [n, c, h, w], uint8 or float32 in [0, 1], for a model of shape (c, h, w).

    `images` is uint8, or float in [0, 1], of shape [n, h, w] (one channel), [n, h, w, c] or [n, c, h, w].
    Raises InputError when shape, type or values do not fit.
    """
    array = np.asarray(images)
    channels, height, width = shape
    if array.ndim == 3 and channels == 1:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[1:] != shape and array.shape[1:] == (height, width, channels):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1:] != shape:
        raise InputError(
            f"images: expected [n, {height}, {width}{'' if channels == 1 else f', {channels}'}] "
            f"or [n, {channels}, {height}, {width}], got {list(np.shape(images))}"
        )
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"images: expected uint8, or floats between 0 and 1, got {array.dtype}")
    if array.size and not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise InputError("images: floats must lie between 0 and 1; divide by 255, or pass uint8")
    return array.astype(np.float32, copy=False)


def show_pictures(pictures: Floats) -> Floats:
    """Return [n, c, h, w] as [n, h, w] for one channel, else [n, h, w, c]."""
    return pictures[:, 0] if pictures.shape[1] == 1 else np.ascontiguousarray(pictures.transpose(0, 2, 3, 1))
