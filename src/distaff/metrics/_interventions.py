"""What is learnt of factors that are set: BetaVAE's score, strong generalisation and fairness."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics._downstream import Learner, Predictor
from distaff.metrics._linear_models import Solver, accuracy, fit_logistic
from distaff.metrics._registry import Score, metric
from distaff.metrics._sampler import FactorSampler, Points, as_sampler
from distaff.metrics._tables import Progress, Seed, random_state

_BATCH = 16  # points that the reference of fairness draws at a time


@metric(least_factors=2)
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
    """How often a linear classifier finds the factor that pairs share, from their codes' mean difference.

    One point: draw a factor k, then `batch_size` pairs that agree in k; feature = mean abs(z1 - z2), label
    = k. A logistic regression (L2, C = 1) is fitted on `num_train` points and scored on `num_test` others.
    Invariant under permutation, shift and sign of codes.

    Interpretation:
        Range: 0 to 1.
        Chance: 1 / number of factors.
        Better: higher.
        Weaknesses: Saturates: rotated and partly entangled codes reach 1. Good for failing models, useless
            among good ones.
        Continuous factors: refused, round them first.
        Missing labels: points with any missing factor are left out.
        Paper: https://openreview.net/forum?id=Sy2fzU9gl

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

    >>> factors = np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2)
    >>> beta_vae_score(factors + 0.0, factors, num_train=200, num_test=100).value
    1.0
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
    train, test = accuracy(model, features, labels), accuracy(model, test_features, test_labels)
    return Score(
        test,
        {"train_accuracy": train, "test_accuracy": test, "chance": 1 / len(sampler.sizes)},
        {
            "batch_size": batch_size,
            "num_train": num_train,
            "num_test": num_test,
            "solver": solver,
            "seed": seed,
        },
    )


