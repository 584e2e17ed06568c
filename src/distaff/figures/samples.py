"""Pictures that the model makes up."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from distaff.data import Attribute
from distaff.figures.material import Material, name_value, values_to_show
from distaff.figures.sheet import Row, sheet

COLUMNS, ROWS, CLASSES = 12, 8, 12


def main_attribute(material: Material) -> Attribute | None:
    """Return the attribute of the rows: the first that can be set, classes before numbers."""
    model = material.model
    settable = [each for each in model.attributes if each.name in model.settable]
    return min(settable, key=lambda each: each.size == 0, default=None)


def samples(material: Material) -> Figure:
    """Draw new pictures from the prior; a row for each class of the main attribute, if one can be set."""
    model, attribute = material.model, main_attribute(material)
    if attribute is None:
        made = model.sample(COLUMNS * ROWS, seed=0)
        rows = [Row(made[start : start + COLUMNS]) for start in range(0, len(made), COLUMNS)]
        note = f"{len(made)} codes drawn from the prior by a fixed seed, then decoded."
        return sheet(rows, "New pictures from the model", note)
    values = values_to_show(attribute, CLASSES)
    rows = []
    for value in values:
        given = {attribute.name: np.full(COLUMNS, value, dtype=np.float32)}
        # One seed for all: columns then share their style wherever the model keeps style and class apart.
        rows.append(Row(model.sample(COLUMNS, seed=0, **given), label=name_value(attribute, value)))
    left_out = f" {len(values)} of {attribute.size} values." if attribute.size > len(values) else ""
    return sheet(
        rows,
        f"New pictures from the model, by {attribute.name}",
        f"Each row sets {attribute.name}; everything else is drawn from the prior by a fixed seed.{left_out}",
    )
