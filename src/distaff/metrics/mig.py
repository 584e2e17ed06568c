"""https://arxiv.org/abs/1802.04942: the mutual information gap, on binned codes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.aggregation import gap
from distaff.metrics.checks import Floats, Precision
from distaff.metrics.information import Information, information
from distaff.metrics.options import check_option
from distaff.metrics.score import Score

Normaliser = Literal["factor_entropy", "log_size", "code_entropy"]


def normalised(shared: Information, normaliser: Normaliser) -> Floats:
    """I [D, K] divided by the named entropy; 0 where a constant code has none."""
    check_option("normaliser", normaliser, Normaliser)
    if normaliser == "factor_entropy":
        return shared.mutual / shared.factor_entropy
    if normaliser == "log_size":
        return shared.mutual / np.log(shared.factors.sizes)
    own = shared.code_entropy[:, None]
    return np.divide(shared.mutual, own, out=np.zeros_like(shared.mutual), where=own > 0)


def mig(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    normaliser: Normaliser = "factor_entropy",
    factor_bins: int | None = None,
    precision: Precision = "float64",
    shared: Information | None = None,
) -> Score:
    """How far the best code for a factor is ahead of the second best, in mutual information.

    MIG = mean over k of (I[first, k] - I[second, k]) / H(v_k), with I between the binned code and the factor.
    Invariant under permutation, shift and scale of codes; not under other monotone maps, as bins are
    equal-width.
    A constant code has no information. Points whose factor is missing (NaN) are left out for that factor.

    Args:
        codes: [n, D], D >= 2.
        factors: [n, K] classes.
        bins: equal-width bins per code, from its own minimum to its maximum.
        normaliser: ``"factor_entropy"`` from the sample (disentanglement_lib), ``"log_size"`` (Chen et al.)
            or ``"code_entropy"`` of the binned code (Ubisoft; a constant code then counts as 0).
        factor_bins: bin the factors as well, for continuous ones.
        precision: of the codes and so of the bin edges.
        shared: an `information` pass already made, used in place of codes and factors.

    Returns:
        Score in 0..1; details `per_factor` [K], `mutual_information` [D, K] and `factor_entropy` [K] in nats.

    Raises:
        InputError: fewer than two codes, or a table that `check_codes` or `check_classes` refuses.
    """
    pass_ = shared or information(codes, factors, bins=bins, factor_bins=factor_bins, precision=precision)
    if len(pass_.mutual) < 2:
        raise InputError("mig needs at least two codes: it compares the best with the second best")
    per_factor = gap(normalised(pass_, normaliser))
    return Score(
        float(per_factor.mean()),
        {
            "per_factor": per_factor,
            "mutual_information": pass_.mutual,
            "factor_entropy": pass_.factor_entropy,
        },
        {"bins": pass_.bins, "normaliser": normaliser, "factor_bins": factor_bins, "precision": precision},
    )


def mig_sup(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    normaliser: Normaliser = "code_entropy",
    factor_bins: int | None = None,
    precision: Precision = "float64",
    shared: Information | None = None,
) -> Score:
    """MIG turned round (https://arxiv.org/abs/2002.10549): per code, the best factor's lead.

    Arguments as for `mig`; needs two factors. Mean over codes; a constant code scores 0.

    Returns:
        Score in 0..1; details `per_code` [D] and `mutual_information` [D, K] in nats.
    """
    pass_ = shared or information(codes, factors, bins=bins, factor_bins=factor_bins, precision=precision)
    if pass_.mutual.shape[1] < 2:
        raise InputError("mig_sup needs at least two factors: it compares the best with the second best")
    per_code = gap(normalised(pass_, normaliser).T)
    return Score(
        float(per_code.mean()),
        {"per_code": per_code, "mutual_information": pass_.mutual},
        {"bins": pass_.bins, "normaliser": normaliser, "factor_bins": factor_bins, "precision": precision},
    )
