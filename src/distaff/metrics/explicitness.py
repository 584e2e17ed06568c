"""https://arxiv.org/abs/1802.05312: explicitness, how well a linear classifier reads each factor."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.metrics.checks import Floats, Ints, Precision, Seed
from distaff.metrics.logistic import Logistic, Solver, fit_logistic
from distaff.metrics.options import check_option
from distaff.metrics.score import Score
from distaff.metrics.split import split

Variant = Literal["study", "rescaled", "per_class"]


def explicitness(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    variant: Variant = "study",
    solver: Solver = "lbfgs",
    num_train: int = 10_000,
    num_test: int = 5_000,
    precision: Precision = "float64",
    seed: Seed = 0,
) -> Score:
    """Area under the one-vs-rest ROC curve of a logistic regression on all codes, averaged over classes.

    The mean over factors of the mean over classes. Chance is 0.5 except for ``variant="rescaled"``, where it
    is 0. Invariant under permutation, sign and scale of codes.

    Args:
        codes: [n, D].
        factors: [n, K] classes; points with a missing value (NaN) are left out for that factor.
        test_codes: [m, D]; without it the points are parted by `seed`.
        test_factors: [m, K].
        variant: ``"study"``: codes standardised, one multinomial model, raw area on the test part
            (disentanglement_lib). ``"rescaled"``: codes scaled to 0..1, balanced one-vs-rest models,
            in-sample, 2 (area - 0.5) (Ubisoft). ``"per_class"``: codes standardised, C = 1e10 liblinear,
            in-sample (Do & Tran). The last two use the training part only.
        solver: of the study's variant; ``"liblinear"`` is the default of 2018-19.
        num_train: points to train on when no test part is given.
        num_test: points to test on when no test part is given.
        precision: of the codes.
        seed: of the parting.

    Returns:
        Score; details `train` and `test` (means over factors), `train_per_factor` and `test_per_factor` [K].
        A constant code (where the reference fails) is set to 0 and so informs on nothing. A class that a part
        lacks, or that fills it, has no curve there and is left out of that part's mean.

    Raises:
        InputError: one class in the training part, or a table that the checks refuse.
    """
    check_option("variant", variant, Variant)
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
    K = parts.factors.labels.shape[1]
    train, test = np.empty(K), np.empty(K)
    for k in range(K):
        z, labels, test_z, test_labels = parts.of(k)
        z, test_z = _scaled(z, test_z, variant)
        model = _fit(z, labels, variant, solver)
        train[k], test[k] = _area(model, z, labels), _area(model, test_z, test_labels)
    if variant == "rescaled":
        train, test = 2 * (train - 0.5), 2 * (test - 0.5)
    headline = test if variant == "study" else train
    return Score(
        float(headline.mean()),
        {
            "train": float(train.mean()),
            "test": float(test.mean()),
            "train_per_factor": train,
            "test_per_factor": test,
        },
        {"variant": variant, "solver": solver, "precision": precision, **parts.settings},
    )


def _scaled(z: Floats, test_z: Floats, variant: Variant) -> tuple[Floats, Floats]:
    if variant == "rescaled":
        origin, spread = z.min(axis=0), z.max(axis=0) - z.min(axis=0)
    else:
        origin, spread = z.mean(axis=0), z.std(axis=0)
    moves = z.max(axis=0) > z.min(axis=0)
    spread = np.where(moves, spread, 1)
    return np.where(moves, (z - origin) / spread, 0), np.where(moves, (test_z - origin) / spread, 0)


def _fit(z: Floats, labels: Ints, variant: Variant, solver: Solver) -> Logistic:
    if variant == "study":
        return fit_logistic(z, labels, solver=solver)
    if variant == "per_class":
        return fit_logistic(z, labels, solver="liblinear", C=1e10)
    classes = np.unique(labels)
    targets = classes[1:] if len(classes) == 2 else classes
    models = [_against_rest(z, labels, c) for c in targets]
    weights, intercepts = (
        np.concatenate([getattr(m, part) for m in models]) for part in ("weights", "intercepts")
    )
    return Logistic(classes, weights, intercepts, per_class=True)


def _against_rest(z: Floats, labels: Ints, c: int) -> Logistic:
    # Its scikit-learn summed the loss over points where today's averages, and stopped at the same tolerance.
    tolerance = 1e-4 / len(z)
    return fit_logistic(z, (labels == c).astype(np.int64), class_weight="balanced", tolerance=tolerance)


def _area(model: Logistic, z: Floats, labels: Ints) -> float:
    """Mean over classes of the area under the ROC curve of the class's probability; ties count one half."""
    probabilities = model.probabilities(z)
    areas = []
    for c, score in zip(model.classes, probabilities.T, strict=True):
        own = np.sort(score[labels == c])
        others = np.sort(score[labels != c])
        if len(own) and len(others):
            wins = np.searchsorted(others, own, "left").sum() + np.searchsorted(others, own, "right").sum()
            areas.append(wins / (2 * len(own) * len(others)))
    return float(np.mean(areas)) if areas else 0.5
