"""https://doi.org/10.1145/279232.279236: logistic regression by L-BFGS, with scikit-learn's steps.

Scores of the references depend on where lbfgs stops, so the steps must be the same; laying classes out as
rows makes each step several times quicker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distaff.metrics.checks import Floats, Ints
from distaff.metrics.options import check_option

Solver = Literal["lbfgs", "liblinear"]
ClassWeight = Literal["none", "balanced"]

_SAFE_EXPONENT = 500.0


@dataclass(frozen=True)
class Logistic:
    """A fitted model.

    Attributes:
        classes: [C] labels, sorted.
        weights: [C, D], or [1, D] for two classes.
        intercepts: [C], or [1] for two classes.
        per_class: whether each class was fitted against the rest by itself.
        steps: lbfgs iterations; 0 where another solver was used.
    """

    classes: Ints
    weights: Floats
    intercepts: Floats
    per_class: bool = False
    steps: int = 0

    def probabilities(self, codes: Floats) -> Floats:
        """[n, D] -> [n, C], rows sum to 1."""
        margins = codes @ self.weights.T + self.intercepts
        if len(self.classes) == 2:
            second = _sigmoid(margins[:, 0])
            return np.stack([1 - second, second], axis=1)
        highest = margins.max(axis=1, keepdims=True)
        odds = _sigmoid(margins) if self.per_class else np.exp(margins - highest)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def predict(self, codes: Floats) -> Ints:
        """[n, D] -> the most probable label [n]."""
        margins = codes @ self.weights.T + self.intercepts
        if len(self.classes) == 2:
            return np.asarray(self.classes[(margins[:, 0] > 0).astype(np.int64)])
        return np.asarray(self.classes[margins.argmax(axis=1)])


def _sigmoid(margins: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(margins), dtype=np.float64)


def fit_logistic(
    codes: Floats,
    labels: Ints,
    *,
    solver: Solver = "lbfgs",
    C: float = 1.0,
    class_weight: ClassWeight = "none",
    tolerance: float = 1e-4,
    max_iter: int = 100,
    start: Logistic | None = None,
) -> Logistic:
    """Fit with scikit-learn's defaults, on one BLAS thread.

    Minimises the weighted mean of -log p(label) + |weights|^2 / (2 C total weight).

    Args:
        codes: [n, D].
        labels: [n], at least two different ones.
        solver: ``"lbfgs"`` fits one multinomial model; ``"liblinear"`` (2018-19) one model per class, its
            intercept regularised too.
        C: inverse of the L2 penalty; infinite for none.
        class_weight: ``"balanced"`` weighs a class by n / (classes x its count).
        tolerance: lbfgs stops when no entry of the gradient exceeds it.
        max_iter: most steps of lbfgs. The references stop there too, in silence.
        start: where lbfgs begins, of the same classes; None begins at zero.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    check_option("solver", solver, Solver)
    check_option("class_weight", class_weight, ClassWeight)
    classes, y = np.unique(labels, return_inverse=True)
    counts = np.bincount(y)
    balance = len(y) / (len(classes) * counts) if class_weight == "balanced" else np.ones(len(classes))
    with threadpool_limits(1):
        if solver == "liblinear":
            return _fit_per_class(codes, y, classes, balance, C)
        weight = balance[y] / balance[y].sum()
        penalty = 1 / (C * balance[y].sum())
        rows = np.ascontiguousarray(np.vstack([codes.T, np.ones(len(codes))]))
        objective = _binary if len(classes) == 2 else _multinomial
        size = 1 if len(classes) == 2 else len(classes)
        begin = np.zeros((size, len(rows)))
        if start is not None:
            begin[:] = np.column_stack([start.weights, start.intercepts])
        found = _minimise(objective(rows, y, weight, penalty), begin.ravel(), tolerance, max_iter)
    table = found.x.reshape(size, len(rows))
    return Logistic(classes, table[:, :-1], table[:, -1], steps=int(found.nit))


def _minimise(
    objective: Callable[[Floats], tuple[float, Floats]], begin: Floats, tolerance: float, steps: int
) -> Any:
    from scipy.optimize import minimize

    options = {"maxiter": steps, "maxls": 50, "gtol": tolerance, "ftol": 64 * np.finfo(float).eps}
    return minimize(objective, begin, jac=True, method="L-BFGS-B", options=options)


def _multinomial(rows: Floats, y: NDArray[Any], weight: Floats, penalty: float) -> Any:
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


def _binary(rows: Floats, y: NDArray[Any], weight: Floats, penalty: float) -> Any:
    def objective(flat: Floats) -> tuple[float, Floats]:
        margin = flat @ rows
        loss = weight @ (np.logaddexp(0, margin) - y * margin) + 0.5 * penalty * np.square(flat[:-1]).sum()
        gradient = rows @ (weight * (_sigmoid(margin) - y))
        gradient[:-1] += penalty * flat[:-1]
        return float(loss), gradient

    return objective


def _fit_per_class(codes: Floats, y: NDArray[Any], classes: Ints, balance: Floats, C: float) -> Logistic:
    from sklearn.linear_model import LogisticRegression

    targets = [1] if len(classes) == 2 else range(len(classes))
    models = [
        # liblinear weighs the positive class only when it fits one class against the rest.
        LogisticRegression(solver="liblinear", C=C).fit(
            codes, y == c, balance[y] if len(classes) == 2 else np.where(y == c, balance[c], 1)
        )
        for c in targets
    ]
    weights = np.vstack([model.coef_ for model in models])
    return Logistic(classes, weights, np.concatenate([model.intercept_ for model in models]), per_class=True)
