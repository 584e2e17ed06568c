"""https://arxiv.org/abs/1610.01644: how much of each factor a linear model reads from the codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.metrics.checks import Seed
from distaff.metrics.logistic import ClassWeight, fit_logistic
from distaff.metrics.score import Score
from distaff.metrics.split import split


def linear_probe(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    C: float = 1.0,
    class_weight: ClassWeight = "none",
    max_iter: int = 1000,
    num_train: int = 10_000,
    num_test: int = 5_000,
    seed: Seed = 0,
) -> Score:
    """Test accuracy of a logistic regression on all standardised codes, averaged over factors.

    Chance is the share of the most frequent class. Invariant under permutation, sign and scale of codes, and
    nearly so under rotation: it asks whether a factor is there, not whether one code holds it.

    Args:
        codes: [n, D].
        factors: [n, K] classes; points with a missing value (NaN) are left out for that factor.
        test_codes: [m, D]; without it the points are parted by `seed`.
        test_factors: [m, K].
        C: inverse of the L2 penalty on the mean log-loss times n.
        class_weight: ``"none"`` or ``"balanced"``.
        max_iter: most steps of lbfgs.
        num_train: points to train on when no test part is given.
        num_test: points to test on when no test part is given.
        seed: of the parting.

    Returns:
        Score in 0..1; details `test_per_factor`, `train_per_factor`, `chance` [K], `worst` (least factor).

    Raises:
        InputError: one class in the training part, or a table that the checks refuse.
    """
    parts = split(codes, factors, test_codes, test_factors, num_train=num_train, num_test=num_test, seed=seed)
    K = parts.factors.labels.shape[1]
    train, test, chance = np.empty(K), np.empty(K), np.empty(K)
    for k in range(K):
        z, labels, test_z, test_labels = parts.of(k)
        origin, spread = z.mean(axis=0), np.where(z.max(axis=0) > z.min(axis=0), z.std(axis=0), 1)
        z, test_z = (z - origin) / spread, (test_z - origin) / spread
        model = fit_logistic(z, labels, C=C, class_weight=class_weight, max_iter=max_iter)
        train[k] = np.mean(model.predict(z) == labels)
        test[k] = np.mean(model.predict(test_z) == test_labels)
        chance[k] = np.mean(test_labels == np.bincount(labels).argmax())
    return Score(
        float(test.mean()),
        {"test_per_factor": test, "train_per_factor": train, "chance": chance, "worst": float(test.min())},
        {"C": C, "class_weight": class_weight, "max_iter": max_iter, **parts.settings},
    )
