"""https://arxiv.org/abs/1811.12359: predicting factors when another factor takes values never trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import Ints, Seed, random_state, seed_setting
from distaff.metrics.downstream_predictors import Learner, Predictor, Progress
from distaff.metrics.sampler import FactorSampler, Points, as_sampler
from distaff.metrics.score import Score


def strong_downstream(
    codes: ArrayLike | FactorSampler,
    factors: ArrayLike | None = None,
    *,
    predictor: Predictor = "boosting",
    num_train: int = 10_000,
    num_test: int = 5_000,
    experiments: int = 10,
    seed: Seed = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Score:
    """The share of test accuracy lost when another factor is fixed in training and differs in the test.

    Per factor and experiment: draw another factor and one of its values, give that value to every training
    point and other values to the test points, and learn the factor anew.
    Gap = 1 - (mean accuracy so) / (mean accuracy without any fixing).

    Args:
        codes: [n, D], or a `FactorSampler` in place of both arrays. From rows that are no complete grid, a
            point is given a value by drawing a row that has it.
        factors: [n, K] classes; rows with a missing one are left out.
        predictor: ``"boosting"``, the trees of `dci`, or ``"logistic"``, its penalty chosen on five folds.
        num_train: points to learn from.
        num_test: points to test on.
        experiments: fixed values per factor.
        seed: integer or RandomState. Given an integer, from a function of factors or a complete grid, points
            and fixed values are drawn as in disentanglement_lib after ``np.random.seed(seed)``.
        workers: threads of the trees; without influence on the numbers.
        progress: called with the fits done and the fits in all.

    Returns:
        Score whose value is the gap, 0 when the accuracy without fixing is 0; it can be a little below 0.
        Details `train_accuracy`, `test_accuracy`, `strong_train_accuracy`, `strong_test_accuracy` (means),
        `test_per_factor`, `strong_per_factor` [K], `strong_matrix` [K, experiments] and `fixed`, the factor
        fixed in each. Factors with one value are neither learnt nor fixed and are left out.

    Raises:
        InputError: fewer than two factors that vary, a size below 1, or a table that the checks refuse.
    """
    sampler = as_sampler(codes, factors)
    vary = np.flatnonzero(np.array(sampler.sizes) > 1)
    if len(vary) < 2:
        raise InputError("strong_downstream needs at least two factors that vary: one to learn, one to fix")
    if min(num_train, num_test, experiments) < 1:
        raise InputError("num_train, num_test and experiments must be 1 or more")
    # The reference draws the points from one generator, fixed values and trees from another of equal seed.
    state, other_state = random_state(seed), random_state(seed)
    learner = Learner(predictor, other_state, workers, progress, len(vary) * (1 + experiments))
    train, test = sampler.labelled(num_train, state), sampler.labelled(num_test, state)
    plain = np.array([_accuracies(learner, train, test, k) for k in vary.tolist()])
    strong = np.empty((len(vary), experiments, 2))
    fixed = np.empty((len(vary), experiments), dtype=np.int64)
    for at, k in enumerate(vary.tolist()):
        for turn in range(experiments):
            j = other_state.choice(vary[vary != k])
            value, others = _values(sampler.sizes[j], num_test, other_state)
            fixed[at, turn] = j
            held = sampler.intervene(train[0], j, np.full(num_train, value), state)
            moved = sampler.intervene(test[0], j, others, state)
            strong[at, turn] = _accuracies(learner, held, moved, k)
    (train_accuracy, test_accuracy), (strong_train, strong_test) = (
        plain.mean(axis=0),
        strong.mean(axis=(0, 1)),
    )
    return Score(
        float(1 - strong_test / test_accuracy) if test_accuracy > 0 else 0.0,
        {
            "train_accuracy": float(train_accuracy),
            "test_accuracy": float(test_accuracy),
            "strong_train_accuracy": float(strong_train),
            "strong_test_accuracy": float(strong_test),
            "test_per_factor": plain[:, 1],
            "strong_per_factor": strong[:, :, 1].mean(axis=1),
            "strong_matrix": strong[:, :, 1],
            "fixed": fixed,
        },
        {
            "predictor": predictor,
            "num_train": num_train,
            "num_test": num_test,
            "experiments": experiments,
            "seed": seed_setting(seed),
        },
    )


def _accuracies(learner: Learner, train: Points, test: Points, k: int) -> tuple[float, float]:
    (labels, codes), (test_labels, test_codes) = train, test
    return learner.accuracies(codes, labels[:, k], test_codes, test_labels[:, k])


def _values(size: int, points: int, state: np.random.RandomState) -> tuple[int, Ints]:
    """A value to fix, and other values for the test points [points]."""
    value = int(state.choice(size))
    return value, np.asarray(state.choice(np.delete(np.arange(size), value), size=points))
