"""The 737,280 images of dSprites, drawn from their factors: https://github.com/google-deepmind/dsprites-dataset."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data.attributes import Attribute, AttributeTable, Folds
from distaff.data.cache import keep
from distaff.data.dataset import Found, Opened
from distaff.data.images import Bytes, PackedImages, Rows
from distaff.data.options import DataOptions
from distaff.data.raster import rasterise
from distaff.errors import InputError

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


def render(factors: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Draw sprites.

    Args:
        factors: whole numbers [n, 5]: shape, scale, orientation, pos_x, pos_y, each from 0 to its size - 1.

    Returns:
        uint8 [n, 64, 64], 0 (outside) or 255 (inside).

    Raises:
        InputError: another shape of array, or a factor that is not whole or not in range.
    """
    pixels = np.unpackbits(render_packed(check(factors)), axis=1)
    # 0 - 1 wraps round to 255.
    return np.negative(pixels, out=pixels).reshape(-1, *SHAPE[1:])


def render_packed(factors: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Draw sprites of checked factors, int64 [n, 5], one bit a pixel: uint8 [n, 512]."""
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


def find(place: str | None, options: DataOptions) -> Found:  # noqa: ARG001 - every source has this signature
    """Every sprite, or as many as `count` says, with its five factors.

    The whole set is drawn once and kept one bit a pixel (377 MB); a part of it is drawn afresh.

    Raises:
        InputError: a place is given.
    """
    if place is not None:
        raise InputError(
            f"sprites:{place}: sprites are drawn and have no place; write sprites, or the file's path"
        )

    def open_rows(rows: Rows) -> Opened:
        return Opened(draw(rows), rows)

    return Found("sprites", tabulate(factors_of(np.arange(COUNT))), open_rows)


def draw(rows: Rows) -> PackedImages:
    """The sprites of sorted rows of the whole set; all of them are drawn once and kept on disk."""
    if len(rows) < COUNT:
        return PackedImages(render_packed(factors_of(rows)), SHAPE)
    return PackedImages(keep("sprites-1", (COUNT, int(np.prod(SHAPE)) // 8), _draw_all), SHAPE)


def factors_of(rows: Rows) -> npt.NDArray[np.int64]:
    """The factors of rows of the whole set: int64 [m, 5]."""
    return np.stack(np.unravel_index(rows, SIZES), axis=1)


def tabulate(factors: npt.NDArray[np.int64]) -> AttributeTable:
    """The attribute table of checked factors, int64 [n, 5]."""
    return AttributeTable(FACTORS, factors.astype(np.float32))


def classes_of(name: str, array: npt.NDArray[Any], where: str) -> npt.NDArray[np.int64]:
    """Factors, int64 [n, 5], of the arrays in the published file.

    Args:
        name: latents_classes, or latents_values (shape 1 to 3, scale 0.5 to 1, radians, positions 0 to 1).
        array: [n, 6], the colour first, or [n, 5] without it.
        where: the file, to name in errors.

    Raises:
        InputError: a factor that is not whole or not in range.
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
