"""Votes by the code whose variance stands out in a batch: FactorVAE's score, Z-min and Z-max variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics._registry import Score, metric
from distaff.metrics._sampler import FactorSampler, as_sampler
from distaff.metrics._tables import Floats, Ints, Seed, check_classes, check_codes, random_state

VARIANCE_POINTS = 10_000  # for the variance over all points


@metric(least_factors=2)
def factor_vae_score(
    codes: ArrayLike | FactorSampler,
    factors: ArrayLike | None = None,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_test: int = 5_000,
    threshold: float = 0.05,
    seed: Seed = 0,
) -> Score:
    """How often the code that varies least reveals which factor is fixed, by a majority vote.

    One vote: draw a factor k and `batch_size` points with one value of it; d* = argmin over active codes of
    local variance / global variance. Each code then stands for the factor it was voted with most (ties: the
    first). Invariant under permutation, shift and sign of codes, and under scale while no code
    crosses the threshold.

    Interpretation:
        Range: 0 to 1.
        Chance: 1 / number of factors.
        Better: higher.
        Weaknesses: Looks at one code per factor only. Sensitive to how unused codes are pruned (libraries
            differ: see threshold).
        Continuous factors: refused, round them first.
        Missing labels: points with any missing factor are left out.
        Paper: https://arxiv.org/abs/1802.05983

    Args:
        codes: [n, D], or a `FactorSampler` in place of both arrays.
        factors: [n, K] classes, K >= 2; rows with a missing one are left out.
        batch_size: points per vote, 2 or more.
        num_train: votes to learn from.
        num_test: fresh votes to score.
        threshold: a code is active when its standard deviation reaches it. 0.05 is the study's; 0 is no
            pruning (disent), where an exactly constant code wins every vote and the score falls to chance.
        seed: integer or RandomState. From a function of factors or a complete grid, the draws follow
            disentanglement_lib's order, so the same RandomState gives the same votes.

    Returns:
        Score, 0 when no code is active; details `train_accuracy`, `test_accuracy`, `votes` and `test_votes`
        [D, K], `active` [D] bool, `variance` [D], `chance`.

    Raises:
        InputError: fewer than two factors, a size that is too small, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2)
    >>> factor_vae_score(factors + 0.0, factors, num_train=200, num_test=100).value
    1.0
    """
    sampler = as_sampler(codes, factors)
    if len(sampler.sizes) < 2:
        raise InputError("factor_vae_score needs at least two factors: with one, every vote is right")
    if min(num_train, num_test) < 1 or batch_size < 2:
        raise InputError("num_train and num_test must be 1 or more, batch_size 2 or more")
    state = random_state(seed)
    variance = _variance(sampler.sample(VARIANCE_POINTS, state))
    active = np.sqrt(variance) >= threshold
    votes = np.zeros((2, len(active), len(sampler.sizes)), dtype=np.int64)
    if active.any():
        for counts, points in zip(votes, (num_train, num_test), strict=True):
            k, local = sampler.variances(points, batch_size, state)
            # Constant codes that are not pruned win every vote.
            ratio = np.where(variance > 0, local / np.where(variance > 0, variance, 1), -1)
            np.add.at(counts, (np.where(active, ratio, np.inf).argmin(axis=1), k), 1)
    details = _majority(votes, (num_train, num_test), active, variance)
    return Score(
        details["test_accuracy"],
        details,
        {
            "batch_size": batch_size,
            "num_train": num_train,
            "num_test": num_test,
            "threshold": threshold,
            "seed": seed,
        },
    )


def _majority(
    votes: Ints, sizes: tuple[int, int], active: NDArray[np.bool_], variance: Floats
) -> dict[str, Any]:
    """How often a code's votes [2, D, K], in training and test, are for the factor it has most votes for."""
    right = np.arange(votes.shape[1]), votes[0].argmax(axis=1)
    train, test = (float(part[right].sum() / size) for part, size in zip(votes, sizes, strict=True))
    return {
        "train_accuracy": train,
        "test_accuracy": test,
        "votes": votes[0],
        "test_votes": votes[1],
        "active": active,
        "variance": variance,
        "chance": 1 / votes.shape[2],
    }


