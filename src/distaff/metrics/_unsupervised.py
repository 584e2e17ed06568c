"""Measures of codes alone, without factors: dependence, activity, and the parts of the KL."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics._registry import Score, metric
from distaff.metrics._tables import Floats, Ints, Seed, check_codes, check_posteriors, random_state

_LOG_2PI = np.log(2 * np.pi)
CELLS = 2_000_000  # densities held in memory at a time
NARROW = 1e9  # squares over variances above which their differences lose 1e-7 nats in double precision


def gaussian_total_correlation(covariance: ArrayLike) -> float:
    """0.5 (sum of log C_dd - log det C), nats, of a covariance [D, D]; infinite when C is singular."""
    C = _check_covariance(covariance)
    if len(C) == 0:
        return 0.0
    scale = np.sqrt(np.diag(C))
    correlation = C / np.outer(scale, scale)
    # By the rank: of a singular matrix rounding leaves a determinant that is small, not 0.
    if np.linalg.matrix_rank(correlation, hermitian=True) < len(C):
        return float("inf")
    return max(0.0, float(-0.5 * np.linalg.slogdet(correlation)[1]))


def gaussian_wasserstein_correlation(covariance: ArrayLike) -> float:
    """Squared 2-Wasserstein distance between N(0, C) and N(0, S = diag C): 2 tr C - 2 tr (S^.5 C S^.5)^.5."""
    C = _check_covariance(covariance)
    scale = np.sqrt(np.diag(C))
    roots = np.linalg.eigvalsh(C * np.outer(scale, scale))
    return max(0.0, float(2 * np.trace(C) - 2 * np.sqrt(np.clip(roots, 0, None)).sum()))


def _check_covariance(covariance: ArrayLike) -> Floats:
    C = np.asarray(covariance, dtype=np.float64)
    if C.ndim != 2 or C.shape[0] != C.shape[1] or not np.isfinite(C).all() or (np.diag(C) < 0).any():
        raise InputError("a covariance must be a finite square matrix with no negative variance")
    return C


def _covariance(codes: ArrayLike) -> tuple[Floats, Ints]:
    table = check_codes(codes)
    if len(table) < 2:
        raise InputError("a covariance needs at least two points")
    active = np.flatnonzero(table.max(axis=0) > table.min(axis=0))
    if len(active) < 2:
        raise InputError("a correlation needs at least two codes that vary: it is 0 otherwise")
    return np.cov(table, rowvar=False), active


@metric(needs=("codes",), least_codes=2)
def total_correlation(codes: ArrayLike, factors: ArrayLike | None = None) -> Score:
    """How dependent the codes are on each other, as if they were jointly Gaussian, in nats.

    0.5 (sum of log variances - log det covariance). Invariant under permutation, shift and scale of each
    code. Constant codes are independent of everything and are left out; the value is infinite when one code
    is a linear function of the others.

    Interpretation:
        Range: 0 upwards.
        Chance: 0 for independent codes.
        Better: lower.
        Weaknesses: Blind to dependence that is not linear. Low values do not make codes meaningful.
        Paper: https://arxiv.org/abs/1811.12359

    Args:
        codes: [n, D], two or more of which vary, n > D.
        factors: taken for the common signature and not used.

    Returns:
        Score in nats; details `covariance` [D, D] (ddof 1), `active` (the codes that are not constant).

    Raises:
        InputError: fewer than two codes that vary, no more points than such codes (any covariance is singular
            then), or a table that the checks refuse.

    >>> total_correlation([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]).value
    0.0
    """
    del factors
    covariance, active = _covariance(codes)
    if len(np.asarray(codes)) <= len(active):
        raise InputError(f"the total correlation of {len(active)} codes needs more points than codes")
    value = gaussian_total_correlation(covariance[np.ix_(active, active)])
    return Score(value, {"covariance": covariance, "active": active}, {})


@metric(needs=("codes",), default=False, parts=("raw", "normalised"), least_codes=2)
def wasserstein_correlation(
    codes: ArrayLike, factors: ArrayLike | None = None, *, normalise: bool = False
) -> Score:
    """How far the codes' covariance is from that of independent codes.

    The squared 2-Wasserstein distance between N(0, C) and N(0, diag C).

    Interpretation:
        Range: 0 upwards.
        Chance: 0 for independent codes.
        Better: lower.
        Weaknesses: Grows with the variance of the codes unless normalised. Blind to dependence that is not
            linear.
        Paper: https://arxiv.org/abs/1811.12359

    Args:
        codes: [n, D], two or more of which vary.
        factors: taken for the common signature and not used.
        normalise: make the headline the value divided by tr C.

    Returns:
        Score; details `raw`, `normalised`, `covariance` [D, D] (ddof 1).

    Raises:
        InputError: fewer than two codes that vary, or a table that the checks refuse.

    >>> round(wasserstein_correlation([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]).value, 6)
    0.0
    """
    del factors
    covariance, _ = _covariance(codes)
    raw, trace = gaussian_wasserstein_correlation(covariance), float(np.trace(covariance))
    details = {"raw": raw, "normalised": raw / trace, "covariance": covariance}
    return Score(raw / trace if normalise else raw, details, {"normalise": normalise})


@metric(needs=("codes",))
def active_units(codes: ArrayLike, factors: ArrayLike | None = None, *, threshold: float = 0.01) -> Score:
    """Number of codes whose posterior mean varies over the data: var(E[z_d | x]) > threshold.

    Interpretation:
        Range: 0 to the number of codes.
        Better: neither.
        Weaknesses: A count against a fixed threshold on the variance; says nothing of meaning.
        Paper: https://arxiv.org/abs/1509.00519

    Args:
        codes: posterior means [n, D], n >= 2.
        factors: taken for the common signature and not used.
        threshold: on the variance; 0.01 is the paper's.

    Returns:
        Score, a count; details `variance` [D] (ddof 1), `active` [D] bool, `share` of the codes that are
        active.

    Raises:
        InputError: fewer than two points, or a table that the checks refuse.

    >>> active_units([[0.0, 1.0], [1.0, 1.0]]).value
    1.0
    """
    del factors
    table = check_codes(codes)
    if len(table) < 2:
        raise InputError("active_units needs at least two points")
    moves = table.max(axis=0) > table.min(axis=0)
    variance = np.where(moves, table.var(axis=0, ddof=1), 0)
    active = variance > threshold
    return Score(
        float(active.sum()),
        {"variance": variance, "active": active, "share": float(active.mean())},
        {"threshold": threshold},
    )


def gaussian_kl(mean: ArrayLike, logvar: ArrayLike) -> Floats:
    """KL of each code from N(0, 1), nats, averaged over points: 0.5 (mu^2 + e^logvar - logvar - 1), [D].

    Args:
        mean: [n, D].
        logvar: log variances [n, D].

    Raises:
        InputError: tables that disagree.

    >>> gaussian_kl([[2.0, 0.0]], [[0.0, 0.0]]).tolist()
    [2.0, 0.0]
    """
    mu, rho = np.asarray(mean, dtype=np.float64), np.asarray(logvar, dtype=np.float64)
    if mu.shape != rho.shape or mu.ndim != 2:
        raise InputError(
            f"mean and logvar must share one shape [points, codes]: {mu.shape} against {rho.shape}"
        )
    return np.asarray(0.5 * (np.square(mu) + np.exp(rho) - rho - 1).mean(axis=0))


def log_aggregate(points: Floats, mean: Floats, logvar: Floats, *, cells: int = CELLS) -> Floats:
    """Log q(z) in nats, q(z) = 1/N sum_n N(z; mean_n, exp(logvar_n)): points [S, D] -> [S].

    `mean` and `logvar` are [N, D], all in double precision. `cells` densities are held at a time.

    >>> density = log_aggregate(np.zeros((1, 2)), np.zeros((5, 2)), np.zeros((5, 2)))
    >>> round(float(density[0]), 6) == round(float(-np.log(2 * np.pi)), 6)
    True
    """
    precision = np.exp(-logvar)
    constant = -0.5 * (np.square(mean) * precision + logvar + _LOG_2PI).sum(axis=1) - np.log(len(mean))
    out = np.empty(len(points))
    step = max(1, cells // len(mean))
    # A product of matrices is faster than differences, but of narrow posteriors it leaves rounding alone.
    reach = max(np.abs(points).max(initial=0), np.abs(mean).max(initial=0))
    narrow = float(precision.max(initial=0)) * reach**2 > NARROW
    for start in range(0, len(points), step):
        z = points[start : start + step]
        if narrow:
            peak = -0.5 * (logvar + _LOG_2PI).sum(axis=1) - np.log(len(mean))
            block = np.repeat(peak[None], len(z), axis=0)
            for d in range(mean.shape[1]):
                block -= 0.5 * np.square((z[:, d, None] - mean[:, d]) * np.sqrt(precision[:, d]))
        else:
            block = z @ (mean * precision).T - 0.5 * np.square(z) @ precision.T + constant
        highest = block.max(axis=1)
        out[start : start + step] = highest + np.log(np.exp(block - highest[:, None]).sum(axis=1))
    return out


def drawn_codes(mu: Floats, rho: Floats, samples: ArrayLike | None, state: np.random.RandomState) -> Floats:
    """One draw of each posterior [N, D]: those given, or drawn here."""
    if samples is None:
        return np.asarray(mu + np.exp(rho / 2) * state.standard_normal(mu.shape))
    drawn: Floats = check_codes(samples, name="samples")
    if drawn.shape != mu.shape:
        raise InputError(f"mean and samples disagree: {mu.shape} against {drawn.shape}")
    return drawn


def log_mixture(points: Floats, mu: Floats, rho: Floats) -> Floats:
    """Log of the mean over components of N(point; mu, exp(rho)), one dimension: [S], [N], [N] -> [S]."""
    out = np.empty(len(points))
    precision, constant = np.exp(-rho / 2), -0.5 * rho - 0.5 * _LOG_2PI - np.log(len(mu))
    step = max(1, CELLS // len(mu))
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


@metric(
    needs=("codes", "logvar"),
    default=False,
    cost="seconds",
    parts=("total_correlation", "mutual_information", "dimension_wise_kl"),
    least_codes=2,
)
def elbo_split(
    mean: ArrayLike,
    logvar: ArrayLike,
    *,
    samples: ArrayLike | None = None,
    num_samples: int = 2_000,
    seed: Seed = 0,
) -> Score:
    """Total correlation of the codes, one of the three parts of the KL to a standard normal; nats per image.

    KL(q(z|x) || N(0, 1)) = index-code mutual information (what codes know of the image) + total correlation
    (how dependent they are, the value) + dimension-wise KL (how far each is from its prior). With q(z) the
    mixture of the posteriors of all N points, and expectations over z ~ q(z|x) of `num_samples` points: I = E
    log q(z|x) - log q(z); TC = E log q(z) - sum_d log q(z_d); DWKL = E sum_d log q(z_d) - log p(z_d). The
    whole mixture is used, so there is no minibatch bias; I cannot exceed log N.

    Interpretation:
        Range: 0 upwards.
        Better: lower.
        Weaknesses: Sampled; information cannot exceed the log of the number of points. Tiny negative values
            are sampling error.
        Paper: https://arxiv.org/abs/1802.04942

    Args:
        mean: of q(z_d | x) = N(mean, exp(logvar)) [N, D].
        logvar: log variances [N, D].
        samples: draws z ~ q(z | x) for the rows of mean, [N, D]; drawn by `seed` when absent.
        num_samples: points whose draws stand for the expectation, by `seed` when there are more.
        seed: of the draws.

    Returns:
        Score whose value is the total correlation, nats; details `mutual_information`, `total_correlation`,
        `dimension_wise_kl` (sum), `dimension_wise_kl_per_code` [D], `kl` (exact mean over all points) and
        `kl_sampled` (the sum of the three parts), nats per image.

    Raises:
        InputError: fewer than two codes, or tables that disagree.

    >>> mean = np.random.default_rng(0).standard_normal((500, 2))
    >>> details = elbo_split(mean, np.full((500, 2), -2.0)).details
    >>> bool(abs(details["kl_sampled"] - details["kl"]) < 0.1)
    True
    """
    mu, rho = check_posteriors(mean, logvar)
    if mu.shape[1] < 2:
        raise InputError("elbo_split needs at least two codes: the total correlation of one is 0")
    state = random_state(seed)
    drawn = drawn_codes(mu, rho, samples, state)
    rows = np.arange(len(mu))
    if len(rows) > num_samples:
        rows = state.choice(rows, num_samples, replace=False)
    points = drawn[rows]
    own = -0.5 * (np.square(points - mu[rows]) * np.exp(-rho[rows]) + rho[rows] + _LOG_2PI)
    marginal = np.stack([log_mixture(points[:, d], mu[:, d], rho[:, d]) for d in range(mu.shape[1])], axis=1)
    prior = -0.5 * (np.square(points) + _LOG_2PI)
    joint = log_aggregate(points, mu, rho)
    information = float((own.sum(axis=1) - joint).mean())
    correlation = float((joint - marginal.sum(axis=1)).mean())
    per_code = (marginal - prior).mean(axis=0)
    return Score(
        correlation,
        {
            "mutual_information": information,
            "total_correlation": correlation,
            "dimension_wise_kl": float(per_code.sum()),
            "dimension_wise_kl_per_code": per_code,
            "kl": float(gaussian_kl(mu, rho).sum()),
            "kl_sampled": information + correlation + float(per_code.sum()),
        },
        {"num_samples": len(rows), "seed": seed},
    )
