"""https://openreview.net/forum?id=By-7dz-AZ: disentanglement, completeness and informativeness (DCI)."""

from __future__ import annotations

from itertools import count
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics._matrices import (
    completeness,
    completeness_per_factor,
    disentanglement,
    disentanglement_per_code,
)
from distaff.metrics._registry import Score, metric
from distaff.metrics._tables import (
    Floats,
    Parts,
    Progress,
    Seed,
    check_float32,
    check_option,
    check_table,
    check_values,
    random_state,
    split,
)

Fit = tuple[Floats, float, float]  # importance of each code [D], skill on the training and the test part
FOREST_TREES = 30
LASSO_PENALTIES = (0.0001, 0.001, 0.01, 0.1, 0.2, 0.4, 0.8, 1.0)
LASSO_FOLDS = 10


Predictor = Literal["boosting", "forest", "lasso"]
Weighting = Literal["importance", "uniform"]


def _fit_trees(
    parts: Parts, boosted: bool, random: np.random.RandomState, workers: int | None, progress: Progress | None
) -> list[Fit]:
    """Boosted trees or a random forest per factor."""
    from distaff.metrics._boosting import STAGES, boost

    check_float32(parts.codes, parts.test_codes)
    tables = [parts.of(k) for k in range(parts.factors.labels.shape[1])]
    steps, total = count(1), len(tables) * (STAGES if boosted else 1)

    def step() -> None:
        if progress is not None:
            progress(next(steps), total)

    fits = []
    for codes, labels, test_codes, test_labels in tables:
        if boosted:
            trees = boost(codes, labels, random=random, workers=workers, progress=step)
            guess, test_guess = trees.decide(trees.raw), trees.predict(test_codes, workers=workers)
            importance = trees.importance
        else:
            from sklearn.ensemble import RandomForestClassifier

            # All codes at every split, as the boosted trees: a usual sample of them spreads the importance.
            model = RandomForestClassifier(
                FOREST_TREES, max_features=None, random_state=random, n_jobs=workers or -1
            ).fit(codes, labels)
            guess, test_guess = model.predict(codes), model.predict(test_codes)
            importance = model.feature_importances_
            step()
        fits.append((importance, float(np.mean(guess == labels)), float(np.mean(test_guess == test_labels))))
    return fits


def _fit_lasso(parts: Parts, values: Floats, test_values: Floats, progress: Progress | None) -> list[Fit]:
    """Linear regression per factor on codes and factor scaled to 0..1 by the training part."""
    from sklearn.linear_model import Lasso
    from sklearn.model_selection import cross_val_score

    fits = []
    for k, (column, test_column) in enumerate(zip(values.T, test_values.T, strict=True)):
        known, test_known = ~np.isnan(column), ~np.isnan(test_column)
        if known.sum() < LASSO_FOLDS:
            raise InputError(f"factor {k} has {known.sum()} known values; lasso needs {LASSO_FOLDS} to train")
        if column[known].min() == column[known].max():
            raise InputError(f"factor {k} has only one value in the training part: nothing can be learnt")
        if not test_known.any():
            raise InputError(f"factor {k} has no known value in the test part")
        inputs, low, scale = _scaled(parts.codes[known])
        target, target_low, target_scale = _scaled(column[known])
        scoring = {"cv": LASSO_FOLDS, "scoring": "neg_mean_squared_error"}
        skills = [
            cross_val_score(Lasso(alpha=penalty, max_iter=5000), inputs, target, **scoring).mean()
            for penalty in LASSO_PENALTIES
        ]
        model = Lasso(alpha=LASSO_PENALTIES[int(np.argmax(skills))]).fit(inputs, target)
        test_guess = model.predict((parts.test_codes[test_known] - low) * scale)
        test_target = (test_column[test_known] - target_low) * target_scale
        fits.append(
            (np.abs(model.coef_), _skill(model.predict(inputs), target), _skill(test_guess, test_target))
        )
        if progress is not None:
            progress(k + 1, values.shape[1])
    return fits


def _scaled(table: NDArray[Any]) -> tuple[Floats, Floats, Floats]:
    """Columns brought to 0..1, with what was subtracted and multiplied; a constant column is only shifted."""
    low, span = table.min(axis=0), np.ptp(table, axis=0)
    scale = 1 / np.where(span > 0, span, 1.0)
    return (table - low) * scale, low, scale


def _skill(guess: Floats, truth: Floats) -> float:
    return max(0.0, 1.0 - 12.0 * float(np.mean(np.square(guess - truth))))


