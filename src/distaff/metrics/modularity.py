"""https://arxiv.org/abs/1802.05312: modularity, whether each code informs on one factor only."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.aggregation import modularity_per_code
from distaff.metrics.checks import Precision
from distaff.metrics.information import Information, information
from distaff.metrics.options import check_option
from distaff.metrics.score import Score

Uninformative = Literal["zero", "leave_out"]


def modularity(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    uninformative: Uninformative = "zero",
    factor_bins: int | None = None,
    precision: Precision = "float64",
    shared: Information | None = None,
) -> Score:
    """Whether each code informs on one factor only.

    Per code 1 - sum over k other than the best of I[d, k]^2 / (I[d, best]^2 (K - 1));
    the plain mean over codes.
    Points whose factor is missing (NaN) are left out for that factor.

    Args:
        codes: [n, D].
        factors: [n, K] classes, K >= 2.
        bins: equal-width bins per code.
        uninformative: a code that informs on nothing scores ``"zero"`` (disentanglement_lib) or is left out
            of the mean, ``"leave_out"`` (where other libraries return NaN); the score is 0 when none is left.
        factor_bins: bin the factors as well, for continuous ones.
        precision: of the codes and so of the bin edges.
        shared: an `information` pass already made, used in place of codes and factors.

    Returns:
        Score in 0..1; details `per_code` [D] and `mutual_information` [D, K] in nats.

    Raises:
        InputError: fewer than two factors, or a table that the checks refuse.
    """
    check_option("uninformative", uninformative, Uninformative)
    pass_ = shared or information(codes, factors, bins=bins, factor_bins=factor_bins, precision=precision)
    if pass_.mutual.shape[1] < 2:
        raise InputError("modularity needs at least two factors")
    per_code = modularity_per_code(pass_.mutual)
    counted = per_code if uninformative == "zero" else per_code[pass_.mutual.max(axis=1) > 0]
    return Score(
        float(np.mean(counted)) if len(counted) else 0.0,
        {"per_code": per_code, "mutual_information": pass_.mutual},
        {
            "bins": pass_.bins,
            "uninformative": uninformative,
            "factor_bins": factor_bins,
            "precision": precision,
        },
    )
