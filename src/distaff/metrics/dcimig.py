"""https://arxiv.org/abs/1910.05587: one gap per code at its best factor, the best such gap per factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.aggregation import gap
from distaff.metrics.checks import Precision
from distaff.metrics.information import Information, information
from distaff.metrics.score import Score


def dcimig(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    factor_bins: int | None = None,
    precision: Precision = "float64",
    shared: Information | None = None,
) -> Score:
    """Disentanglement, completeness and informativeness in one gap.

    Each code keeps only its lead I[d, first] - I[d, second] over factors, credited to its best factor; each
    factor keeps its best credit; their sum is divided by the sum of the factors' entropies.

    Args:
        codes: [n, D].
        factors: [n, K] classes, K >= 2; a missing value (NaN) leaves the point out for that factor.
        bins: equal-width bins per code.
        factor_bins: bin the factors as well, for continuous ones.
        precision: of the codes and so of the bin edges.
        shared: an `information` pass already made, used in place of codes and factors.

    Returns:
        Score in 0..1; details `per_factor` [K] (credit in nats), `per_code` [D] (lead in nats),
        `best_factor` [D], `mutual_information` [D, K] in nats.

    Raises:
        InputError: fewer than two factors, or a table that the checks refuse.
    """
    pass_ = shared or information(codes, factors, bins=bins, factor_bins=factor_bins, precision=precision)
    if pass_.mutual.shape[1] < 2:
        raise InputError("dcimig needs at least two factors: it compares the best with the second best")
    lead = gap(pass_.mutual.T)
    best = pass_.mutual.argmax(axis=1)
    credit = np.zeros(pass_.mutual.shape[1])
    np.maximum.at(credit, best, lead)
    return Score(
        float(credit.sum() / pass_.factor_entropy.sum()),
        {
            "per_factor": credit,
            "per_code": lead,
            "best_factor": best,
            "mutual_information": pass_.mutual,
        },
        {"bins": pass_.bins, "factor_bins": factor_bins, "precision": precision},
    )
