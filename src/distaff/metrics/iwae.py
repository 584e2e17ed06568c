"""https://arxiv.org/abs/1509.00519: the importance-weighted bound, from log-weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.score import Score


def iwae_bound(log_weights: ArrayLike, *, samples: int | None = None) -> Score:
    """Lower bound on log p(x), nats per image: mean over images of log (1/S sum_s w_s).

    log w_s = log p(x | z_s) + log p(z_s) - log q(z_s | x) with z_s ~ q(z | x). One sample gives the ELBO; the
    bound rises to log p(x) with the number of samples.

    Args:
        log_weights: [n, S], nats, summed over pixels and latents.
        samples: S of the bound; the columns are cut into groups of so many, whose bounds are averaged, so all
            draws are used. None takes all columns as one group.

    Returns:
        Score in nats per image, higher is better; details `per_image` [n], `elbo` (one sample),
        `standard_error` of the mean over images, `effective_samples` (mean of (sum w)^2 / sum w^2, 1..S).

    Raises:
        InputError: not a finite table, or fewer columns than `samples`.
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
    error = per_image.std(ddof=1) / np.sqrt(len(per_image)) if len(per_image) > 1 else 0.0
    return Score(
        float(per_image.mean()),
        {
            "per_image": per_image,
            "elbo": float(table.mean()),
            "standard_error": float(error),
            "effective_samples": float(effective),
        },
        {"samples": size, "groups": groups},
    )
