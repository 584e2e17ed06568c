"""https://arxiv.org/abs/1805.01978: how well the nearest codes foretell each factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import Floats, Ints, Seed
from distaff.metrics.score import Score
from distaff.metrics.split import split


def knn_accuracy(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    neighbours: int = 5,
    standardise: bool = False,
    num_train: int = 10_000,
    num_test: int = 5_000,
    seed: Seed = 0,
) -> Score:
    """Test accuracy of the majority among the nearest training codes (Euclidean), averaged over factors.

    Ties go to the smallest class. Chance is the share of the most frequent class. Invariant under
    permutation, sign, rotation and common scale of codes.

    Args:
        codes: [n, D].
        factors: [n, K] classes; points with a missing value (NaN) are left out for that factor.
        test_codes: [m, D]; without it the points are parted by `seed`.
        test_factors: [m, K].
        neighbours: how many vote; all training points when there are fewer.
        standardise: give every code unit variance first.
        num_train: points to vote when no test part is given.
        num_test: points to test on when no test part is given.
        seed: of the parting.

    Returns:
        Score in 0..1; details `per_factor` and `chance` [K].

    Raises:
        InputError: `neighbours` below 1, or a table that the checks refuse.
    """
    if neighbours < 1:
        raise InputError(f"neighbours must be 1 or more, not {neighbours}")
    parts = split(codes, factors, test_codes, test_factors, num_train=num_train, num_test=num_test, seed=seed)
    spread = np.ones(parts.codes.shape[1])
    if standardise:
        spread = np.where(np.ptp(parts.codes, axis=0) > 0, parts.codes.std(axis=0), 1)
    K = parts.factors.labels.shape[1]
    accuracy, chance = np.empty(K), np.empty(K)
    whole: Ints | None = None
    for k in range(K):
        z, labels, test_z, test_labels = parts.of(k)
        if len(z) == len(parts.codes) and len(test_z) == len(parts.test_codes):
            whole = nearest_rows(z / spread, test_z / spread, neighbours) if whole is None else whole
            near = whole
        else:
            near = nearest_rows(z / spread, test_z / spread, neighbours)
        accuracy[k] = np.mean(vote(labels[near], parts.factors.sizes[k]) == test_labels)
        chance[k] = np.mean(test_labels == np.bincount(labels).argmax())
    return Score(
        float(accuracy.mean()),
        {"per_factor": accuracy, "chance": chance},
        {"neighbours": neighbours, "standardise": standardise, **parts.settings},
    )


def nearest_rows(train: Floats, test: Floats, neighbours: int) -> Ints:
    """Rows of the nearest training points: [m, neighbours]."""
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=min(neighbours, len(train))).fit(train)
    return np.asarray(model.kneighbors(test, return_distance=False))


def vote(labels: Ints, size: int) -> Ints:
    """Most frequent class of each row, the smallest of equals: [m, neighbours] -> [m]."""
    rows = np.arange(len(labels))[:, None]
    counts = np.bincount((rows * size + labels).ravel(), minlength=len(labels) * size)
    return np.asarray(counts.reshape(len(labels), size).argmax(axis=1))
