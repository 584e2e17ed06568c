"""Pictures as PNG: one at its own size, several in a grid."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from distaff.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

GAP = 2
"""White pixels between the pictures of a grid."""


def to_bytes(pictures: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return pictures in [0, 1] as uint8 of the same shape."""
    import numpy as np

    whole: npt.NDArray[np.uint8] = np.rint(pictures * 255).astype(np.uint8)
    return whole


def to_png(pictures: npt.NDArray[np.uint8], *, scale: int = 1, columns: int | None = None) -> bytes:
    """Return uint8 pictures [n, h, w] or [n, h, w, c], c from 2 (grey and opacity) to 4, as one PNG.

    One picture is written as it is, h x w. Several stand in a grid, `columns` to a row (the nearest to a
    square when None), with `GAP` white pixels between them and none around. `scale` repeats each pixel.
    Raises InputError for more channels than a PNG holds.
    """
    import numpy as np
    from PIL import Image

    if pictures.ndim == 4 and pictures.shape[3] > 4:
        raise InputError(
            f"a PNG holds at most 4 channels and these pictures have {pictures.shape[3]}; "
            "'distaff generate' with --out FILE.npz writes them as an array"
        )
    large = pictures.repeat(scale, axis=1).repeat(scale, axis=2)
    count, height, width = large.shape[:3]
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    size = (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP)
    sheet = np.full((*size, *large.shape[3:]), 255, dtype=np.uint8)
    for index, picture in enumerate(large):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = picture
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, format="PNG")
    return file.getvalue()
