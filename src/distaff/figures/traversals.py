"""What each latent does: one picture's code, moved along one latent at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from distaff.figures.activity import activity
from distaff.figures.material import MOST, Material
from distaff.figures.sheet import Row, sheet
from distaff.figures.style import signed
from distaff.model.pixels import Floats

LATENTS, IDLE_LATENTS, SIDE = 10, 3, 5
"""Latents at most (when all are idle, too), and pictures on either side of the centre."""

HEADS = ["1%", *[""] * (SIDE - 1), "own code", *[""] * (SIDE - 1), "99%"]


def no_gaussian(material: Material) -> str | None:
    """Say why gaussian latents cannot be shown, if there are none."""
    return None if len(material.gaussian) else "the model has no gaussian latents"


def base_row(material: Material) -> int:
    """Return a typical picture: its code lies as far from the middle of all as the median picture's does.

    The one nearest to the middle would be the blurred average of all. Distances are in each latent's spread.
    Where a code says attributes that have a middle, such as places, the picture is one of the tenth that is
    nearest to it: not something at the edge, where half of what can be moved has nowhere to go.
    Only the first `MOST` pictures are looked at, so that figures and page choose the same one.
    """
    codes = material.codes[:MOST]
    rows = _central(material, codes)
    distances = _distances(codes[:, material.gaussian])[rows]
    return int(rows[np.argsort(distances, kind="stable")[len(rows) // 2]])


def _central(material: Material, codes: Floats) -> npt.NDArray[np.int64]:
    """Return the rows whose attributes with a middle are nearest to it, in order; all where none has one."""
    written = {block.attribute for block in material.model.network.latent.attribute_blocks}
    middled = [
        each.name
        for each in material.model.attributes
        if each.name in written and each.kind in {"ordinal", "continuous"}
    ]
    if not middled:
        return np.arange(len(codes))
    read = material.model.read(codes)
    distances = _distances(np.stack([read[name] for name in middled], axis=1))
    return np.sort(np.argsort(distances, kind="stable")[: max(1, len(codes) // 10)])


def _distances(values: Floats) -> Floats:
    """Return how far each row lies from the medians, squared, in the spread of each column: [n]."""
    spread = values.std(axis=0) + 1e-6
    distances: Floats = np.square((values - np.median(values, axis=0)) / spread).sum(axis=1)
    return distances


def path(low: float, centre: float, high: float) -> Floats:
    """Return the values of a row, the centre exactly in the middle: float32 [2 SIDE + 1]."""
    low, high = min(low, centre), max(high, centre)
    left, right = np.linspace(low, centre, SIDE + 1), np.linspace(centre, high, SIDE + 1)
    return np.concatenate([left, right[1:]]).astype(np.float32)


def traversals(material: Material) -> Figure:
    """Draw a row for each of the most active latents, from its 1st to its 99th percentile."""
    found = activity(material)
    base = base_row(material)
    code = material.codes[base]
    known = material.known(np.array([base]))
    living = found.order[found.active[found.order]]
    rows: list[Row] = []
    for position in living[:LATENTS] if len(living) else found.order[:IDLE_LATENTS]:
        column = found.columns[position]
        low, high = found.low[position], found.high[position]
        values = path(low, float(code[column]), high)
        codes = np.repeat(code[None], len(values), axis=0)
        codes[:, column] = values
        repeated = known and {name: np.repeat(value, len(values)) for name, value in known.items()}
        rows.append(
            Row(
                material.model.decode(codes, attributes=repeated),
                label=found.labels[position] + ("" if found.active[position] else " (idle)"),
                detail=f"{found.nats[position]:.2f} nats, {signed(values[0])} to {signed(values[-1])}",
                heads=() if rows else HEADS,
            )
        )
    shown = "the most active first"
    if len(living) > len(rows):
        shown = f"the {len(rows)} most active of {len(living)}"
    idle = len(found.order) - len(living)
    if not len(living):
        shown = f"all {idle} idle, {len(rows)} shown"
    elif idle:
        shown += f", {idle} idle left out"
    return sheet(
        rows,
        "What each latent does",
        f"Latents in rows, {shown} (KL in nats per picture). Framed: a {material.split} picture's own code. "
        "Left and right of it one latent moves to its 1st and 99th percentile; the others stay.",
        framed=SIDE,
    )
