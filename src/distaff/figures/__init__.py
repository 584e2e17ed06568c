"""Figures of a run: what the model makes, what its latents do, and how training went. Drawing only."""

from distaff.figures import _images, _latents, _losses, _maps, _tables
from distaff.figures._compare import compare
from distaff.figures._make import FIGURES, Figure, FileFormat, Made, figure, make, save, to_bytes
from distaff.figures._page import Page, Panel, Plots
from distaff.figures._sheet import Row, Sheet

__all__ = [
    "FIGURES",
    "Figure",
    "FileFormat",
    "Made",
    "Page",
    "Panel",
    "Plots",
    "Row",
    "Sheet",
    "compare",
    "figure",
    "make",
    "save",
    "to_bytes",
]

del _images, _latents, _losses, _maps, _tables
