"""https://arxiv.org/abs/1802.04942: MIG and AAM from closed-form posteriors on a complete grid of factors."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics.checks import (
    Classes,
    Floats,
    Ints,
    Seed,
    check_classes,
    check_codes,
    random_state,
    seed_setting,
)
from distaff.metrics.options import check_option
from distaff.metrics.score import Score

Headline = Literal["mig", "aam"]
_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


def posterior_mig(
    mean: ArrayLike,
    factors: ArrayLike,
    *,
    logvar: ArrayLike,
    samples: ArrayLike | None = None,
    num_samples: int | None = 10_000,
    headline: Headline = "mig",
    seed: Seed = 0,
) -> Score:
    """MIG and axis alignment with I(z_d; v_k) = H(z_d) - H(z_d | v_k) of the aggregate posteriors.

    H(z_d) is the mean over samples of -log (1/N sum_n q(z_d | x_n)); H(z_d | v_k) the mean over the values of
    factor k of the same within the points that have it. With I sorted over d and clipped at 0:
    MIG = mean_k (I1 - I2) / log n_k and AAM = mean_k max(0, I1 - sum of the rest) / I1, 0/0 as 0.
    Takes N x samples x D densities, block by block.

    Args:
        mean: means of q(z_d | x) = N(mean, exp(logvar)) [N, D], one row per combination of factors.
        factors: [N, K] classes, every combination exactly once, in any order.
        logvar: log variances [N, D].
        samples: one draw z ~ q(z | x) per row [N, D]; drawn by `seed` when absent.
        num_samples: rows of `samples` that stand for each entropy, drawn by `seed` when there are more; None
            for all of them.
        headline: ``"mig"`` or ``"aam"``.
        seed: of the draws.

    Returns:
        Score; details `mig`, `aam`, `mig_per_factor`, `aam_per_factor` [K], `mutual_information` [D, K],
        `entropy` [D], `conditional_entropy` [D, K], differential, in nats.

    Raises:
        InputError: not a complete grid, fewer than two codes, or tables that disagree.
    """
    check_option("headline", headline, Headline)
    mu, rho = check_codes(mean, name="mean"), check_codes(logvar, name="logvar")
    if mu.shape != rho.shape:
        raise InputError(f"mean and logvar disagree: {mu.shape} against {rho.shape}")
    if mu.shape[1] < 2:
        raise InputError("posterior_mig needs at least two codes")
    classes = check_classes(factors, len(mu), least=1)
    _check_grid(classes)
    state = random_state(seed)
    if samples is None:
        drawn = mu + np.exp(rho / 2) * state.standard_normal(mu.shape)
    else:
        drawn = check_codes(samples, name="samples")
        if drawn.shape != mu.shape:
            raise InputError(f"mean and samples disagree: {mu.shape} against {drawn.shape}")
    limit = num_samples or len(mu)
    everything = np.arange(len(mu))
    whole = _entropies(mu, rho, drawn, everything, limit, state)
    conditional = np.empty((mu.shape[1], len(classes.sizes)))
    for k, size in enumerate(classes.sizes):
        groups = [np.flatnonzero(classes.labels[:, k] == value) for value in range(size)]
        conditional[:, k] = np.mean([_entropies(mu, rho, drawn, g, limit, state) for g in groups], axis=0)
    information = whole[:, None] - conditional
    ordered = np.maximum(np.sort(information, axis=0)[::-1], 0)
    spread = np.array([size > 1 for size in classes.sizes])
    gaps = np.divide(ordered[0] - ordered[1], np.log(classes.sizes), out=np.zeros(len(spread)), where=spread)
    lead = np.maximum(0, ordered[0] - ordered[1:].sum(axis=0))
    aligned = np.divide(lead, ordered[0], out=np.zeros(len(spread)), where=ordered[0] > 1e-12)
    details = {
        "mig": float(gaps[spread].mean()) if spread.any() else 0.0,
        "aam": float(aligned[spread].mean()) if spread.any() else 0.0,
        "mig_per_factor": gaps,
        "aam_per_factor": aligned,
        "mutual_information": information,
        "entropy": whole,
        "conditional_entropy": conditional,
    }
    settings = {"num_samples": num_samples, "headline": headline, "seed": seed_setting(seed)}
    return Score(float(details["mig" if headline == "mig" else "aam"]), details, settings)


def _check_grid(classes: Classes) -> None:
    if (classes.labels < 0).any():
        raise InputError("a complete grid has no missing factor")
    cells = int(np.prod(classes.sizes))
    flat = np.ravel_multi_index(tuple(classes.labels.T), classes.sizes)
    if cells != len(flat) or len(np.unique(flat)) != cells:
        listed = " x ".join(map(str, classes.sizes))
        raise InputError(f"not a complete grid: {listed} = {cells} combinations, {len(flat)} points given")


def _entropies(
    mu: Floats, rho: Floats, drawn: Floats, rows: Ints, limit: int, state: np.random.RandomState
) -> Floats:
    """H of the mixture of the rows' posteriors, per code, nats: [D]."""
    picked = rows if len(rows) <= limit else state.choice(rows, limit, replace=False)
    return np.array(
        [_mixture_entropy(mu[rows, d], rho[rows, d], drawn[picked, d]) for d in range(mu.shape[1])]
    )


def _mixture_entropy(mu: Floats, rho: Floats, points: Floats) -> float:
    return float(-log_mixture(points, mu, rho).mean())


def log_mixture(points: Floats, mu: Floats, rho: Floats, *, cells: int = 2_000_000) -> NDArray[np.float64]:
    """Log of the mean over components of N(point; mu, exp(rho)), one dimension: [S], [N], [N] -> [S].

    Args:
        points: where, [S].
        mu: component means [N].
        rho: component log variances [N].
        cells: densities held in memory at once.
    """
    out = np.empty(len(points))
    precision, constant = np.exp(-rho / 2), -0.5 * rho - _HALF_LOG_2PI - np.log(len(mu))
    step = max(1, cells // len(mu))
    for start in range(0, len(points), step):
        block = (points[start : start + step, None] - mu) * precision
        np.square(block, out=block)
        block *= -0.5
        block += constant
        highest = block.max(axis=1)
        block -= highest[:, None]
        np.exp(block, out=block)
        out[start : start + step] = highest + np.log(block.sum(axis=1))
    return out
