"""Polygons into 64 x 64 bits: exact integer scanlines, compiled.

Coordinates are whole numbers of 1/256 pixel, so an edge crosses a row of pixel centres at a fraction that
integers compare exactly, and a tie is a tie on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

SIDE = 64
"""Pixels of a side, so that a row of them is one machine word."""
UNIT = 256
"""Steps of a coordinate in one pixel."""


def rasterise(
    outlines: npt.NDArray[np.float64],
    corners: npt.NDArray[np.int64],
    which: npt.NDArray[np.int64],
    centres: npt.NDArray[np.float64],
) -> npt.NDArray[np.uint8]:
    """Draw one outline an image, moved to its centre.

    Args:
        outlines: [p, v, 2], corners (x, y) in pixels, y downwards, relative to the centre.
        corners: [p], how many of the v corners each outline has.
        which: [n], the outline of each image.
        centres: [n, 2], (x, y) in pixels.

    Returns:
        uint8 [n, 512]: 64 x 64 pixels, one bit each, the first in the highest bit of the first byte.
    """
    rows = np.zeros((len(which), SIDE), dtype=np.uint64)
    _compiled()(outlines, corners, which, centres, rows)
    return rows.byteswap().view(np.uint8) if np.little_endian else rows.view(np.uint8)


@cache
def _compiled() -> Callable[..., None]:
    from numba import njit

    settings: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return njit(cache=True, **settings)(scan)  # type: ignore[no-any-return]
    except RuntimeError:  # no folder to keep the machine code in: compile it for this process alone
        return njit(**settings)(scan)  # type: ignore[no-any-return]


def scan(
    outlines: npt.NDArray[np.float64],
    corners: npt.NDArray[np.int64],
    which: npt.NDArray[np.int64],
    centres: npt.NDArray[np.float64],
    rows: npt.NDArray[np.uint64],
) -> None:
    """Flip, for every edge and every row whose centre it crosses, all pixels from the crossing rightwards.

    What is flipped an odd number of times is inside. An edge owns its lower end and not its upper one, and a
    centre on a crossing lies right of it: left and bottom edges are in, right and top edges out.
    """
    full = np.uint64(0xFFFFFFFFFFFFFFFF)
    for image in range(len(which)):
        outline = outlines[which[image]]
        count = corners[which[image]]
        x0 = np.int64(np.rint((centres[image, 0] + outline[count - 1, 0]) * UNIT))
        y0 = np.int64(np.rint((centres[image, 1] + outline[count - 1, 1]) * UNIT))
        for corner in range(count):
            x1 = np.int64(np.rint((centres[image, 0] + outline[corner, 0]) * UNIT))
            y1 = np.int64(np.rint((centres[image, 1] + outline[corner, 1]) * UNIT))
            if y0 != y1:
                top_x, top_y, low_x, low_y = x0, y0, x1, y1
                if y0 > y1:
                    top_x, top_y, low_x, low_y = x1, y1, x0, y0
                height = low_y - top_y
                # Rows r with top_y < UNIT r + UNIT/2 <= low_y.
                above = int((top_y - UNIT // 2) // UNIT)
                below = int((low_y - UNIT // 2) // UNIT)
                for row in range(max(above + 1, 0), min(below + 1, SIDE)):
                    down = row * UNIT + UNIT // 2 - top_y
                    crossing = (top_x - UNIT // 2) * height + (low_x - top_x) * down
                    column = int(-(-crossing // (UNIT * height)))
                    if column < SIDE:
                        rows[image, row] ^= full >> np.uint64(max(column, 0))
            x0, y0 = x1, y1
