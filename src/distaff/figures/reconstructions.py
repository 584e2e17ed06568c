"""Unseen pictures above what the model makes of them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from distaff.figures.material import Material
from distaff.figures.sheet import Row, sheet
from distaff.model import show_pictures

COLUMNS, PAIRS = 12, 4


def reconstructions(material: Material) -> Figure:
    """Draw pictures, each above its reconstruction from its mean code."""
    count = min(COLUMNS * PAIRS, len(material.images))
    images = material.images[:count]
    made = material.model.reconstruct(images, attributes=material.known(slice(0, count)))
    given = show_pictures(images.astype(np.float32) / np.float32(255))
    rows = []
    for start in range(0, count, COLUMNS):
        some = slice(start, start + COLUMNS)
        rows += [Row(given[some], label="picture", opens=True), Row(made[some], label="reconstruction")]
    return sheet(
        rows,
        "Pictures and their reconstructions",
        f"{count} {material.split} pictures drawn at random; below each, what its mean code decodes to.",
    )
