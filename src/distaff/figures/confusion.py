"""Which classes of unseen pictures the model reads as which."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from distaff.data import Attribute
from distaff.figures.material import Material, first_some, name_value
from distaff.figures.style import FONT, INK, SMALL, dress, elide, page, words
from distaff.model.pixels import Floats

PANELS, WRITTEN = 6, 12
"""Attributes at most, and classes up to which every cell bears its share."""


def _readable(material: Material) -> list[Attribute]:
    model, known = material.model, material.table
    return [
        each
        for each in model.attributes
        if each.size > 1
        and each.name in model.readable
        and each.name in known.names
        and not np.isnan(known.column(each.name)).all()
    ]


def nothing_to_read(material: Material) -> str | None:
    """Say why there is nothing to compare, if no attribute with classes is read."""
    return None if _readable(material) else "the model reads no attribute with classes that the data knows"


def counts(attribute: Attribute, true: Floats, read: Floats) -> Floats:
    """Return how many pictures of each true class (rows) were read as each class (columns): [size, size]."""
    known = ~np.isnan(true)
    table = np.zeros((attribute.size, attribute.size), dtype=np.float32)
    np.add.at(table, (true[known].astype(int), read[known].astype(int)), 1)
    return table


def confusion(material: Material) -> Figure:
    """Draw, for each attribute that the model reads, the share of each true class read as each class."""
    attributes = _readable(material)
    shown = attributes[:PANELS]
    found = material.model.read(material.codes)
    columns = len(shown) if len(shown) <= 3 else 2 if len(shown) == 4 else 3
    rows = -(-len(shown) // columns)
    side = {1: 6.4, 2: 5.0}.get(columns, 4.0)
    left_out = f" {len(shown)} of {len(attributes)} attributes." if len(attributes) > PANELS else ""
    figure = page(
        side * columns,
        side * rows,
        "What the model reads",
        f"Of the {material.split} pictures of each true class (rows), the share read as each class "
        f"(columns), in per cent.{left_out}",
    )
    for index, attribute in enumerate(shown):
        table = counts(attribute, material.table.column(attribute.name), found[attribute.name])
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        axes = figure.add_subplot(rows, columns, index + 1)
        right = np.trace(table) / max(table.sum(), 1)
        word = "right" if attribute.kind == "categorical" else "exactly right"
        dress(axes, title=f"{attribute.name}: {right:.1%} {word}", xlabel="read as", ylabel="true", grid=None)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        ticks = [int(each) for each in first_some(np.arange(attribute.size), WRITTEN)]
        names = [elide(name_value(attribute, tick), SMALL, 110) for tick in ticks]
        slanted = max(map(len, names)) > 3
        axes.set_xticks(ticks, names, rotation=45 if slanted else 0, ha="right" if slanted else "center")
        axes.set_yticks(ticks, names)
        axes.tick_params(length=0, labelcolor=INK, labelfontfamily=FONT)
        if attribute.size <= WRITTEN:
            for (row, column), share in np.ndenumerate(shares):
                if share >= 0.005:
                    colour = "white" if share > 0.55 else INK
                    axes.text(
                        column, row, f"{100 * share:.0f}", ha="center", va="center", **words(SMALL, colour)
                    )
    return figure
