"""How values of an attribute are named and coloured: by class, in order, round a turn, or by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, LinearSegmentedColormap, ListedColormap, Normalize
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from distaff.attributes import Attribute
from distaff.figures._page import UNUSED, legend, name_ticks
from distaff.figures._text import INK, LABEL, LEADING, SMALL, elide, number, text_width, write
from distaff.model import Floats

OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#1c1e21", "#f0e442")
"""Okabe and Ito's eight colours, https://jfly.uni-koeln.de/color/, the hardest to see on white last."""
PETROFF = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
"""Petroff's ten colours, https://arxiv.org/abs/2107.02270, optimised for colour blindness and by survey."""
TURN = LinearSegmentedColormap.from_list(
    "turn", ["#2b2147", "#2a5d9f", "#4fb0c6", "#f2d85c", "#e07b28", "#8f2a3c", "#2b2147"], N=512
)
"""A cyclic map: cold up to yellow and warm back, so that lightness tells half and hue tells which half."""
MARKERS = ("o", "^")
MOST_CLASSES = 20
"""Classes at most that each get a colour and a place in a legend."""
CROWD = 4000
"""Points from which on they are drawn small, without an edge, half seen through, and as pixels."""
LEAST_NAMED = 20
"""Points of a class under which its name would hide too many of them."""
NAME = 75.0
"""Points of a name in a legend at most."""


def first_some(values: npt.ArrayLike, count: int) -> list[float]:
    """Return `count` of the values, evenly spaced, first and last included; all when there are fewer.

    >>> first_some(range(32), 3)
    [0.0, 16.0, 31.0]
    """
    array = np.asarray(values, dtype=np.float64)
    kept = np.unique(np.rint(np.linspace(0, len(array) - 1, min(count, len(array)))).astype(int))
    return [float(array[index]) for index in kept]


def values_to_show(attribute: Attribute, count: int) -> list[float]:
    """Return at most `count` class indices (or numbers) that span an attribute."""
    if not attribute.size:
        return [float(value) for value in np.linspace(attribute.low, attribute.high, min(count, 9))]
    if attribute.kind == "circular":
        # The last class may be the first one again, a full turn later.
        classes = np.arange(min(attribute.size, round(attribute.period or attribute.size)))
        if len(classes) > count:
            return [float(value) for value in np.rint(np.arange(count) * len(classes) / count)]
        return [float(value) for value in classes]
    return first_some(np.arange(attribute.size), count)


def name_value(attribute: Attribute, value: float) -> str:
    """Return a class's label, or a number in three digits."""
    label = attribute.label(value)
    return number(label) if isinstance(label, float) else str(label)


def class_colours(count: int) -> list[str]:
    """Return a colour for each of at most 20 classes; beyond 10 colours come twice, with another marker."""
    colours = OKABE_ITO if count <= len(OKABE_ITO) else PETROFF
    return [colours[index % len(colours)] for index in range(count)]


def ordered_map(attribute: Attribute) -> Colormap:
    """Return the map for classes or numbers in order, in a circle if they are."""
    return TURN if attribute.kind == "circular" else mpl.colormaps["viridis"]


def point_look(count: int) -> dict[str, Any]:
    """Return how big and how dense so many points are drawn."""
    if count <= CROWD:
        size = float(np.clip(9000 / max(count, 1), 5, 30))
        return {"s": size, "linewidths": 0.25, "edgecolors": "white", "alpha": 0.9}
    # White edges would wash out a crowd; half seen through, the denser parts and mixed classes still show.
    size = float(np.clip(40_000 / count, 1.0, 5))
    return {"s": size, "linewidths": 0, "alpha": 0.55, "rasterized": True}


