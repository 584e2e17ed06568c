"""Logistic regression as the references use it: scikit-learn's defaults, on one thread and without warnings.

Scores of the references depend on where lbfgs stops, so its steps must be scikit-learn's. `_Lbfgs` takes the
same steps with classes laid out as rows, in a third of the time where a factor has many classes. Everything
else is scikit-learn itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics._matrices import gap
from distaff.metrics._registry import Score, metric
from distaff.metrics._tables import (
    Floats,
    Ints,
    Parts,
    Precision,
    Seed,
    check_codes,
    check_option,
    check_values,
    split,
)

Solver = Literal["lbfgs", "liblinear"]
ClassWeight = Literal["none", "balanced"]
FOLDS = 5
_SAFE_EXPONENT = 500.0


Objective = Callable[[Floats], tuple[float, Floats]]
# Below this variance the reference takes a code for constant.
_LEAST_VARIANCE = 1e-12


class Classifier(Protocol):
    """What is used of scikit-learn's classifiers."""

    classes_: Ints

    def predict(self, codes: Floats) -> Ints:
        """[n, D] -> the most probable label [n]."""

    def predict_proba(self, codes: Floats) -> Floats:
        """[n, D] -> [n, C], rows sum to 1."""


@contextmanager
def quiet_and_single() -> Iterator[None]:
    """One BLAS thread, so that the last digits do not depend on the machine; no warning at the last step.

    The references stop after so many steps too, and their scores depend on where.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def fit_logistic(
    codes: Floats,
    labels: Ints,
    *,
    solver: Solver = "lbfgs",
    C: float = 1.0,
    class_weight: ClassWeight = "none",
    max_iter: int = 100,
) -> Classifier:
    """Fit scikit-learn's `LogisticRegression`.

    Args:
        codes: [n, D].
        labels: [n], at least two different ones.
        solver: ``"lbfgs"`` fits one multinomial model; ``"liblinear"`` (the default of 2018-19) one model per
            class, its intercept regularised too.
        C: inverse of the L2 penalty; infinite for none.
        class_weight: ``"balanced"`` weighs a class by n / (classes x its count).
        max_iter: most steps of lbfgs.
    """
    check_option("solver", solver, Solver)
    check_option("class_weight", class_weight, ClassWeight)
    if solver == "lbfgs":
        with quiet_and_single():
            return _Lbfgs(codes, labels, C, class_weight == "balanced", max_iter)
    weight = None if class_weight == "none" else class_weight
    return fit_each_class(codes, labels, solver="liblinear", C=C, class_weight=weight)


def fit_each_class(codes: Floats, labels: Ints, **options: Any) -> Classifier:
    """Fit a `LogisticRegression` with these options per class against the rest; two classes need one."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    with quiet_and_single():
        model: Classifier = OneVsRestClassifier(LogisticRegression(**options)).fit(codes, labels)
    return model


def fit_logistic_cv(codes: Floats, labels: Ints) -> Classifier:
    """Fit a logistic regression whose penalty is chosen on five folds of consecutive points.

    Raises:
        InputError: fewer points than folds.
    """
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import KFold

    if len(labels) < FOLDS:
        raise InputError(f"{len(labels)} known points: choosing the penalty takes at least {FOLDS}")
    with quiet_and_single():
        model: Classifier = LogisticRegressionCV(Cs=10, cv=KFold(FOLDS)).fit(codes, labels)
    return model


def accuracy(model: Classifier, codes: Floats, labels: Ints) -> float:
    """Share of the points whose label is predicted."""
    return float(np.mean(model.predict(codes) == labels))


class _Lbfgs:
    """Minimises the weighted mean of -log p(label) + |weights|^2 / (2 C total weight), from zero.

    `coef_` is [C, D], or [1, D] for two classes, as in scikit-learn.
    """

    def __init__(self, codes: Floats, labels: Ints, C: float, balanced: bool, max_iter: int) -> None:
        from scipy.optimize import minimize

        self.classes_, y = np.unique(labels, return_inverse=True)
        counts = np.bincount(y)
        balance = len(y) / (len(counts) * counts) if balanced else np.ones(len(counts))
        weight, total = balance[y] / balance[y].sum(), balance[y].sum()
        rows = np.ascontiguousarray(np.vstack([codes.T, np.ones(len(codes))]))
        size, objective = (1, _binary) if len(counts) == 2 else (len(counts), _multinomial)
        options = {"maxiter": max_iter, "maxls": 50, "gtol": 1e-4, "ftol": 64 * np.finfo(float).eps}
        found = minimize(
            objective(rows, y, weight, 1 / (C * total)),
            np.zeros(size * len(rows)),
            jac=True,
            method="L-BFGS-B",
            options=options,
        )
        table = found.x.reshape(size, len(rows))
        self.coef_, self.intercept_ = table[:, :-1], table[:, -1]

    def predict(self, codes: Floats) -> Ints:
        margins = codes @ self.coef_.T + self.intercept_
        best = margins.argmax(axis=1) if margins.shape[1] > 1 else (margins[:, 0] > 0).astype(np.int64)
        return np.asarray(self.classes_[best])

    def predict_proba(self, codes: Floats) -> Floats:
        from scipy.special import expit, softmax

        margins = codes @ self.coef_.T + self.intercept_
        if margins.shape[1] > 1:
            return np.asarray(softmax(margins, axis=1))
        second = expit(margins[:, 0])
        return np.stack([1 - second, second], axis=1)


