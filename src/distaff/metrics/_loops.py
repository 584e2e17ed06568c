"""Loops over arrays, compiled once by https://numba.pydata.org and kept on disk where there is room.

In turn: random draws as disentanglement_lib makes them and statistics of batches; Ross's estimator of mutual
information, https://doi.org/10.1371/journal.pone.0087357; densities under mixtures of posteriors.
This module loads numba, so it is imported inside functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from distaff.metrics._posterior_jemmig import _ROOT_2PI, FLOOR
from distaff.metrics._tables import Floats, Ints

P = ParamSpec("P")
R = TypeVar("R")


Words = NDArray[np.uint32]


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over arrays; without a writable cache folder it is compiled anew in each process."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return cast("Callable[P, R]", njit(cache=True, **options)(function))
    except RuntimeError:
        return cast("Callable[P, R]", njit(**options)(function))


def _mask_of(sizes: Ints) -> Ints:
    """The smallest 2^b - 1 that holds size - 1, for each size."""
    return np.array([(1 << int(size - 1).bit_length()) - 1 for size in sizes], dtype=np.int64)


@compiled
def _decode(words: Words, limits: Ints, masks: Ints, choices: Ints, batch: int, out: Ints) -> tuple[int, int]:
    """Fill labels and factors of as many points as the words suffice for: (points, words used)."""
    points, batches, K = out.shape[0], out.shape[1], out.shape[3]
    at, done = 0, 0
    for p in range(points):
        here = at
        for draw in range(1 + batches * K * batch):
            which = K if draw == 0 else (draw - 1) // batch % K
            limit, mask = int(limits[which]), int(masks[which])
            value = 0
            if limit > 0:
                value = limit + 1
                while value > limit:
                    if here >= words.shape[0]:
                        return done, at
                    value = int(words[here]) & mask
                    here += 1
            if draw == 0:
                choices[p] = value
            else:
                out[p, (draw - 1) // (batch * K), (draw - 1) % batch, which] = value
        at, done = here, p + 1
    return done, at


def reference_draws(
    state: np.random.RandomState, sizes: Ints, points: int, batches: int, batch: int, *, chunk: int = 512
) -> Iterator[tuple[Ints, Ints]]:
    """Draw, per point, one factor index and then `batches` batches of factor vectors.

    Equal to ``randint(K)`` followed by, per batch and factor, ``randint(n_k, size=batch)``. Memory stays at
    one chunk of points.

    Yields:
        Factor indices [c] and factor vectors [c, batches, batch, K] of up to `chunk` points.
    """
    bounds = np.append(sizes, len(sizes)).astype(np.int64)
    limits, masks = bounds - 1, _mask_of(bounds)
    # Words a point takes on average, and a little more, so that one fill is nearly always enough.
    odds = (masks + 1) / bounds * (bounds > 1)
    needed = odds[-1] + batches * batch * odds[:-1].sum()
    for start in range(0, points, chunk):
        count = min(chunk, points - start)
        factors = np.empty((count, batches, batch, len(sizes)), dtype=np.int64)
        choices = np.empty(count, dtype=np.int64)
        done = 0
        while done < count:
            before = state.get_state(legacy=False)
            words = state.randint(0, 2**32, size=int(needed * (count - done) * 1.02) + 4096, dtype=np.uint32)
            more, used = _decode(words, limits, masks, choices[done:], batch, factors[done:])
            state.set_state(before)
            state.randint(0, 2**32, size=used, dtype=np.uint32)
            done += more
        yield choices, factors


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


@compiled
def mixture_densities(
    points: Floats, mean: Floats, sigma: Floats, alone: Floats, without: Floats, together: Floats
) -> None:
    """Densities of each sample under the mean of all posteriors, products floored code by code.

    Fills `alone` [S, D] with those of each code, `without` [S, D] of all other codes, `together` [S] of all.
    """
    N, D = mean.shape
    own = np.empty(D)
    for s in range(len(points)):
        for d in range(D):
            alone[s, d] = 0.0
            without[s, d] = 0.0
        together[s] = 0.0
        for n in range(N):
            product = 1.0
            for d in range(D):
                away = (points[s, d] - mean[n, d]) / sigma[n, d]
                density = np.exp(-0.5 * away * away) / (sigma[n, d] * _ROOT_2PI)
                alone[s, d] += density / N
                own[d] = max(density, FLOOR)
                product *= own[d]
            for d in range(D):
                without[s, d] += product / own[d] / N
            together[s] += product / N


@compiled
def labelled_densities(
    points: Floats,
    mean: Floats,
    sigma: Floats,
    labels: Ints,
    own_labels: Ints,
    alone: Floats,
    shared: NDArray[np.float64],
) -> None:
    """Densities of each sample's codes under the mean of all posteriors, in all and among those alike.

    Fills `alone` [S, D] with the former and `shared` [S, D, K] with the part of the posteriors whose factor
    [N, K] is the sample's own [S, K].
    """
    N, D = mean.shape
    K = labels.shape[1]
    for s in range(len(points)):
        for d in range(D):
            alone[s, d] = 0.0
            for k in range(K):
                shared[s, d, k] = 0.0
        for n in range(N):
            for d in range(D):
                away = (points[s, d] - mean[n, d]) / sigma[n, d]
                density = np.exp(-0.5 * away * away) / (sigma[n, d] * _ROOT_2PI) / N
                alone[s, d] += density
                for k in range(K):
                    if labels[n, k] == own_labels[s, k]:
                        shared[s, d, k] += density
