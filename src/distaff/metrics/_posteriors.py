"""Information from posteriors instead of their means: MIG and AAM, SEPIN, and IWAE's bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics._posterior_jemmig import FLOOR, draw_posteriors
from distaff.metrics._registry import Score, metric
from distaff.metrics._tables import (
    Classes,
    Floats,
    Ints,
    Seed,
    check_classes,
    check_option,
    check_posteriors,
    random_state,
)
from distaff.metrics._unsupervised import drawn_codes, log_mixture

Headline = Literal["mig", "aam"]


Unique = Literal["wsepin", "windin"]
_BLOCK = 64  # samples between two reports of progress


@metric(
    needs=("codes", "classes", "logvar", "grid"),
    default=False,
    cost="minutes",
    parts=("mig", "aam"),
    least_codes=2,
)
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
    """MIG from the exact posteriors instead of binned means, and the axis alignment metric (AAM).

    The estimator of the paper, with I(z_d; v_k) = H(z_d) - H(z_d | v_k) of the aggregate posteriors. H(z_d)
    is the mean over samples of -log (1/N sum_n q(z_d | x_n)); H(z_d | v_k) the mean over the values of factor
    k of the same within the points that have it. With I sorted over d and clipped at 0: MIG = mean_k (I1 -
    I2) / log n_k and AAM = mean_k max(0, I1 - sum of the rest) / I1, 0/0 as 0. Takes N x samples x D
    densities, block by block.

    Interpretation:
        Range: 0 to 1.
        Chance: about 0.
        Better: higher.
        Weaknesses: Needs every combination of factors once. Another quantity than the binned MIG: do not
            compare them.
        Continuous factors: refused, round them first.
        Missing labels: a complete grid has none.
        Paper: https://arxiv.org/abs/1802.04942

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

    >>> factors = np.stack(np.meshgrid(range(3), range(4)), -1).reshape(-1, 2)
    >>> round(posterior_mig(10.0 * factors, factors, logvar=np.full((12, 2), -4.0)).value, 4)
    1.0
    """
    check_option("headline", headline, Headline)
    mu, rho = check_posteriors(mean, logvar)
    if mu.shape[1] < 2:
        raise InputError("posterior_mig needs at least two codes")
    classes = check_classes(factors, len(mu), least=1)
    _check_grid(classes)
    if max(classes.sizes) < 2:
        raise InputError("posterior_mig needs a factor with at least two values")
    state = random_state(seed)
    drawn = drawn_codes(mu, rho, samples, state)
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
        "mig": float(gaps[spread].mean()),
        "aam": float(aligned[spread].mean()),
        "mig_per_factor": gaps,
        "aam_per_factor": aligned,
        "mutual_information": information,
        "entropy": whole,
        "conditional_entropy": conditional,
    }
    settings = {"num_samples": num_samples, "headline": headline, "seed": seed}
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
        [-log_mixture(drawn[picked, d], mu[rows, d], rho[rows, d]).mean() for d in range(mu.shape[1])]
    )


@metric(needs=("codes", "logvar"), default=False, cost="minutes", parts=("wsepin", "windin"))
def sepin(
    mean: ArrayLike,
    logvar: ArrayLike,
    *,
    num_samples: int = 10_000,
    headline: Unique = "wsepin",
    seed: Seed = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Score:
    """Information on the image that one code holds and no other code does (WSEPIN), in nats.

    Weighted by what each code knows at all. SEPIN_d = I(z; x) - I(z without d; x), INDIN_d = I(z_d; x) -
    [H(z_d) + H(z without d) - H(z)], estimated from samples z ~ q(z | x); W = sum_d I(z_d; x) (.)_d / sum_d
    I(z_d; x). For a factorised q(z | x) the two agree wherever no density meets the floor of 1e-8. Invariant
    under permutation and sign of codes. Takes N x samples x D densities.

    Interpretation:
        Range: 0 upwards.
        Chance: 0 for codes without information.
        Better: higher.
        Weaknesses: Needs no factors, so says nothing of meaning: independent noise about the image scores
            high. Sampled; information on the image cannot exceed the log of the number of points.
        Paper: https://arxiv.org/abs/1908.09961

    Args:
        mean: of q(z_d | x) = N(mean, exp(logvar)) [N, D].
        logvar: log variances [N, D].
        num_samples: samples of the estimate.
        headline: ``"wsepin"`` or ``"windin"``.
        seed: integer or RandomState; the draws follow the reference's order.
        progress: called with the samples done and the samples in all.

    Returns:
        Score in nats; details `wsepin`, `windin`, `sepin_per_code`, `indin_per_code`, `informativeness`
        I(z_d; x) [D], `separability` H(z_d) + H(z without d) - H(z) [D], `total_information` I(z; x).
        Where no code knows anything, both are 0. With one code `separability` is 0, up to that floor.

    Raises:
        InputError: tables that disagree, no sample, or posteriors so narrow that densities overflow.

    >>> codes = np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2) * 1.0
    >>> round(sepin(codes, np.full((9, 2), -6.0), num_samples=300).value, 1)
    1.1
    """
    from distaff.metrics._loops import mixture_densities

    check_option("headline", headline, Unique)
    draws = draw_posteriors(mean, logvar, num_samples, random_state(seed))
    S, D = draws.points.shape
    alone, without, together = np.empty((S, D)), np.empty((S, D)), np.empty(S)
    for start in range(0, S, _BLOCK):
        part = slice(start, start + _BLOCK)
        mixture_densities(
            draws.points[part], draws.mean, draws.sigma, alone[part], without[part], together[part]
        )
        if progress is not None:
            progress(min(start + _BLOCK, S), S)
    own = np.maximum(draws.own_densities(), FLOOR)
    whole = own.prod(axis=1, keepdims=True)
    entropy, rest, everything = (
        _entropy(alone, FLOOR),
        _entropy(without, FLOOR),
        float(_entropy(together, FLOOR)),
    )
    known = np.maximum(entropy - _entropy(own, FLOOR), 0)
    rest_known = np.maximum(rest - _entropy(whole / own, FLOOR), 0)
    total = max(everything - float(_entropy(whole[:, 0], FLOOR)), 0.0)
    separability = np.maximum(entropy + rest - everything, 0)
    parts = {"sepin": total - rest_known, "indin": known - separability}
    weight = known / known.sum() if known.sum() > 0 else np.zeros(D)
    wsepin, windin = float(weight @ parts["sepin"]), float(weight @ parts["indin"])
    return Score(
        wsepin if headline == "wsepin" else windin,
        {
            "wsepin": wsepin,
            "windin": windin,
            "sepin_per_code": parts["sepin"],
            "indin_per_code": parts["indin"],
            "informativeness": known,
            "separability": separability,
            "total_information": total,
        },
        {"num_samples": num_samples, "headline": headline, "seed": seed},
    )


def _entropy(densities: Floats, floor: float) -> Floats:
    """Mean over samples of -log density, floored: differential entropies in nats."""
    return np.asarray(-np.log(np.maximum(densities, floor)).mean(axis=0))


@metric(needs=("log_weights",), default=False)
def iwae_bound(log_weights: ArrayLike, *, samples: int | None = None) -> Score:
    """How probable a model finds the images: an importance-weighted lower bound on log p(x), nats per image.

    The mean over images of log (1/S sum_s w_s), with log w_s = log p(x | z_s) + log p(z_s) - log q(z_s | x)
    with z_s ~ q(z | x). One sample gives the ELBO; the bound rises to log p(x) with the number of samples.

    Interpretation:
        Range: unbounded.
        Better: higher.
        Weaknesses: Compare only with the same number of samples and the same likelihood.
        Paper: https://arxiv.org/abs/1509.00519

    Args:
        log_weights: [n, S], nats, summed over pixels and latents.
        samples: S of the bound; the columns are cut into groups of so many, whose bounds are averaged, so all
            draws are used. None takes all columns as one group.

    Returns:
        Score in nats per image; details `per_image` [n], `elbo` (one sample), `standard_error` of the mean
        over images (None for one image), `effective_samples` (mean of (sum w)^2 / sum w^2, 1..S).

    Raises:
        InputError: not a finite table, or fewer columns than `samples`.

    >>> iwae_bound([[-100.0, -100.0]]).value
    -100.0
    """
    table = np.asarray(log_weights, dtype=np.float64)
    if table.ndim != 2 or 0 in table.shape:
        raise InputError(f"log_weights must be a filled table [images, samples], not of shape {table.shape}")
    if np.isnan(table).any() or np.isposinf(table).any():
        raise InputError("log_weights must not be NaN or infinite upwards")
    size = table.shape[1] if samples is None else samples
    groups = table.shape[1] // size if size > 0 else 0
    if groups < 1:
        raise InputError(f"samples must lie in 1..{table.shape[1]}, not {samples}")
    from scipy.special import logsumexp

    grouped = table[:, : groups * size].reshape(len(table), groups, size)
    per_image = (logsumexp(grouped, axis=2) - np.log(size)).mean(axis=1)
    effective = np.exp(2 * logsumexp(grouped, axis=2) - logsumexp(2 * grouped, axis=2)).mean()
    error = float(per_image.std(ddof=1) / np.sqrt(len(per_image))) if len(per_image) > 1 else None
    return Score(
        float(per_image.mean()),
        {
            "per_image": per_image,
            "elbo": float(table.mean()),
            "standard_error": error,
            "effective_samples": float(effective),
        },
        {"samples": size, "groups": groups},
    )
