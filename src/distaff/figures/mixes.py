"""Between the classes: straight paths from class mean to class mean, decoded."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure

from distaff.data import Attribute
from distaff.figures.material import Material, first_some, name_value
from distaff.figures.regions import NEIGHBOURS, votes
from distaff.figures.sheet import Row, sheet
from distaff.model import End, walk
from distaff.model.pixels import Floats

STEPS, CLASSES = 11, 10


def no_classes(material: Material) -> str | None:
    """Say why there are no two classes to mix."""
    attribute = mixed_attribute(material)
    if attribute is None:
        return "the data have no attribute with two or more classes"
    return None if len(_present(material, attribute)) > 1 else f"only one {attribute.name} has a picture"


def mixed_attribute(material: Material) -> Attribute | None:
    """Return the attribute that the model can set or read, else the first with classes."""
    table = material.trained.factors
    fitting = [each for each in table.attributes if each.size > 1]
    own = {*material.model.settable, *material.model.readable}
    return min(fitting, key=lambda each: each.name not in own, default=None)


def class_end(material: Material, attribute: Attribute, value: float) -> End:
    """Return where a class begins: the mean training code of the class.

    A model with latents for the attribute sets them in the mean code of all; a conditional model takes the
    code 0, the middle of its prior, under the class.
    """
    model, codes = material.model, material.trained.codes
    if attribute.name in model.condition:
        given = {name: np.full(1, np.nan, dtype=np.float32) for name in model.condition}
        given[attribute.name] = np.array([value], dtype=np.float32)
        return End(np.zeros(codes.shape[1], dtype=np.float32), given)
    values = material.trained.factors.column(attribute.name)
    own = {block.attribute for block in model.network.latent.attribute_blocks}
    mean: Floats = codes[values == value].mean(axis=0) if attribute.name not in own else codes.mean(axis=0)
    if attribute.name in own:
        mean = model.write(mean[None], **{attribute.name: np.array([value], dtype=np.float32)})[0]
    return End(mean.astype(np.float32))


def mixes(material: Material) -> Figure:
    """Draw the straight path from each class to the next, and from the last to the first."""
    attribute = mixed_attribute(material)
    assert attribute is not None
    present = _present(material, attribute)
    shown = first_some(present, CLASSES)
    closed = [*shown, shown[0]] if len(shown) > 2 else shown
    rows = []
    for first, last in pairwise(closed):
        ends = [class_end(material, attribute, value) for value in (first, last)]
        way = walk(material.model, ends[0], ends[1], steps=STEPS)
        label = f"{name_value(attribute, first)} to {name_value(attribute, last)}"
        heads = [name_value(attribute, value) for value in _read(material, attribute, way.codes)]
        rows.append(Row(way.pictures, label=label, heads=heads))
    left_out = f" {len(shown)} of {len(present)} classes." if len(shown) < len(present) else ""
    return sheet(
        rows,
        f"Between one {attribute.name} and another",
        "Each row leads straight from the middle of one class to that of the next, in even steps of the "
        f"{'condition' if attribute.name in material.model.condition else 'code'}."
        f"{_source(material, attribute)}{left_out}",
    )


def _read(material: Material, attribute: Attribute, codes: Floats) -> list[float]:
    """Return the class that each code stands for [k]: nothing where the class is a condition beside it."""
    if attribute.name in material.model.readable:
        return [float(value) for value in material.model.read(codes)[attribute.name]]
    if attribute.name in material.model.condition or not len(material.gaussian):
        return []
    shares = votes(material, attribute, codes[:, material.gaussian])
    return [float(value) for value in shares.argmax(axis=1)]


def _source(material: Material, attribute: Attribute) -> str:
    if attribute.name in material.model.readable:
        return f" Above each picture: the {attribute.name} that the model reads in the code."
    if attribute.name in material.model.condition or not len(material.gaussian):
        return ""
    return f" Above each picture: the {attribute.name} of most of the {NEIGHBOURS} nearest training codes."


def _present(material: Material, attribute: Attribute) -> list[float]:
    values = material.trained.factors.column(attribute.name)
    return [float(value) for value in np.unique(values[~np.isnan(values)])]
