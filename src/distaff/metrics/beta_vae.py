"""https://openreview.net/forum?id=Sy2fzU9gl: the factor two points share, told from their difference."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import Seed, random_state, seed_setting
from distaff.metrics.logistic import Solver, fit_logistic
from distaff.metrics.sampler import FactorSampler, as_sampler
from distaff.metrics.score import Score


def beta_vae_score(
    codes: ArrayLike | FactorSampler,
    factors: ArrayLike | None = None,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_test: int = 5_000,
    solver: Solver = "lbfgs",
    seed: Seed = 0,
) -> Score:
    """Accuracy of a linear classifier that tells the shared factor of pairs from mean abs(z1 - z2).

    One point: draw a factor k, then `batch_size` pairs that agree in k; feature = mean abs(z1 - z2), label
    = k. A logistic regression (L2, C = 1) is fitted on `num_train` points and scored on `num_test` others.
    Chance is 1/K. Invariant under permutation, shift and sign of codes.

    Args:
        codes: [n, D], or a `FactorSampler` in place of both arrays.
        factors: [n, K] classes, K >= 2; rows with a missing one are left out.
        batch_size: pairs per point.
        num_train: points to fit on.
        num_test: fresh points to score on.
        solver: ``"lbfgs"`` is today's multinomial default, ``"liblinear"`` the one-vs-rest of 2018-19.
        seed: integer or RandomState. From a function of factors or a complete grid, the draws follow
            disentanglement_lib's order, so the same RandomState gives the same points.

    Returns:
        Score; details `train_accuracy`, `test_accuracy`, `chance`.

    Raises:
        InputError: fewer than two factors, a size below 1, or a table that the checks refuse.
    """
    sampler = as_sampler(codes, factors)
    if len(sampler.sizes) < 2:
        raise InputError("beta_vae_score needs at least two factors to tell apart")
    if min(batch_size, num_train, num_test) < 1:
        raise InputError("batch_size, num_train and num_test must be 1 or more")
    state = random_state(seed)
    labels, features = sampler.differences(num_train, batch_size, state)
    test_labels, test_features = sampler.differences(num_test, batch_size, state)
    if labels.min() == labels.max():
        raise InputError(f"all {num_train} training points share factor {labels[0]}: raise num_train")
    model = fit_logistic(features, labels, solver=solver)
    train = float(np.mean(model.predict(features) == labels))
    test = float(np.mean(model.predict(test_features) == test_labels))
    return Score(
        test,
        {"train_accuracy": train, "test_accuracy": test, "chance": 1 / len(sampler.sizes)},
        {
            "batch_size": batch_size,
            "num_train": num_train,
            "num_test": num_test,
            "solver": solver,
            "seed": seed_setting(seed),
        },
    )
