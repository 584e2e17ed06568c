"""https://arxiv.org/abs/1908.09961: entropies of codes and factors from samples of the posteriors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distaff.metrics.checks import Classes, Floats
from distaff.metrics.posterior_draws import FLOOR, draw_posteriors, labelled_densities

_BLOCK = 64  # samples between two reports of progress


def sampled_entropies(
    mean: Floats,
    logvar: Floats,
    classes: Classes,
    num_samples: int,
    state: np.random.RandomState,
    progress: Callable[[int, int], None] | None,
) -> tuple[Floats, Floats, Floats]:
    """H(z_d) [D], H(z_d, v_k) [D, K] and H(z_d | x) [D], differential in z, nats.

    Args:
        mean: of q(z_d | x) = N(mean, exp(logvar)) [N, D].
        logvar: log variances [N, D].
        classes: of the points, none missing.
        num_samples: samples of the estimate.
        state: draws them.
        progress: called with the samples done and the samples in all.

    Raises:
        InputError: no sample, or posteriors so narrow that densities overflow.
    """
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
    return own / S, joint / S, within
