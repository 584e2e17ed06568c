"""https://arxiv.org/abs/1802.05983: votes by the code whose variance stands out in batches of chosen rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from distaff.errors import InputError
from distaff.metrics.checks import Classes, Floats, Ints, Seed, random_state, seed_setting
from distaff.metrics.gather import local_variances
from distaff.metrics.score import Score


@dataclass(frozen=True)
class VoteOptions:
    """How votes are cast and counted; the fields are the metrics' keywords."""

    batch_size: int
    num_train: int
    num_test: int
    num_variance: int
    threshold: float
    rescale: bool
    seed: Seed

    def check(self) -> None:
        """InputError when a size is too small."""
        if min(self.num_train, self.num_test) < 1 or min(self.batch_size, self.num_variance) < 2:
            raise InputError(
                "num_train and num_test must be 1 or more, batch_size and num_variance 2 or more"
            )

    def settings(self) -> dict[str, Any]:
        """The options, as a score records them."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {
            "seed": seed_setting(self.seed)
        }


def complete_rows(table: Floats, classes: Classes) -> tuple[Floats, Ints]:
    """Codes and labels of the points that miss no factor; InputError when there are fewer than two."""
    complete = (classes.labels >= 0).all(axis=1)
    if complete.sum() < 2:
        raise InputError("fewer than two points have all their factors: there is nothing to draw from")
    return np.ascontiguousarray(table[complete]), classes.labels[complete]


def variance_votes(
    table: Floats, groups: Sequence[Sequence[Ints]], pick: Literal["least", "most"], options: VoteOptions
) -> Score:
    """Accuracy of a majority vote that tells the factor behind a batch from one code's variance.

    One vote: draw a factor, one of its groups of rows, and a batch from the group, going through the shuffled
    group again and again; the code with the least (most) variance relative to all points has the vote.

    Args:
        table: codes [n, D].
        groups: per factor, the groups of rows a batch can come from, two rows or more each.
        pick: which code has the vote.
        options: sizes, threshold and seed.
    """
    state, K = random_state(options.seed), len(groups)
    lines = np.arange(len(table))
    state.shuffle(lines)
    sample = table[lines[: options.num_variance]]
    moves = sample.max(axis=0) > sample.min(axis=0)
    variance = np.where(moves, sample.var(axis=0, ddof=1), 0)
    active = np.flatnonzero(moves & (np.sqrt(variance) >= options.threshold))
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
    stands_for = np.arange(table.shape[1]), votes[0].argmax(axis=1)
    accuracy = [float(part[stands_for].sum() / size) for part, size in zip(votes, sizes, strict=True)]
    value = (accuracy[1] - 1 / K) / (1 - 1 / K) if options.rescale and len(active) else accuracy[1]
    return Score(
        value,
        {
            "train_accuracy": accuracy[0],
            "test_accuracy": accuracy[1],
            "votes": votes[0],
            "test_votes": votes[1],
            "active": np.isin(np.arange(table.shape[1]), active),
            "variance": variance,
            "chance": 0.0 if options.rescale else 1 / K,
        },
        options.settings(),
    )


def _passes(group: Ints, needed: int, state: np.random.RandomState) -> Ints:
    """So many rows of the group: whole shuffled passes, and a part of the last."""
    own = group.copy()
    rows = np.empty(needed, dtype=np.int64)
    for start in range(0, needed, len(own)):
        state.shuffle(own)
        rows[start : start + len(own)] = own[: needed - start]
    return rows
