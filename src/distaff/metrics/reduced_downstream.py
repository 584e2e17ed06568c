"""https://arxiv.org/abs/1811.12359: what is left of a factor once its most important codes are deleted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.boosting import boost, skip_draws
from distaff.metrics.checks import Floats, Ints, Seed, check_float32, random_state, seed_setting
from distaff.metrics.downstream_predictors import Learner, Predictor, Progress
from distaff.metrics.score import Score
from distaff.metrics.split import Parts, split


def reduced_downstream(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    remove: int = 1,
    predictor: Predictor = "boosting",
    num_train: int = 10_000,
    num_test: int = 5_000,
    seed: Seed = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Score:
    """Accuracy on each factor without its most important codes, against that on the other factors.

    For each factor, `remove` times: fit boosted trees on all codes left and delete the code they use most for
    it; then predict every factor from what is left. Were each factor in `remove` codes of its own, it would
    fall to chance and the others would stay.

    Args:
        codes: [n, D], D above `remove`.
        factors: [n, K] classes; points with a missing value (NaN) are left out for that factor.
        test_codes: [m, D]; without it the points are parted by `seed`.
        test_factors: [m, K].
        remove: codes to delete per factor.
        predictor: ``"boosting"``, the trees of `dci`, or ``"logistic"``, its penalty chosen on five folds.
        num_train: points to train on when no test part is given.
        num_test: points to test on when no test part is given.
        seed: of the parting and the trees' ties. With a test part given, seed s gives the reference's trees
            after ``np.random.seed(s)``.
        workers: threads of the trees; without influence on the numbers.
        progress: called with the fits done and the fits in all.

    Returns:
        Score whose value is what the factors lose more than the others: mean test accuracy of the other
        factors less that of the reduced ones; details `reduced_test`, `reduced_train`, `others_test`,
        `others_train` (means), `test_matrix` and `train_matrix` [K, K] (row: whose codes are deleted; column:
        what is predicted), `removed` [K, remove] the deleted codes, most important first.
        With one factor there are no others: their accuracy counts as 0.

    Raises:
        InputError: fewer than `remove` + 1 codes, one class in the training part, or a table that the checks
            refuse.
    """
    random = random_state(seed)
    parts = split(
        codes, factors, test_codes, test_factors, num_train=num_train, num_test=num_test, seed=random
    )
    K, D = parts.factors.labels.shape[1], parts.codes.shape[1]
    if not 1 <= remove < D:
        raise InputError(f"remove is at least 1 and below the number of codes, {D}; not {remove}")
    check_float32(parts.codes, parts.test_codes)
    tables = [parts.of(k) for k in range(K)]
    learner = Learner(predictor, random, workers, progress, K * (remove + K))
    removed = np.empty((K, remove), dtype=np.int64)
    train, test = np.empty((K, K)), np.empty((K, K))
    for k in range(K):
        left = np.arange(D)
        for turn in range(remove):
            most = int(_importance(parts, left, k, random, workers).argmax())
            removed[k, turn] = left[most]
            left = np.delete(left, most)
            learner.step()
        for other, (z, labels, test_z, test_labels) in enumerate(tables):
            scores = learner.accuracies(z[:, left], labels, test_z[:, left], test_labels)
            train[k, other], test[k, other] = scores
    reduced, others = float(test.diagonal().mean()), _others(test)
    details = {
        "reduced_test": reduced,
        "reduced_train": float(train.diagonal().mean()),
        "others_test": others,
        "others_train": _others(train),
        "test_matrix": test,
        "train_matrix": train,
        "removed": removed,
    }
    settings = {"remove": remove, "predictor": predictor, **parts.settings, "seed": seed_setting(seed)}
    return Score(others - reduced, details, settings)


def _importance(
    parts: Parts, left: Ints, k: int, random: np.random.RandomState, workers: int | None
) -> Floats:
    """[codes left]: how much the trees of factor k use each."""
    importance = np.zeros(len(left))
    for factor in range(parts.factors.labels.shape[1]):
        z, labels, _, _ = parts.of(factor)
        if factor == k:
            importance = boost(z[:, left], labels, random=random, workers=workers).importance
        else:
            # The reference grows the trees of every factor here and looks at one factor's.
            skip_draws(random, labels)
    return importance


def _others(matrix: Floats) -> float:
    """Mean over rows of the mean of the entries beside the diagonal."""
    K = len(matrix)
    return float((matrix.sum() - matrix.trace()) / (K * (K - 1))) if K > 1 else 0.0
