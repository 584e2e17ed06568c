"""https://arxiv.org/abs/1902.01568: which factor varies, told from the code that varies most (Z-max)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import Seed, check_classes, check_codes
from distaff.metrics.score import Score
from distaff.metrics.variance_votes import VoteOptions, complete_rows, variance_votes


def z_max_variance(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    factor_bins: int | None = None,
    batch_size: int = 200,
    num_train: int = 800,
    num_test: int = 800,
    num_variance: int = 10_000,
    threshold: float = 0.05,
    rescale: bool = True,
    seed: Seed = 0,
) -> Score:
    """All factors but one are held: does the code that varies most give away which one varies?

    The reverse of `z_min_variance`: batches come from the points that agree in all factors but one, without
    replacement until they are used up, then again. Invariant under permutation, shift and sign of codes, and
    under scale while no code crosses the threshold.

    Args:
        codes: [n, D].
        factors: [n, K] classes, K >= 2; rows with a missing one are left out.
        factor_bins: equal-width bins for continuous factors, or for more points that agree; None takes values
            as classes.
        batch_size: points per vote, 2 or more.
        num_train: votes to learn from.
        num_test: votes to score.
        num_variance: points for the variance over all points (ddof 1).
        threshold: a code is active when its standard deviation reaches it; a constant code never is.
        rescale: give (accuracy - 1/K) / (1 - 1/K), a little below 0 by chance, not the accuracy itself.
        seed: integer or RandomState.

    Returns:
        Score, 0 when no code is active; details `train_accuracy`, `test_accuracy` (not rescaled), `votes` and
        `test_votes` [D, K], `active` [D] bool, `variance` [D], `chance`.

    Raises:
        InputError: fewer than two factors, no two points that agree in all factors but one, a size that is
            too small, or a table that the checks refuse.
    """
    options = VoteOptions(batch_size, num_train, num_test, num_variance, threshold, rescale, seed)
    options.check()
    table = check_codes(codes)
    table, labels = complete_rows(table, check_classes(factors, len(table), bins=factor_bins))
    if labels.shape[1] < 2:
        raise InputError("z_max_variance needs at least two factors to tell apart")
    groups = []
    for k in range(labels.shape[1]):
        _, alike = np.unique(np.delete(labels, k, axis=1), axis=0, return_inverse=True)
        order = np.argsort(alike, kind="stable")
        rows = np.split(order, np.flatnonzero(np.diff(alike[order])) + 1)
        groups.append([group for group in rows if len(group) > 1])
        if not groups[k]:
            raise InputError(f"no two points agree in all factors but factor {k}: bin them with factor_bins")
    score = variance_votes(table, groups, "most", options)
    return Score(score.value, score.details, {**score.settings, "factor_bins": factor_bins})
