"""https://arxiv.org/abs/1908.09961: informativeness, RMIG and JEMMIG of binned posteriors."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.aggregation import top_two
from distaff.metrics.checks import Floats, check_classes, check_codes
from distaff.metrics.jemmig import Direction
from distaff.metrics.options import check_option
from distaff.metrics.score import Score

Headline = Literal["jemmig", "rmig", "informativeness"]

# Probabilities enter a logarithm no nearer to 0 and 1 than this; a posterior whose density nowhere reaches
# the other counts as a point. Both are the reference's.
_CLIP = 1e-8
_LEAST_DENSITY = 1e-5


def posterior_jemmig(
    mean: ArrayLike,
    factors: ArrayLike,
    *,
    logvar: ArrayLike,
    bins: int = 100,
    limit: float = 4.0,
    headline: Headline = "jemmig",
    direction: Direction = "lower",
) -> Score:
    """JEMMIG, RMIG and informativeness from q(z_d | x) spread over equal bins, so that noise in z counts.

    Q(bin | x) is the normal density at the bin's centre, renormalised; Q(z) its mean, Q(z, v_k) by counting.
    RMIG_k = (I1 - I2) / H(v_k); JEMMIG_k = (H(z_first, v_k) - I1 + I2) / (H(v_k) + log bins);
    informativeness I(z_d; x) = H(Q(z)) - mean H(Q(z | x)), over H(Q(z)).

    Args:
        mean: of q(z_d | x) = N(mean, exp(logvar)) [N, D], D >= 2.
        factors: [N, K] classes, without missing values.
        logvar: log variances [N, D].
        bins: equal bins on -limit..limit. The score depends on them by definition.
        limit: end of the bins; a posterior beyond them counts in the end bin.
        headline: which of the three is the value: the mean over factors, or over codes for informativeness.
        direction: of JEMMIG: ``"lower"`` is better (Do & Tran) or ``"higher"``, one minus it.

    Returns:
        Score; details `rmig_per_factor`, `jemmig_per_factor` [K], `informativeness` and
        `normalised_informativeness` [D], `mutual_information` and `joint_entropy` [D, K], `code_entropy` [D],
        `factor_entropy` [K], in nats.

    Raises:
        InputError: fewer than two codes, a missing factor, or tables that disagree.
    """
    check_option("headline", headline, Headline)
    check_option("direction", direction, Direction)
    mu, rho = check_codes(mean, name="mean"), check_codes(logvar, name="logvar")
    if mu.shape != rho.shape:
        raise InputError(f"mean and logvar disagree: {mu.shape} against {rho.shape}")
    if mu.shape[1] < 2 or bins < 2 or limit <= 0:
        raise InputError("posterior_jemmig needs at least two codes, two bins and a limit above 0")
    classes = check_classes(factors, len(mu))
    if (classes.labels < 0).any():
        raise InputError("posterior_jemmig cannot leave out missing factors: drop those points first")
    D, K = mu.shape[1], len(classes.sizes)
    joint, own, within = np.empty((D, K)), np.empty(D), np.empty(D)
    for d in range(D):
        spread = _spread(mu[:, d], np.exp(rho[:, d] / 2), bins, limit)
        own[d] = _entropy(spread.mean(axis=0))
        within[d] = -(spread * np.log(np.clip(spread, _CLIP, 1 - _CLIP))).sum(axis=1).mean()
        for k, size in enumerate(classes.sizes):
            both = np.zeros((size, bins))
            np.add.at(both, classes.labels[:, k], spread)
            joint[d, k] = _entropy(both / len(mu))
    factor = np.array([_entropy(np.bincount(labels) / len(mu)) for labels in classes.labels.T])
    mutual = own[:, None] + factor - joint
    first, second = top_two(mutual)
    best = joint[mutual.argmax(axis=0), np.arange(K)]
    jemmig = (best - first + second) / (factor + np.log(bins))
    known = own - within
    parts = {
        "rmig_per_factor": (first - second) / factor,
        "jemmig_per_factor": jemmig if direction == "lower" else 1 - jemmig,
        "normalised_informativeness": np.divide(known, own, out=np.zeros(D), where=own > 0),
    }
    shown = {"rmig": "rmig_per_factor", "jemmig": "jemmig_per_factor"}
    return Score(
        float(parts[shown.get(headline, "normalised_informativeness")].mean()),
        {
            **parts,
            "informativeness": known,
            "mutual_information": mutual,
            "joint_entropy": joint,
            "code_entropy": own,
            "factor_entropy": factor,
        },
        {"bins": bins, "limit": limit, "headline": headline, "direction": direction},
    )


def _entropy(shares: Floats) -> float:
    return float(-(shares * np.log(np.clip(shares, _CLIP, 1 - _CLIP))).sum())


def _spread(mu: Floats, sigma: Floats, bins: int, limit: float) -> Floats:
    """Q(bin | x): [N, bins], rows sum to 1."""
    width = 2 * limit / bins
    centres = -limit + width * (np.arange(bins) + 0.5)
    density = np.exp(-0.5 * np.square((centres - mu[:, None]) / sigma[:, None]))
    density /= sigma[:, None] * np.sqrt(2 * np.pi)
    lost = density.max(axis=1) < _LEAST_DENSITY
    density[lost] = 0
    bin_of = np.clip(np.floor((mu[lost] + limit) / width), 0, bins - 1).astype(np.int64)
    density[lost, bin_of] = 1
    return np.asarray(density / density.sum(axis=1, keepdims=True))
