"""Pictures side by side in one array, and arrays as the frames of a GIF."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]


def to_bytes(pictures: npt.NDArray[np.floating]) -> Bytes:
    """Return pictures in [0, 1] as uint8 of the same shape."""
    whole: Bytes = np.rint(pictures * 255).astype(np.uint8)
    return whole


def tiled(pictures: Bytes, columns: int, *, gap: int = 2, scale: int = 1) -> Bytes:
    """Return pictures uint8 [n, h, w] or [n, h, w, c] in rows of `columns`, as one: [H, W] or [H, W, c].

    `gap` white pixels lie between them and none around; `scale` repeats each pixel of a picture.
    """
    large = pictures.repeat(scale, axis=1).repeat(scale, axis=2)
    count, height, width = large.shape[:3]
    rows = math.ceil(count / columns)
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap)
    sheet: Bytes = np.full((*size, *large.shape[3:]), 255, dtype=np.uint8)
    for index, picture in enumerate(large):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def to_gif(frames: Sequence[Image.Image], milliseconds: Sequence[int]) -> bytes:
    """Return frames of one size as a GIF that repeats; `milliseconds` [n]: how long each is shown."""
    file = io.BytesIO()
    # A palette for each frame: one for all would have to serve colours of pictures that are long gone.
    first, *rest = (frame if frame.mode == "L" else frame.convert("RGB").quantize(256) for frame in frames)
    first.save(
        file, format="GIF", save_all=True, append_images=rest, duration=list(milliseconds), loop=0, disposal=1
    )
    return file.getvalue()
