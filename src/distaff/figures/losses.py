"""How training went: every term of the loss, every weight and the learning rate against the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from distaff.figures.material import Material
from distaff.figures.style import ACCENT, FONT, INK, MUTED, OKABE_ITO, SECOND, SMALL, dress, number, page

MOST_COLUMNS = 4
NOT_TERMS = ("step", "seconds", "split", "lr", "active_units")


@dataclass(frozen=True)
class Panel:
    """One plot: its title and the history's columns in it, by the name of each line."""

    title: str
    lines: dict[str, str]


def no_history(material: Material) -> str | None:
    """Say why the curves cannot be drawn, if nothing was logged."""
    path = material.run.path / "history.csv"
    if not path.is_file() or len(material.run.history().get("step", ())) == 0:
        return "the run has no history yet"
    return None


def term_panels(history: dict[str, npt.NDArray[Any]]) -> list[Panel]:
    """Group the history's terms: one plot each, `supervise.shape` and `supervise.scale` in one."""
    groups: dict[str, dict[str, str]] = {"loss": {"loss": "loss"}}
    for column, values in history.items():
        if column in NOT_TERMS or column.startswith("weight.") or np.isnan(values).all():
            continue
        root, _, rest = column.partition(".")
        groups.setdefault(root, {})[rest or root] = column
    panels = []
    for root, lines in groups.items():
        alone = len(lines) == 1 and root not in lines
        panels.append(Panel(f"{root} ({next(iter(lines))})" if alone else root, lines))
    return [panel for panel in panels if all(column in history for column in panel.lines.values())]


def moving_weights(history: dict[str, npt.NDArray[Any]]) -> tuple[list[Panel], list[str]]:
    """Return a plot for every weight that moves, the learning rate last, and words for those that do not."""
    moving, still = [], []
    for column, values in history.items():
        if not column.startswith("weight."):
            continue
        name, known = column.removeprefix("weight."), values[~np.isnan(values)]
        if len(known) and np.ptp(known) > 0:
            capacity = name.removesuffix(".capacity")
            title = f"weight of {name}" if capacity == name else f"capacity of {capacity} in nats"
            moving.append(Panel(title, {name: column}))
        elif len(known):
            still.append(f"{name}\N{NO-BREAK SPACE}{number(float(known[0]))}")
    return [*moving, Panel("learning rate", {"learning rate": "lr"})], still


def losses(material: Material) -> Figure:
    """Draw every term in nats per picture, training and validation; the weights beneath."""
    history = material.run.history()
    terms = term_panels(history)
    weights, still = moving_weights(history)
    columns = min(MOST_COLUMNS, max(3, len(terms)))
    places = _beneath(terms, weights, columns)
    term_rows, weight_rows = -(-len(terms) // columns), 1 + max(places) // columns
    constant = f" Constant weights: {', '.join(still)}." if still else ""
    figure = page(
        3.0 * columns + 2.0,
        2.5 * term_rows + 1.8 * weight_rows + 0.2,
        "How training went",
        "Terms of the loss in nats per picture, unweighted, against the training step; below them, what "
        f"moved during the run.{constant}",
    )
    grid = figure.add_gridspec(
        term_rows + weight_rows, columns, height_ratios=[2.5] * term_rows + [1.8] * weight_rows
    )
    train, valid = (np.flatnonzero(history["split"] == split) for split in ("train", "valid"))
    for index, panel in enumerate(terms):
        axes = figure.add_subplot(grid[index // columns, index % columns])
        dress(axes, title=panel.title, xlabel="step", ylabel="" if index % columns else "nats per picture")
        _draw_terms(axes, panel, history, train, valid)
        if index == 0 or len(panel.lines) > 1:
            _key(axes, panel)
    for place, panel in zip(places, weights, strict=True):
        axes = figure.add_subplot(grid[term_rows + place // columns, place % columns])
        dress(axes, title=panel.title, xlabel="step")
        column = next(iter(panel.lines.values()))
        known = train[~np.isnan(history[column][train])]
        axes.plot(history["step"][known], history[column][known], color=INK, linewidth=1.6)
        _steps(axes, history)
        axes.set_ylim(bottom=min(0.0, float(np.min(history[column][known], initial=0.0))))
        axes.yaxis.set_major_formatter(lambda value, _: number(value))
    return figure


def _beneath(terms: list[Panel], weights: list[Panel], columns: int) -> list[int]:
    """Return the place of every weight: in the column of its own term while that is free, else the next."""
    above = [panel.title.partition(" ")[0] for panel in terms[:columns]]
    taken: list[int] = []
    for panel in weights:
        root = "loss" if "lr" in panel.lines.values() else next(iter(panel.lines)).partition(".")[0]
        own = above.index(root) if root in above and len(terms) <= columns else None
        free = next(place for place in range(len(taken) + len(weights)) if place not in taken)
        taken.append(free if own is None or own in taken else own)
    return taken


def _draw_terms(
    axes: Any,
    panel: Panel,
    history: dict[str, npt.NDArray[Any]],
    train: npt.NDArray[np.int64],
    valid: npt.NDArray[np.int64],
) -> None:
    several = len(panel.lines) > 1
    drawn: list[npt.NDArray[np.float64]] = []
    for index, column in enumerate(panel.lines.values()):
        colour = OKABE_ITO[index % len(OKABE_ITO)] if several else ACCENT
        for rows, style, tint in ((train, "-", colour), (valid, "--", colour if several else SECOND)):
            known = rows[~np.isnan(history[column][rows])]
            if not len(known):
                continue
            values = history[column][known]
            # A single point, as after a very short run, would not show as a line.
            marker = {"marker": "o", "markersize": 3.5, "clip_on": False} if len(known) < 30 else {}
            axes.plot(history["step"][known], values, style, color=tint, linewidth=1.5, **marker)
            drawn.append(values)
    everything = np.concatenate(drawn) if drawn else np.zeros(1)
    # A term that fell this far would lie on the axis for most of the run.
    if everything.min() > 0 and any(values[-1] < values.max() / 10 for values in drawn):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axes.yaxis.set_major_formatter(lambda value, _: number(value))
        axes.yaxis.set_minor_locator(NullLocator())
    _steps(axes, history)


def _key(axes: Any, panel: Panel) -> None:
    several = len(panel.lines) > 1
    keys = [
        (Line2D([], [], color=MUTED if several else ACCENT, linewidth=1.5), "training"),
        (Line2D([], [], color=MUTED if several else SECOND, linewidth=1.5, linestyle="--"), "validation"),
    ]
    if several:
        keys = [
            (Line2D([], [], color=OKABE_ITO[index % len(OKABE_ITO)], linewidth=2.5), name)
            for index, name in enumerate(panel.lines)
        ] + keys
    axes.legend(
        *zip(*keys, strict=True),
        loc="best",
        framealpha=0.85,
        edgecolor="white",
        ncols=2 if len(keys) > 4 else 1,
        prop={"family": FONT, "size": SMALL - 0.5},
        labelcolor=MUTED,
        handlelength=1.6,
    )


def _steps(axes: Any, history: dict[str, npt.NDArray[Any]]) -> None:
    axes.set_xlim(0, max(float(history["step"].max()), 1.0))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
