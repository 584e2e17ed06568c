"""https://openreview.net/forum?id=By-7dz-AZ: disentanglement, completeness and informativeness (DCI)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.aggregation import (
    completeness,
    completeness_per_factor,
    disentanglement,
    disentanglement_per_code,
)
from distaff.metrics.checks import Seed, random_state, seed_setting
from distaff.metrics.dci_predictors import Progress, fit_lasso, fit_trees, value_parts
from distaff.metrics.options import check_option
from distaff.metrics.score import Score
from distaff.metrics.split import split

Predictor = Literal["boosting", "forest", "lasso"]
Weighting = Literal["importance", "uniform"]


def dci(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    predictor: Predictor = "boosting",
    completeness_weighting: Weighting = "importance",
    seed: Seed = 0,
    num_train: int = 10_000,
    num_test: int = 5_000,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Score:
    """Does each code tell of one factor (value), and does one code tell all of a factor (completeness)?

    Per factor k a predictor learns v_k from all codes; R[d, k] is how much it relies on code d. Then (section
    2) D_d = 1 - H_K(R[d, .] / sum) and D = sum_d rho_d D_d, rho_d being the code's share of all importance;
    C_k = 1 - H_D(R[., k] / sum). Range 0..1, higher is better; by chance D and C are near 0 and the accuracy
    is the share of the most frequent class. The study behind the default, https://arxiv.org/abs/1811.12359,
    reports accuracy where the paper has an error, so here higher is better too.

    A test part is either given, then both parts are used whole, or drawn by `seed`.

    Args:
        codes: [n, D] finite numbers, seen as float32 by the tree predictors.
        factors: [n, K] classes: whole numbers (floats too), booleans or text. NaN marks a missing label; its
            row is skipped for that factor only. Factors with fractions need `predictor="lasso"`.
        test_codes: [m, D], or None to part `codes`.
        test_factors: [m, K], together with `test_codes`.
        predictor: ``"boosting"``, the study's: 100 stages of depth-3 trees, importance by decrease of
            variance, equal to scikit-learn's `GradientBoostingClassifier()`. ``"forest"``, another and
            mostly lower number (0.40 for 0.61 on dSprites-like codes): scikit-learn's random forest of 30
            trees that see all codes at every split. ``"lasso"``, near to the paper's: linear regression on
            codes and factors scaled to 0..1, the penalty chosen by 10-fold cross-validation, importance the
            absolute weights, informativeness max(0, 1 - 12 * mean squared error), 1/12 being the variance of
            a uniform factor.
        completeness_weighting: ``"importance"``, the study's: by the factor's share of all importance;
            ``"uniform"``, the paper's plain mean.
        seed: parts the points if no test part is given, and decides between equally good splits of the trees:
            with a test part given, seed s gives the reference's trees after ``np.random.seed(s)``.
        num_train: points to train on when no test part is given.
        num_test: points to test on when no test part is given.
        workers: threads of the tree predictors, None for one per processor (8 at most for boosting); without
            influence on the numbers.
        progress: called with the steps done and the steps in all.

    Returns:
        Score with `value` the disentanglement and in `details`: disentanglement, completeness,
        informativeness (= informativeness_test), informativeness_train, informativeness_test (accuracy, mean
        over factors), importance [D, K], disentanglement_per_code [D], completeness_per_factor [K],
        informativeness_train_per_factor [K] and informativeness_test_per_factor [K].

        A code that no predictor uses, such as a constant one, has weight 0. With one code every factor is
        complete (1), with one factor every code disentangled (1). A factor that no code helps to predict has
        importance 0 throughout and, of several codes, completeness 0. Classes absent from the training part
        count as errors in the test part; classes absent from the test part are of no account.

    Raises:
        InputError: shapes that disagree, codes that are not finite or too large for float32, a factor that is
            continuous where classes are needed, or has fewer than two known values in the training part or
            none in the test part, or an unknown option.
    """
    check_option("predictor", predictor, Predictor)
    check_option("completeness_weighting", completeness_weighting, Weighting)
    if workers is not None and workers < 1:
        raise InputError(f"workers must be at least 1, not {workers}")
    random = random_state(seed)
    settings: dict[str, Any] = {"predictor": predictor, "completeness_weighting": completeness_weighting}
    if predictor == "lasso":
        train_part, test_part, sizes = value_parts(
            codes, factors, test_codes, test_factors, random, num_train, num_test
        )
        fits = fit_lasso(train_part, test_part, progress)
    else:
        _refuse_continuous(factors)
        parts = split(
            codes, factors, test_codes, test_factors, num_train=num_train, num_test=num_test, seed=random
        )
        fits, sizes = fit_trees(parts, predictor, random, workers, progress), parts.settings
    settings |= sizes | {"seed": seed_setting(seed)}
    importance = np.column_stack([fit.importance for fit in fits])
    train, test = np.array([fit.train for fit in fits]), np.array([fit.test for fit in fits])
    headline = disentanglement(importance)
    details = {
        "disentanglement": headline,
        "completeness": completeness(importance, weighting=completeness_weighting),
        "informativeness": float(test.mean()),
        "informativeness_train": float(train.mean()),
        "informativeness_test": float(test.mean()),
        "importance": importance,
        "disentanglement_per_code": disentanglement_per_code(importance),
        "completeness_per_factor": completeness_per_factor(importance),
        "informativeness_train_per_factor": train,
        "informativeness_test_per_factor": test,
    }
    return Score(headline, details, settings)


def _refuse_continuous(factors: ArrayLike) -> None:
    """InputError that names the way out; whatever else is wrong with the factors is found later."""
    table = np.asarray(factors)
    if table.ndim != 2 or table.dtype.kind != "f":
        return
    fractions = (table != np.floor(table)) & ~np.isnan(table)
    if fractions.any():
        row, k = np.argwhere(fractions)[0]
        raise InputError(
            f"factor {k} is continuous (row {row} holds {table[row, k]:.6g}) but this predictor needs "
            "classes: bin the factor first, or use predictor='lasso'"
        )
