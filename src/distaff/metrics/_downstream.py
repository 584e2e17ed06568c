"""https://arxiv.org/abs/1811.12359: factors learnt from codes: from few labels, and without the best code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics._linear_models import fit_logistic_cv
from distaff.metrics._registry import Score, metric
from distaff.metrics._tables import (
    Floats,
    Ints,
    Parts,
    Progress,
    Seed,
    check_float32,
    check_option,
    random_state,
    split,
)

Predictor = Literal["logistic", "boosting"]
Predict = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass
class Learner:
    """Fits one factor after another with the same predictor, drawing from one generator.

    Attributes:
        predictor: ``"logistic"``, whose penalty is chosen on five folds, or ``"boosting"``, the trees of DCI.
        random: decides between equally good splits of the trees.
        workers: threads of the trees.
        progress: called with the fits done and the fits in all.
        total: fits in all.
    """

    predictor: Predictor
    random: np.random.RandomState
    workers: int | None
    progress: Progress | None
    total: int
    done: int = 0

    def __post_init__(self) -> None:
        check_option("predictor", self.predictor, Predictor)
        if self.workers is not None and self.workers < 1:
            raise InputError(f"workers must be at least 1, not {self.workers}")

    def fit(self, codes: NDArray[Any], labels: Ints) -> Predict:
        """Learn labels [n] from codes [n, D]; labels that are all one are always predicted."""
        predict = self._fit(codes, labels)
        self.step()
        return predict

    def step(self) -> None:
        """Count one fit as done."""
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)

    def accuracies(
        self, codes: NDArray[Any], labels: Ints, test_codes: NDArray[Any], test_labels: Ints
    ) -> tuple[float, float]:
        """Share of the training part and of the test part that a fit on the training part gets right."""
        predict = self.fit(codes, labels)
        right, test_right = predict(codes) == labels, predict(test_codes) == test_labels
        return float(np.mean(right)), float(np.mean(test_right))

    def _fit(self, codes: NDArray[Any], labels: Ints) -> Predict:
        if labels.min() == labels.max():
            return lambda table: np.full(len(table), labels[0])
        if self.predictor == "boosting":
            from distaff.metrics._boosting import boost

            check_float32(codes)
            trees = boost(codes, labels, random=self.random, workers=self.workers)
            return partial(trees.predict, workers=self.workers)
        predict: Predict = fit_logistic_cv(codes, labels).predict
        return predict


@metric(default=False, cost="minutes")
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
    """How often each factor is predicted right on new points, learnt from 10, 100, 1,000 and 10,000 labels.

    Whether the codes are a good start when labels are few. With ``"boosting"`` the accuracy is invariant
    under permutation and monotone maps of codes, up to ties.

    Interpretation:
        Range: 0 to 1.
        Chance: the share of the most frequent class.
        Better: higher.
        Weaknesses: Says that a factor can be predicted, not that one code holds it. With few points the draw
            matters: average over seeds. Slow for many classes.
        Continuous factors: refused, round them first.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1811.12359

    Args:
        codes: [n, D].
        factors: [n, K] classes; points with a missing value (NaN) are left out for that factor.
        test_codes: [m, D]; without it the points are split by `seed`.
        test_factors: [m, K].
        predictor: ``"logistic"``, its penalty chosen on five folds, or ``"boosting"``, the trees of `dci`.
        train_sizes: training points, of which as many are drawn by `seed`; a size that reaches the training
            part takes it whole, in its order.
        num_test: points to test on when no test part is given.
        seed: of the split, the drawing and the trees' ties. With both parts given whole, seed s gives the
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

    >>> factors = np.stack(np.meshgrid(range(2), range(2)), -1).reshape(-1, 2).repeat(30, axis=0)
    >>> downstream(factors + 0.0, factors, train_sizes=[80]).value
    1.0
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
        parts.settings | {"predictor": predictor, "train_sizes": sizes, "seed": seed},
    )


@metric(default=False, cost="minutes", least_codes=2, least_factors=2)
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
    """How much more a factor suffers than the others when its most important code is deleted.

    High when each factor is in one code that holds nothing else. For each factor, `remove` times: fit boosted
    trees on all codes left and delete the code they use most for it; then predict every factor from what is
    left.

    Interpretation:
        Range: -1 to 1.
        Chance: about 0.
        Better: higher.
        Weaknesses: A factor copied into a second code survives and scores 0. Slow: trees are grown for every
            factor, once per deleted code.
        Continuous factors: refused, round them first.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1811.12359

    Args:
        codes: [n, D], D above `remove`.
        factors: [n, K] classes, K >= 2; points with a missing value (NaN) are left out for that factor.
        test_codes: [m, D]; without it the points are split by `seed`.
        test_factors: [m, K].
        remove: codes to delete per factor.
        predictor: ``"boosting"``, the trees of `dci`, or ``"logistic"``, its penalty chosen on five folds.
        num_train: points to train on when no test part is given.
        num_test: points to test on when no test part is given.
        seed: of the split and the trees' ties. With a test part given, seed s gives the reference's trees
            after ``np.random.seed(s)``.
        workers: threads of the trees; without influence on the numbers.
        progress: called with the fits done and the fits in all.

    Returns:
        Score whose value is what the factors lose more than the others: mean test accuracy of the other
        factors less that of the reduced ones; details `reduced_test`, `reduced_train`, `others_test`,
        `others_train` (means), `test_matrix` and `train_matrix` [K, K] (row: whose codes are deleted; column:
        what is predicted), `removed` [K, remove] the deleted codes, most important first.

    Raises:
        InputError: fewer than two factors, fewer than `remove` + 1 codes, one class in the training part, or
            a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(2), range(2)), -1).reshape(-1, 2).repeat(30, axis=0)
    >>> round(reduced_downstream(factors + 0.0, factors).value, 1) > 0.3
    True
    """
    random = random_state(seed)
    parts = split(
        codes, factors, test_codes, test_factors, num_train=num_train, num_test=num_test, seed=random
    )
    K, D = parts.factors.labels.shape[1], parts.codes.shape[1]
    if K < 2:
        raise InputError("reduced_downstream needs at least two factors: it compares one with the others")
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
    settings = {"remove": remove, "predictor": predictor, **parts.settings, "seed": seed}
    return Score(others - reduced, details, settings)


def _importance(
    parts: Parts, left: Ints, k: int, random: np.random.RandomState, workers: int | None
) -> Floats:
    """[codes left]: how much the trees of factor k use each."""
    from distaff.metrics._boosting import boost, skip_draws

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
    return float((matrix.sum() - matrix.trace()) / (K * (K - 1)))
