"""https://arxiv.org/abs/1802.04942: the KL of the ELBO in its three parts, from posteriors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.aggregate import log_aggregate
from distaff.metrics.checks import Seed, check_codes, random_state, seed_setting
from distaff.metrics.posterior_mig import log_mixture
from distaff.metrics.score import Score
from distaff.metrics.udr import gaussian_kl

_LOG_2PI = np.log(2 * np.pi)


def elbo_split(
    mean: ArrayLike,
    logvar: ArrayLike,
    *,
    samples: ArrayLike | None = None,
    num_samples: int = 2_000,
    seed: Seed = 0,
) -> Score:
    """KL(q(z|x) || N(0, 1)) = index-code mutual information + total correlation + dimension-wise KL.

    With q(z) the mixture of the posteriors of all N points, and expectations over z ~ q(z|x) of
    `num_samples` points: I = E log q(z|x) - log q(z); TC = E log q(z) - sum_d log q(z_d);
    DWKL = E sum_d log q(z_d) - log p(z_d). The whole mixture is used, so there is no minibatch bias; I cannot
    exceed log N.

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
        InputError: tables that disagree.
    """
    mu, rho = check_codes(mean, name="mean"), check_codes(logvar, name="logvar")
    if mu.shape != rho.shape:
        raise InputError(f"mean and logvar disagree: {mu.shape} against {rho.shape}")
    state = random_state(seed)
    if samples is None:
        drawn = mu + np.exp(rho / 2) * state.standard_normal(mu.shape)
    else:
        drawn = check_codes(samples, name="samples")
        if drawn.shape != mu.shape:
            raise InputError(f"mean and samples disagree: {mu.shape} against {drawn.shape}")
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
        {"num_samples": len(rows), "seed": seed_setting(seed)},
    )
