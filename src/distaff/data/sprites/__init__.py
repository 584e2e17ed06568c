"""The images of dSprites, drawn from their factors, in black and white or in colour."""

from distaff.data.sprites._drawing import (
    BLOCK,
    COUNT,
    FACTORS,
    SHAPE,
    SIZES,
    classes_of,
    factors_of,
    render,
    render_packed,
    tabulate,
)
from distaff.data.sprites._sources import COLOUR_FACTORS, Sprites, SpritesColour, TintedImages, render_colour

__all__ = [
    "BLOCK",
    "COLOUR_FACTORS",
    "COUNT",
    "FACTORS",
    "SHAPE",
    "SIZES",
    "Sprites",
    "SpritesColour",
    "TintedImages",
    "classes_of",
    "factors_of",
    "render",
    "render_colour",
    "render_packed",
    "tabulate",
]