def _multinomial(rows: Floats, y: Ints, weight: Floats, penalty: float) -> Objective:
    classes = int(y.max()) + 1
    own = (y, np.arange(len(y)))
    odds = np.empty((classes, len(y)))
    reach = np.abs(rows).max(axis=1)

    def objective(flat: Floats) -> tuple[float, Floats]:
        table = flat.reshape(classes, -1)
        np.matmul(table, rows, out=odds)
        # Far from overflow the exponentials need no shift, which saves two passes of six.
        if (np.abs(table) @ reach).max() > _SAFE_EXPONENT:
            np.subtract(odds, odds.max(axis=0), out=odds)
        right = odds[own]
        np.exp(odds, out=odds)
        total = odds.sum(axis=0)
        loss = weight @ (np.log(total) - right) + 0.5 * penalty * np.square(table[:, :-1]).sum()
        np.multiply(odds, weight / total, out=odds)
        odds[own] -= weight
        gradient = odds @ rows.T
        gradient[:, :-1] += penalty * table[:, :-1]
        return float(loss), gradient.ravel()

    return objective


def _binary(rows: Floats, y: Ints, weight: Floats, penalty: float) -> Objective:
    from scipy.special import expit

    def objective(flat: Floats) -> tuple[float, Floats]:
        margin = flat @ rows
        loss = weight @ (np.logaddexp(0, margin) - y * margin) + 0.5 * penalty * np.square(flat[:-1]).sum()
        gradient = rows @ (weight * (expit(margin) - y))
        gradient[:-1] += penalty * flat[:-1]
        return float(loss), gradient

    return objective


@metric(cost="seconds", least_codes=2)
def sap(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    continuous_factors: bool = False,
    num_train: int = 10_000,
    num_test: int = 5_000,
    precision: Precision = "float64",
    seed: Seed = 0,
) -> Score:
    """How much better the best single code predicts a factor than the second best code.

    SAP = mean over k of (S[first, k] - S[second, k]). For classes, S is the test accuracy of a linear support
    vector classifier on code d alone (one-vs-rest, squared hinge, balanced, intercept regularised); for
    continuous factors S = cov(z_d, v_k)^2 / (var z_d var v_k) on the training points, the R^2 of a line.
    Invariant under permutation and sign of codes; the classifier's form is not exactly so under scale, as
    weights and intercept are regularised.

    Interpretation:
        Range: 0 to 1.
        Chance: about 0.
        Better: higher.
        Weaknesses: A line predicts from a code, so a factor with many classes scores low even when one code
            holds it. Values are small by nature; compare only on the same data.
        Continuous factors: R^2 of a line with continuous_factors.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1711.00848

    Args:
        codes: [n, D], D >= 2.
        factors: [n, K] classes, or numbers when `continuous_factors`; points with a missing value (NaN) are
            left out for that factor.
        test_codes: [m, D]; without it the points are split by `seed`.
        test_factors: [m, K].
        continuous_factors: use the R^2 form. No test part is needed then; without one all points are used.
        num_train: points to train on when no test part is given.
        num_test: points to test on when no test part is given.
        precision: of the codes.
        seed: of the split.

    Returns:
        Score; details `per_factor` [K], `matrix` S [D, K]. A constant code has S = 0 in the R^2 form
        and the accuracy of always guessing one class in the other.

    Raises:
        InputError: fewer than two codes, one class in the training part, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(2), range(2)), -1).reshape(-1, 2).repeat(30, axis=0)
    >>> round(sap(factors + 0.0, factors, continuous_factors=True).value, 6)
    1.0
    """
    if continuous_factors:
        matrix, used = _squared_correlation(codes, factors, precision), {}
    else:
        parts = split(
            codes,
            factors,
            test_codes,
            test_factors,
            num_train=num_train,
            num_test=num_test,
            seed=seed,
            precision=precision,
        )
        matrix, used = _accuracies(parts), parts.settings
    if len(matrix) < 2:
        raise InputError("sap needs at least two codes: it compares the best with the second best")
    per_factor = gap(matrix)
    settings = {"continuous_factors": continuous_factors, "precision": precision, **used}
    return Score(float(per_factor.mean()), {"per_factor": per_factor, "matrix": matrix}, settings)


def _squared_correlation(codes: ArrayLike, factors: ArrayLike, precision: Precision) -> Floats:
    table = check_codes(codes, precision=precision).astype(np.float64)
    values = check_values(factors, len(table))
    matrix = np.zeros((table.shape[1], values.shape[1]))
    for k in range(values.shape[1]):
        known = ~np.isnan(values[:, k])
        z, v = table[known] - table[known].mean(axis=0), values[known, k] - values[known, k].mean()
        spread = np.square(z).sum(axis=0)
        moves = spread / max(1, len(z) - 1) > _LEAST_VARIANCE
        matrix[moves, k] = np.square(v @ z[:, moves]) / (spread[moves] * (v @ v))
    return matrix


def _accuracies(parts: Parts) -> Floats:
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=0.01, class_weight="balanced")
    matrix = np.empty((parts.codes.shape[1], parts.factors.labels.shape[1]))
    with quiet_and_single():
        for k in range(matrix.shape[1]):
            z, labels, test_z, test_labels = parts.of(k)
            for d in range(matrix.shape[0]):
                matrix[d, k] = accuracy(model.fit(z[:, [d]], labels), test_z[:, [d]], test_labels)
    return matrix
