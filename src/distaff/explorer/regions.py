"""Class regions of a map as grids: which class lies where, and how surely."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data import Attribute
from distaff.explorer.blocks import Blocks
from distaff.explorer.maps import Map
from distaff.explorer.points import to_byte
from distaff.explorer.shown import Shown
from distaff.model.pixels import Floats

SIDE = 256
"""Cells of a grid along each side."""
MARGIN = 0.05
"""Share of the points' extent that a grid reaches beyond them on either side."""
MOST_CLASSES = 20
"""Classes at most that are told apart by colour."""
MOST_GRIDS = 12
NEIGHBOURS = 10
FAR = 3.0
"""Confidence fades where the tenth neighbour is so many times as far as is usual among the points."""

Grid = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


def regions(shown: Shown, maps: list[Map], blocks: Blocks) -> list[dict[str, Any]]:
    """Return a grid for each map and each attribute of few classes, the model's own classifier first.

    The classifier reads the codes of a plane. Elsewhere the ten nearest labelled points vote. Cells go from
    low to high x within a row, and rows from low to high y.
    """
    attributes = [each for each in shown.model.attributes if 2 <= each.size <= MOST_CLASSES]
    attributes.sort(key=lambda each: each.name not in shown.model.classifiers)
    found: list[dict[str, Any]] = []
    for attribute in attributes:
        for each in maps:
            if len(found) == MOST_GRIDS:
                return found
            x, y = (_extent(column) for column in each.points.T)
            places = _places(x, y)
            reader = "classifier"
            if each.plane is not None and attribute.name in shown.model.classifiers:
                grid = classified(shown, attribute, each.plane.codes(places))
            else:
                reader = f"{NEIGHBOURS}-NN"
                labels = _labels(shown, attribute)[: len(each.points)]
                if np.isfinite(labels).sum() < NEIGHBOURS:
                    continue
                grid = voted(each.points, labels, attribute.size, places)
            place = f"regions/{len(found)}"
            found.append(
                {
                    "map": each.name,
                    "attribute": attribute.name,
                    "reader": reader,
                    "x": list(x),
                    "y": list(y),
                    "width": SIDE,
                    "height": SIDE,
                    "labels": blocks.add(f"{place}/labels", grid[0].reshape(SIDE, SIDE)),
                    "confidence": blocks.add(f"{place}/confidence", grid[1].reshape(SIDE, SIDE)),
                }
            )
    return found


def classified(shown: Shown, attribute: Attribute, codes: Floats) -> Grid:
    """Return the class that the latent classifier reads in each code, and its probability."""
    chances = shown.model.read_probabilities(codes)[attribute.name]
    return chances.argmax(axis=1).astype(np.uint8), to_byte(chances.max(axis=1))


def voted(points: Floats, labels: Floats, size: int, places: Floats) -> Grid:
    """Return the class most frequent among the nearest labelled points of each place, and its share.

    The share fades to 0 away from all points, where neighbours say nothing.
    """
    from sklearn.neighbors import NearestNeighbors

    known = np.isfinite(labels)
    points, classes = points[known], labels[known].astype(int)
    neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(points)
    usual = float(np.median(neighbours.kneighbors(points)[0][:, -1]))
    distances, nearest = neighbours.kneighbors(places)
    votes = np.zeros((len(places), size), dtype=np.int64)
    for column in classes[nearest].T:
        votes[np.arange(len(places)), column] += 1
    reach = distances[:, -1] / max(usual, 1e-12)
    fade = np.clip(2 - reach / FAR, 0, 1)
    return votes.argmax(axis=1).astype(np.uint8), to_byte(votes.max(axis=1) / NEIGHBOURS * fade)


def _labels(shown: Shown, attribute: Attribute) -> Floats:
    if attribute.name in shown.table.names:
        return shown.table.column(attribute.name)
    return np.full(len(shown.rows), np.nan, dtype=np.float32)


def _extent(column: Floats) -> tuple[float, float]:
    low, high = float(column.min()), float(column.max())
    margin = MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def _places(x: tuple[float, float], y: tuple[float, float]) -> Floats:
    """Return the centres of the cells, x fastest: [SIDE^2, 2]."""
    steps = (np.arange(SIDE) + 0.5) / SIDE
    across, up = np.meshgrid(x[0] + steps * (x[1] - x[0]), y[0] + steps * (y[1] - y[0]))
    return np.stack([across.ravel(), up.ravel()], axis=1).astype(np.float32)
