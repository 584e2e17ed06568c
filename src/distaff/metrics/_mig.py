"""Gaps of mutual information between binned codes and factors: MIG, MIG-SUP, JEMMIG and DCIMIG."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics._information import Information, information
from distaff.metrics._matrices import gap, top_two
from distaff.metrics._registry import Score, metric
from distaff.metrics._tables import Floats, Precision, check_option

Normaliser = Literal["factor_entropy", "log_size", "code_entropy"]
Direction = Literal["higher", "lower"]


def _normalised(shared: Information, normaliser: Normaliser) -> Floats:
    """I [D, K] divided by the named entropy; 0 where a constant code has none."""
    check_option("normaliser", normaliser, Normaliser)
    if normaliser == "factor_entropy":
        return shared.mutual / shared.factor_entropy
    if normaliser == "log_size":
        return shared.mutual / np.log(shared.factors.sizes)
    # Of the points where the factor is known, as the information is: H(code) = H(both) - H(factor) + I.
    own = np.maximum(shared.joint_entropy - shared.factor_entropy + shared.mutual, shared.mutual)
    return np.divide(shared.mutual, own, out=np.zeros_like(shared.mutual), where=own > 0)


@metric(least_codes=2)
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
    """Mutual information gap: how much more the best code knows of a factor than the second best code.

    The mean over k of (I[first, k] - I[second, k]) / H(v_k), with I between the binned code and the factor.
    High when every factor has exactly one code. Invariant under permutation, shift and scale of codes; not
    under other monotone maps, as bins are equal-width. A constant code has no information.

    Interpretation:
        Range: 0 to 1.
        Chance: about 0.
        Better: higher.
        Weaknesses: Two codes that share a factor score 0 even if nothing else is in them. One code that mixes
            two factors is not punished. Depends on the bins: a factor with more values than bins cannot reach
            1. Biased upwards by small samples and many classes.
        Continuous factors: refused, or binned with factor_bins.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1802.04942

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
        Score; details `per_factor` [K], `mutual_information` [D, K] and `factor_entropy` [K] in nats.

    Raises:
        InputError: fewer than two codes, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    >>> round(mig(factors + 0.0, factors).value, 6)
    1.0
    """
    pass_ = shared or information(codes, factors, bins=bins, factor_bins=factor_bins, precision=precision)
    if len(pass_.mutual) < 2:
        raise InputError("mig needs at least two codes: it compares the best with the second best")
    per_factor = gap(_normalised(pass_, normaliser))
    return Score(
        float(per_factor.mean()),
        {
            "per_factor": per_factor,
            "mutual_information": pass_.mutual,
            "factor_entropy": pass_.factor_entropy,
        },
        {"bins": pass_.bins, "normaliser": normaliser, "factor_bins": factor_bins, "precision": precision},
    )


@metric(default=False, least_factors=2)
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
    """MIG seen from the codes: how much more a code knows of its best factor than of any other factor.

    The mean over codes; high when no code mixes factors. A constant code scores 0.

    Interpretation:
        Range: 0 to 1.
        Chance: about 0.
        Better: higher.
        Weaknesses: A factor that no code holds is not noticed. Divided by the entropy of the binned code, so
            continuous codes cannot reach 1.
        Continuous factors: refused, or binned with factor_bins.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/2002.10549

    Arguments are those of `mig`, but for K >= 2 and one code being enough.

    Returns:
        Score; details `per_code` [D] and `mutual_information` [D, K] in nats.

    Raises:
        InputError: fewer than two factors, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    >>> round(mig_sup(factors + 0.0, factors).value, 6)
    1.0
    """
    pass_ = shared or information(codes, factors, bins=bins, factor_bins=factor_bins, precision=precision)
    if pass_.mutual.shape[1] < 2:
        raise InputError("mig_sup needs at least two factors: it compares the best with the second best")
    per_code = gap(_normalised(pass_, normaliser).T)
    return Score(
        float(per_code.mean()),
        {"per_code": per_code, "mutual_information": pass_.mutual},
        {"bins": pass_.bins, "normaliser": normaliser, "factor_bins": factor_bins, "precision": precision},
    )


@metric(least_codes=2)
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
    """MIG that also asks the best code of a factor to hold nothing else.

    The mean over k of 1 - J_k, with J_k = (H(z_first, v_k) - I[first, k] + I[second, k]) / (H(v_k) + log
    bins).

    Interpretation:
        Range: 0 to 1.
        Chance: 0.1 to 0.2.
        Better: higher.
        Weaknesses: Depends on the number of bins by definition. Published in both directions:
            direction='lower' is the authors'.
        Continuous factors: refused, or binned with factor_bins.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1908.09961

    Args:
        codes: [n, D], D >= 2.
        factors: [n, K] classes.
        bins: equal-width bins per code.
        direction: ``"higher"`` is better, 1 - J (Ubisoft), or ``"lower"`` is better, J (Do & Tran).
        factor_bins: bin the factors as well, for continuous ones.
        precision: of the codes and so of the bin edges.
        shared: an `information` pass already made, used in place of codes and factors.

    Returns:
        Score; details `per_factor` [K], `mutual_information` and `joint_entropy` [D, K] in nats, `best_code`
        [K].

    Raises:
        InputError: fewer than two codes, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    >>> round(jemmig(factors + 0.0, factors, bins=4).value, 6)
    1.0
    """
    check_option("direction", direction, Direction)
    pass_ = shared or information(codes, factors, bins=bins, factor_bins=factor_bins, precision=precision)
    if len(pass_.mutual) < 2:
        raise InputError("jemmig needs at least two codes: it compares the best with the second best")
    first, second = top_two(pass_.mutual)
    # Of codes that know a factor equally well, the one that holds least beside it is meant.
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


@metric(least_factors=2)
def dcimig(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    factor_bins: int | None = None,
    precision: Precision = "float64",
    shared: Information | None = None,
) -> Score:
    """Disentanglement, completeness and informativeness in one gap of mutual information.

    Each code keeps only its lead I[d, first] - I[d, second] over factors, credited to its best factor; each
    factor keeps its best credit; their sum is divided by the sum of the factors' entropies.

    Interpretation:
        Range: 0 to 1.
        Chance: about 0.
        Better: higher.
        Weaknesses: Strict: a code that knows a second factor as well has no credit. Depends on the bins.
        Continuous factors: refused, or binned with factor_bins.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1910.05587

    Arguments are those of `mig`, but for K >= 2 and one code being enough.

    Returns:
        Score; details `per_factor` [K] (credit in nats), `per_code` [D] (lead in nats), `best_factor` [D],
        `mutual_information` [D, K] in nats.

    Raises:
        InputError: fewer than two factors, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    >>> round(dcimig(factors + 0.0, factors).value, 6)
    1.0
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
        {"per_factor": credit, "per_code": lead, "best_factor": best, "mutual_information": pass_.mutual},
        {"bins": pass_.bins, "factor_bins": factor_bins, "precision": precision},
    )
