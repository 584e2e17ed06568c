"""https://arxiv.org/abs/1802.05983: per-batch statistics of rows of a code table, not copied."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from distaff.metrics.checks import Floats, Ints
from distaff.metrics.compiled import compiled


@compiled
def mean_differences(table: NDArray[Any], first: Ints, second: Ints) -> Floats:
    """Mean over each batch of abs(table[first] - table[second]): indices [P, B] -> [P, D]."""
    points, batch = first.shape
    D = table.shape[1]
    out = np.zeros((points, D))
    for p in range(points):
        for b in range(batch):
            one, two = first[p, b], second[p, b]
            for d in range(D):
                out[p, d] += abs(table[one, d] - table[two, d])
        for d in range(D):
            out[p, d] /= batch
    return out


@compiled
def local_variances(table: NDArray[Any], rows: Ints) -> Floats:
    """Variance (ddof 1) within each batch of rows: indices [P, B] -> [P, D]."""
    points, batch = rows.shape
    D = table.shape[1]
    out = np.zeros((points, D))
    mean = np.empty(D)
    for p in range(points):
        mean[:] = 0
        for b in range(batch):
            for d in range(D):
                mean[d] += table[rows[p, b], d]
        for d in range(D):
            mean[d] /= batch
        for b in range(batch):
            for d in range(D):
                away = table[rows[p, b], d] - mean[d]
                out[p, d] += away * away
        for d in range(D):
            out[p, d] /= batch - 1
    return out
