"""https://arxiv.org/abs/1811.12359: how well, and from how few labels, the factors are learnt from codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import Seed, random_state, seed_setting
from distaff.metrics.downstream_predictors import Learner, Predictor, Progress
from distaff.metrics.score import Score
from distaff.metrics.split import split


def downstream(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    predictor: Predictor = "logistic",
    train_sizes: Sequence[int] = (10, 100, 1000, 10_000),
    num_test: int = 5_000,
    seed: Seed = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Score:
    """Test accuracy of a predictor of each factor from all codes, for several numbers of training points.

    Chance is the share of the most frequent class. With ``"boosting"`` the accuracy is invariant under
    permutation and monotone maps of codes, up to ties.

    Args:
        codes: [n, D].
        factors: [n, K] classes; points with a missing value (NaN) are left out for that factor.
        test_codes: [m, D]; without it the points are parted by `seed`.
        test_factors: [m, K].
        predictor: ``"logistic"``, its penalty chosen on five folds, or ``"boosting"``, the trees of `dci`.
        train_sizes: training points, of which as many are drawn by `seed`; a size that reaches the training
            part takes it whole, in its order.
        num_test: points to test on when no test part is given.
        seed: of the parting, the drawing and the trees' ties. With both parts given whole, seed s gives the
            reference's trees after ``np.random.seed(s)``.
        workers: threads of the trees; without influence on the numbers.
        progress: called with the fits done and the fits in all.

    Returns:
        Score whose value is the mean accuracy over factors at the largest size; details, per size,
        `train_sizes`, `test_accuracy`, `train_accuracy` [S], `worst` [S] (least factor), `test_per_factor`,
        `train_per_factor` [S, K], and `chance` [K]. Where a draw of training points has one class of a
        factor, that class is predicted.

    Raises:
        InputError: a size below 1 (5 for ``"logistic"``), one class in the whole training part, or a table
            that the checks refuse.
    """
    sizes = sorted({int(size) for size in train_sizes})
    if not sizes or sizes[0] < 1:
        raise InputError(f"train_sizes must be counts of 1 or more, not {list(train_sizes)}")
    random = random_state(seed)
    parts = split(
        codes, factors, test_codes, test_factors, num_train=sizes[-1], num_test=num_test, seed=random
    )
    sizes = sorted({min(size, len(parts.codes)) for size in sizes})
    K = parts.factors.labels.shape[1]
    learner = Learner(predictor, random, workers, progress, len(sizes) * K)
    tables = [parts.of(k) for k in range(K)]
    train, test = np.empty((len(sizes), K)), np.empty((len(sizes), K))
    for s, size in enumerate(sizes):
        for k, (z, labels, *test_part) in enumerate(tables):
            whole = size >= len(labels)
            rows = np.arange(len(labels)) if whole else random.permutation(len(labels))[:size]
            train[s, k], test[s, k] = learner.accuracies(z[rows], labels[rows], *test_part)
    chance = [np.mean(test_labels == np.bincount(labels).argmax()) for _, labels, _, test_labels in tables]
    return Score(
        float(test[-1].mean()),
        {
            "train_sizes": np.array(sizes),
            "test_accuracy": test.mean(axis=1),
            "train_accuracy": train.mean(axis=1),
            "worst": test.min(axis=1),
            "test_per_factor": test,
            "train_per_factor": train,
            "chance": np.array(chance),
        },
        parts.settings | {"predictor": predictor, "train_sizes": sizes, "seed": seed_setting(seed)},
    )