def scatter(axes: Any, points: Floats, attribute: Attribute, values: Floats) -> None:
    """Draw points [n, 2] coloured by an attribute's values [n]; those without a label are grey and below."""
    common = point_look(len(points))
    unknown = np.isnan(values)
    if unknown.any():
        axes.scatter(*points[unknown].T, **common | {"color": UNUSED, "alpha": 0.6})
    known = np.flatnonzero(~unknown)
    if not len(known):
        return
    if attribute.kind == "categorical" and attribute.size <= MOST_CLASSES:
        _by_class(axes, points[known], attribute, values[known].astype(int), common)
        return
    colours, norm, ticks = _scale(attribute, values[known])
    # Ordered colours drawn in order would hide what lies below the last.
    drawn = np.random.default_rng(0).permutation(known)
    axes.scatter(*points[drawn].T, c=values[drawn], cmap=colours, norm=norm, **common)
    beside = axes.inset_axes((1.03, 0.1, 0.035, 0.8))
    bar = axes.figure.colorbar(ScalarMappable(norm, colours), cax=beside)
    bar.outline.set_visible(False)
    bar.ax.minorticks_off()
    name_ticks(bar.ax.yaxis, ticks, [elide(name_value(attribute, each), SMALL, NAME) for each in ticks])
    bar.ax.tick_params(length=0, labelsize=SMALL, labelcolor=INK)


def _by_class(axes: Any, points: Floats, attribute: Attribute, classes: Any, common: dict[str, Any]) -> None:
    colours = class_colours(attribute.size)
    present = [index for index in range(attribute.size) if (classes == index).any()]
    # Class after class would put the last on top, so slices of every class take turns.
    for turn in range(4):
        for index in present:
            mine = np.flatnonzero(classes == index)[turn::4]
            axes.scatter(*points[mine].T, color=colours[index], marker=_marker(index), **common)
    class_legend(axes, attribute, present)
    name_groups(axes, attribute, present, [points[classes == index] for index in present])


def _marker(index: int) -> str:
    return MARKERS[index // len(PETROFF)]


def class_legend(axes: Any, attribute: Attribute, present: Sequence[int]) -> None:
    """Write beside the axes which colour is which class."""
    colours = class_colours(attribute.size)
    handles = [
        Line2D([], [], linestyle="", marker=_marker(index), markersize=5, color=colours[index])
        for index in present
    ]
    names = [elide(name_value(attribute, index), SMALL, NAME) for index in present]
    legend(
        axes,
        handles,
        names,
        INK,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        handletextpad=0.1,
        borderaxespad=0.2,
        ncols=1 if len(present) <= 12 else 2,
    )


def name_groups(axes: Any, attribute: Attribute, present: Sequence[int], groups: Sequence[Floats]) -> None:
    """Write each class's name in its middle, if the names cover neither each other nor a class."""
    names = [elide(name_value(attribute, index), LABEL, NAME, "bold") for index in present]
    if min(map(len, groups), default=0) < LEAST_NAMED or not _fit(groups, names, axes):
        return
    outline = [withStroke(linewidth=2.5, foreground="white")]
    for group, name in zip(groups, names, strict=True):
        x, y = np.median(group, axis=0)
        write(axes, x, y, name, LABEL, INK, "bold", ha="center", va="center", path_effects=outline)


def _fit(groups: Sequence[Floats], names: Sequence[str], axes: Any) -> bool:
    """Tell whether names in the classes' middles cover neither each other nor a class."""
    points = np.concatenate(groups)
    # The page is laid out later, when words beside the axes take some of their width.
    wide = 0.6 * axes.get_window_extent().width / axes.figure.dpi * 72
    unit = wide / (np.ptp(points, axis=0).max() + 1e-9)
    widths = [text_width(name, LABEL, "bold") for name in names]
    high = LEADING * LABEL
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
        low, high = (float(each) for each in np.percentile(values, (1, 99)))
        if attribute.kind == "circular":
            low, high = 0.0, attribute.period or high
        high = max(high, low + 1e-9 * max(1.0, abs(low)))
        ticks = [float(each) for each in MaxNLocator(5).tick_values(low, high) if low <= each <= high]
        return colours, Normalize(low, high), ticks
    if attribute.kind == "circular":
        top = attribute.period or float(attribute.size)
        return colours, Normalize(0, top), first_some(np.arange(attribute.size), 5)
    steps = ListedColormap(colours(np.linspace(0, 0.97, attribute.size)))
    edges = np.arange(attribute.size + 1) - 0.5
    return steps, BoundaryNorm(edges, attribute.size), first_some(np.arange(attribute.size), 9)
