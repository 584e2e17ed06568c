"""https://arxiv.org/abs/1711.00848: the separated attribute predictability score."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.aggregation import gap
from distaff.metrics.checks import MISSING, Floats, Ints, Precision, Seed, check_codes, check_values
from distaff.metrics.score import Score
from distaff.metrics.split import Parts, split

# Below this variance the reference takes a code for constant.
_LEAST_VARIANCE = 1e-12


def sap(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    continuous_factors: bool = False,
    C: float = 0.01,
    num_train: int = 10_000,
    num_test: int = 5_000,
    precision: Precision = "float64",
    seed: Seed = 0,
) -> Score:
    """How far the best single code predicts a factor better than the second best.

    SAP = mean over k of (S[first, k] - S[second, k]). For classes, S is the test accuracy of a linear support
    vector classifier on code d alone (one-vs-rest, squared hinge, balanced, intercept regularised); for
    continuous factors S = cov(z_d, v_k)^2 / (var z_d var v_k) on the training points, the R^2 of a line.
    Invariant under permutation and sign of codes; the classifier's form is not exactly so under scale, as
    weights and intercept are regularised.

    Args:
        codes: [n, D], D >= 2.
        factors: [n, K] classes, or numbers when `continuous_factors`; points with a missing value (NaN) are
            left out for that factor.
        test_codes: [m, D]; without it the points are parted by `seed`.
        test_factors: [m, K].
        continuous_factors: use the R^2 form. No test part is needed then; without one all points are used.
        C: of the classifier.
        num_train: points to train on when no test part is given.
        num_test: points to test on when no test part is given.
        precision: of the codes.
        seed: of the parting.

    Returns:
        Score in 0..1; details `per_factor` [K], `matrix` S [D, K]. A constant code has S = 0 in the R^2 form
        and the accuracy of always guessing one class in the other.

    Raises:
        InputError: fewer than two codes, one class in the training part, or a table that the checks refuse.
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
        matrix, used = _accuracies(parts, C), parts.settings
    if len(matrix) < 2:
        raise InputError("sap needs at least two codes: it compares the best with the second best")
    per_factor = gap(matrix)
    settings = {"continuous_factors": continuous_factors, "C": C, "precision": precision, **used}
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


def _accuracies(parts: Parts, C: float) -> Floats:
    from distaff.metrics.svm import svm_right

    matrix = np.empty((parts.codes.shape[1], parts.factors.labels.shape[1]))
    targets = [_numbered(parts, k) for k in range(matrix.shape[1])]
    for d in range(matrix.shape[0]):
        column, test_column = parts.codes[:, d].astype(np.float64), parts.test_codes[:, d].astype(np.float64)
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        for k, (labels, test_labels) in enumerate(targets):
            sorted_labels = labels[order]
            known, test_known = sorted_labels >= 0, test_labels >= 0
            values, y = (ordered, sorted_labels) if known.all() else (ordered[known], sorted_labels[known])
            right = svm_right(values, y, test_column[test_known], test_labels[test_known], C)
            matrix[d, k] = right / test_known.sum()
    return matrix


def _numbered(parts: Parts, k: int) -> tuple[Ints, Ints]:
    """Labels of both parts, renumbered to the classes that training has; unseen ones come after them."""
    _, labels, _, _ = parts.of(k)
    classes = np.unique(labels)
    size = len(parts.factors.values[k])
    numbers = np.full(size + 1, size, dtype=np.int64)
    numbers[classes] = np.arange(len(classes))
    numbers[-1] = MISSING
    return numbers[parts.factors.labels[:, k]], numbers[parts.test_factors.labels[:, k]]
