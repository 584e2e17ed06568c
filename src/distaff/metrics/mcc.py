"""https://arxiv.org/abs/1605.06336: mean correlation coefficient of the best one-to-one match."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.metrics.checks import Floats, check_codes, check_values
from distaff.metrics.options import check_option
from distaff.metrics.score import Score

Method = Literal["pearson", "spearman"]


def correlations(first: Floats, second: Floats, method: Method = "pearson") -> Floats:
    """Correlation of every column of `first` with every column of `second`; 0 where one is constant."""
    return np.asarray(_standard(first, method).T @ _standard(second, method)) / len(first)


def _standard(table: Floats, method: Method) -> Floats:
    if method == "spearman":
        from scipy.stats import rankdata

        table = rankdata(table, axis=0)
    moves = table.max(axis=0) > table.min(axis=0)
    centred = table - table.mean(axis=0)
    spread = np.where(moves, centred.std(axis=0), 1)
    return np.asarray(np.where(moves, centred / spread, 0))


def mcc(codes: ArrayLike, factors: ArrayLike, *, method: Method = "pearson") -> Score:
    """Mean absolute correlation between codes and factors over the best one-to-one assignment.

    In-sample, without a regression. Continuous factors are its home ground; classes enter as numbers.
    Spearman's form is invariant under strictly monotone maps of each code, Pearson's under affine ones.

    Args:
        codes: [n, D].
        factors: [n, K] numbers; points with a missing value (NaN) are left out for that factor.
        method: ``"pearson"`` or ``"spearman"`` (ranks, ties averaged).

    Returns:
        Score in 0..1, the mean over min(D, K) pairs; details `correlation` [D, K] (absolute; a constant code
        correlates 0), `assigned_codes` and `assigned_factors` [min(D, K)].

    Raises:
        InputError: a table that the checks refuse.
    """
    from scipy.optimize import linear_sum_assignment

    check_option("method", method, Method)
    table = check_codes(codes)
    values = check_values(factors, len(table))
    missing = np.isnan(values)
    if not missing.any():
        strength = np.abs(correlations(table, values, method))
    else:
        known = [np.flatnonzero(~column) for column in missing.T]
        columns = [
            np.abs(correlations(table[rows], values[rows, k : k + 1], method)) for k, rows in enumerate(known)
        ]
        strength = np.hstack(columns)
    assigned_codes, assigned_factors = linear_sum_assignment(-strength)
    return Score(
        float(strength[assigned_codes, assigned_factors].mean()),
        {"correlation": strength, "assigned_codes": assigned_codes, "assigned_factors": assigned_factors},
        {"method": method},
    )
