"""https://arxiv.org/abs/1908.09961: informativeness, RMIG and JEMMIG of posteriors, binned or sampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.aggregation import top_two
from distaff.metrics.checks import (
    Classes,
    Floats,
    Seed,
    check_classes,
    check_codes,
    random_state,
    seed_setting,
)
from distaff.metrics.jemmig import Direction
from distaff.metrics.options import check_option
from distaff.metrics.score import Score

Headline = Literal["jemmig", "rmig", "informativeness"]
Estimator = Literal["bins", "sampling"]

# Probabilities enter a logarithm no nearer to 0 and 1 than this; a posterior whose density nowhere reaches
# the other counts as a point. Both are the reference's.
_CLIP = 1e-8
_LEAST_DENSITY = 1e-5


def posterior_jemmig(
    mean: ArrayLike,
    factors: ArrayLike,
    *,
    logvar: ArrayLike,
    estimator: Estimator = "bins",
    bins: int = 100,
    limit: float = 4.0,
    num_samples: int = 10_000,
    headline: Headline = "jemmig",
    direction: Direction = "lower",
    seed: Seed = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Score:
    """JEMMIG, RMIG and informativeness from q(z_d | x) itself, so that noise in z counts.

    ``"bins"``: Q(bin | x) is the normal density at the bin's centre, renormalised; Q(z) its mean, Q(z, v_k)
    by counting. ``"sampling"``: mean log densities of samples z ~ q(z | x) under the mixture of all
    posteriors, or of those with the same value of factor k.
    RMIG_k = (I1 - I2) / H(v_k); JEMMIG_k = H(z_first, v_k) - I1 + I2, with bins over H(v_k) + log bins;
    informativeness I(z_d; x) = H(z_d) - H(z_d | x), with bins also over H(z_d).

    Args:
        mean: of q(z_d | x) = N(mean, exp(logvar)) [N, D], D >= 2.
        factors: [N, K] classes, without missing values.
        logvar: log variances [N, D].
        estimator: ``"bins"`` or ``"sampling"``, whose entropies are differential: its JEMMIG has no range and
            can be negative. Takes N x samples x D densities.
        bins: equal bins on -limit..limit. The score depends on them by definition.
        limit: end of the bins; a posterior beyond them counts in the end bin.
        num_samples: of ``"sampling"``.
        headline: which of the three is the value: the mean over factors, or over codes for informativeness
            (normalised with bins, in nats with sampling).
        direction: of JEMMIG: ``"lower"`` is better (Do & Tran) or ``"higher"``, one minus it (bins only).
        seed: of the samples, drawn in the reference's order.
        progress: called with the codes (bins) or samples done and those in all.

    Returns:
        Score; details `rmig_per_factor`, `jemmig_per_factor` [K], `informativeness` [D],
        `mutual_information` and `joint_entropy` [D, K], `code_entropy` [D], `factor_entropy` [K], in nats,
        and with bins `normalised_informativeness` [D].

    Raises:
        InputError: fewer than two codes, a missing factor, ``"higher"`` with sampling, or tables that
            disagree.
    """
    check_option("headline", headline, Headline)
    check_option("direction", direction, Direction)
    check_option("estimator", estimator, Estimator)
    mu, rho = check_codes(mean, name="mean"), check_codes(logvar, name="logvar")
    if mu.shape != rho.shape:
        raise InputError(f"mean and logvar disagree: {mu.shape} against {rho.shape}")
    if mu.shape[1] < 2 or bins < 2 or limit <= 0:
        raise InputError("posterior_jemmig needs at least two codes, two bins and a limit above 0")
    if estimator == "sampling" and direction == "higher":
        raise InputError(
            "direction 'higher' is one minus JEMMIG, which has a range with estimator='bins' only"
        )
    classes = check_classes(factors, len(mu))
    if (classes.labels < 0).any():
        raise InputError("posterior_jemmig cannot leave out missing factors: drop those points first")
    factor = np.array([_entropy(np.bincount(labels) / len(mu)) for labels in classes.labels.T])
    if estimator == "bins":
        found = _binned(mu, rho, classes, bins, limit, progress)
    else:
        from distaff.metrics.posterior_sampling import sampled_entropies

        found = Entropies(*sampled_entropies(mu, rho, classes, num_samples, random_state(seed), progress))
    mutual = found.own[:, None] + factor - found.joint
    first, second = top_two(mutual)
    best = found.joint[mutual.argmax(axis=0), np.arange(len(factor))]
    jemmig = best - first + second
    known = found.own - found.within
    parts = {"rmig_per_factor": (first - second) / factor, "informativeness": known}
    if estimator == "bins":
        jemmig = jemmig / (factor + np.log(bins))
        parts["normalised_informativeness"] = np.divide(
            known, found.own, out=np.zeros(len(known)), where=found.own > 0
        )
    parts["jemmig_per_factor"] = jemmig if direction == "lower" else 1 - jemmig
    told = "normalised_informativeness" if estimator == "bins" else "informativeness"
    shown = {"rmig": "rmig_per_factor", "jemmig": "jemmig_per_factor", "informativeness": told}
    drawn: dict[str, Any] = {"num_samples": num_samples, "seed": seed_setting(seed)}
    used: dict[str, Any] = {"bins": bins, "limit": limit} if estimator == "bins" else drawn
    return Score(
        float(parts[shown[headline]].mean()),
        {
            **parts,
            "mutual_information": mutual,
            "joint_entropy": found.joint,
            "code_entropy": found.own,
            "factor_entropy": factor,
        },
        {"estimator": estimator, **used, "headline": headline, "direction": direction},
    )


@dataclass(frozen=True)
class Entropies:
    """H(z_d) [D], H(z_d, v_k) [D, K] and H(z_d | x) [D], nats."""

    own: Floats
    joint: Floats
    within: Floats


def _binned(
    mu: Floats,
    rho: Floats,
    classes: Classes,
    bins: int,
    limit: float,
    progress: Callable[[int, int], None] | None,
) -> Entropies:
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
        if progress is not None:
            progress(d + 1, D)
    return Entropies(own, joint, within)


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
