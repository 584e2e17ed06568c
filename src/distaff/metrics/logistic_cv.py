"""https://arxiv.org/abs/1811.12359: logistic regression whose penalty is chosen on folds of the points."""

from __future__ import annotations

import numpy as np

from distaff.errors import InputError
from distaff.metrics.checks import Floats, Ints
from distaff.metrics.logistic import Logistic, fit_logistic

FOLDS = 5
PENALTIES = np.logspace(-4, 4, 10)


def fit_logistic_cv(codes: Floats, labels: Ints, *, max_iter: int = 100) -> Logistic:
    """Fit as scikit-learn's `LogisticRegressionCV(Cs=10, cv=KFold(5))` does.

    Ten inverse penalties from 1e-4 to 1e4 are tried on five folds of consecutive points, each fit beginning
    where the one before it ended. The first C of the highest mean accuracy wins, and is fitted on all points
    from the mean of its five models. A fold whose other points are all of one class scores that class at
    every C; where a fold lacks a class the last fit begins at zero.

    Args:
        codes: [n, D], n >= 5.
        labels: [n], at least two different ones.
        max_iter: most steps of each fit.

    Raises:
        InputError: fewer points than folds.
    """
    if len(labels) < FOLDS:
        raise InputError(f"{len(labels)} known points: choosing the penalty takes at least {FOLDS}")
    classes = np.unique(labels)
    accuracy = np.zeros(len(PENALTIES))
    found: list[list[Logistic]] = [[] for _ in PENALTIES]
    for held in np.array_split(np.arange(len(labels)), FOLDS):
        rest = np.ones(len(labels), dtype=bool)
        rest[held] = False
        own = labels[rest]
        if own.min() == own.max():
            accuracy += np.mean(labels[held] == own[0])
            continue
        model = None
        for at, C in enumerate(PENALTIES):
            model = fit_logistic(codes[rest], own, C=float(C), max_iter=max_iter, start=model)
            accuracy[at] += np.mean(model.predict(codes[held]) == labels[held])
            found[at].append(model)
    best = int(accuracy.argmax())
    return fit_logistic(
        codes, labels, C=float(PENALTIES[best]), max_iter=max_iter, start=_mean(found[best], classes)
    )


def _mean(models: list[Logistic], classes: Ints) -> Logistic | None:
    if len(models) < FOLDS or any(len(model.classes) < len(classes) for model in models):
        return None
    weights = np.mean([model.weights for model in models], axis=0)
    return Logistic(classes, weights, np.mean([model.intercepts for model in models], axis=0))
