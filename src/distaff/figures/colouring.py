"""How an attribute is coloured on a map: by class, in order, round a turn, or on a number line."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, LinearSegmentedColormap, ListedColormap, Normalize
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from distaff.data import Attribute
from distaff.figures.material import first_some, name_value
from distaff.figures.style import (
    FONT,
    HAIRLINE,
    IDLE,
    INK,
    LABEL,
    MUTED,
    OKABE_ITO,
    PETROFF,
    PIXELS_PER_POINT,
    SMALL,
    elide,
    text_width,
    words,
)
from distaff.model.pixels import Floats

TURN = LinearSegmentedColormap.from_list(
    "turn", ["#2b2147", "#2a5d9f", "#4fb0c6", "#f2d85c", "#e07b28", "#8f2a3c", "#2b2147"], N=512
)
"""A cyclic map: cold up to yellow and warm back, so that lightness tells half and hue tells which half."""

MOST_NAMED = 20
"""Classes at most that each get a colour and a place in a legend."""

MARKERS = ("o", "^")

CROWD = 4000
"""Points from which on they are drawn small, without an edge and half seen through."""


def class_colours(count: int) -> list[str]:
    """Return a colour for each of at most 20 classes; beyond 10 colours come twice, with another marker."""
    colours = OKABE_ITO if count <= len(OKABE_ITO) else PETROFF
    return [colours[index % len(colours)] for index in range(count)]


def ordered_map(attribute: Attribute) -> Colormap:
    """Return the map for classes or numbers in order, in a circle if they are."""
    return TURN if attribute.kind == "circular" else mpl.colormaps["viridis"]


def scatter(axes: Any, points: Floats, attribute: Attribute, values: Floats) -> None:
    """Draw points [n, 2] coloured by an attribute's values [n]; those without a label are grey and below."""
    common = marks(len(points))
    unknown = np.isnan(values)
    if unknown.any():
        axes.scatter(*points[unknown].T, **common | {"color": IDLE, "alpha": 0.6})
    known = np.flatnonzero(~unknown)
    if attribute.kind == "categorical" and attribute.size <= MOST_NAMED:
        _by_class(axes, points[known], attribute, values[known].astype(int), common)
        return
    colours, norm, ticks = _scale(attribute, values[known])
    # Ordered colours drawn in order would hide what lies below the last.
    drawn = np.random.default_rng(0).permutation(known)
    axes.scatter(*points[drawn].T, c=values[drawn], cmap=colours, norm=norm, **common)
    beside = axes.inset_axes((1.03, 0.1, 0.035, 0.8))
    bar = axes.figure.colorbar(ScalarMappable(norm, colours), cax=beside, ticks=ticks)
    bar.outline.set_visible(False)
    bar.ax.set_yticklabels([name_value(attribute, tick) for tick in ticks], parse_math=False)
    bar.ax.tick_params(length=0, labelsize=SMALL, labelcolor=MUTED, labelfontfamily=FONT)
    bar.ax.minorticks_off()


def marks(count: int) -> dict[str, Any]:
    """Return how big and how dense so many points are drawn."""
    if count <= CROWD:
        size = float(np.clip(9000 / max(count, 1), 5, 30))
        return {"s": size, "linewidths": 0.25, "edgecolors": "white", "alpha": 0.9}
    # White edges would wash out a crowd; half seen through, the denser parts and mixed classes still show.
    return {"s": float(np.clip(40_000 / count, 1.0, 5)), "linewidths": 0, "alpha": 0.55}


def _by_class(axes: Any, points: Floats, attribute: Attribute, classes: Any, common: dict[str, Any]) -> None:
    colours = class_colours(attribute.size)
    present = [index for index in range(attribute.size) if (classes == index).any()]
    # Class after class would put the last on top, so slices of every class take turns.
    marker = [MARKERS[index // len(PETROFF)] for index in range(attribute.size)]
    for turn in range(4):
        for index in present:
            mine = np.flatnonzero(classes == index)[turn::4]
            axes.scatter(*points[mine].T, color=colours[index], marker=marker[index], **common)
    names = class_legend(axes, attribute, present)
    name_groups(axes, [points[classes == index] for index in present], names, points)


def class_legend(axes: Any, attribute: Attribute, present: list[int]) -> list[str]:
    """Write beside the axes which colour is which class, and return the classes' names."""
    colours = class_colours(attribute.size)
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=MARKERS[index // len(PETROFF)],
            markersize=5,
            color=colours[index],
        )
        for index in present
    ]
    names = [elide(name_value(attribute, index), SMALL, 150) for index in present]
    axes.legend(
        handles,
        names,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        handletextpad=0.1,
        borderaxespad=0.2,
        ncols=1 if len(present) <= 12 else 2,
        prop={"family": FONT, "size": SMALL},
        labelcolor=INK,
    )
    return names


def name_groups(axes: Any, groups: list[Floats], names: list[str], points: Floats) -> None:
    """Write each class's name in its middle, if the names cover neither each other nor a class."""
    if not _fit(groups, names, points, axes.get_window_extent().width):
        return
    for middle, name in zip((np.median(group, axis=0) for group in groups), names, strict=True):
        axes.text(
            *middle,
            name,
            ha="center",
            va="center",
            parse_math=False,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            **words(LABEL, INK, "bold"),
        )


def _fit(groups: list[Floats], names: list[str], points: Floats, pixels: float) -> bool:
    """Tell whether names in the classes' middles cover neither each other nor a class, on axes so wide."""
    unit = pixels / (np.ptp(points, axis=0).max() + 1e-9)
    widths = [text_width(name, LABEL, "bold") for name in names]
    high = 1.6 * LABEL * PIXELS_PER_POINT
    for group, width in zip(groups, widths, strict=True):
        if (np.ptp(group, axis=0) * unit < (1.5 * width, high)).any():
            return False
    spots = [np.median(group, axis=0) * unit for group in groups]
    return all(
        abs(spots[i][0] - spots[j][0]) > (widths[i] + widths[j]) / 2 or abs(spots[i][1] - spots[j][1]) > high
        for i in range(len(names))
        for j in range(i)
    )


def _scale(attribute: Attribute, values: Floats) -> tuple[Colormap, Normalize, list[float]]:
    """Return colours, their range and the values to name beside them."""
    colours = ordered_map(attribute)
    if not attribute.size:
        low, high = np.percentile(values, (1, 99)) if len(values) else (0.0, 1.0)
        if attribute.kind == "circular":
            low, high = 0.0, attribute.period or float(high)
        round_numbers = MaxNLocator(5).tick_values(low, high)
        ticks = [float(each) for each in round_numbers if low <= each <= high]
        return colours, Normalize(low, max(high, low + 1e-9)), ticks
    if attribute.kind == "circular":
        top = attribute.period or float(attribute.size)
        return colours, Normalize(0, top), first_some(np.arange(attribute.size), 5)
    steps = ListedColormap(colours(np.linspace(0, 0.97, attribute.size)))
    return (
        steps,
        BoundaryNorm(np.arange(attribute.size + 1) - 0.5, attribute.size),
        first_some(np.arange(attribute.size), 9),
    )


def empty_look(axes: Any) -> None:
    """Take the scales off axes whose units mean nothing."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(HAIRLINE)
