"""What each attribute does: a few pictures, one attribute set to one value after the other."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from distaff.data import Attribute
from distaff.figures.material import Material, name_value, values_to_show
from distaff.figures.sheet import Row, sheet
from distaff.model import show_pictures
from distaff.model.pixels import Floats

VALUES, ATTRIBUTES, MOST_ROWS = 11, 10, 10


def no_attribute(material: Material) -> str | None:
    """Say why attributes cannot be swept, if none can be set."""
    if material.sweepable:
        return None
    return "no attribute can be set in a code of this model: it has neither attribute blocks nor a condition"


def swept(material: Material, row: int, attribute: Attribute, values: list[float]) -> Floats:
    """Return one picture with the attribute set to each value: [k, h, w] or [k, h, w, c]."""
    model = material.model
    codes = np.repeat(material.codes[row][None], len(values), axis=0)
    wanted = np.array(values, dtype=np.float32)
    known = {
        name: np.repeat(value, len(values)) for name, value in (material.known(np.array([row])) or {}).items()
    }
    if attribute.name in model.condition:
        known[attribute.name] = wanted
    else:
        codes = model.write(codes, **{attribute.name: wanted})
    return model.decode(codes, attributes=known or None)


def own_value(material: Material, row: int, attribute: Attribute) -> float:
    """Return the attribute's value in one picture: read from its code, or its label for a condition."""
    if attribute.name in material.model.condition:
        known = material.known(np.array([row])) or {}
        return float(known[attribute.name][0]) if attribute.name in known else float("nan")
    return float(material.model.read(material.codes[[row]])[attribute.name][0])


def sweeps(material: Material) -> Figure:
    """Draw, for each attribute, a few pictures with the attribute set to its values."""
    attributes = material.sweepable
    shown = attributes[:ATTRIBUTES]
    bases = range(min(max(1, min(4, MOST_ROWS // len(shown))), len(material.images)))
    rows = []
    for attribute in shown:
        values = values_to_show(attribute, VALUES)
        for base in bases:
            given = show_pictures(material.images[[base]].astype(np.float32) / np.float32(255))
            own = own_value(material, base, attribute)
            marked = [] if np.isnan(own) else [1 + int(attribute.error(np.array(values), own).argmin())]
            first = base == 0
            rows.append(
                Row(
                    np.concatenate([given, swept(material, base, attribute, values)]),
                    label=attribute.name if first else "",
                    heads=["picture", *(name_value(attribute, value) for value in values)] if first else (),
                    marked=marked,
                    opens=first,
                )
            )
    conditions = sum(attribute.name in material.model.condition for attribute in shown)
    source = "the model reads in it" if conditions == 0 else "its label says"
    if 0 < conditions < len(shown):
        source = "the model reads in it or its label says"
    left_out = f" {len(shown)} of {len(attributes)} attributes." if len(attributes) > len(shown) else ""
    return sheet(
        rows,
        "What each attribute does",
        f"A {material.split} picture, then the same code with one attribute set to the value above. "
        f"Framed: the value that {source}, or the nearest shown.{left_out}",
        gutter=1,
    )
