"""https://arxiv.org/abs/1908.09961: the joint entropy minus mutual information gap, on binned codes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.aggregation import top_two
from distaff.metrics.checks import Precision
from distaff.metrics.information import Information, information
from distaff.metrics.options import check_option
from distaff.metrics.score import Score

Direction = Literal["higher", "lower"]


def jemmig(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    direction: Direction = "higher",
    factor_bins: int | None = None,
    precision: Precision = "float64",
    shared: Information | None = None,
) -> Score:
    """MIG that also asks the best code to say nothing beside its factor.

    J_k = (H(z_first, v_k) - I[first, k] + I[second, k]) / (H(v_k) + log bins); the score is the mean of
    1 - J_k.

    Args:
        codes: [n, D], D >= 2.
        factors: [n, K] classes; a missing value (NaN) leaves the point out for that factor.
        bins: equal-width bins per code. The score depends on them by definition.
        direction: ``"higher"`` is better, 1 - J (Ubisoft), or ``"lower"`` is better, J (Do & Tran).
        factor_bins: bin the factors as well, for continuous ones.
        precision: of the codes and so of the bin edges.
        shared: an `information` pass already made, used in place of codes and factors.

    Returns:
        Score in 0..1; details `per_factor` [K], `mutual_information` and `joint_entropy` [D, K] in nats,
        `best_code` [K].

    Raises:
        InputError: fewer than two codes, or a table that the checks refuse.
    """
    check_option("direction", direction, Direction)
    pass_ = shared or information(codes, factors, bins=bins, factor_bins=factor_bins, precision=precision)
    if len(pass_.mutual) < 2:
        raise InputError("jemmig needs at least two codes: it compares the best with the second best")
    first, second = top_two(pass_.mutual)
    # Of codes that know a factor equally well, the one that says least beside it is meant.
    best = np.where(pass_.mutual >= first - 1e-9, pass_.joint_entropy, np.inf).argmin(axis=0)
    joint = pass_.joint_entropy[best, np.arange(len(best))]
    cost = (joint - first + second) / (pass_.factor_entropy + np.log(pass_.bins))
    per_factor = 1 - cost if direction == "higher" else cost
    return Score(
        float(per_factor.mean()),
        {
            "per_factor": per_factor,
            "mutual_information": pass_.mutual,
            "joint_entropy": pass_.joint_entropy,
            "best_code": best,
        },
        {"bins": pass_.bins, "direction": direction, "factor_bins": factor_bins, "precision": precision},
    )
