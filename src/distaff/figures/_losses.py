"""How training went: every term of the loss against the step, and what moved beside them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import MaxNLocator, NullLocator

from distaff.analysis import UNUSED_BELOW, Analysis
from distaff.errors import InputError
from distaff.figures._make import figure
from distaff.figures._page import ACCENT, SECOND, Page, Panel, Plots, name_ticks
from distaff.figures._text import INK, MUTED, SMALL, elide, number, plural, tick, write
from distaff.figures._values import PETROFF, class_colours

NOT_TERMS = frozenset({"step", "seconds", "split", "lr", "active_units"})
WEIGHT = "weight."
SPLITS = {"train": "training", "valid": "validation"}
SIZE = (3.4, 2.5)
LEAST_REACH, REACH = 1e2, 1e4
"""How far down a logarithmic axis reaches, at least and at most."""
FEW = 30
"""Points of a line under which each has a marker."""
NAME = 62.0
"""Points that a name at the end of a line takes at most."""
History = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Group:
    """The columns of the history that share a plot, by the name of each line.

    Attributes:
        title: of the plot.
        lines: column by name.
        unit: of the values.
        unused: lines that are not drawn because their latents are unused.
    """

    title: str
    lines: Mapping[str, str]
    unit: str = ""
    unused: int = 0


@figure()
def losses(analysis: Analysis) -> Page:
    """Terms of the loss in training and validation, and the weights that moved, against the step."""
    history = _history(analysis)
    units = {name: unit_of(about) for name, about in analysis.model.objective.columns.items()}
    moving, constant = weights(history)
    groups = terms(history, units)
    panels = [
        Panel(group.title, partial(_paint, group=group, history=history), "step", group.unit)
        for group in [*groups, *moving]
    ]
    note = "Unweighted terms of the loss: training solid, validation dashed."
    unused = sum(group.unused for group in groups)
    if unused:
        note += f" {plural(unused, 'unused latent')} not shown."
    if constant:
        note += f" Constant: {', '.join(constant)}."
    return Plots("Training history", note, panels, SIZE, columns=4)


def _history(analysis: Analysis) -> History:
    if analysis.run is None or not (analysis.run.path / "history.csv").is_file():
        raise InputError("the run has no history yet")
    history = analysis.run.history()
    if not len(history.get("step", ())):
        raise InputError("the run has no history yet")
    return {
        name: values if name == "split" else np.where(np.isfinite(values), values, np.nan)
        for name, values in history.items()
    }


def unit_of(about: str) -> str:
    """Return the unit that the description of a column names; empty where it names none.

    >>> unit_of("cross-entropy of digit read from z, nats per labelled image")
    'nats per labelled image'
    """
    found = re.search(r"(?<!no )\bnats\b[^,;(]*", about)
    return found.group().strip() if found else ""


def terms(history: History, units: Mapping[str, str]) -> list[Group]:
    """Group the history's terms: a plot for each, and one for the parts of one in the same unit.

    Of latents, such as kl.z0 and kl.z1, those that are unused at the end are left out.
    """
    whole: dict[str, Group] = {}
    parts: dict[tuple[str, str], dict[str, str]] = {}
    for column, values in history.items():
        if column in NOT_TERMS or column.startswith(WEIGHT) or np.isnan(values).all():
            continue
        root, _, part = column.partition(".")
        if part:
            unit = units.get(column, units.get(root, "nats per image"))
            parts.setdefault((root, unit), {})[part] = column
        else:
            whole[column] = Group(column, {column: column}, units.get(column, "nats per image"))
    found = sorted(whole.values(), key=lambda group: group.title != "loss")
    for (root, unit), lines in parts.items():
        used = lines
        if root == "kl":
            used = {name: column for name, column in lines.items() if _last(history[column]) >= UNUSED_BELOW}
        if not used:
            continue
        only = next(iter(used))
        title = f"{root} ({only})" if len(used) == 1 else f"{root}, its parts" if root in whole else root
        if root == "kl" and len(used) > 1:
            title = "kl of each latent"
        found.append(Group(title, used, unit, len(lines) - len(used)))
    return found


def weights(history: History) -> tuple[list[Group], list[str]]:
    """Return a plot for every weight that moved, the learning rate last, and words for those that did not."""
    moving, constant = [], []
    for column in [*(each for each in history if each.startswith(WEIGHT)), "lr"]:
        known = history[column][~np.isnan(history[column])] if column in history else np.empty(0)
        name = "learning rate" if column == "lr" else f"weight of {column.removeprefix(WEIGHT)}"
        capacity = name.removeprefix("weight of ").removesuffix(".capacity")
        if name.endswith(".capacity"):
            name = f"capacity of {capacity}"
        if len(known) and np.ptp(known) > 0:
            moving.append(Group(name, {name: column}, "nats" if name.startswith("capacity") else ""))
        elif len(known):
            constant.append(f"{name} {number(float(known[0]))}")
    return moving, constant


def _last(values: npt.NDArray[Any]) -> float:
    known = values[~np.isnan(values)]
    return float(known[-1]) if len(known) else 0.0


def _paint(axes: Any, group: Group, history: History) -> None:
    """Draw the lines of a group, training solid and validation dashed."""
    weight = any(column == "lr" or column.startswith(WEIGHT) for column in group.lines.values())
    several = len(group.lines) > 1
    colours = class_colours(min(len(group.lines), len(PETROFF)))
    lines: list[Any] = []
    ends: dict[str, Any] = {}
    for index, (name, column) in enumerate(group.lines.items()):
        colour = INK if weight else colours[index % len(colours)] if several else ACCENT
        for split, style, tint in (("train", "-", colour), ("valid", "--", colour if several else SECOND)):
            rows = np.flatnonzero((history["split"] == split) & ~np.isnan(history[column]))
            if not len(rows) or (weight and split == "valid"):
                continue
            # A single point, as after a very short run, would not show as a line.
            marker = {"marker": "o", "markersize": 3} if len(rows) < FEW else {}
            steps, values = history["step"][rows], history[column][rows]
            (line,) = axes.plot(steps, values, style, color=tint, linewidth=1.3, clip_on=False, **marker)
            lines.append(line)
            ends.setdefault(name if several else SPLITS[split], line)
    axes.set_xlim(0, max(float(history["step"].max()), 1.0))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.xaxis.set_major_formatter(tick)
    _scale(axes, lines, logarithmic=not weight)
    if not weight:
        _name_ends(axes, ends)


def _scale(axes: Any, lines: Sequence[Any], *, logarithmic: bool) -> None:
    """Choose the scale: logarithmic where a term fell so far that it would lie on the axis.

    A logarithmic axis has no zero, and reaches down `REACH` at most: what lies below is drawn on the axis,
    and its label says so.
    """
    drawn = [line.get_ydata() for line in lines]
    everything = np.concatenate(drawn)
    positive = everything[everything > 0]
    fell = any(values[-1] < values.max() / 10 for values in drawn)
    axes.yaxis.set_major_formatter(tick)
    if not logarithmic or everything.min() < 0 or not len(positive) or not fell:
        low, high = float(everything.min()), float(everything.max())
        margin = 0.05 * (high - low) or 0.05 * max(abs(high), 1.0)
        near_zero = low >= 0 and (low < 0.5 * high or not logarithmic)
        axes.set_ylim(0.0 if near_zero else low - margin, high + margin)
        return
    top = float(everything.max())
    bottom = max(min(float(positive.min()) * 0.8, top / LEAST_REACH), top / REACH)
    ticks = log_ticks(bottom, top)
    bottom = min(bottom, ticks[0])
    below = bool((everything < bottom).any())
    for line in lines:
        line.set_ydata(np.maximum(line.get_ydata(), bottom))
    axes.set_yscale("log")
    axes.set_ylim(bottom, top * 1.3)
    axes.yaxis.set_minor_locator(NullLocator())
    names = [f"≤ {tick(value)}" if below and value == bottom else tick(value) for value in ticks]
    name_ticks(axes.yaxis, ticks, names)


def log_ticks(low: float, high: float) -> list[float]:
    """Return ticks of a logarithmic axis at 1, 2 and 5 times powers of ten, the first at or below `low`.

    Over more than two powers of ten they are at the powers alone.

    >>> log_ticks(0.03, 0.9), log_ticks(0.0003, 0.9)
    ([0.02, 0.05, 0.1, 0.2, 0.5], [0.0001, 0.001, 0.01, 0.1])
    """
    first, last = (math.floor(math.log10(value)) for value in (low, high))
    steps = (1, 2, 5) if high / low <= 100 else (1,)
    ticks = [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]
    beneath = max(value for value in ticks if value <= low)
    return [value for value in ticks if beneath <= value <= high]


def _name_ends(axes: Any, ends: Mapping[str, Any]) -> None:
    """Write beside the axes the name of each line, as near to its end as other names allow."""
    to_axes = axes.transData + axes.transAxes.inverted()
    places = {name: float(to_axes.transform((0, line.get_ydata()[-1]))[1]) for name, line in ends.items()}
    # The room is known only once the page is laid out; the axes take about this much of their panel.
    room = max(2, int(0.6 * SIZE[1] * 72 / (SMALL * 1.2)))
    named = sorted(places, key=lambda name: places[name])
    hidden = 0 if len(named) <= room else len(named) - room + 1
    named = named[hidden:]
    step = 1 / room
    heights = spread([places[name] for name in named], step)
    for name, height in zip(named, heights, strict=True):
        colour = ends[name].get_color()
        axes.plot(1.045, height, "s", color=colour, markersize=4, transform=axes.transAxes, clip_on=False)
        shown = elide(name, SMALL, NAME)
        write(axes, 1.075, height, shown, SMALL, MUTED, va="center_baseline", transform=axes.transAxes)
    if hidden:
        more = f"and {hidden} more"
        write(axes, 1.03, heights[0] - step, more, SMALL, MUTED, va="center", transform=axes.transAxes)


def spread(places: Sequence[float], step: float) -> list[float]:
    """Return places in rising order moved so that neighbours are `step` apart, between 0 and 1 if they fit.

    >>> [round(each, 2) for each in spread([0.1, 0.1, 0.95, 1.0], 0.2)]
    [0.1, 0.3, 0.8, 1.0]
    """
    moved = list(places)
    for index in range(1, len(moved)):
        moved[index] = max(moved[index], moved[index - 1] + step)
    top = 1.0
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], top)
        top = moved[index] - step
    return moved
