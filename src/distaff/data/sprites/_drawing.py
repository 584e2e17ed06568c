"""The 737,280 images of dSprites, drawn from their factors: https://github.com/google-deepmind/dsprites-dataset.

Polygons become 64 x 64 bits by exact integer scanlines, compiled. Coordinates are whole numbers of 1/256
pixel, so an edge crosses a row of pixel centres at a fraction that integers compare exactly, and a tie is a
tie on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.attributes import Attribute, AttributeTable, Folds
from distaff.data._cache import keep
from distaff.data._images import Bytes, PackedImages, Rows
from distaff.errors import InputError

SIDE = 64
"""Pixels of a side, so that a row of them is one machine word."""
UNIT = 256
"""Steps of a coordinate in one pixel."""
FACTORS: tuple[Attribute, ...] = (
    Attribute(name="shape", kind="categorical", values=("square", "ellipse", "heart")),
    Attribute(name="scale", kind="ordinal", values=tuple(range(6))),
    Attribute(
        name="orientation",
        kind="circular",
        values=tuple(range(40)),
        period=39,
        folds=Folds(by="shape", counts=(4, 2, 1)),
    ),
    Attribute(name="pos_x", kind="ordinal", values=tuple(range(32))),
    Attribute(name="pos_y", kind="ordinal", values=tuple(range(32))),
)
"""The five factors in canonical order; the last varies fastest."""
SIZES = tuple(factor.size for factor in FACTORS)
COUNT = int(np.prod(SIZES))
SHAPE = (1, 64, 64)
BLOCK = 16_384
"""Images drawn at a time when the whole set is."""


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


def render(factors: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Draw sprites.

    Args:
        factors: whole numbers [n, 5]: shape, scale, orientation, pos_x, pos_y, each from 0 to its size - 1.

    Returns:
        uint8 [n, 64, 64], 0 (outside) or 255 (inside).

    Raises:
        InputError: another shape of array, or a factor that is not whole or not in range.

    >>> images = render([[2, 5, 0, 15, 15]])
    >>> images.shape, int((images == 255).sum())
    ((1, 64, 64), 226)
    """
    pixels = np.unpackbits(render_packed(check(factors)), axis=1)
    # 0 - 1 wraps round to 255.
    return np.negative(pixels, out=pixels).reshape(-1, *SHAPE[1:])


def render_packed(factors: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Draw sprites of checked factors, int64 [n, 5], one bit a pixel: uint8 [n, 512].

    >>> int(np.unpackbits(render_packed(np.array([[2, 5, 0, 15, 15]]))).sum())
    226
    """
    outlines, corners = _outlines()
    which = np.ravel_multi_index(tuple(factors[:, :3].T), SIZES[:3])
    return rasterise(outlines, corners, which, 16 + 32 * factors[:, 3:] / 31)


def check(factors: npt.ArrayLike, known: tuple[Attribute, ...] = FACTORS) -> npt.NDArray[np.int64]:
    """The factors as int64 [n, k] for k known ones; InputError if they are not that or out of range."""
    given = np.asarray(factors)
    if given.ndim != 2 or given.shape[1] != len(known):
        raise InputError(f"sprites: factors have shape {list(given.shape)}: they must be [n, {len(known)}]")
    if given.dtype.kind not in "iu" and not (given.dtype.kind == "f" and np.all(given == np.rint(given))):
        raise InputError("sprites: factors must be whole numbers")
    for factor, column in zip(known, given.T, strict=True):
        if len(column) and not 0 <= column.min() <= column.max() < factor.size:
            wrong = column.min() if column.min() < 0 else column.max()
            raise InputError(f"sprites: {factor.name} {wrong:g} is out of range: 0 to {factor.size - 1}")
    return given.astype(np.int64)


def draw(rows: Rows) -> PackedImages:
    """The sprites of sorted rows of the whole set; all of them are drawn once and kept on disk."""
    if len(rows) < COUNT:
        return PackedImages(render_packed(factors_of(rows)), SHAPE)
    return PackedImages(keep("sprites-1", (COUNT, int(np.prod(SHAPE)) // 8), _draw_all), SHAPE)


def factors_of(rows: Rows) -> npt.NDArray[np.int64]:
    """Return the factors of rows of the whole set: int64 [m, 5].

    >>> factors_of(np.array([0, COUNT - 1])).tolist()
    [[0, 0, 0, 0, 0], [2, 5, 39, 31, 31]]
    """
    return np.stack(np.unravel_index(rows, SIZES), axis=1)


def tabulate(factors: npt.NDArray[np.int64]) -> AttributeTable:
    """Return the attribute table of checked factors, int64 [n, 5].

    >>> tabulate(np.array([[2, 0, 0, 0, 0]])).names
    ('shape', 'scale', 'orientation', 'pos_x', 'pos_y')
    """
    return AttributeTable(FACTORS, factors.astype(np.float32))


def classes_of(name: str, array: npt.NDArray[Any], where: str) -> npt.NDArray[np.int64]:
    """Return the factors, int64 [n, 5], of the arrays in the published file.

    Args:
        name: latents_classes, or latents_values (shape 1 to 3, scale 0.5 to 1, radians, positions 0 to 1).
        array: [n, 6], the colour first, or [n, 5] without it.
        where: the file, to name in errors.

    Raises:
        InputError: a factor that is not whole or not in range.

    >>> classes_of("latents_values", np.array([[1, 3, 0.6, 0, 1, 0.5]]), "dsprites.npz").tolist()
    [[2, 1, 0, 31, 16]]
    """
    factors = array[:, -len(FACTORS) :].astype(np.float64)
    if name == "latents_values":
        factors = np.rint((factors - [1, 0.5, 0, 0, 0]) * [1, 10, 39 / (2 * np.pi), 31, 31])
    try:
        return check(factors)
    except InputError as error:
        raise InputError(f"{where}: {name}: {error}") from None


def _draw_all() -> Iterator[Bytes]:
    for start in range(0, COUNT, BLOCK):
        yield render_packed(factors_of(np.arange(start, min(start + BLOCK, COUNT))))


@cache
def _outlines() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Corners of every shape, scale and orientation about the centre: [720, 150, 2], and how many: [720]."""
    square = np.array([(-9.6, -9.6), (9.6, -9.6), (9.6, 9.6), (-9.6, 9.6)])
    turn = 2 * np.pi * np.arange(100) / 100
    ellipse = np.stack([9.6 * 1.33 * np.cos(turn), 9.6 / 1.33 * np.sin(turn)], axis=1)
    turn = 2 * np.pi * np.arange(150) / 150
    waves = 13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)
    heart = np.stack([9.6 * np.sin(turn) ** 3, -(19.2 / 29) * waves - 1.44], axis=1)
    outlines = np.zeros((*SIZES[:3], len(heart), 2))
    scale = (0.5 + 0.1 * np.arange(SIZES[1]))[:, None, None]
    angle = (2 * np.pi * np.arange(SIZES[2]) / 39)[:, None]
    for index, contour in enumerate((square, ellipse, heart)):
        u, v = contour.T
        outlines[index, :, :, : len(contour), 0] = scale * (np.cos(angle) * u + np.sin(angle) * v)
        outlines[index, :, :, : len(contour), 1] = scale * (-np.sin(angle) * u + np.cos(angle) * v)
    corners = np.repeat([len(square), len(ellipse), len(heart)], SIZES[1] * SIZES[2])
    return outlines.reshape(-1, len(heart), 2), corners
