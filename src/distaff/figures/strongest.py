"""The latent that leans furthest from zero, drawn from its least to its largest value, all others at zero."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from distaff.figures.material import Material
from distaff.figures.sheet import Row, sheet
from distaff.figures.style import signed
from distaff.metrics.strongest import strongest as find

PICTURES, SHOWN = 1000, 11
"""Pictures looked at, and pictures drawn."""


def zero_means_nothing(material: Material) -> str | None:
    """Say why a code of zeros is no code, if it is none."""
    if not len(material.gaussian):
        return "the model has no gaussian latents"
    if len(material.gaussian) < len(material.model.latents):
        return "the model has attribute latents, of which zero is no value"
    return None


def strongest(material: Material) -> Figure:
    """Draw the latent with the largest |mean| over 1,000 pictures from its own least to its largest value."""
    codes = material.codes[:PICTURES]
    found = find(codes)
    values = np.linspace(found.low, found.high, SHOWN)
    drawn = np.zeros((SHOWN, codes.shape[1]), dtype=np.float32)
    drawn[:, found.index] = values
    label = material.model.latents[found.index].label
    row = Row(
        material.model.decode(drawn),
        label=label,
        detail=f"mean {signed(found.mean[found.index])}",
        heads=[signed(value) for value in values],
    )
    return sheet(
        [row],
        f"The strongest latent, {label}",
        f"The latent with the largest absolute mean over {len(codes):,} {material.split} pictures moves from "
        "its least to its largest value there; all others are zero.",
    )
