"""https://arxiv.org/abs/1811.12359: from a matrix of code-factor strengths to one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import Floats

# Added to importances before they are normalised, so that a row of zeros counts as uniform; as the reference.
_FLOOR = 1e-11


def check_matrix(matrix: ArrayLike, *, codes: int = 1, factors: int = 1) -> Floats:
    """A finite, non-negative matrix [codes, factors] of at least the given size; InputError otherwise."""
    table = np.asarray(matrix, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < codes or table.shape[1] < factors:
        raise InputError(f"needs at least {codes} codes and {factors} factors, not the shape {table.shape}")
    if not np.isfinite(table).all() or (table < 0).any():
        raise InputError("a matrix of strengths must be finite and not negative")
    return table


def top_two(matrix: Floats) -> tuple[Floats, Floats]:
    """The largest and the second largest of each column; a single row has 0 for its second."""
    ordered = np.sort(matrix, axis=0)
    return ordered[-1], ordered[-2] if len(matrix) > 1 else np.zeros(matrix.shape[1])


def gap(matrix: ArrayLike) -> Floats:
    """Largest minus second largest over codes, per factor: [K]."""
    first, second = top_two(check_matrix(matrix, codes=2))
    return first - second


def modularity_per_code(information: ArrayLike) -> Floats:
    """Modularity of each code from mutual information [D, K]: [D]; 0 where a code informs on no factor.

    1 - sum over k other than the best of I[d, k]^2 / (I[d, best]^2 (K - 1)).
    """
    squared = np.square(check_matrix(information, factors=2))
    best = squared.max(axis=1)
    rest = squared.sum(axis=1) - best
    informed = best > 0
    scores = np.zeros(len(squared))
    scores[informed] = 1 - rest[informed] / (best[informed] * (squared.shape[1] - 1))
    return scores


def _one_minus_entropy(importance: Floats) -> Floats:
    """1 - entropy of each row, log base its length; 1 for rows of length one."""
    if importance.shape[1] == 1:
        return np.ones(len(importance))
    shares = importance + _FLOOR
    shares = shares / shares.sum(axis=1, keepdims=True)
    return np.asarray(1 + (shares * np.log(shares)).sum(axis=1) / np.log(shares.shape[1]))


def _weights(importance: Floats) -> Floats:
    strength = importance.sum(axis=1)
    total = strength.sum()
    return strength / total if total > 0 else np.full(len(strength), 1 / len(strength))


def disentanglement_per_code(importance: ArrayLike) -> Floats:
    """DCI disentanglement of each code from importances [D, K]: [D]."""
    return _one_minus_entropy(check_matrix(importance))


def disentanglement(importance: ArrayLike) -> float:
    """DCI disentanglement: per code 1 - H_K(row), weighted by the code's share of all importance."""
    table = check_matrix(importance)
    return float(disentanglement_per_code(table) @ _weights(table))


def completeness_per_factor(importance: ArrayLike) -> Floats:
    """DCI completeness of each factor from importances [D, K]: [K]."""
    return _one_minus_entropy(check_matrix(importance).T)


def completeness(importance: ArrayLike, *, weighting: str = "importance") -> float:
    """DCI completeness: per factor 1 - H_D(column), averaged.

    Args:
        importance: [D, K].
        weighting: ``"importance"`` weights by the factor's share of all importance (the study);
            ``"uniform"`` is the plain mean (the original paper).
    """
    table = check_matrix(importance)
    scores = completeness_per_factor(table)
    if weighting not in ("importance", "uniform"):
        raise InputError(f"weighting is 'importance' or 'uniform', not {weighting!r}")
    return float(scores @ _weights(table.T)) if weighting == "importance" else float(scores.mean())


def relative_strength(matrix: ArrayLike) -> float:
    """How nearly one-to-one a matrix of similarities is: mean of max^2 / sum over columns and over rows.

    A column or row of zeros scores 0. This is a pair's score in UDR.
    """
    table = check_matrix(matrix)

    def side(strengths: Floats) -> float:
        total = strengths.sum(axis=0)
        filled = total > 0
        scores = np.zeros(len(total))
        scores[filled] = strengths.max(axis=0)[filled] ** 2 / total[filled]
        return float(scores.mean())

    return (side(table) + side(table.T)) / 2
