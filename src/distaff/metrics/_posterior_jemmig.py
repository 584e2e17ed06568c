"""https://arxiv.org/abs/1908.09961: informativeness, RMIG and JEMMIG of posteriors, binned or sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics._matrices import top_two
from distaff.metrics._mig import Direction
from distaff.metrics._registry import Score, metric
from distaff.metrics._tables import (
    Classes,
    Floats,
    Ints,
    Progress,
    Seed,
    check_classes,
    check_option,
    check_posteriors,
    random_state,
)

Headline = Literal["jemmig", "rmig", "informativeness"]
Estimator = Literal["bins", "sampling"]

# Densities enter a logarithm no smaller than this, and no posterior is narrower than its root. Both are the
# reference's, and part of its estimates: without the floor a lone posterior's density would be unbounded.
FLOOR = 1e-8
_LARGEST_LOG = 700.0
_ROOT_2PI = float(np.sqrt(2 * np.pi))
# Probabilities enter a logarithm no nearer to 0 and 1 than this; a posterior whose density nowhere reaches
# the other counts as a point. Both are the reference's.
_CLIP = 1e-8
_LEAST_DENSITY = 1e-5
_LIMIT = 4.0  # bins lie on -4..4
_BLOCK = 64  # samples between two reports of progress


@metric(needs=("codes", "classes", "logvar"), default=False, parts=("jemmig", "rmig"), least_codes=2)
def posterior_jemmig(
    mean: ArrayLike,
    factors: ArrayLike,
    *,
    logvar: ArrayLike,
    estimator: Estimator = "bins",
    bins: int = 100,
    num_samples: int = 10_000,
    headline: Headline = "jemmig",
    direction: Direction = "lower",
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Score:
    """JEMMIG, RMIG and informativeness from the posteriors, not their means, so that noise counts.

    ``"bins"``: Q(bin | x) is the normal density at the bin's centre, renormalised; Q(z) its mean, Q(z, v_k)
    by counting. ``"sampling"``: mean log densities of samples z ~ q(z | x) under the mixture of all
    posteriors, or of those with the same value of factor k.
    RMIG_k = (I1 - I2) / H(v_k); JEMMIG_k = H(z_first, v_k) - I1 + I2, with bins over H(v_k) + log bins;
    informativeness I(z_d; x) = H(z_d) - H(z_d | x), with bins also over H(z_d).

    Interpretation:
        Range: 0 to 1 in practice.
        Chance: 0.5 and above.
        Better: lower.
        Weaknesses: Depends on the number and range of the bins by definition, and estimator='sampling' is
            another quantity again. Lower is better here, higher in jemmig.
        Continuous factors: refused, round them first.
        Missing labels: refused, drop those points first.
        Paper: https://arxiv.org/abs/1908.09961

    Args:
        mean: of q(z_d | x) = N(mean, exp(logvar)) [N, D], D >= 2.
        factors: [N, K] classes, without missing values.
        logvar: log variances [N, D].
        estimator: ``"bins"`` or ``"sampling"``, whose entropies are differential: its JEMMIG has no range and
            can be negative. Takes N x samples x D densities.
        bins: equal bins on -4..4; a posterior beyond them counts in the end bin.
        num_samples: of ``"sampling"``.
        headline: which of the three is the value: the mean over factors, or over codes for informativeness
            (normalised with bins, in nats with sampling).
        direction: of JEMMIG: ``"lower"`` is better (Do & Tran) or ``"higher"``, one minus it (bins only).
        seed: of the samples, drawn in the reference's order.
        progress: called with the codes (bins) or samples done and those in all.

    Returns:
        Score; details `jemmig`, `rmig`, `rmig_per_factor`, `jemmig_per_factor` [K], `informativeness` [D],
        `mutual_information` and `joint_entropy` [D, K], `code_entropy` [D], `factor_entropy` [K], in nats,
        and with bins `normalised_informativeness` [D].

    Raises:
        InputError: fewer than two codes, a missing factor, ``"higher"`` with sampling, or tables that
            disagree.

    >>> factors = np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2)
    >>> score = posterior_jemmig(factors - 1.0, factors, logvar=np.full((9, 2), -12.0))
    >>> round(score.details["rmig"], 6)
    1.0
    """
    check_option("headline", headline, Headline)
    check_option("direction", direction, Direction)
    check_option("estimator", estimator, Estimator)
    mu, rho = check_posteriors(mean, logvar)
    if mu.shape[1] < 2 or bins < 2:
        raise InputError("posterior_jemmig needs at least two codes and two bins")
    if estimator == "sampling" and direction == "higher":
        raise InputError(
            "direction 'higher' is one minus JEMMIG, which has a range with estimator='bins' only"
        )
    classes = check_classes(factors, len(mu))
    if (classes.labels < 0).any():
        raise InputError("posterior_jemmig cannot leave out missing factors: drop those points first")
    factor = np.array([_entropy(np.bincount(labels) / len(mu)) for labels in classes.labels.T])
    if estimator == "bins":
        found = _binned(mu, rho, classes, bins, progress)
    else:
        found = _sampled(mu, rho, classes, num_samples, random_state(seed), progress)
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
    drawn: dict[str, Any] = {"num_samples": num_samples, "seed": seed}
    used: dict[str, Any] = {"bins": bins} if estimator == "bins" else drawn
    return Score(
        float(parts[shown[headline]].mean()),
        {
            "jemmig": float(parts["jemmig_per_factor"].mean()),
            "rmig": float(parts["rmig_per_factor"].mean()),
            **parts,
            "mutual_information": mutual,
            "joint_entropy": found.joint,
            "code_entropy": found.own,
            "factor_entropy": factor,
        },
        {"estimator": estimator, **used, "headline": headline, "direction": direction},
    )


@dataclass(frozen=True)
class Draws:
    """Samples z ~ q(z | x) of points drawn with replacement.

    Attributes:
        mean: of every posterior [N, D].
        sigma: standard deviation of every posterior [N, D].
        rows: the point behind each sample [S].
        points: the samples [S, D].
    """

    mean: Floats
    sigma: Floats
    rows: Ints
    points: Floats

    def own_densities(self) -> Floats:
        """q(z_d | x) of each sample under its own posterior: [S, D]."""
        sigma = self.sigma[self.rows]
        away = (self.points - self.mean[self.rows]) / sigma
        return np.asarray(np.exp(-0.5 * np.square(away)) / (sigma * _ROOT_2PI))


def draw_posteriors(mean: ArrayLike, logvar: ArrayLike, samples: int, state: np.random.RandomState) -> Draws:
    """Check the tables and draw, in the reference's order.

    Raises:
        InputError: tables that disagree, no sample, or posteriors so narrow that densities overflow.
    """
    mu, rho = check_posteriors(mean, logvar)
    if samples < 1:
        raise InputError(f"num_samples must be 1 or more, not {samples}")
    sigma = np.maximum(np.exp(rho / 2), np.sqrt(FLOOR))
    if not np.isfinite(sigma).all():
        raise InputError(f"logvar is too large: {rho.max():.3g}")
    if np.maximum(-np.log(sigma * _ROOT_2PI).min(axis=0), 0).sum() > _LARGEST_LOG:
        raise InputError("the posteriors are too narrow for so many codes: their densities overflow")
    rows = state.choice(len(mu), size=samples, replace=True, p=np.full(len(mu), 1 / len(mu)))
    points = mu[rows] + state.randn(samples, mu.shape[1]) * sigma[rows]
    return Draws(mu, sigma, rows, points)


@dataclass(frozen=True)
class _Entropies:
    """H(z_d) [D], H(z_d, v_k) [D, K] and H(z_d | x) [D], nats."""

    own: Floats
    joint: Floats
    within: Floats


def _binned(mu: Floats, rho: Floats, classes: Classes, bins: int, progress: Progress | None) -> _Entropies:
    D, K = mu.shape[1], len(classes.sizes)
    joint, own, within = np.empty((D, K)), np.empty(D), np.empty(D)
    for d in range(D):
        spread = _spread(mu[:, d], np.exp(rho[:, d] / 2), bins)
        own[d] = _entropy(spread.mean(axis=0))
        within[d] = -(spread * np.log(np.clip(spread, _CLIP, 1 - _CLIP))).sum(axis=1).mean()
        for k, size in enumerate(classes.sizes):
            both = np.zeros((size, bins))
            np.add.at(both, classes.labels[:, k], spread)
            joint[d, k] = _entropy(both / len(mu))
        if progress is not None:
            progress(d + 1, D)
    return _Entropies(own, joint, within)


def _entropy(shares: Floats) -> float:
    return float(-(shares * np.log(np.clip(shares, _CLIP, 1 - _CLIP))).sum())


def _spread(mu: Floats, sigma: Floats, bins: int) -> Floats:
    """Q(bin | x): [N, bins], rows sum to 1."""
    width = 2 * _LIMIT / bins
    centres = -_LIMIT + width * (np.arange(bins) + 0.5)
    density = np.exp(-0.5 * np.square((centres - mu[:, None]) / sigma[:, None]))
    density /= sigma[:, None] * np.sqrt(2 * np.pi)
    lost = density.max(axis=1) < _LEAST_DENSITY
    density[lost] = 0
    bin_of = np.clip(np.floor((mu[lost] + _LIMIT) / width), 0, bins - 1).astype(np.int64)
    density[lost, bin_of] = 1
    return np.asarray(density / density.sum(axis=1, keepdims=True))


def _sampled(
    mean: Floats,
    logvar: Floats,
    classes: Classes,
    num_samples: int,
    state: np.random.RandomState,
    progress: Progress | None,
) -> _Entropies:
    """Entropies that are differential in z, from samples of the posteriors.

    Raises:
        InputError: no sample, or posteriors so narrow that densities overflow.
    """
    from distaff.metrics._loops import labelled_densities

    draws = draw_posteriors(mean, logvar, num_samples, state)
    S, D = draws.points.shape
    K = classes.labels.shape[1]
    own_labels = classes.labels[draws.rows]
    own, joint = np.zeros(D), np.zeros((D, K))
    for start in range(0, S, _BLOCK):
        part = slice(start, min(start + _BLOCK, S))
        count = part.stop - start
        alone, shared = np.empty((count, D)), np.empty((count, D, K))
        labelled_densities(
            draws.points[part], draws.mean, draws.sigma, classes.labels, own_labels[part], alone, shared
        )
        own -= np.log(np.maximum(alone, FLOOR)).sum(axis=0)
        joint -= np.log(np.maximum(shared, FLOOR)).sum(axis=0)
        if progress is not None:
            progress(part.stop, S)
    within = -np.log(np.maximum(draws.own_densities(), FLOOR)).mean(axis=0)
    return _Entropies(own / S, joint / S, within)
