"""How much samples of one kind differ among themselves, beside real points of that kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import check_codes


def mean_distance(points: ArrayLike) -> float:
    """Mean Euclidean distance between two different points of a table [n, D], n >= 2.

    Raises:
        InputError: fewer than two points, or a table that `check_codes` refuses.
    """
    from scipy.spatial.distance import pdist

    table = check_codes(points, name="points")
    if len(table) < 2:
        raise InputError("a distance needs at least two points")
    return float(pdist(table).mean())


def diversity(samples: ArrayLike, real: ArrayLike) -> float:
    """Mean distance between samples [n, D] over that between real points [m, D].

    0 where all samples are the same, 1 where they differ as much as real points do; NaN where the real points
    do not differ. Invariant under shift, rotation and common scale.

    Raises:
        InputError: fewer than two of either, or tables that disagree.
    """
    drawn, given = check_codes(samples, name="samples"), check_codes(real, name="real")
    if drawn.shape[1] != given.shape[1]:
        raise InputError(f"samples and real disagree: {drawn.shape[1]} columns against {given.shape[1]}")
    usual = mean_distance(given)
    return mean_distance(drawn) / usual if usual else float(np.nan)
