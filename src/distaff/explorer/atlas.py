"""Thumbnails of the pictures, side by side in one PNG."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data import ArrayImages
from distaff.data.resize import ResizedImages
from distaff.explorer.blocks import Blocks
from distaff.explorer.shown import Shown

LARGEST = 64
"""Pixels of a thumbnail's longer side at most."""
SMALLEST = 28
"""Pixels to which thumbnails shrink before there are fewer of them."""
SIDE = 4096
"""Pixels of the atlas's sides at most, which every browser can hold."""
BYTES = 3_500_000
"""Size of the atlas at most."""


def thumbnails(shown: Shown, blocks: Blocks) -> dict[str, Any]:
    """Return where the thumbnails of the first pictures are; their bytes bound their number and size."""
    images = _plain(shown.images)
    longer = max(images.shape[2:])
    side = min(longer, LARGEST, SIDE // math.ceil(math.sqrt(len(images))))
    content, count, shape = _draw(images, side, len(images))
    if len(content) > BYTES and side > SMALLEST:
        content, count, shape = _draw(images, SMALLEST, len(images))
    while len(content) > BYTES and count > 1:
        content, count, shape = _draw(images, shape[0], max(1, int(0.95 * count * BYTES / len(content))))
    side, height, width, columns = shape
    return {
        "block": blocks.add_bytes("thumbnails", content),
        "side": side,
        "width": width,
        "height": height,
        "columns": columns,
        "count": count,
    }


def _plain(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return pictures of one or three channels: of any other number, the mean of the channels."""
    if images.shape[1] in {1, 3}:
        return images
    grey: npt.NDArray[np.uint8] = np.rint(images.mean(axis=1, keepdims=True)).astype(np.uint8)
    return grey


def _draw(
    images: npt.NDArray[np.uint8], side: int, count: int
) -> tuple[bytes, int, tuple[int, int, int, int]]:
    """Return the PNG, how many pictures it holds, and the (side, height, width, columns) of its cells."""
    from PIL import Image

    channels, height, width = images.shape[1:]
    scale = side / max(height, width)
    if scale < 1:
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
    small: Any = ArrayImages(images[:count])
    if scale < 1:
        small = ResizedImages(small, (channels, height, width))
    cells = small.take(slice(0, count))
    columns = max(1, min(count, SIDE // width, math.ceil(math.sqrt(count * height / width))))
    rows = math.ceil(count / columns)
    atlas = np.zeros((rows * columns, channels, height, width), dtype=np.uint8)
    atlas[:count] = cells
    sheet = atlas.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * height, columns * width, channels)
    file = io.BytesIO()
    Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet).save(file, format="PNG")
    return file.getvalue(), count, (max(height, width), height, width, columns)
