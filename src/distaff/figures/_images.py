"""Images that the model makes: reconstructions, samples, attributes set to values, and interpolations."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from distaff.analysis import NEIGHBOURS, Analysis
from distaff.attributes import Attribute
from distaff.errors import InputError
from distaff.figures._make import figure
from distaff.figures._page import Page
from distaff.figures._sheet import Row, Sheet
from distaff.figures._text import plural
from distaff.figures._values import first_some, name_value, values_to_show
from distaff.model import Floats, interpolate, show_images

COLUMNS = 12
PAIRS, ROWS = 4, 8
"""Rows of images with their reconstructions, and rows of samples."""
VALUES, ATTRIBUTES, MOST_ROWS = 11, 10, 10
STEPS, CLASSES = 11, 10
"""Images of an interpolation, and classes."""


@figure()
def reconstructions(analysis: Analysis) -> Page:
    """Images that training has not seen, each above its reconstruction."""
    count = min(COLUMNS * PAIRS, len(analysis.rows))
    given = show_images(analysis.images(analysis.rows[:count]).astype(np.float32) / np.float32(255))
    made = analysis.model.decode(analysis.codes[:count], indices=conditions(analysis, np.arange(count)))
    shown = []
    for start in range(0, count, COLUMNS):
        some = slice(start, start + COLUMNS)
        shown += [Row(given[some], label="image", opens=True), Row(made[some], label="reconstruction")]
    what = plural(count, f"{analysis.split_name} image")
    note = f"{what} drawn at random; below each, its code decoded."
    return Sheet("Reconstructions", note, shown)


@figure()
def samples(analysis: Analysis) -> Page:
    """New images from the prior, a row for each class where classes can be set."""
    model, attribute = analysis.model, main_attribute(analysis)
    if attribute is None:
        made = model.sample(COLUMNS * ROWS, seed=0)
        rows = [Row(made[start : start + COLUMNS]) for start in range(0, len(made), COLUMNS)]
        return Sheet("Samples", f"{len(made)} codes drawn from the prior by a fixed seed, decoded.", rows)
    values = values_to_show(attribute, COLUMNS)
    changeable = attribute in analysis.changeable
    rows = []
    for seed, value in enumerate(values):
        given = {attribute.name: np.full(COLUMNS, value, dtype=np.float32)}
        # Where the class is set, columns share one draw of all else; where draws are picked, rows share none.
        codes, condition = model.sample_codes(COLUMNS, indices=given, seed=0 if changeable else seed)
        rows.append(Row(model.decode(codes, indices=condition), label=name_value(attribute, value)))
    how = (
        f"Each row sets {attribute.name}; a column shares one draw of everything else from the prior."
        if changeable
        else f"Each row keeps the draws from the prior from which the model reads that {attribute.name}."
    )
    left_out = f" {len(values)} of {attribute.size} values." if attribute.size > len(values) else ""
    return Sheet(f"Samples by {attribute.name}", f"{how}{left_out}", rows)


def main_attribute(analysis: Analysis) -> Attribute | None:
    """Return the attribute that rows are made for: the first that can be set, classes before numbers."""
    model = analysis.model
    settable = [each for each in model.attributes if each.name in model.settable]
    return min(settable, key=lambda each: each.size == 0, default=None)


def conditions(analysis: Analysis, places: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """Return the condition of measured images, by their places [k], as class indices [k] by attribute.

    What is unknown of it is the class under which the image is most likely.
    """
    rows = analysis.rows[places]
    known = analysis.condition(rows)
    if not analysis.model.condition or all(
        name in known and not np.isnan(known[name]).any() for name in analysis.model.condition
    ):
        return known
    likeliest = analysis.model.condition_of(analysis.images(rows), analysis.codes[places])
    return {
        name: np.where(np.isnan(known[name]), values, known[name]) if name in known else values
        for name, values in likeliest.items()
    }


@figure()
def attributes(analysis: Analysis) -> Page:
    """Images with one attribute set to each of its values."""
    settable = analysis.changeable
    if not settable:
        raise InputError("no attribute can be set: the model has neither latents nor a condition for one")
    shown = settable[:ATTRIBUTES]
    places = range(min(max(1, min(4, MOST_ROWS // len(shown))), len(analysis.rows)))
    given = show_images(analysis.images(analysis.rows[: len(places)]).astype(np.float32) / np.float32(255))
    rows = []
    for attribute in shown:
        values = values_to_show(attribute, VALUES)
        for place in places:
            own = own_value(analysis, place, attribute)
            first = place == 0
            rows.append(
                Row(
                    np.concatenate([given[[place]], with_values(analysis, place, attribute, values)]),
                    label=attribute.name if first else "",
                    heads=["image", *(name_value(attribute, value) for value in values)] if first else (),
                    marked=[] if np.isnan(own) else [1 + int(np.argmin(attribute.error(values, own)))],
                    opens=first,
                    panel=attribute.name,
                )
            )
    told = sum(attribute.name in analysis.model.condition for attribute in shown)
    source = "its label says" if told == len(shown) else "the model reads from it"
    if 0 < told < len(shown):
        source = "the model reads from it or its label says"
    left_out = f" {len(shown)} of {len(settable)} attributes." if len(settable) > len(shown) else ""
    return Sheet(
        "Attributes set to each value",
        f"A {analysis.split_name} image, then its code with one attribute set to the value above. Framed: "
        f"the value that {source}, or the nearest shown.{left_out}",
        rows,
        gutter=1,
    )


def with_values(analysis: Analysis, place: int, attribute: Attribute, values: list[float]) -> Floats:
    """Return a measured image decoded with an attribute set to each value: [k, h, w] or [k, h, w, c]."""
    model = analysis.model
    codes = np.repeat(analysis.codes[place][None], len(values), axis=0)
    wanted = np.array(values, dtype=np.float32)
    told = {name: given[0] for name, given in conditions(analysis, np.array([place])).items()}
    if attribute.name in model.condition:
        return model.decode(codes, indices=told | {attribute.name: wanted})
    return model.decode(model.write(codes, indices={attribute.name: wanted}), indices=told)


def own_value(analysis: Analysis, place: int, attribute: Attribute) -> float:
    """Return an attribute's value in a measured image: read from its code, or its label if a condition."""
    if attribute.name not in analysis.model.condition:
        return float(analysis.read[attribute.name][place])
    known = analysis.table.names
    return float(analysis.table.column(attribute.name)[place]) if attribute.name in known else float("nan")


