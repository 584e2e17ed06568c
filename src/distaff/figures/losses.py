"""How training went: every term of the loss, every weight and the learning rate against the step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from distaff.figures.material import Material
from distaff.figures.panels import Panel, beneath, moving_weights, term_panels
from distaff.figures.style import (
    ACCENT,
    FONT,
    INK,
    MUTED,
    OKABE_ITO,
    SECOND,
    SMALL,
    dress,
    elide,
    page,
    tick,
)

MOST_COLUMNS = 4
REACH = 1e4
"""How far down a logarithmic axis reaches, at most."""


def no_history(material: Material) -> str | None:
    """Say why the curves cannot be drawn, if nothing was logged."""
    path = material.run.path / "history.csv"
    if not path.is_file() or len(material.run.history().get("step", ())) == 0:
        return "the run has no history yet"
    return None


def losses(material: Material) -> Figure:
    """Draw every term in nats per picture, training and validation; the weights beneath."""
    history = material.run.history()
    terms = term_panels(history)
    weights, still = moving_weights(history)
    columns = min(MOST_COLUMNS, max(3, len(terms)))
    places = beneath(terms, weights, columns)
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
        axes.yaxis.set_major_formatter(tick)
    return figure


def _draw_terms(
    axes: Any,
    panel: Panel,
    history: dict[str, npt.NDArray[Any]],
    train: npt.NDArray[np.int64],
    valid: npt.NDArray[np.int64],
) -> None:
    several, crowd = len(panel.lines) > 1, len(panel.lines) > len(OKABE_ITO)
    thickness = 0.9 if crowd else 1.5
    drawn: list[npt.NDArray[np.float64]] = []
    for index, column in enumerate(panel.lines.values()):
        colour = OKABE_ITO[index] if several and not crowd else ACCENT
        for rows, style, tint in (
            (train, "-", colour),
            (valid, "-" if crowd else "--", colour if several else SECOND),
        ):
            known = rows[~np.isnan(history[column][rows])]
            if not len(known):
                continue
            values = history[column][known]
            # A single point, as after a very short run, would not show as a line.
            few = len(known) < 30 and not crowd
            marker = {"marker": "o", "markersize": 3.5, "clip_on": False} if few else {}
            axes.plot(history["step"][known], values, style, color=tint, linewidth=thickness, **marker)
            drawn.append(values)
    everything = np.concatenate(drawn) if drawn else np.zeros(1)
    # A term that fell this far would lie on the axis for most of the run.
    if everything.min() >= 0 and any(values[-1] < values.max() / 10 for values in drawn):
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(bottom=max(everything[everything > 0].min() * 0.8, everything.max() / REACH))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(tick)
    _steps(axes, history)


def _key(axes: Any, panel: Panel) -> None:
    """Say what the lines are: which split, or beside a plot of a few, their names; a crowd has none."""
    look: dict[str, Any] = {"prop": {"family": FONT, "size": SMALL - 0.5}, "labelcolor": MUTED}
    if len(panel.lines) == 1:
        solid = Line2D([], [], color=ACCENT, linewidth=1.5)
        dashed = Line2D([], [], color=SECOND, linewidth=1.5, linestyle="--")
        axes.legend([solid, dashed], ["training", "validation"], framealpha=0.85, edgecolor="white", **look)
        return
    if len(panel.lines) > len(OKABE_ITO):
        return
    names = [elide(name, SMALL, 130) for name in panel.lines]
    lines = [Line2D([], [], color=colour, linewidth=2.5) for colour in OKABE_ITO[: len(names)]]
    axes.legend(
        lines, names, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, handlelength=1.2, **look
    )


def _steps(axes: Any, history: dict[str, npt.NDArray[Any]]) -> None:
    axes.set_xlim(0, max(float(history["step"].max()), 1.0))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.xaxis.set_major_formatter(tick)
