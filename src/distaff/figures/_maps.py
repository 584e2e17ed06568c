"""Codes in the plane: maps by attribute, the regions of classes, and the images decoded there."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb
from scipy.stats import norm

from distaff.analysis import NEIGHBOURS, Analysis, confidence, grid_points, principal_map, tsne_map
from distaff.attributes import Attribute
from distaff.errors import InputError
from distaff.figures._latents import decode_one
from distaff.figures._make import figure
from distaff.figures._page import ACCENT, HAIRLINE, Page, Panel, Plots
from distaff.figures._sheet import Row, Sheet
from distaff.figures._text import INK, number, plural
from distaff.figures._values import (
    MOST_CLASSES,
    class_colours,
    class_legend,
    name_groups,
    point_look,
    scatter,
)
from distaff.latents import priors
from distaff.model import Floats

SOME, ALL = 3000, 60_000
"""Training images at most whose codes are shown: when all figures are drawn, and when asked for by name."""
PANELS = 6
SIDE, POINTS = 240, 800
"""Cells on each side of the map of regions, and images on it."""
FAINTEST, STRONGEST = 0.08, 0.8
"""How strong the colour of a cell is where nothing tells the classes apart, and where one is certain."""
IMAGES, EDGE = 20, 0.01
"""Images on each side of the manifold; the share of the prior before the first and after the last."""
CELL = 0.306
"""Inches that the longer side of an image aims at."""
DRAWS = 10_000
Numbers = npt.NDArray[np.floating[Any]]


def plane_columns(analysis: Analysis) -> tuple[int, int]:
    """Return the columns of the two latents that stand for no attribute.

    Raises:
        InputError: there are fewer or more than two.
    """
    if len(analysis.free) != 2:
        count = plural(len(analysis.free), "latent")
        raise InputError(f"the model has {count} that stand for no attribute, and a plane takes two")
    return int(analysis.free[0]), int(analysis.free[1])


@figure(name="map", when_named={"most": ALL})
def map_pair(analysis: Analysis, most: int = SOME) -> Page:
    """Codes of training images in the plane of the two latents, by attribute."""
    columns = plane_columns(analysis)
    names = [analysis.model.latents[column].label for column in columns]
    points = analysis.all_train_codes(most)[0][:, list(columns)]
    return _page(analysis, points, f"Map of {names[0]} and {names[1]}", "", (names[0], names[1]))


@figure(when_named={"most": ALL})
def map_pca(analysis: Analysis, most: int = SOME) -> Page:
    """Codes of training images in their two principal components, by attribute."""
    found = principal_map(_projected(analysis, most))
    assert found.variance is not None
    first, second = found.variance
    return _page(
        analysis,
        found.points,
        "Map of the codes by PCA",
        f"The two directions in which codes vary most hold {first + second:.0%} of their variance.",
        (f"first component ({first:.0%})", f"second component ({second:.0%})"),
    )


@figure(when_named={"most": ALL})
def map_tsne(analysis: Analysis, most: int = SOME) -> Page:
    """Codes of training images by t-SNE, neighbours side by side, by attribute."""
    note = "Neighbouring codes lie side by side; the axes and distances between groups mean nothing."
    points = tsne_map(_projected(analysis, most)).points
    return _page(analysis, points, "Map of the codes by t-SNE", note, ("", ""))


def _projected(analysis: Analysis, most: int) -> Floats:
    """Return the codes to project; raises InputError where a projection would show nothing."""
    if analysis.model.code_size <= 2:
        raise InputError("the code has no more than two numbers; 'map' shows it as it is")
    return analysis.all_train_codes(most)[0]


def _page(analysis: Analysis, points: Floats, title: str, note: str, labels: tuple[str, str]) -> Page:
    """Return a map for each of the first attributes; scales show when the axes have labels."""
    there_are = len(analysis.dataset.splits["train"])
    table = analysis.all_train_codes(len(points))[1]
    known = [each for each in table.attributes if not np.isnan(table.column(each.name)).all()]
    shown = known[:PANELS]
    images = "images" if analysis.other_data else "training images"
    some = f"{len(points):,}" if len(points) == there_are else f"{len(points):,} of {there_are:,}"
    left_out = f" {len(shown)} of {len(known)} attributes." if len(known) > PANELS else ""
    # One unit is as long up as across, so a flat map gets flat axes.
    across, up = np.ptp(points, axis=0) + 1e-9
    wide = {1: 7.0, 2: 5.2, 4: 5.2}.get(len(shown), 4.2 if shown else 7.0)
    size = (wide, wide * float(np.clip(0.84 * up / across, 0.5, 0.84)))
    panels = [
        Panel(
            f"by {each.name}",
            partial(
                _draw_points,
                points=points,
                attribute=each,
                values=table.column(each.name),
                scales=any(labels),
            ),
            *labels,
            grid=None,
        )
        for each in shown
    ]
    if not panels:
        panels = [Panel("", partial(_draw_points, points=points, scales=any(labels)), *labels, grid=None)]
    return Plots(title, f"{some} {images}. {note}{left_out}".strip(), panels, size)


def _draw_points(
    axes: Any,
    points: Floats,
    *,
    scales: bool,
    attribute: Attribute | None = None,
    values: Floats | None = None,
) -> None:
    axes.set_aspect("equal", adjustable="datalim")
    if attribute is None or values is None:
        axes.scatter(*points.T, color=ACCENT, **point_look(len(points)))
    else:
        scatter(axes, points, attribute, values)
    if not scales:
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(True)
            spine.set_color(HAIRLINE)


def _whole_plane(analysis: Analysis) -> tuple[int, int]:
    """Return the two columns of the code; raises InputError when there are more."""
    columns = plane_columns(analysis)
    others = len(analysis.latents) - 2
    if others:
        raise InputError(f"the code has {plural(others, 'number')} beside the two latents of a plane")
    return columns


@figure()
def regions(analysis: Analysis) -> Page:
    """Which class lives where in the plane of two latents, and where the classes border."""
    columns = _whole_plane(analysis)
    attribute = _attribute(analysis)
    if attribute is None:
        raise InputError(f"the data have no attribute with 2 to {MOST_CLASSES} classes")
    low, high = _window(analysis.train_codes)
    cells = grid_points((low[0], high[0]), (low[1], high[1]), SIDE)
    shares, distance = analysis.neighbours(attribute.name).vote(cells)
    found = {f"{NEIGHBOURS} nearest codes": (shares, confidence(shares, distance))}
    if attribute.name in analysis.model.classifiers:
        chances = np.asarray(analysis.model.read_probabilities(cells)[attribute.name], dtype=np.float64)
        found = {"latent classifier": (chances, chances.max(axis=1))} | found
    names = [analysis.model.latents[column].label for column in columns]
    box = (low[0], high[0], low[1], high[1])
    panels = [
        Panel(
            title,
            partial(_draw_regions, analysis=analysis, attribute=attribute, shares=shares, sure=sure, box=box),
            xlabel=names[0],
            ylabel=names[1],
            grid=None,
        )
        for title, (shares, sure) in found.items()
    ]
    dots = plural(min(POINTS, len(analysis.rows)), f"{analysis.split_name} image")
    return Plots(
        f"Regions of each {attribute.name}",
        f"Each place is a code. Its colour is the {attribute.name} that the code stands for, stronger where "
        f"that is surer; lines are borders. Dots: {dots} in the colour of the true class.",
        panels,
        (6.4, 5.2),
        columns=2,
    )


def _attribute(analysis: Analysis) -> Attribute | None:
    """Return the attribute that the model reads from the code, else the first that has few classes."""
    table = analysis.train_table
    fitting = [each for each in table.attributes if 2 <= each.size <= MOST_CLASSES]
    labelled = [each for each in fitting if not np.isnan(table.column(each.name)).all()]
    return min(labelled, key=lambda each: each.name not in analysis.model.readable, default=None)


def _window(codes: Floats) -> tuple[Numbers, Numbers]:
    """Return the lower and upper corner of where nearly all codes lie, with a margin."""
    low, high = np.percentile(codes, (0.5, 99.5), axis=0)
    margin = np.maximum(0.08 * (high - low), 1e-3)
    return low - margin, high + margin


def _draw_regions(
    axes: Any,
    analysis: Analysis,
    attribute: Attribute,
    shares: Numbers,
    sure: Numbers,
    box: tuple[float, float, float, float],
) -> None:
    size = attribute.size
    classes = shares.argmax(axis=1)
    certain = np.clip((sure - 1 / size) / (1 - 1 / size), 0, 1)
    strength = (FAINTEST + (STRONGEST - FAINTEST) * certain)[:, None]
    colours = class_colours(size)
    shown = np.array([to_rgb(colour) for colour in colours])[classes] * strength + (1 - strength)
    axes.imshow(shown.reshape(SIDE, SIDE, 3), origin="lower", extent=box, aspect="auto", zorder=0)
    steps = (np.arange(SIDE) + 0.5) / SIDE
    across, up = (box[i] + steps * (box[i + 1] - box[i]) for i in (0, 2))
    for value in np.unique(classes):
        own = (classes == value).reshape(SIDE, SIDE).astype(float)
        if 0 < own.mean() < 1:
            axes.contour(across, up, own, levels=[0.5], colors=INK, linewidths=0.6, zorder=1)
    _dots(axes, analysis, attribute, colours)
    axes.set_xlim(box[0], box[1])
    axes.set_ylim(box[2], box[3])


def _dots(axes: Any, analysis: Analysis, attribute: Attribute, colours: list[str]) -> None:
    points = analysis.codes[:POINTS]
    values = analysis.table.column(attribute.name)[:POINTS]
    known = ~np.isnan(values)
    chosen = [colours[int(value)] for value in values[known]]
    axes.scatter(*points[known].T, c=chosen, zorder=2, **point_look(len(points)) | {"s": 7})
    present = [index for index in range(attribute.size) if (values == index).any()]
    class_legend(axes, attribute, present)
    name_groups(axes, attribute, present, [points[values == index] for index in present])


@figure()
def manifold(analysis: Analysis) -> Page:
    """Images decoded over the plane of two latents, at the prior's quantiles.

    As in figure 4 of https://arxiv.org/abs/1312.6114.
    """
    columns = _whole_plane(analysis)
    x, y = _quantiles(analysis)
    across, up = np.meshgrid(x, y[::-1])
    codes = np.stack([across, up], axis=-1).reshape(-1, 2).astype(np.float32)
    images = decode_one(analysis, codes, analysis.typical)
    rows = [Row(images[start : start + IMAGES]) for start in range(0, len(images), IMAGES)]
    names = [analysis.model.latents[column].label for column in columns]
    told = f" All under the condition of one {analysis.split_name} image." if analysis.model.condition else ""
    return Sheet(
        f"Images decoded over the plane of {names[0]} and {names[1]}",
        f"{names[0]} grows to the right from {number(x[0])} to {number(x[-1])}, {names[1]} upwards from "
        f"{number(y[0])} to {number(y[-1])}, in steps of the prior's quantiles.{told}",
        rows,
        cell=CELL,
        gap=0,
    )


def _quantiles(analysis: Analysis) -> tuple[Numbers, Numbers]:
    """Return the quantiles of the prior along both axes, `IMAGES` each; by draws where it is not N(0, I)."""
    shares = np.linspace(EDGE, 1 - EDGE, IMAGES)
    if all(isinstance(block.prior, priors.StandardModule) for block in analysis.model.vae.latents):
        exact = norm.ppf(shares)
        return exact, exact
    codes, _ = analysis.model.sample_codes(DRAWS)
    drawn = np.quantile(codes, shares, axis=0)
    return drawn[:, 0], drawn[:, 1]
