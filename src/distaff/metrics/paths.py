"""What lies between the classes of a code: straight paths from class mean to class mean."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics.checks import Floats, Ints, check_codes


def class_pairs(size: int) -> Ints:
    """Every pair of `size` classes, the smaller first: int64 [size (size - 1) / 2, 2]."""
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
    """Share of each path that is read as one of its own two classes: classes [P, T], [P, 2] -> [P]."""
    own = (seen == pairs[:, :1]) | (seen == pairs[:, 1:])
    return np.asarray(own.mean(axis=1))


def void_depth(log_density: Floats) -> Floats:
    """How far the density dips below the lower end of each path, nats: [P, T] -> [P].

    max(0, min(log q(first), log q(last)) - min_t log q(t)): 0 where the density never falls below both ends.
    A change of the code's scale or a rotation leaves it as it is.
    """
    ends = np.minimum(log_density[:, 0], log_density[:, -1])
    return np.asarray(np.maximum(0, ends - log_density.min(axis=1)))