@figure()
def interpolations(analysis: Analysis) -> Page:
    """Straight paths between the middles of classes, and the class read on the way."""
    attribute = analysis.class_attribute
    if attribute is None:
        raise InputError("the data have no attribute with two or more classes")
    present = _present(analysis, attribute)
    if len(present) < 2:
        raise InputError(f"training images show fewer than two classes of {attribute.name}")
    shown = first_some(present, CLASSES)
    closed = [*shown, shown[0]] if len(shown) > 2 else shown
    rows = []
    for first, last in pairwise(closed):
        ends = [analysis.class_end(attribute, value) for value in (first, last)]
        found = interpolate(analysis.model, ends[0], ends[1], steps=STEPS)
        label = f"{name_value(attribute, first)} to {name_value(attribute, last)}"
        heads = [name_value(attribute, value) for value in _read(analysis, attribute, found.codes)]
        rows.append(Row(found.images, label=label, heads=heads))
    left_out = f" {len(shown)} of {len(present)} classes." if len(shown) < len(present) else ""
    what = "condition" if attribute.name in analysis.model.condition else "code"
    return Sheet(
        f"Interpolations between classes of {attribute.name}",
        f"Each row goes straight from the middle of one class to that of the next, in even steps of the "
        f"{what}.{_source(analysis, attribute)}{left_out}",
        rows,
    )


def _votes(analysis: Analysis, attribute: Attribute) -> bool:
    """Tell whether neighbours say what a code stands for; a class that is a condition is not in the code."""
    told = {*analysis.model.readable, *analysis.model.condition}
    return attribute.name not in told and len(analysis.free) > 0


def _read(analysis: Analysis, attribute: Attribute, codes: Floats) -> list[float]:
    """Return the class that each code stands for [k]; empty where the code does not say."""
    if attribute.name in analysis.model.readable:
        return [float(value) for value in analysis.model.read(codes)[attribute.name]]
    if not _votes(analysis, attribute):
        return []
    neighbours = analysis.neighbours(attribute.name, analysis.free)
    return [float(value) for value in neighbours.read(codes[:, analysis.free])]


def _source(analysis: Analysis, attribute: Attribute) -> str:
    if attribute.name in analysis.model.readable:
        return f" Above each image: the {attribute.name} that the model reads from the code."
    if not _votes(analysis, attribute):
        return ""
    return f" Above each image: the {attribute.name} of most of the {NEIGHBOURS} nearest codes."


def _present(analysis: Analysis, attribute: Attribute) -> list[float]:
    values = analysis.train_table.column(attribute.name)
    return [float(value) for value in np.unique(values[~np.isnan(values)])]
