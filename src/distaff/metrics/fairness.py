"""https://arxiv.org/abs/1905.13662: do predictions of one factor change when another one is set?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import Floats, Ints, Seed, random_state, seed_setting
from distaff.metrics.downstream_predictors import Learner, Predict, Predictor, Progress
from distaff.metrics.sampler import FactorSampler, as_sampler
from distaff.metrics.score import Score

_BATCH = 16  # points the reference draws at a time


def fairness(
    codes: ArrayLike | FactorSampler,
    factors: ArrayLike | None = None,
    *,
    predictor: Predictor = "boosting",
    num_train: int = 10_000,
    points_per_value: int = 100,
    seed: Seed = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Score:
    """Unfairness: how far predictions of a target factor depend on the value of a sensitive factor.

    A predictor learns the target from all codes. Some points are drawn and each is given every value of the
    sensitive factor in turn; U[i, j] is the mean over values of the total variation between the predictions
    for that value and those for all values (section 4).

    Args:
        codes: [n, D], or a `FactorSampler` in place of both arrays. From rows that are no complete grid, a
            point is given a value by drawing a row that has it, so what the data tie to that value counts.
        factors: [n, K] classes; rows with a missing one are left out.
        predictor: ``"boosting"``, the trees of `dci`, or ``"logistic"``, its penalty chosen on five folds.
        num_train: points to learn from.
        points_per_value: points given each value.
        seed: integer or RandomState. Given an integer, from a function of factors or a complete grid, points
            and trees are drawn as in disentanglement_lib after ``np.random.seed(seed)``.
        workers: threads of the trees; without influence on the numbers.
        progress: called with the fits done and the fits in all.

    Returns:
        Score whose value is the mean of U over pairs (mean_fairness:mean_pred:mean_sens); details `mean` and
        `largest` [K, K], the mean and the largest total variation over values (row: target; column:
        sensitive; 0 on the diagonal), `per_target`, `per_sensitive` [K] means of `mean`, and `worst` of it.
        A factor with one value is perfectly predicted and changes nothing: 0.

    Raises:
        InputError: fewer than two factors, a size below 1, or a table that the checks refuse.
    """
    sampler = as_sampler(codes, factors)
    K = len(sampler.sizes)
    if K < 2:
        raise InputError("fairness needs at least two factors: a target and a sensitive one")
    if min(num_train, points_per_value) < 1:
        raise InputError("num_train and points_per_value must be 1 or more")
    # The reference draws the points from one generator and the trees' ties from another of equal seed.
    state, tree_state = random_state(seed), random_state(seed)
    learner = Learner(predictor, tree_state, workers, progress, K)
    labels, table = sampler.labelled(num_train, state, batch=_BATCH)
    mean, largest = np.zeros((K, K)), np.zeros((K, K))
    for i in range(K):
        predict = learner.fit(table, labels[:, i])
        for j in range(K):
            if i != j:
                points, _ = sampler.labelled(points_per_value, state)
                away = _variation(_counts(sampler, predict, points, (i, j), state))
                mean[i, j], largest[i, j] = away.mean(), away.max()
    details = {
        "mean": mean,
        "largest": largest,
        "per_target": mean.sum(axis=1) / (K - 1),
        "per_sensitive": mean.sum(axis=0) / (K - 1),
        "worst": float(mean.max()),
    }
    settings = {
        "predictor": predictor,
        "num_train": num_train,
        "points_per_value": points_per_value,
        "seed": seed_setting(seed),
    }
    return Score(float(mean.sum() / (K * (K - 1))), details, settings)


def _counts(
    sampler: FactorSampler,
    predict: Predict,
    points: Ints,
    pair: tuple[int, int],
    state: np.random.RandomState,
) -> Ints:
    """How often each target value is predicted for each sensitive value: [n_target, n_sensitive]."""
    target, sensitive = pair
    counts = np.zeros((sampler.sizes[target], sampler.sizes[sensitive]), dtype=np.int64)
    for value in range(sampler.sizes[sensitive]):
        _, codes = sampler.intervene(points, sensitive, np.full(len(points), value), state)
        counts[:, value] = np.bincount(predict(codes), minlength=len(counts))
    return counts


def _variation(counts: Ints) -> Floats:
    """Total variation of each column's distribution from that of all columns, which weigh the same."""
    shares = counts / counts.sum(axis=0)
    return np.asarray(np.abs(shares - shares.mean(axis=1, keepdims=True)).sum(axis=0) / 2)
