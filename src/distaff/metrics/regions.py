"""Which classes of a code lie side by side: votes of neighbours, and the borders on a map of two codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distaff.metrics.checks import Floats, Ints
from distaff.metrics.knn_accuracy import nearest_rows, vote

EMPTY = -1
LEAST_BORDER = 0.1
"""A border counts from this share of the side of a mean region on, so that a touch at a corner does not."""


def nearest_class(codes: Floats, labels: Ints, points: Floats, *, neighbours: int = 10) -> Ints:
    """The class that most of the nearest codes have: codes [n, D], labels [n], points [m, D] -> [m]."""
    return vote(labels[nearest_rows(codes, points, neighbours)], int(labels.max()) + 1)


@dataclass(frozen=True)
class Grid:
    """The centres of `side` x `side` cells that cover a box of two codes.

    `points` [side^2, 2], the first code slowest; `cell` [2], the sides of a cell.
    """

    points: Floats
    side: int
    cell: Floats


def grid_over(codes: Floats, side: int) -> Grid:
    """Cover the box of the given codes [n, 2]."""
    low, high = codes.min(axis=0), codes.max(axis=0)
    cell = (high - low) / side
    centres = low + (np.arange(side)[:, None] + 0.5) * cell
    points = np.stack(np.meshgrid(centres[:, 0], centres[:, 1], indexing="ij"), axis=-1).reshape(-1, 2)
    return Grid(points, side, cell)


def border_lengths(cells: Ints, cell: Floats, size: int) -> Floats:
    """How long the border between every two classes is on a map.

    Args:
        cells: the class of each cell [rows, columns], `EMPTY` where nothing lies.
        cell: the height and the width of a cell [2].
        size: how many classes there are.

    Returns:
        Symmetric [size, size] in the unit of `cell`, 0 on the diagonal. A border runs where cells of two
        classes share a side; empty cells part their neighbours.
    """
    lengths = np.zeros((size, size))
    across = ((cells[:-1], cells[1:], cell[1]), (cells[:, :-1], cells[:, 1:], cell[0]))
    for one, two, length in across:
        touch = (one != two) & (one != EMPTY) & (two != EMPTY)
        np.add.at(lengths, (one[touch], two[touch]), length)
    return np.asarray(lengths + lengths.T)


def shares_border(cells: Ints, cell: Floats, size: int) -> tuple[NDArray[np.bool_], float]:
    """Tell which classes share a border on a map: bool [size, size], and the least length that counts.

    That is `LEAST_BORDER` of the side of a mean region, sqrt(area that is not empty / size).
    """
    area = (cells != EMPTY).sum() * float(np.prod(cell))
    least = LEAST_BORDER * float(np.sqrt(area / size))
    lengths = border_lengths(cells, cell, size)
    return (lengths > 0) & (lengths >= least), least


def planar_bound(size: int) -> int:
    """The most pairs of `size` connected regions of a plane that can share borders: 3 K - 6 from 3 on."""
    return 3 * size - 6 if size >= 3 else size - 1
