"""https://openreview.net/forum?id=By-7dz-AZ: DCI's predictors, each one fit of a factor on all codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics.checks import Floats, check_codes, check_float32, check_table, check_values
from distaff.metrics.split import Parts, split

Progress = Callable[[int, int], None]
Part = tuple[Floats, Floats]  # codes and factors

FOREST_TREES = 30
LASSO_PENALTIES = (0.0001, 0.001, 0.01, 0.1, 0.2, 0.4, 0.8, 1.0)
LASSO_FOLDS = 10


@dataclass(frozen=True)
class Fit:
    """What one factor's predictor says.

    Attributes:
        importance: [D] how much it relies on each code.
        train: how well it does on the training part, 0..1.
        test: the same on the test part.
    """

    importance: Floats
    train: float
    test: float


def _known(
    labels: NDArray[Any], missing: NDArray[np.bool_], k: int, least: int, part: str
) -> NDArray[np.bool_]:
    """Rows whose label is known; InputError when they take fewer than `least` values."""
    known = ~missing
    found = len(np.unique(labels[known]))
    if found < least:
        what = "no known value" if found == 0 else "only one known value"
        raise InputError(f"factor {k} has {what} in the {part} part: nothing can be measured")
    return known


def fit_trees(
    parts: Parts,
    predictor: Literal["boosting", "forest"],
    random: np.random.RandomState,
    workers: int | None,
    progress: Progress | None,
) -> list[Fit]:
    """Boosted trees or a random forest per factor; InputError when a factor cannot be learnt or tested."""
    codes, test_codes = parts.codes, parts.test_codes
    check_float32(codes, test_codes)
    train_labels, test_labels = parts.factors.labels, parts.test_factors.labels
    factors = train_labels.shape[1]
    rows = [
        (
            _known(train_labels[:, k], train_labels[:, k] < 0, k, 2, "training"),
            _known(test_labels[:, k], test_labels[:, k] < 0, k, 1, "test"),
        )
        for k in range(factors)
    ]
    fit_one = _boosting if predictor == "boosting" else _forest
    fits = []
    for k, (known, test_known) in enumerate(rows):
        fits.append(
            fit_one(
                codes[known],
                train_labels[known, k],
                test_codes[test_known],
                test_labels[test_known, k],
                random,
                workers,
                None if progress is None else _Counter(progress, k, factors),
            )
        )
    return fits


@dataclass
class _Counter:
    """Counts one factor's boosting stages as steps of the whole."""

    progress: Progress
    factor: int
    factors: int
    stage: int = 0

    def __call__(self) -> None:
        from distaff.metrics.boosting import STAGES

        self.stage += 1
        self.progress(self.factor * STAGES + self.stage, self.factors * STAGES)

    def finish(self) -> None:
        self.progress(self.factor + 1, self.factors)


def _boosting(
    codes: Floats,
    labels: NDArray[Any],
    test_codes: Floats,
    test_labels: NDArray[Any],
    random: np.random.RandomState,
    workers: int | None,
    counter: _Counter | None,
) -> Fit:
    from distaff.metrics.boosting import boost

    trees = boost(codes, labels, random=random, workers=workers, progress=counter)
    train = float((trees.decide(trees.raw) == labels).mean())
    test = float((trees.predict(test_codes, workers=workers) == test_labels).mean())
    return Fit(trees.importance, train, test)


def _forest(
    codes: Floats,
    labels: NDArray[Any],
    test_codes: Floats,
    test_labels: NDArray[Any],
    random: np.random.RandomState,
    workers: int | None,
    counter: _Counter | None,
) -> Fit:
    from sklearn.ensemble import RandomForestClassifier

    # All codes at every split, as the boosted trees: a forest's usual sample of them spreads the importance.
    model = RandomForestClassifier(
        FOREST_TREES, max_features=None, random_state=random, n_jobs=workers or -1
    ).fit(codes, labels)
    train = float((model.predict(codes) == labels).mean())
    if counter is not None:
        counter.finish()
    test = float((model.predict(test_codes) == test_labels).mean())
    return Fit(model.feature_importances_, train, test)


