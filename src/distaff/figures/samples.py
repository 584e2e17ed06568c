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
    chosen = attribute in material.sweepable
    rows = []
    for number, value in enumerate(values):
        given = {attribute.name: np.full(COLUMNS, value, dtype=np.float32)}
        # Where the class is set, columns share one draw of all else; where draws are picked, rows share none.
        made = model.sample(COLUMNS, seed=0 if chosen else number, **given)
        rows.append(Row(made, label=name_value(attribute, value)))
    how = (
        f"Each row sets {attribute.name}; a column shares one draw of all else from the prior."
        if chosen
        else f"Each row keeps draws from the prior in which the model reads that {attribute.name}."
    )
    left_out = f" {len(values)} of {attribute.size} values." if attribute.size > len(values) else ""
    return sheet(
        rows,
        f"New pictures from the model, by {attribute.name}",
        f"{how}{left_out}",
    )
