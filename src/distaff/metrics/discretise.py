"""https://arxiv.org/abs/1811.12359: the equal-width histogram that turns codes into labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from distaff.errors import InputError
from distaff.metrics.checks import Ints


def bin_edges(column: NDArray[Any], bins: int) -> NDArray[Any]:
    """The `bins` + 1 edges from the smallest to the largest value, in the values' own precision.

    A constant column gets the range +-0.5 around its value, so that it fills one bin.
    """
    low, high = column.min(), column.max()
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1, dtype=column.dtype)


def histogram_labels(codes: NDArray[Any], bins: int = 20) -> Ints:
    """Bin each code by itself: [n, D] floats -> [n, D] labels 0..bins - 1.

    Bins are closed on the left and the maximum belongs to the last bin, as in the reference.
    """
    if bins < 2:
        raise InputError(f"bins must be 2 or more, not {bins}")
    labels = np.empty(codes.shape, dtype=np.int64, order="F")
    for d in range(codes.shape[1]):
        column = np.ascontiguousarray(codes[:, d])
        labels[:, d] = _digitise(column, bin_edges(column, bins))
    return labels


def _digitise(column: NDArray[Any], edges: NDArray[Any]) -> Ints:
    """The bin of each value: a guess by arithmetic, put right against the true edges.

    Rounding can leave the guess one bin off, never more, which is far quicker than a binary search.
    """
    last = len(edges) - 2
    width = edges[-1] - edges[0]
    if not np.isfinite(width) or width / len(edges) <= 64 * np.spacing(np.abs(edges).max()):
        return np.clip(np.searchsorted(edges[:-1], column, side="right") - 1, 0, last).astype(np.int64)
    guess = ((column - edges[0]) * ((last + 1) / width)).astype(np.int64)
    np.clip(guess, 0, last, out=guess)
    guess -= column < edges[guess]
    guess += (column >= edges[guess + 1]) & (guess < last)
    return np.asarray(guess)