def _variance(sample: Floats) -> Floats:
    """Variance (ddof 1) of each code; exactly 0 where it is constant."""
    return np.where(np.ptp(sample, axis=0) > 0, sample.var(axis=0, ddof=1), 0)


@dataclass(frozen=True)
class _Options:
    """How votes are cast and counted; the fields are the metrics' keywords."""

    batch_size: int = 200
    num_train: int = 800
    num_test: int = 800
    threshold: float = 0.05
    rescale: bool = True
    seed: Seed = 0
    factor_bins: int | None = None


def _complete_rows(codes: ArrayLike, factors: ArrayLike, options: _Options) -> tuple[Floats, Ints]:
    """Codes and labels of the points that miss no factor.

    Raises:
        InputError: fewer than two points or factors are left, or a size is too small.
    """
    if min(options.num_train, options.num_test) < 1 or options.batch_size < 2:
        raise InputError("num_train and num_test must be 1 or more, batch_size 2 or more")
    table = check_codes(codes)
    labels = check_classes(factors, len(table), bins=options.factor_bins).labels
    complete = (labels >= 0).all(axis=1)
    if complete.sum() < 2:
        raise InputError("fewer than two points have all their factors: there is nothing to draw from")
    if labels.shape[1] < 2:
        raise InputError("a vote needs at least two factors to tell apart")
    return np.ascontiguousarray(table[complete]), labels[complete]


def _variance_votes(
    table: Floats, groups: Sequence[Sequence[Ints]], pick: Literal["least", "most"], options: _Options
) -> Score:
    """Accuracy of a majority vote that finds the factor behind a batch by one code's variance.

    One vote: draw a factor, one of its groups of rows, and a batch from the group, going through the shuffled
    group again and again; the code with the least (most) variance relative to all points has the vote.

    Args:
        table: codes [n, D].
        groups: per factor, the groups of rows a batch can come from, two rows or more each.
        pick: which code has the vote.
        options: sizes, threshold and seed.
    """
    from distaff.metrics._loops import local_variances

    state, K = random_state(options.seed), len(groups)
    lines = np.arange(len(table))
    state.shuffle(lines)
    variance = _variance(table[lines[:VARIANCE_POINTS]])
    active = np.flatnonzero((variance > 0) & (np.sqrt(variance) >= options.threshold))
    sizes = (options.num_train, options.num_test)
    chosen = [np.bincount(state.randint(0, K, size=size), minlength=K) for size in sizes]
    votes = np.zeros((2, table.shape[1], K), dtype=np.int64)
    if len(active):
        for k in range(K):
            of_group = state.choice(len(groups[k]), size=chosen[0][k] + chosen[1][k])
            train = np.bincount(of_group[: chosen[0][k]], minlength=len(groups[k]))
            both = np.bincount(of_group, minlength=len(groups[k]))
            for group in np.flatnonzero(both).tolist():
                rows = _passes(groups[k][group], both[group] * options.batch_size, state)
                local = local_variances(table, rows.reshape(both[group], -1))[:, active] / variance[active]
                winner = active[local.argmin(axis=1) if pick == "least" else local.argmax(axis=1)]
                np.add.at(votes[0, :, k], winner[: train[group]], 1)
                np.add.at(votes[1, :, k], winner[train[group] :], 1)
    details = _majority(votes, sizes, np.isin(np.arange(table.shape[1]), active), variance)
    value = details["test_accuracy"]
    if options.rescale:
        details["chance"] = 0.0
        value = (value - 1 / K) / (1 - 1 / K) if len(active) else value
    return Score(value, details, vars(options))


def _passes(group: Ints, needed: int, state: np.random.RandomState) -> Ints:
    """So many rows of the group: whole shuffled passes, and a part of the last."""
    own = group.copy()
    rows = np.empty(needed, dtype=np.int64)
    for start in range(0, needed, len(own)):
        state.shuffle(own)
        rows[start : start + len(own)] = own[: needed - start]
    return rows


