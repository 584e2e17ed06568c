"""https://arxiv.org/abs/1811.00007: the interventional robustness score."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics.checks import Floats, Ints, Precision, check_classes, check_codes
from distaff.metrics.score import Score


def irs(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    quantile: float = 0.99,
    factor_bins: int | None = 20,
    precision: Precision = "float64",
) -> Score:
    """How little a code moves while its factor stays and all others change.

    dev[d, k] is the mean, over the values of factor k, of the q-quantile of abs(z_d - its mean at that
    value); IRS[d, k] = 1 - dev[d, k] / max abs(z_d - mean z_d); per code the best k, weighted by the maximal
    deviation.
    Invariant under shift, sign and scale of all codes together, and under their permutation.

    Args:
        codes: [n, D].
        factors: [n, K]; continuous ones too while `factor_bins` is set. Points with a missing value (NaN) are
            left out for that factor.
        quantile: of the deviations; 0.99 is disentanglement_lib's, 1 the paper's.
        factor_bins: equal-width bins the factors fall into first (disentanglement_lib); None takes every
            value as it is (Ubisoft).
        precision: of the codes.

    Returns:
        Score; details `matrix` [D, K], `per_code` [D], `parents` [D] (the best factor), `max_deviation` [D],
        `active_codes` (how many are not constant). A constant code has 0 in the matrix, no parent (-1) and no
        weight; when all are constant the score is 0.

    Raises:
        InputError: `quantile` is outside 0..1, or a table that the checks refuse.
    """
    if not 0 <= quantile <= 1:
        raise InputError(f"quantile must lie in 0..1, not {quantile}")
    table = check_codes(codes, precision=precision)
    classes = check_classes(factors, len(table), bins=factor_bins)
    active = np.flatnonzero(table.max(axis=0) > table.min(axis=0))
    D, K = table.shape[1], classes.labels.shape[1]
    matrix, deviation = np.zeros((D, K)), np.zeros(D)
    moving = np.ascontiguousarray(table[:, active].T)
    largest = np.abs(moving - moving.mean(axis=1, keepdims=True)).max(axis=1, initial=0)
    deviation[active] = largest
    for k, size in enumerate(classes.sizes):
        if len(active):
            matrix[active, k] = 1 - _group_deviation(moving, classes.labels[:, k], size, quantile) / largest
    per_code, parents = matrix.max(axis=1), matrix.argmax(axis=1)
    parents[deviation == 0] = -1
    total = deviation.sum()
    return Score(
        float(per_code @ deviation / total) if total > 0 else 0.0,
        {
            "matrix": matrix,
            "per_code": per_code,
            "parents": parents,
            "max_deviation": deviation,
            "active_codes": len(active),
        },
        {"quantile": quantile, "factor_bins": factor_bins, "precision": precision},
    )


def _group_deviation(columns: NDArray[Any], labels: Ints, size: int, quantile: float) -> Floats:
    """Mean over the values of one factor of the quantile of abs(z - group mean), for codes [D, n]: [D]."""
    # Narrow integers are sorted by radix, which a million points notice.
    order = np.argsort(labels.astype(np.int16) if size < 2**15 else labels, kind="stable")
    edges = np.searchsorted(labels[order], np.arange(size + 1))
    total = np.zeros(len(columns))
    for start, stop in pairwise(edges):
        group = columns[:, order[start:stop]]
        distance = np.abs(group - group.mean(axis=1, keepdims=True))
        total += _quantile(distance, quantile)
    return total / size


def _quantile(values: NDArray[Any], quantile: float) -> Floats:
    """The linear-interpolation quantile of each row."""
    place = quantile * (values.shape[1] - 1)
    below = int(place)
    if below == values.shape[1] - 1:
        return np.asarray(values.max(axis=1), dtype=np.float64)
    split = np.partition(values, (below, below + 1), axis=1)
    low, high = split[:, below], split[:, below + 1]
    return np.asarray(low + (high - low) * (place - below), dtype=np.float64)