@metric(
    cost="seconds",
    parts=("disentanglement", "completeness", "informativeness"),
    least_codes=2,
    least_factors=2,
)
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
    """One factor per code (disentanglement), one code per factor (completeness), informativeness.

    Per factor k a predictor learns v_k from all codes; R[d, k] is how much it relies on code d. Then (section
    2) D_d = 1 - H_K(R[d, .] / sum) and D = sum_d rho_d D_d, rho_d being the code's share of all importance;
    C_k = 1 - H_D(R[., k] / sum). Informativeness is the accuracy on test points: the study behind the
    default, https://arxiv.org/abs/1811.12359, reports it where the paper has an error, so that higher is
    better.

    Interpretation:
        Range: 0 to 1 each.
        Chance: disentanglement and completeness near 0, informativeness the share of the largest class.
        Better: higher.
        Weaknesses: Importances depend on the model: boosted trees, lasso and forests give different numbers.
            Redundant codes lower completeness only.
        Continuous factors: refused, except by predictor='lasso'.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://openreview.net/forum?id=By-7dz-AZ

    Args:
        codes: [n, D], D >= 2, finite numbers, seen as float32 by the tree predictors.
        factors: [n, K], K >= 2, classes: whole numbers (floats too), booleans or text; NaN where missing.
            Factors with fractions need `predictor="lasso"`.
        test_codes: [m, D], used whole like `codes`, or None to split `codes` by `seed`.
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
        seed: splits the points if no test part is given, and decides between equally good splits of the
            trees: with a test part given, seed s gives the reference's trees after ``np.random.seed(s)``.
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

        A code that no predictor uses, such as a constant one, has weight 0. A factor that no code helps to
        predict has importance 0 throughout and completeness 0. Classes absent from the training part
        count as errors in the test part; classes absent from the test part are of no account.

    Raises:
        InputError: one factor (every code would be disentangled) or one code (every factor would be
            complete), shapes that disagree, codes that are not finite or too large for float32, a factor that
            is continuous where classes are needed, or has fewer than two known values in the training part or
            none in the test part, or an unknown option.

    >>> factors = np.stack(np.meshgrid(range(2), range(2)), -1).reshape(-1, 2).repeat(20, axis=0)
    >>> score = dci(factors + 0.0, factors, predictor="lasso")
    >>> round(score.value, 2), round(score.details["completeness"], 2)
    (1.0, 1.0)
    """
    check_option("predictor", predictor, Predictor)
    check_option("completeness_weighting", completeness_weighting, Weighting)
    if workers is not None and workers < 1:
        raise InputError(f"workers must be at least 1, not {workers}")
    random = random_state(seed)
    settings: dict[str, Any] = {"predictor": predictor, "completeness_weighting": completeness_weighting}
    sizes: dict[str, Any] = {"num_train": num_train, "num_test": num_test, "seed": random}
    if predictor == "lasso":
        values, test_values = _numbers(factors, test_factors)
        # Row numbers in place of the values: they are split as classes are.
        rows = [np.arange(len(table))[:, None] for table in (values, test_values)]
        parts = split(codes, rows[0], test_codes, None if test_factors is None else rows[1], **sizes)
        _refuse_trivial(parts.codes.shape[1], values.shape[1])
        drawn = parts.factors.values[0]
        values = values[drawn[parts.factors.labels[:, 0]]]
        test_values = test_values[drawn[parts.test_factors.labels[:, 0]]]
        fits = _fit_lasso(parts, values, test_values, progress)
    else:
        _refuse_continuous(factors)
        parts = split(codes, factors, test_codes, test_factors, **sizes)
        _refuse_trivial(parts.codes.shape[1], parts.factors.labels.shape[1])
        fits = _fit_trees(parts, predictor == "boosting", random, workers, progress)
    settings |= parts.settings | {"seed": seed}
    importance = np.column_stack([fit[0] for fit in fits])
    train, test = np.array([fit[1] for fit in fits]), np.array([fit[2] for fit in fits])
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


def _numbers(factors: ArrayLike, test_factors: ArrayLike | None) -> tuple[Floats, Floats]:
    """Both tables of factors as numbers; the same twice where there is one."""
    values = check_values(factors, len(np.asarray(factors)))
    if test_factors is None:
        return values, values
    test = check_table(test_factors, len(np.asarray(test_factors)), name="test_factors").astype(np.float64)
    if values.shape[1] != test.shape[1]:
        raise InputError(
            f"factors and test_factors disagree: {values.shape[1]} factors against {test.shape[1]}"
        )
    return values, test


def _refuse_trivial(codes: int, factors: int) -> None:
    if factors < 2:
        raise InputError(
            "dci needs at least two factors: with one, every code counts as disentangled; "
            "linear_probe and knn_accuracy measure how well it is predicted"
        )
    if codes < 2:
        raise InputError("dci needs at least two codes: with one, every factor counts as complete")


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