@metric(default=False, least_factors=2)
def z_min_variance(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    factor_bins: int | None = None,
    batch_size: int = 200,
    num_train: int = 800,
    num_test: int = 800,
    threshold: float = 0.05,
    rescale: bool = True,
    seed: Seed = 0,
) -> Score:
    """How often the code that varies least reveals which factor is fixed in a batch, chance taken off.

    The vote of `factor_vae_score` with larger batches and fewer votes, drawn without replacement from the
    points with one value of the factor until they are used up, then again. Invariant under permutation,
    shift and sign of codes, and under scale while no code crosses the threshold.

    Interpretation:
        Range: 0 to 1, a little below 0 by chance.
        Chance: 0, and some tenths for few points.
        Better: higher.
        Weaknesses: Looks at one code per factor only. Training and test batches come from the same points, so
            with few points per value noise is learnt by heart and scores above 0.
        Continuous factors: refused, or binned with factor_bins.
        Missing labels: points with any missing factor are left out.
        Paper: https://arxiv.org/abs/2012.09276

    Args:
        codes: [n, D].
        factors: [n, K] classes, K >= 2; rows with a missing one are left out.
        factor_bins: equal-width bins for continuous factors; None takes values as classes.
        batch_size: points per vote, 2 or more.
        num_train: votes to learn from.
        num_test: votes to score.
        threshold: a code is active when its standard deviation reaches it; a constant code never is.
        rescale: give (accuracy - 1/K) / (1 - 1/K), a little below 0 by chance, not the accuracy itself.
        seed: integer or RandomState; the draws follow the reference's order.

    Returns:
        Score, 0 when no code is active; details `train_accuracy`, `test_accuracy` (not rescaled), `votes` and
        `test_votes` [D, K], `active` [D] bool, `variance` [D], `chance`.

    Raises:
        InputError: fewer than two factors, a factor whose values occur once each, a size that is too small,
            or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2)
    >>> z_min_variance(factors + 0.0, factors, num_train=200, num_test=100).value
    1.0
    """
    options = _Options(batch_size, num_train, num_test, threshold, rescale, seed, factor_bins)
    table, labels = _complete_rows(codes, factors, options)
    groups = []
    for k, column in enumerate(labels.T):
        rows = [np.flatnonzero(column == value) for value in np.unique(column)]
        groups.append([group for group in rows if len(group) > 1])
        if not groups[k]:
            raise InputError(f"factor {k} takes no value twice: bin it with factor_bins")
    return _variance_votes(table, groups, "least", options)


@metric(default=False, least_factors=2)
def z_max_variance(
    codes: ArrayLike, factors: ArrayLike, *, factor_bins: int | None = None, seed: Seed = 0, **options: Any
) -> Score:
    """How often the code that varies most reveals which factor varies alone in a batch, chance taken off.

    The reverse of `z_min_variance`: batches come from the points that agree in all factors but one, without
    replacement until they are used up, then again. Invariant under permutation, shift and sign of codes, and
    under scale while no code crosses the threshold.

    Interpretation:
        Range: 0 to 1, a little below 0 by chance.
        Chance: 0, and some tenths for few points.
        Better: higher.
        Weaknesses: Needs points that agree in all factors but one: with many factors they are rare, and noise
            is learnt by heart. Looks at one code per factor only.
        Continuous factors: refused, or binned with factor_bins.
        Missing labels: points with any missing factor are left out.
        Paper: https://arxiv.org/abs/1902.01568

    Args:
        codes: [n, D].
        factors: [n, K] classes, K >= 2; rows with a missing one are left out.
        factor_bins: equal-width bins for continuous factors, or for more points that agree; None takes values
            as classes.
        seed: integer or RandomState.
        options: the other options of `z_min_variance`.

    Returns:
        Score; details as for `z_min_variance`.

    Raises:
        InputError: fewer than two factors, no two points that agree in all factors but one, a size that is
            too small, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2)
    >>> z_max_variance(factors + 0.0, factors, num_train=200, num_test=100).value
    1.0
    """
    vote = _Options(seed=seed, factor_bins=factor_bins, **options)
    table, labels = _complete_rows(codes, factors, vote)
    groups = []
    for k in range(labels.shape[1]):
        _, alike = np.unique(np.delete(labels, k, axis=1), axis=0, return_inverse=True)
        order = np.argsort(alike, kind="stable")
        rows = np.split(order, np.flatnonzero(np.diff(alike[order])) + 1)
        groups.append([group for group in rows if len(group) > 1])
        if not groups[k]:
            raise InputError(f"no two points agree in all factors but factor {k}: bin them with factor_bins")
    return _variance_votes(table, groups, "most", vote)
