"""https://arxiv.org/abs/1802.05983: which factor is fixed, told from the code that varies least."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics.checks import Floats, Ints, Seed, random_state, seed_setting
from distaff.metrics.sampler import FactorSampler, as_sampler
from distaff.metrics.score import Score


def factor_vae_score(
    codes: ArrayLike | FactorSampler,
    factors: ArrayLike | None = None,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_test: int = 5_000,
    num_variance: int = 10_000,
    threshold: float = 0.05,
    seed: Seed = 0,
) -> Score:
    """Accuracy of a majority vote that tells the fixed factor from the code that varies least.

    One vote: draw a factor k and `batch_size` points with one value of it; d* = argmin over active codes of
    local variance / global variance. Each code then stands for the factor it was voted with most (ties: the
    first). Chance is 1/K. Invariant under permutation, shift and sign of codes, and under scale while no code
    crosses the threshold.

    Args:
        codes: [n, D], or a `FactorSampler` in place of both arrays.
        factors: [n, K] classes; rows with a missing one are left out.
        batch_size: points per vote, 2 or more.
        num_train: votes to learn from.
        num_test: fresh votes to score.
        num_variance: points for the global variance (ddof 1).
        threshold: a code is active when its standard deviation reaches it. 0.05 is the study's; 0 is no
            pruning (disent), where an exactly constant code wins every vote and the score falls to chance.
        seed: integer or RandomState. From a function of factors or a complete grid, the draws follow
            disentanglement_lib's order, so the same RandomState gives the same votes.

    Returns:
        Score, 0 when no code is active; details `train_accuracy`, `test_accuracy`, `votes` and `test_votes`
        [D, K], `active` [D] bool, `variance` [D], `chance`.

    Raises:
        InputError: a size is too small, or a table that the checks refuse.
    """
    sampler = as_sampler(codes, factors)
    if min(num_train, num_test) < 1 or batch_size < 2 or num_variance < 2:
        raise InputError("num_train and num_test must be 1 or more, batch_size and num_variance 2 or more")
    state = random_state(seed)
    sample = sampler.sample(num_variance, state)
    moves = sample.max(axis=0) > sample.min(axis=0)
    variance = np.where(moves, sample.var(axis=0, ddof=1), 0)
    active = np.sqrt(variance) >= threshold
    votes = np.zeros((len(active), len(sampler.sizes)), dtype=np.int64)
    test_votes = np.zeros_like(votes)
    if active.any():
        for counts, points in ((votes, num_train), (test_votes, num_test)):
            k, local = sampler.variances(points, batch_size, state)
            np.add.at(counts, (_least(local, variance, active), k), 1)
    stands_for = votes.argmax(axis=1)
    right = np.arange(len(active)), stands_for
    train, test = float(votes[right].sum() / num_train), float(test_votes[right].sum() / num_test)
    return Score(
        test,
        {
            "train_accuracy": train,
            "test_accuracy": test,
            "votes": votes,
            "test_votes": test_votes,
            "active": active,
            "variance": variance,
            "chance": 1 / len(sampler.sizes),
        },
        {
            "batch_size": batch_size,
            "num_train": num_train,
            "num_test": num_test,
            "num_variance": num_variance,
            "threshold": threshold,
            "seed": seed_setting(seed),
        },
    )


def _least(local: Floats, variance: Floats, active: NDArray[np.bool_]) -> Ints:
    """The active code with the least share of its variance left; unpruned constant codes win every vote."""
    ratio = np.where(variance > 0, local / np.where(variance > 0, variance, 1), -1)
    return np.asarray(np.where(active, ratio, np.inf).argmin(axis=1))
