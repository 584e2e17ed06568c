"""The 737,280 sprites in colour, each with an ink and a paper drawn once and for all.

Every hue on every grey would be 70 million pictures. One draw a sprite keeps the number of sprites, and
leaves the two colours independent of the five other factors and of each other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from distaff.data import sprites
from distaff.data.attributes import Attribute, AttributeTable
from distaff.data.dataset import Found, Opened
from distaff.data.images import ArrayImages, Bytes, Images, Rows
from distaff.data.options import DataOptions
from distaff.errors import InputError

HUES: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "orange": (255, 128, 0),
    "yellow": (255, 255, 0),
    "lime": (128, 255, 0),
    "green": (0, 255, 0),
    "mint": (0, 255, 128),
    "cyan": (0, 255, 255),
    "azure": (0, 128, 255),
    "blue": (0, 0, 255),
    "violet": (128, 0, 255),
    "magenta": (255, 0, 255),
    "rose": (255, 0, 128),
}
"""Every 30 degrees of the colour wheel. Fully saturated: no grey behind one can hide it."""
SHADES = 8
"""Greys of the paper, evenly from black to white."""
FACTORS: tuple[Attribute, ...] = (
    *sprites.FACTORS,
    Attribute(name="colour", kind="circular", values=tuple(HUES), period=len(HUES)),
    Attribute(name="background", kind="ordinal", values=tuple(range(SHADES))),
)
"""The five factors of the sprites, then the hue of the ink and the shade of the paper."""
SEED = 2017
"""Draws the colours of all sprites; part of what the source is, so no option."""


class TintedImages:
    """Black and white pictures, coloured as they are taken.

    Args:
        images: n pictures of one channel, 0 or 255.
        ink: uint8 [n, 3], the colour of the pixels at 255.
        paper: uint8 [n, 3], the colour of the others.
    """

    def __init__(self, images: Images, ink: Bytes, paper: Bytes) -> None:
        self.images, self.ink, self.paper = images, ink, paper

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, 3, h, w)."""
        n, _, h, w = self.images.shape
        return n, 3, h, w

    @property
    def on_disk(self) -> int:
        """Bytes of the array that they are read from, if it is on disk."""
        return self.images.on_disk

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Rows | slice) -> Bytes:
        """Colour some pictures: uint8 [b, 3, h, w]."""
        ink, paper = (each[indices][:, :, None, None] for each in (self.ink, self.paper))
        # All bits of a pixel are set or none: they choose between two colours without a branch.
        return paper ^ (self.images.take(indices) & (ink ^ paper))


def render(factors: npt.ArrayLike) -> Bytes:
    """Draw sprites in colour.

    Args:
        factors: whole numbers [n, 7]: shape, scale, orientation, pos_x, pos_y, colour, background, each from
            0 to its size - 1.

    Returns:
        uint8 [n, 3, 64, 64].

    Raises:
        InputError: another shape of array, or a factor that is not whole or not in range.
    """
    checked = sprites.check(factors, FACTORS)
    drawn = ArrayImages(sprites.render(checked[:, :5])[:, None])
    return TintedImages(drawn, *_paints(checked[:, 5:])).take(slice(None))


def find(place: str | None, options: DataOptions) -> Found:  # noqa: ARG001 - every source has this signature
    """Every sprite, or as many as `count` says, in colour, with its seven factors.

    The pictures are coloured batch by batch; what is kept is the black and white set of `sprites`.

    Raises:
        InputError: a place is given.
    """
    if place is not None:
        raise InputError(f"sprites-colour:{place}: sprites are drawn and have no place; write sprites-colour")
    colours = np.random.default_rng(SEED).integers((len(HUES), SHADES), size=(sprites.COUNT, 2))
    factors = np.concatenate([sprites.factors_of(np.arange(sprites.COUNT)), colours], axis=1)

    def open_rows(rows: Rows) -> Opened:
        return Opened(TintedImages(sprites.draw(rows), *_paints(colours[rows])), rows)

    return Found("sprites-colour", AttributeTable(FACTORS, factors.astype(np.float32)), open_rows)


def _paints(colours: npt.NDArray[np.int64]) -> tuple[Bytes, Bytes]:
    """The ink and the paper, uint8 [n, 3] each, of hues and shades [n, 2]."""
    ink = np.array(list(HUES.values()), dtype=np.uint8)[colours[:, 0]]
    greys = np.rint(np.linspace(0, 255, SHADES)).astype(np.uint8)[colours[:, 1]]
    return ink, np.repeat(greys[:, None], 3, axis=1)
