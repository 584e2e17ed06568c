"""https://www.jmlr.org/papers/v9/fan08a.html: logistic regressions as the references fit them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from distaff.metrics.checks import Floats, Ints
from distaff.metrics.options import check_option

Solver = Literal["lbfgs", "liblinear"]


def fit_logistic(
    codes: Floats,
    labels: Ints,
    *,
    solver: Solver = "lbfgs",
    C: float = 1.0,
    class_weight: str | None = None,
    max_iter: int = 100,
) -> Any:
    """A fitted scikit-learn classifier with scikit-learn's defaults, on one BLAS thread.

    Args:
        codes: [n, D].
        labels: [n].
        solver: ``"lbfgs"`` fits one multinomial model; ``"liblinear"`` fits one model per class.
        C: inverse of the L2 penalty; infinite for none.
        class_weight: None or ``"balanced"``.
        max_iter: where lbfgs stops; references stop there too, so no warning is given.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    check_option("solver", solver, Solver)
    model: Any = LogisticRegression(
        solver=solver,
        C=C,
        class_weight=class_weight,
        max_iter=max_iter,
        random_state=np.random.RandomState(0),
    )
    if solver == "liblinear" and len(np.unique(labels)) > 2:
        model = OneVsRestClassifier(model)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(codes, labels)
