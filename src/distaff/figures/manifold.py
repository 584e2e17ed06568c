"""https://arxiv.org/abs/1312.6114 (figure 4): what is drawn over the plane of two latents, by quantiles."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from distaff.figures.maps import not_two_latents
from distaff.figures.material import Material
from distaff.figures.sheet import Row, sheet
from distaff.figures.style import signed

SIDE = 20
EDGE = 0.01
"""Share of the prior that lies outside the first and the last quantile, on each side."""
CELL = 44
"""Pixels that the longer side of a picture aims at."""


def no_plane(material: Material) -> str | None:
    """Say why the code is no plane, if it has other latents beside two gaussian ones."""
    reason = not_two_latents(material)
    others = len(material.model.latents) - len(material.gaussian)
    if reason is None and others:
        return f"the model has {others} numbers in its code beside two gaussian latents"
    return reason


def manifold(material: Material) -> Figure:
    """Draw what the decoder makes of a grid of codes, evenly spread over the prior's probability."""
    model = material.model
    ticks = norm.ppf(np.linspace(EDGE, 1 - EDGE, SIDE)).astype(np.float32)
    across, up = np.meshgrid(ticks, ticks[::-1])
    codes = np.stack([across, up], axis=-1).reshape(-1, 2)
    known = material.known(np.zeros(1, dtype=np.int64))
    repeated = known and {name: np.repeat(value, len(codes)) for name, value in known.items()}
    pictures = model.decode(codes, attributes=repeated)
    rows = [Row(pictures[start : start + SIDE]) for start in range(0, len(pictures), SIDE)]
    names = [model.latents[column].label for column in material.gaussian]
    told = "" if known is None else f" All under the condition of one {material.split} picture."
    return sheet(
        rows,
        "Pictures over the plane of the two latents",
        f"{names[0]} grows to the right and {names[1]} upwards, both from {signed(ticks[0])} to "
        f"{signed(ticks[-1])}, closer together where the prior is denser.{told}",
        cell=CELL,
        gap=0,
    )
