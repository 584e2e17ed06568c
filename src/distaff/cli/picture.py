"""Pictures as PNG: one at its own size, several in a grid."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from distaff.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def to_png(pictures: npt.NDArray[np.uint8], *, scale: int = 1, columns: int | None = None) -> bytes:
    """Return uint8 pictures [n, h, w] or [n, h, w, c], c from 2 (grey and opacity) to 4, as one PNG.

    One picture is written as it is, h x w. Several stand in a grid, `columns` to a row (the nearest to a
    square when None), with 2 white pixels between them and none around. `scale` repeats each pixel.
    Raises InputError for more channels than a PNG holds.
    """
    from PIL import Image

    from distaff.model import tiled

    if pictures.ndim == 4 and pictures.shape[3] > 4:
        raise InputError(
            f"a PNG holds at most 4 channels and these pictures have {pictures.shape[3]}; "
            "'distaff generate' with --out FILE.npz writes them as an array"
        )
    sheet = tiled(pictures, columns or math.ceil(math.sqrt(len(pictures))), scale=scale)
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, format="PNG")
    return file.getvalue()
