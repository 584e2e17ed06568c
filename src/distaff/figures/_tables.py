"""What each latent carries, and which classes the model reads as which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.analysis import UNUSED_BELOW, Analysis, judge, symmetry_folds
from distaff.attributes import Attribute
from distaff.errors import InputError
from distaff.figures._make import figure
from distaff.figures._page import ACCENT, UNUSED, Page, Panel, Plots, legend, name_ticks
from distaff.figures._text import INK, MUTED, SMALL, elide, number, plural, text_width, write
from distaff.figures._values import OKABE_ITO, first_some, name_value
from distaff.model import Floats

BARS = 64
"""Bars at most; beyond, the smallest are left out."""
NAMED, HEIGHTS = 40, 24
"""Bars up to which each bears its name, and its height."""
ATTRIBUTE = OKABE_ITO[1]
PANELS, SHARES = 6, 12
"""Attributes at most, and classes up to which every cell bears its share."""
WIDE = 200.0
"""Points that the axes take at least in their natural width."""


@figure()
def kl(analysis: Analysis) -> Page:
    """How many nats each latent in use carries."""
    found = analysis.kl
    if not found:
        raise InputError("no latent of this model has a KL divergence")
    verdict = analysis.collapse
    used = [name for name in found if name not in verdict.unused] or list(found)
    names = sorted(used, key=lambda name: -found[name])
    shown = names[:BARS]
    left_out = f" The {len(shown)} largest are shown." if len(names) > BARS else ""
    images = plural(len(analysis.rows), f"{analysis.split_name} image")
    note = (
        f"Mean KL divergence from the prior over {images}: "
        f"{number(sum(found.values()))} nats per image in all. {verdict.sentence}{left_out}"
    )
    wide = max(6.0, min(12.0, 1.4 + 0.42 * len(shown)))
    paint = partial(
        _draw_bars,
        nats={name: found[name] for name in shown},
        attributes=_of_attributes(analysis),
        unused=verdict.unused,
    )
    panel = Panel("", paint, ylabel="KL in nats per image")
    return Plots("KL divergence of each latent", note, [panel], (wide, 3.6))


def _of_attributes(analysis: Analysis) -> set[str]:
    """Return the names of the columns that belong to latents of attributes."""
    return {
        name
        for block in analysis.model.vae.latents
        if block.attribute is not None
        for name in (*block.kl_names, block.name)
    }


def _draw_bars(axes: Any, nats: Mapping[str, float], attributes: set[str], unused: Sequence[str]) -> None:
    names, heights = list(nats), list(nats.values())
    colours = [UNUSED if each in unused else ATTRIBUTE if each in attributes else ACCENT for each in names]
    places = list(range(len(names)))
    bars = axes.bar(places, heights, width=0.72, color=colours)
    # Few bars stay slim, in the middle.
    beside = max(0, 6 - len(names)) / 2
    axes.set_xlim(-0.6 - beside, len(names) - 0.4 + beside)
    axes.set_ylim(0, max(UNUSED_BELOW, *heights) * 1.12)
    axes.tick_params(axis="x", length=0)
    if len(names) <= NAMED:
        labels = [elide(name, SMALL, 75) for name in names]
        slanted = len(names) > HEIGHTS or max(text_width(label, SMALL) for label in labels) > 25
        name_ticks(axes.xaxis, places, labels, slanted=slanted)
    else:
        axes.set_xticks([])
        words = "latents, the largest first"
        write(axes, 0.5, -0.04, words, SMALL, MUTED, ha="center", va="top", transform=axes.transAxes)
    if len(names) <= HEIGHTS:
        for place, height in zip(places, heights, strict=True):
            above = height + 0.015 * axes.get_ylim()[1]
            words = f"{height:.2f}" if height >= UNUSED_BELOW else f"<{UNUSED_BELOW:g}"
            write(axes, place, above, words, SMALL - 0.5, MUTED, ha="center")
    kinds = [("latent", ACCENT), ("latent of an attribute", ATTRIBUTE), ("unused", UNUSED)]
    handles = {name: bars[colours.index(colour)] for name, colour in kinds if colour in colours}
    if len(handles) > 1:
        legend(axes, list(handles.values()), list(handles), loc="upper right")


@figure()
def confusion(analysis: Analysis) -> Page:
    """The share of each true class that the model reads as each class."""
    table = analysis.table
    attributes = [
        each for each in analysis.labelled if each.size > 1 and each.name in analysis.model.readable
    ]
    if not attributes:
        raise InputError("the model reads no attribute with classes that the data have labels of")
    panels = []
    for attribute in attributes[:PANELS]:
        true, read = table.column(attribute.name), analysis.read[attribute.name]
        folds = symmetry_folds(attribute, table)
        accuracy = judge(attribute, read, true, folds)["accuracy"]
        counts = count_classes(attribute, true, nearest_turn(attribute, read, true, folds))
        title = f"{attribute.name}: {accuracy:.1%} right"
        panels.append(
            Panel(title, partial(_draw_matrix, attribute=attribute, counts=counts), "read", "true", None)
        )
    symmetric = [each for each in attributes[:PANELS] if each.folds is not None]
    note = (
        f"{plural(len(table), f'{analysis.split_name} image')}: of each true class (rows), the share read as "
        "each class (columns), in per cent."
    )
    if symmetric:
        by = ", ".join(dict.fromkeys(each.folds.by for each in symmetric if each.folds is not None))
        names = ", ".join(each.name for each in symmetric)
        note += f" {names}: up to the rotational symmetry of the image's {by}."
    if len(attributes) > PANELS:
        note += f" {PANELS} of {len(attributes)} attributes."
    side = {1: 6.4, 2: 5.0, 4: 5.0}.get(len(panels), 4.0)
    return Plots("Confusion of true and read classes", note, panels, (side, side))


def nearest_turn(attribute: Attribute, read: Floats, true: Floats, folds: Floats) -> npt.NDArray[np.float64]:
    """Return read class indices [n] moved by whole symmetric turns to the one nearest to the true class."""
    found = np.asarray(read, dtype=np.float64)
    if attribute.kind != "circular":
        return found
    period = attribute.period or float(attribute.size)
    turn = period / np.asarray(folds, dtype=np.float64)
    moved = found + turn * np.rint((true - found) / turn)
    # Half a step is exact, as for the accuracy. What is nearest may lie before class 0 or after the last.
    moved = np.where(np.abs(moved - true) <= 0.5, true, moved)
    return np.where(
        moved < -0.5, moved + period, np.where(moved > attribute.size - 0.5, moved - period, moved)
    )


def count_classes(attribute: Attribute, true: Floats, read: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return how many images of each true class (rows) were read as each class (columns): [size, size]."""
    known = ~np.isnan(true) & ~np.isnan(read)
    table = np.zeros((attribute.size, attribute.size), dtype=np.int64)
    indices = np.clip(np.rint(read[known]).astype(int), 0, attribute.size - 1)
    np.add.at(table, (true[known].astype(int), indices), 1)
    return table


def _draw_matrix(axes: Any, attribute: Attribute, counts: npt.NDArray[np.int64]) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    places = first_some(np.arange(attribute.size), SHARES)
    names = [elide(name_value(attribute, place), SMALL, 55) for place in places]
    slanted = max(text_width(name, SMALL) for name in names) > WIDE / len(names)
    name_ticks(axes.xaxis, places, names, slanted=slanted)
    name_ticks(axes.yaxis, places, names)
    axes.tick_params(length=0, labelcolor=INK)
    if attribute.size <= SHARES:
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.005:
                colour = "white" if share > 0.55 else INK
                write(axes, column, row, f"{100 * share:.0f}", SMALL, colour, ha="center", va="center")
