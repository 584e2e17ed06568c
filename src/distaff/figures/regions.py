"""Which class lives where in the plane of two latents, how surely, and where the classes border."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from distaff.data import Attribute
from distaff.figures.colouring import class_colours, class_legend, marks, name_groups
from distaff.figures.manifold import no_plane
from distaff.figures.material import Material
from distaff.figures.style import INK, dress, page
from distaff.metrics.knn_accuracy import nearest_rows
from distaff.model.pixels import Floats

SIDE = 240
"""Cells on each side of the map."""
POINTS, NEIGHBOURS, MOST_CLASSES = 800, 10, 20
FAINTEST, STRONGEST = 0.08, 0.8
"""How strong the colour of a cell is where nothing tells the classes apart, and where one is certain."""
Numbers = npt.NDArray[np.float64]


def no_regions(material: Material) -> str | None:
    """Say why there are no regions to draw."""
    if _attribute(material) is None:
        return f"the data have no attribute with 2 to {MOST_CLASSES} classes"
    return no_plane(material)


def regions(material: Material) -> Figure:
    """Draw the class of every code of the plane, by the latent classifier and by the nearest codes."""
    attribute = _attribute(material)
    assert attribute is not None
    columns = material.gaussian
    low, high = _window(material.trained.codes[:, columns])
    ticks = [np.linspace(low[axis], high[axis], SIDE) for axis in (0, 1)]
    plane = np.stack(np.meshgrid(*ticks), axis=-1).reshape(-1, 2).astype(np.float32)
    readers = {}
    if attribute.name in material.model.readable:
        chances = material.model.read_probabilities(plane)[attribute.name]
        readers["read by the model's own classifier"] = np.asarray(chances, dtype=np.float64)
    readers[f"the {NEIGHBOURS} nearest training codes"] = votes(material, attribute, plane)
    figure = page(
        6.2 * len(readers) + 0.9,
        5.4,
        f"Where each {attribute.name} lives",
        f"Every point is a code; its colour is the {attribute.name} it stands for, stronger where that is "
        f"surer. Lines are borders. Dots: {min(POINTS, len(material.codes)):,} {material.split} pictures in "
        "the colour of their true class.",
    )
    names = [material.model.latents[column].label for column in columns]
    for place, (title, found) in enumerate(readers.items()):
        axes = figure.add_subplot(1, len(readers), place + 1)
        dress(axes, title=title, xlabel=names[0], ylabel=names[1] if not place else "", grid=None)
        _paint(axes, found, ticks, class_colours(attribute.size))
        _dots(axes, material, attribute, last=place == len(readers) - 1)
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
    return figure


def votes(material: Material, attribute: Attribute, points: Floats) -> Numbers:
    """Return the share of the nearest training codes that each class has: [m, 2] -> [m, size]."""
    labels = material.trained.factors.column(attribute.name)
    known = ~np.isnan(labels)
    codes = material.trained.codes[known][:, material.gaussian].astype(np.float64)
    near = labels[known].astype(np.int64)[nearest_rows(codes, points.astype(np.float64), NEIGHBOURS)]
    return np.stack([(near == value).mean(axis=1) for value in range(attribute.size)], axis=1)


def _paint(axes: Any, chances: Numbers, ticks: list[Numbers], colours: list[str]) -> None:
    size = chances.shape[1]
    classes = chances.argmax(axis=1)
    sure = (chances.max(axis=1) - 1 / size) / (1 - 1 / size)
    strength = (FAINTEST + (STRONGEST - FAINTEST) * sure)[:, None]
    palette = np.array([to_rgb(colour) for colour in colours])
    shown = palette[classes] * strength + (1 - strength)
    extent = (ticks[0][0], ticks[0][-1], ticks[1][0], ticks[1][-1])
    axes.imshow(shown.reshape(SIDE, SIDE, 3), origin="lower", extent=extent, aspect="auto", zorder=0)
    for value in np.unique(classes):
        own = (classes == value).reshape(SIDE, SIDE).astype(float)
        if 0 < own.mean() < 1:
            axes.contour(*ticks, own, levels=[0.5], colors=INK, linewidths=0.6, zorder=1)


def _dots(axes: Any, material: Material, attribute: Attribute, *, last: bool) -> None:
    points = material.codes[:POINTS, material.gaussian]
    values = material.table.column(attribute.name)[:POINTS]
    colours = class_colours(attribute.size)
    known = ~np.isnan(values)
    chosen = [colours[int(value)] for value in values[known]]
    axes.scatter(*points[known].T, c=chosen, zorder=2, **marks(len(points)) | {"s": 7})
    present = [index for index in range(attribute.size) if (values == index).any()]
    names = [str(attribute.label(index)) for index in present]
    if last:
        names = class_legend(axes, attribute, present)
    name_groups(axes, [points[values == index] for index in present], names, points[known])


def _window(codes: Floats) -> tuple[Numbers, Numbers]:
    """Return the lower and upper corner of where nearly all codes lie, with a margin."""
    low, high = np.percentile(codes, (0.5, 99.5), axis=0)
    margin = 0.08 * (high - low) + 1e-6
    return low - margin, high + margin


def _attribute(material: Material) -> Attribute | None:
    """Return the attribute that the model reads from the code, else the first that has few classes."""
    table = material.trained.factors
    fitting = [each for each in table.attributes if 2 <= each.size <= MOST_CLASSES]
    labelled = [each for each in fitting if not np.isnan(table.column(each.name)).all()]
    return min(labelled, key=lambda each: each.name not in material.model.readable, default=None)
