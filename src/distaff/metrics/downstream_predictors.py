"""https://arxiv.org/abs/1811.12359: the predictors of the downstream tasks, and what they get right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distaff.errors import InputError
from distaff.metrics.checks import Ints, check_float32
from distaff.metrics.options import check_option

Predictor = Literal["logistic", "boosting"]
Predict = Callable[[NDArray[Any]], NDArray[Any]]
Progress = Callable[[int, int], None]


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
        return share(predict, codes, labels), share(predict, test_codes, test_labels)

    def _fit(self, codes: NDArray[Any], labels: Ints) -> Predict:
        if labels.min() == labels.max():
            return lambda table: np.full(len(table), labels[0])
        if self.predictor == "boosting":
            from distaff.metrics.boosting import boost

            check_float32(codes)
            trees = boost(codes, labels, random=self.random, workers=self.workers)
            return partial(trees.predict, workers=self.workers)
        from distaff.metrics.logistic_cv import fit_logistic_cv

        return fit_logistic_cv(codes, labels).predict


def share(predict: Predict, codes: NDArray[Any], labels: Ints) -> float:
    """Share of the points whose label is predicted."""
    return float(np.mean(predict(codes) == labels))
