"""https://arxiv.org/abs/1811.12359: mutual information matrices, and its mean between codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import Precision, check_codes
from distaff.metrics.discretise import histogram_labels
from distaff.metrics.information import Information, contingency, information, plug_in
from distaff.metrics.score import Score


def mutual_information(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    factor_bins: int | None = None,
    precision: Precision = "float64",
    shared: Information | None = None,
) -> Score:
    """The matrix I(binned code d; factor k) in nats; the headline is the mean over k of max_d I / H(v_k).

    Plug-in estimates, without a correction for their bias, which is about (bins - 1)(n_k - 1) / 2n nats.

    Args:
        codes: [n, D].
        factors: [n, K] classes; a missing value (NaN) leaves the point out for that factor.
        bins: equal-width bins per code.
        factor_bins: bin the factors as well, for continuous ones.
        precision: of the codes and so of the bin edges.
        shared: an `information` pass already made, used in place of codes and factors.

    Returns:
        Score in 0..1; details `mutual_information`, `joint_entropy` [D, K], `code_entropy` [D] and
        `factor_entropy` [K], all in nats.

    Raises:
        InputError: a table that the checks refuse.
    """
    pass_ = shared or information(codes, factors, bins=bins, factor_bins=factor_bins, precision=precision)
    return Score(
        float((pass_.mutual.max(axis=0) / pass_.factor_entropy).mean()),
        {
            "mutual_information": pass_.mutual,
            "joint_entropy": pass_.joint_entropy,
            "code_entropy": pass_.code_entropy,
            "factor_entropy": pass_.factor_entropy,
        },
        {"bins": pass_.bins, "factor_bins": factor_bins, "precision": precision},
    )


def code_mutual_information(
    codes: ArrayLike,
    factors: ArrayLike | None = None,
    *,
    bins: int = 20,
    precision: Precision = "float64",
) -> Score:
    """Mean mutual information between two different binned codes, nats; 0 when they are independent.

    Args:
        codes: [n, D], D >= 2.
        factors: taken for the common signature and not used.
        bins: equal-width bins per code.
        precision: of the codes and so of the bin edges.

    Returns:
        Score in nats; details `matrix` [D, D], with the codes' entropies on its diagonal.

    Raises:
        InputError: fewer than two codes.
    """
    del factors
    table = check_codes(codes, precision=precision)
    D = table.shape[1]
    if D < 2:
        raise InputError("code_mutual_information needs at least two codes")
    labels = histogram_labels(table, bins)
    matrix = np.empty((D, D))
    for first in range(D):
        for second in range(first, D):
            value, _ = plug_in(contingency(labels[:, first], labels[:, second], bins, bins))
            matrix[first, second] = matrix[second, first] = value
    mean = (matrix.sum() - np.trace(matrix)) / (D * D - D)
    return Score(float(mean), {"matrix": matrix}, {"bins": bins, "precision": precision})
