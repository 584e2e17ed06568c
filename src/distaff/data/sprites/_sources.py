"""The 737,280 sprites as sources, in black and white and in colour.

In colour each has an ink and a paper, drawn once and for all. Every hue on every grey would be 70 million
images. One draw a sprite keeps the number of sprites, and leaves the two colours independent of the five
other factors and of each other.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from distaff.attributes import Attribute, AttributeTable
from distaff.data._images import ArrayImages, Bytes, DerivedImages, Digests, Images, Rows
from distaff.data._source import DataOptions, Found, Opened, Source
from distaff.data.sprites._drawing import COUNT, FACTORS, check, draw, factors_of, render, tabulate

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
COLOUR_FACTORS: tuple[Attribute, ...] = (
    *FACTORS,
    Attribute(name="colour", kind="circular", values=tuple(HUES), period=len(HUES)),
    Attribute(name="background", kind="ordinal", values=tuple(range(SHADES))),
)
"""The five factors of the sprites, then the hue of the ink and the shade of the paper."""
SEED = 2017
"""Draws the colours of all sprites; part of what the source is, so no option."""


class TintedImages(DerivedImages):
    """Black and white images, coloured as they are taken.

    Args:
        images: n images of one channel, 0 or 255.
        colours: int64 [n, 2], the hue of the pixels at 255 and the shade of the others.
    """

    def __init__(self, images: Images, colours: npt.NDArray[np.int64]) -> None:
        super().__init__(images)
        self._ink = np.array(list(HUES.values()), dtype=np.uint8)[colours[:, 0]]
        greys = np.rint(np.linspace(0, 255, SHADES)).astype(np.uint8)[colours[:, 1]]
        self._paper = np.repeat(greys[:, None], 3, axis=1)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, 3, h, w)."""
        n, _, h, w = self.images.shape
        return n, 3, h, w

    def take(self, indices: Rows | slice) -> Bytes:
        """Colour some images: uint8 [b, 3, h, w]."""
        ink, paper = (each[indices][:, :, None, None] for each in (self._ink, self._paper))
        # All bits of a pixel are set or none: they choose between two colours without a branch.
        return paper ^ (self.images.take(indices) & (ink ^ paper))


def render_colour(factors: npt.ArrayLike) -> Bytes:
    """Draw sprites in colour.

    Args:
        factors: whole numbers [n, 7]: shape, scale, orientation, pos_x, pos_y, colour, background, each from
            0 to its size - 1.

    Returns:
        uint8 [n, 3, 64, 64].

    Raises:
        InputError: another shape of array, or a factor that is not whole or not in range.

    >>> render_colour([[0, 5, 0, 15, 15, 8, 0]])[0, :, 32, 32]
    array([  0,   0, 255], dtype=uint8)
    """
    checked = check(factors, COLOUR_FACTORS)
    return TintedImages(ArrayImages(render(checked[:, :5])[:, None]), checked[:, 5:]).take(slice(None))


def colours_of_all() -> npt.NDArray[np.int64]:
    """The hue and the shade of every sprite of the whole set: int64 [737280, 2]."""
    return np.random.default_rng(SEED).integers((len(HUES), SHADES), size=(COUNT, 2))


class Sprites(Source):
    """Every sprite with its five factors. The whole set is drawn once and kept one bit a pixel (377 MB)."""

    tag: ClassVar[str] = "sprites"
    about: ClassVar[str] = "a square, an ellipse or a heart, turned, scaled and moved, as in dSprites"
    attributes: ClassVar[str] = "shape (3), scale (6), orientation (40), pos_x (32), pos_y (32)"
    size: ClassVar[str] = "737,280 of 64 x 64, black and white"
    origin: ClassVar[str] = "drawn here from the factors"
    has_place: ClassVar[bool] = False

    def find(self, options: DataOptions) -> Found:
        """List all sprites; see `Source.find`."""

        def open_rows(rows: Rows) -> Opened:
            return Opened(draw(rows), rows, digests=_digests(factors_of(rows)))

        return Found(self.tag, tabulate(factors_of(np.arange(COUNT))), open_rows)


class SpritesColour(Source):
    """Every sprite in colour with its seven factors, coloured batch by batch from the black and white set."""

    tag: ClassVar[str] = "sprites-colour"
    about: ClassVar[str] = "the sprites in colour: one of 12 hues on one of 8 greys, drawn once for each"
    attributes: ClassVar[str] = "those of sprites, colour (12), background (8)"
    size: ClassVar[str] = "737,280 of 64 x 64, colour"
    origin: ClassVar[str] = "drawn here from the factors"
    has_place: ClassVar[bool] = False

    def find(self, options: DataOptions) -> Found:
        """List all sprites with their colours; see `Source.find`."""
        colours = colours_of_all()
        factors = np.concatenate([factors_of(np.arange(COUNT)), colours], axis=1)

        def open_rows(rows: Rows) -> Opened:
            images = TintedImages(draw(rows), colours[rows])
            return Opened(images, rows, digests=_digests(factors[rows]))

        return Found(self.tag, AttributeTable(COLOUR_FACTORS, factors.astype(np.float32)), open_rows)


def _digests(factors: npt.NDArray[np.int64]) -> Digests:
    """Return what sprites are known by, uint64 [n]: their factors, which take no drawing.

    Orientation 39 is orientation 0 again, so those two are one image unless their colours differ.
    """
    sizes = [each.size for each in COLOUR_FACTORS[: factors.shape[1]]]
    turned = factors.copy()
    turned[:, 2] %= 39
    return np.asarray(np.ravel_multi_index(tuple(turned.T), sizes), dtype=np.uint64)
