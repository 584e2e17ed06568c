"""Where codes lie: the strongest, distances, paths between classes, and borders on a map."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics._tables import Floats, Ints, check_codes

EMPTY = -1
"""The class of a cell of a map where no code lies."""
LEAST_BORDER = 0.1
"""A border counts from this share of the side of a mean region on, so that a touch at a corner does not."""


@dataclass(frozen=True)
class Strongest:
    """A code and its range.

    Attributes:
        index: of the code with the largest |mean| over the points; the first of equals.
        low: its least value.
        high: its largest value.
        mean: of every code over the points [D].
        size: mean of |code| over the points [D], the other reading of "absolute mean".
    """

    index: int
    low: float
    high: float
    mean: Floats
    size: Floats


def strongest(codes: ArrayLike) -> Strongest:
    """Find the code [n, D] with the largest |mean| over the points, and its own least and largest value.

    Raises:
        InputError: a table that the checks refuse.

    >>> found = strongest([[0.0, 2.0], [1.0, 3.0]])
    >>> found.index, found.low, found.high
    (1, 2.0, 3.0)
    """
    table = check_codes(codes)
    mean = table.mean(axis=0)
    index = int(np.abs(mean).argmax())
    column = table[:, index]
    return Strongest(index, float(column.min()), float(column.max()), mean, np.abs(table).mean(axis=0))


def mean_distance(points: ArrayLike) -> float:
    """Mean Euclidean distance between two different points of a table [n, D], n >= 2.

    Raises:
        InputError: fewer than two points, or a table that the checks refuse.

    >>> mean_distance([[0.0, 0.0], [3.0, 4.0]])
    5.0
    """
    from scipy.spatial.distance import pdist

    table = check_codes(points, name="points")
    if len(table) < 2:
        raise InputError("a distance needs at least two points")
    return float(pdist(table).mean())


def relative_spread(samples: ArrayLike, real: ArrayLike) -> float:
    """Mean distance between samples [n, D] over that between real points [m, D].

    0 where all samples are the same, 1 where they differ as much as real points do; NaN where the real
    points do not differ. Invariant under shift, rotation and common scale.

    Raises:
        InputError: fewer than two of either, or tables that disagree.

    >>> relative_spread([[0.0], [1.0]], [[0.0], [4.0]])
    0.25
    """
    drawn, given = check_codes(samples, name="samples"), check_codes(real, name="real")
    if drawn.shape[1] != given.shape[1]:
        raise InputError(f"samples and real disagree: {drawn.shape[1]} columns against {given.shape[1]}")
    usual = mean_distance(given)
    return mean_distance(drawn) / usual if usual else float(np.nan)


def class_pairs(size: int) -> Ints:
    """Every pair of `size` classes, the smaller first: int64 [size (size - 1) / 2, 2].

    >>> class_pairs(3).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    return np.array(list(combinations(range(size), 2)), dtype=np.int64).reshape(-1, 2)


def class_paths(codes: ArrayLike, labels: ArrayLike, *, points: int = 21) -> tuple[Floats, Ints]:
    """Straight paths between the mean codes of every two classes.

    Args:
        codes: [n, D].
        labels: whole numbers from 0 to K - 1, each at least once [n].
        points: on each path, both ends included.

    Returns:
        Paths [P, points, D] and their classes [P, 2], P = K (K - 1) / 2.

    Raises:
        InputError: fewer than two points, a class without a code, or tables that disagree.

    >>> class_paths([[0.0], [2.0], [8.0]], [0, 0, 1], points=3)[0].tolist()
    [[[1.0], [4.5], [8.0]]]
    """
    table, classes = check_codes(codes), np.asarray(labels)
    if points < 2:
        raise InputError(f"points must be 2 or more, not {points}")
    if classes.shape != (len(table),):
        raise InputError(f"codes and labels disagree: {len(table)} points against {classes.shape}")
    classes = classes.astype(np.int64)
    counts = np.bincount(classes)
    if not counts.all():
        raise InputError(f"class {counts.argmin()} has no code: number the classes from 0 without gaps")
    means = np.stack([table[classes == value].mean(axis=0) for value in range(len(counts))])
    pairs = class_pairs(len(counts))
    share = np.linspace(0, 1, points)[:, None]
    starts, ends = means[pairs[:, 0], None], means[pairs[:, 1], None]
    return starts * (1 - share) + ends * share, pairs


def path_purity(seen: NDArray[np.generic], pairs: Ints) -> Floats:
    """Share of each path that is predicted as one of its own two classes: classes [P, T], [P, 2] -> [P].

    >>> path_purity(np.array([[0, 2, 1, 1]]), np.array([[0, 1]])).tolist()
    [0.75]
    """
    own = (seen == pairs[:, :1]) | (seen == pairs[:, 1:])
    return np.asarray(own.mean(axis=1))


def void_depth(log_density: Floats) -> Floats:
    """How far the density dips below the lower end of each path, nats: [P, T] -> [P].

    max(0, min(log q(first), log q(last)) - min_t log q(t)): 0 where the density never falls below both ends.
    A change of the code's scale or a rotation leaves it as it is.

    >>> void_depth(np.array([[-1.0, -4.0, -2.0], [-1.0, 0.0, -2.0]])).tolist()
    [2.0, 0.0]
    """
    ends = np.minimum(log_density[:, 0], log_density[:, -1])
    return np.asarray(np.maximum(0, ends - log_density.min(axis=1)))


@dataclass(frozen=True)
class Grid:
    """The centres of `side` x `side` cells that cover a box of two codes.

    `points` [side^2, 2], the first code slowest; `cell` [2], the sides of a cell.
    """

    points: Floats
    side: int
    cell: Floats


def grid_over(codes: Floats, side: int) -> Grid:
    """Cover the box of the given codes [n, 2].

    >>> grid = grid_over(np.array([[0.0, 0.0], [2.0, 4.0]]), 2)
    >>> grid.points.tolist(), grid.cell.tolist()
    ([[0.5, 1.0], [0.5, 3.0], [1.5, 1.0], [1.5, 3.0]], [1.0, 2.0])
    """
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
        classes share a side; empty cells separate their neighbours.

    >>> border_lengths(np.array([[0, 1], [0, EMPTY]]), np.array([2.0, 3.0]), 2).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
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

    >>> shares_border(np.array([[0, 1], [0, 1]]), np.array([1.0, 1.0]), 2)[0].tolist()
    [[False, True], [True, False]]
    """
    area = (cells != EMPTY).sum() * float(np.prod(cell))
    least = LEAST_BORDER * float(np.sqrt(area / size))
    lengths = border_lengths(cells, cell, size)
    return (lengths > 0) & (lengths >= least), least


def planar_bound(size: int) -> int:
    """The most pairs of `size` connected regions of a plane that can share borders: 3 K - 6 from 3 on.

    >>> [planar_bound(size) for size in (2, 3, 10)]
    [1, 3, 24]
    """
    return 3 * size - 6 if size >= 3 else size - 1