@metric(default=False, cost="minutes", least_factors=2)
def strong_downstream(
    codes: ArrayLike | FactorSampler,
    factors: ArrayLike | None = None,
    *,
    predictor: Predictor = "boosting",
    num_train: int = 10_000,
    num_test: int = 5_000,
    experiments: int = 10,
    seed: Seed = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Score:
    """Share of test accuracy lost when another factor is fixed in training and has other values in the test.

    Per factor and experiment: draw another factor and one of its values, give that value to every training
    point and other values to the test points, and learn the factor anew.
    Gap = 1 - (mean accuracy so) / (mean accuracy without any fixing).

    Interpretation:
        Range: about 0 to 1.
        Chance: about 0: nothing learnt, nothing lost.
        Better: lower.
        Weaknesses: A ratio, so useless codes lose nothing: read it beside the plain accuracy in its details.
            Which values are fixed is drawn, and matters: average over seeds. Slow.
        Continuous factors: refused, round them first.
        Missing labels: points with any missing factor are left out.
        Paper: https://arxiv.org/abs/1811.12359

    Args:
        codes: [n, D], or a `FactorSampler` in place of both arrays. From rows that are no complete grid, a
            point is given a value by drawing a row that has it.
        factors: [n, K] classes; rows with a missing one are left out.
        predictor: ``"boosting"``, the trees of `dci`, or ``"logistic"``, its penalty chosen on five folds.
        num_train: points to learn from.
        num_test: points to test on.
        experiments: fixed values per factor.
        seed: integer or RandomState. Given an integer, from a function of factors or a complete grid, points
            and fixed values are drawn as in disentanglement_lib after ``np.random.seed(seed)``.
        workers: threads of the trees; without influence on the numbers.
        progress: called with the fits done and the fits in all.

    Returns:
        Score whose value is the gap; it can be a little below 0.
        Details `train_accuracy`, `test_accuracy`, `strong_train_accuracy`, `strong_test_accuracy` (means),
        `test_per_factor`, `strong_per_factor` [K], `strong_matrix` [K, experiments] and `fixed`, the factor
        fixed in each. Factors with one value are neither learnt nor fixed and are left out.

    Raises:
        InputError: fewer than two factors that vary, a size below 1, no test point predicted right without
            fixing, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(2), range(2)), -1).reshape(-1, 2).repeat(30, axis=0)
    >>> abs(strong_downstream(factors + 0.0, factors, num_train=80, num_test=40, experiments=1).value) < 0.1
    True
    """
    sampler = as_sampler(codes, factors)
    vary = np.flatnonzero(np.array(sampler.sizes) > 1)
    if len(vary) < 2:
        raise InputError("strong_downstream needs at least two factors that vary: one to learn, one to fix")
    if min(num_train, num_test, experiments) < 1:
        raise InputError("num_train, num_test and experiments must be 1 or more")
    # The reference draws the points from one generator, fixed values and trees from another of equal seed.
    state, other_state = random_state(seed), random_state(seed)
    learner = Learner(predictor, other_state, workers, progress, len(vary) * (1 + experiments))
    train, test = sampler.labelled(num_train, state), sampler.labelled(num_test, state)

    def accuracies(train: Points, test: Points, k: int) -> tuple[float, float]:
        return learner.accuracies(train[1], train[0][:, k], test[1], test[0][:, k])

    plain = np.array([accuracies(train, test, k) for k in vary.tolist()])
    strong = np.empty((len(vary), experiments, 2))
    fixed = np.empty((len(vary), experiments), dtype=np.int64)
    for at, k in enumerate(vary.tolist()):
        for turn in range(experiments):
            j = other_state.choice(vary[vary != k])
            value = int(other_state.choice(sampler.sizes[j]))
            others = other_state.choice(np.delete(np.arange(sampler.sizes[j]), value), size=num_test)
            fixed[at, turn] = j
            held = sampler.intervene(train[0], j, np.full(num_train, value), state)
            moved = sampler.intervene(test[0], j, others, state)
            strong[at, turn] = accuracies(held, moved, k)
    (train_accuracy, test_accuracy), (strong_train, strong_test) = (
        plain.mean(axis=0),
        strong.mean(axis=(0, 1)),
    )
    if test_accuracy == 0:
        raise InputError("no test point is predicted right without fixing: there is no accuracy to lose")
    return Score(
        float(1 - strong_test / test_accuracy),
        {
            "train_accuracy": float(train_accuracy),
            "test_accuracy": float(test_accuracy),
            "strong_train_accuracy": float(strong_train),
            "strong_test_accuracy": float(strong_test),
            "test_per_factor": plain[:, 1],
            "strong_per_factor": strong[:, :, 1].mean(axis=1),
            "strong_matrix": strong[:, :, 1],
            "fixed": fixed,
        },
        {
            "predictor": predictor,
            "num_train": num_train,
            "num_test": num_test,
            "experiments": experiments,
            "seed": seed,
        },
    )


@metric(default=False, cost="minutes", least_factors=2)
def fairness(
    codes: ArrayLike | FactorSampler,
    factors: ArrayLike | None = None,
    *,
    predictor: Predictor = "boosting",
    num_train: int = 10_000,
    points_per_value: int = 100,
    seed: Seed = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Score:
    """Unfairness: how far predictions of one factor shift when only another, sensitive factor is changed.

    A predictor learns the target from all codes. Some points are drawn and each is given every value of the
    sensitive factor in turn; U[i, j] is the mean over values of the total variation between the predictions
    for that value and those for all values (section 4).

    Interpretation:
        Range: 0 to 1.
        Chance: near 0 if the predictor guesses one class, more if it guesses at random.
        Better: lower.
        Weaknesses: Few points per value leave some unfairness by chance unless all combinations of factors
            are there. Perfect predictions are fair by this measure however entangled the codes.
        Continuous factors: refused, round them first.
        Missing labels: points with any missing factor are left out.
        Paper: https://arxiv.org/abs/1905.13662

    Args:
        codes: [n, D], or a `FactorSampler` in place of both arrays. From rows that are no complete grid, a
            point is given a value by drawing a row that has it, so what the data tie to that value counts.
        factors: [n, K] classes; rows with a missing one are left out.
        predictor: ``"boosting"``, the trees of `dci`, or ``"logistic"``, its penalty chosen on five folds.
        num_train: points to learn from.
        points_per_value: points given each value.
        seed: integer or RandomState. Given an integer, from a function of factors or a complete grid, points
            and trees are drawn as in disentanglement_lib after ``np.random.seed(seed)``.
        workers: threads of the trees; without influence on the numbers.
        progress: called with the fits done and the fits in all.

    Returns:
        Score whose value is the mean of U over pairs (mean_fairness:mean_pred:mean_sens); details `mean` and
        `largest` [K, K], the mean and the largest total variation over values (row: target; column:
        sensitive; 0 on the diagonal), `per_target`, `per_sensitive` [K] means of `mean`, and `worst` of it.
        A factor with one value is perfectly predicted and changes nothing: 0.

    Raises:
        InputError: fewer than two factors that vary, a size below 1, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(2), range(2)), -1).reshape(-1, 2).repeat(30, axis=0)
    >>> fairness(factors + 0.0, factors, num_train=80).value < 0.1
    True
    """
    sampler = as_sampler(codes, factors)
    K = len(sampler.sizes)
    if (np.array(sampler.sizes) > 1).sum() < 2:
        raise InputError("fairness needs at least two factors that vary: a target and a sensitive one")
    if min(num_train, points_per_value) < 1:
        raise InputError("num_train and points_per_value must be 1 or more")
    # The reference draws the points from one generator and the trees' ties from another of equal seed.
    state, tree_state = random_state(seed), random_state(seed)
    learner = Learner(predictor, tree_state, workers, progress, K)
    labels, table = sampler.labelled(num_train, state, batch=_BATCH)
    mean, largest = np.zeros((K, K)), np.zeros((K, K))
    for i in range(K):
        predict = learner.fit(table, labels[:, i])
        for j in range(K):
            if i != j:
                points, _ = sampler.labelled(points_per_value, state)
                counts = np.zeros((sampler.sizes[i], sampler.sizes[j]))
                for value in range(sampler.sizes[j]):
                    _, codes_there = sampler.intervene(points, j, np.full(len(points), value), state)
                    counts[:, value] = np.bincount(predict(codes_there), minlength=len(counts))
                # Each value's total variation from all values, which weigh the same.
                shares = counts / counts.sum(axis=0)
                away = np.abs(shares - shares.mean(axis=1, keepdims=True)).sum(axis=0) / 2
                mean[i, j], largest[i, j] = away.mean(), away.max()
    details = {
        "mean": mean,
        "largest": largest,
        "per_target": mean.sum(axis=1) / (K - 1),
        "per_sensitive": mean.sum(axis=0) / (K - 1),
        "worst": float(mean.max()),
    }
    settings = {
        "predictor": predictor,
        "num_train": num_train,
        "points_per_value": points_per_value,
        "seed": seed,
    }
    return Score(float(mean.sum() / (K * (K - 1))), details, settings)
