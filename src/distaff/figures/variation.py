"""What varies within a class: one class a row, everything else drawn anew or moved."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from distaff.figures.material import Material, name_value, values_to_show
from distaff.figures.samples import main_attribute
from distaff.figures.sheet import Row, sheet
from distaff.figures.style import signed
from distaff.model.pixels import Floats

COLUMNS, CLASSES = 11, 10
REACH = 2.5


def no_variation(material: Material) -> str | None:
    """Say why nothing can vary within a class."""
    if main_attribute(material) not in material.sweepable:
        return "no class can be set while the rest of the code is moved"
    return None if len(material.gaussian) else "the model has no latents beside its attributes"


def variation(material: Material) -> Figure:
    """Draw one row for each class, the latent that moves most going through the prior."""
    model, attribute = material.model, main_attribute(material)
    assert attribute is not None
    codes = material.codes
    strongest = int(material.gaussian[int(codes[:, material.gaussian].std(axis=0).argmax())])
    values = np.linspace(-REACH, REACH, COLUMNS, dtype=np.float32)
    middle: Floats = np.zeros((COLUMNS, codes.shape[1]), dtype=np.float32)
    rows = []
    for value in values_to_show(attribute, CLASSES):
        asked = np.full(COLUMNS, value, dtype=np.float32)
        moved = middle.copy()
        known = {attribute.name: asked} if attribute.name in model.condition else None
        if known is None:
            moved[:] = codes.mean(axis=0)
            moved = model.write(moved, **{attribute.name: asked})
        moved[:, strongest] = values
        rows.append(Row(model.decode(moved, attributes=known), label=name_value(attribute, value)))
    return sheet(
        rows,
        f"What varies within one {attribute.name}",
        f"Each row keeps its {attribute.name}; {model.latents[strongest].label}, the latent that moves most, "
        f"goes from {signed(-REACH)} to {signed(REACH)}, all else stays in the middle.",
    )