def value_parts(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike | None,
    test_factors: ArrayLike | None,
    random: np.random.RandomState,
    num_train: int,
    num_test: int,
) -> tuple[Part, Part, dict[str, Any]]:
    """As `split`, with the factors as numbers: the training part, the test part and their settings."""
    train = check_codes(codes)
    values = check_values(factors, len(train))
    if test_codes is None or test_factors is None:
        # Parting the row numbers as if they were a factor parts the values as other metrics part the classes.
        numbers = np.arange(len(train))[:, None]
        parts = split(
            train, numbers, test_codes, test_factors, seed=random, num_train=num_train, num_test=num_test
        )
        drawn = parts.factors.values[0]
        rows, test_rows = drawn[parts.factors.labels[:, 0]], drawn[parts.test_factors.labels[:, 0]]
        return (parts.codes, values[rows]), (parts.test_codes, values[test_rows]), parts.settings
    test = check_codes(test_codes, name="test_codes")
    test_table = check_table(test_factors, len(test), name="test_factors").astype(np.float64)
    for name, one, two in (("codes", train, test), ("factors", values, test_table)):
        if one.shape[1] != two.shape[1]:
            raise InputError(f"{name} and test_{name} disagree: {one.shape[1]} {name} against {two.shape[1]}")
    return (train, values), (test, test_table), {"num_train": len(train), "num_test": len(test)}


def fit_lasso(part: Part, test_part: Part, progress: Progress | None) -> list[Fit]:
    """Linear regression per factor on codes and factor scaled to 0..1 by the training part.

    Raises:
        InputError: a factor has fewer known values than there are folds, or none to test.
    """
    from sklearn.linear_model import Lasso
    from sklearn.model_selection import cross_val_score

    (codes, factors), (test_codes, test_factors) = part, test_part
    fits = []
    for k in range(factors.shape[1]):
        known = _known(factors[:, k], np.isnan(factors[:, k]), k, 2, "training")
        test_known = _known(test_factors[:, k], np.isnan(test_factors[:, k]), k, 1, "test")
        inputs, low, scale = _scaled(codes[known])
        target, target_low, target_scale = _scaled(factors[known, k : k + 1])
        if len(target) < LASSO_FOLDS:
            raise InputError(f"factor {k} has {len(target)} known values; lasso needs {LASSO_FOLDS} to train")
        errors = [
            -cross_val_score(
                Lasso(alpha=penalty, max_iter=5000),
                inputs,
                target[:, 0],
                cv=LASSO_FOLDS,
                scoring="neg_mean_squared_error",
            ).mean()
            for penalty in LASSO_PENALTIES
        ]
        model = Lasso(alpha=LASSO_PENALTIES[int(np.argmin(errors))]).fit(inputs, target[:, 0])
        test_inputs = (test_codes[test_known] - low) * scale
        test_target = (test_factors[test_known, k] - target_low) * target_scale
        train = _skill(model.predict(inputs), target[:, 0])
        fits.append(Fit(np.abs(model.coef_), train, _skill(model.predict(test_inputs), test_target)))
        if progress is not None:
            progress(k + 1, factors.shape[1])
    return fits


def _scaled(table: Floats) -> tuple[Floats, Floats, Floats]:
    """Columns brought to 0..1, with what was subtracted and multiplied; a constant column is only shifted."""
    low, span = table.min(axis=0), np.ptp(table, axis=0)
    scale = 1 / np.where(span > 0, span, 1.0)
    return (table - low) * scale, low, scale


def _skill(guess: Floats, truth: Floats) -> float:
    return max(0.0, 1.0 - 12.0 * float(np.mean(np.square(guess - truth))))
