"""https://doi.org/10.1371/journal.pone.0087357: mutual information of a code and a class.

Ross's estimator, by nearest neighbours. In one dimension they lie side by side in the sorted values, so no
tree is needed.
"""

from __future__ import annotations

import numpy as np

from distaff.metrics.checks import Floats, Ints
from distaff.metrics.compiled import compiled


@compiled
def _neighbour_distances(own: Floats, starts: Ints, neighbours: int, out: Floats) -> None:
    """Distance of each point to its k-th neighbour in its class; values sorted within each class."""
    for c in range(len(starts) - 1):
        start, stop = starts[c], starts[c + 1]
        k = min(neighbours, stop - start - 1)
        for i in range(start, stop):
            best = np.inf
            for low in range(max(start, i - k), min(i, stop - 1 - k) + 1):
                best = min(best, max(own[i] - own[low], own[low + k] - own[i]))
            out[i] = best


@compiled
def _count_within(values: Floats, centre: float, radius: float) -> int:
    """How many sorted values lie within `radius` of `centre`, by the rounded difference itself."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if centre - values[middle] > radius:
            low = middle + 1
        else:
            high = middle
    first, high = low, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] - centre > radius:
            high = middle
        else:
            low = middle + 1
    return low - first


@compiled
def _count_all(values: Floats, own: Floats, radii: Floats, out: Ints) -> None:
    for i in range(len(own)):
        out[i] = _count_within(values, own[i], radii[i])


def knn_information(values: Floats, labels: Ints, neighbours: int = 10) -> float:
    """I(code; class) in nats, not below 0.

    psi(n) + mean psi(k) - mean psi(points of the class) - mean psi(m), with m the points of any class nearer
    than the k-th neighbour in the own class. Points that are alone in their class are left out.

    Args:
        values: [n] sorted; no two should be equal (`jittered` sees to that).
        labels: [n] of the same points, from 0.
        neighbours: k, less one for a class that has not so many.
    """
    from scipy.special import digamma

    counts = np.bincount(labels)
    counted = counts[labels] > 1
    if not counted.all():
        values, labels = values[counted], labels[counted]
        counts = np.bincount(labels, minlength=1)
    n = len(values)
    if n == 0:
        return 0.0
    own = values[np.argsort(labels, kind="stable")]
    distances, near = np.empty(n), np.empty(n, dtype=np.int64)
    _neighbour_distances(own, np.concatenate([[0], np.cumsum(counts)]), neighbours, distances)
    _count_all(values, own, np.nextafter(distances, 0), near)
    psi = digamma(np.arange(1, n + 1))
    filled = counts[counts > 0]
    by_class = filled @ (psi[np.minimum(neighbours, filled - 1) - 1] - psi[filled - 1]) / n
    return max(0.0, float(psi[-1] + by_class - psi[near - 1].mean()))


def jittered(column: Floats, state: np.random.RandomState) -> Floats:
    """A standardised code with noise of 1e-10 that parts equal values, as the reference adds it."""
    size = max(1.0, float(np.abs(column).mean()))
    return np.asarray(column + 1e-10 * size * state.standard_normal(len(column)))
