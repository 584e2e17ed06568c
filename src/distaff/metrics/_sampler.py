"""https://arxiv.org/abs/1811.12359: draws codes of points that share the value of one factor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics._tables import Classes, Floats, Ints, check_classes, check_codes

CodeFunction = Callable[[Ints], ArrayLike]
Points = tuple[Ints, Floats]  # labels [n, K] and codes [n, D]


class FactorSampler(ABC):
    """Draws codes of points of which a factor is fixed, for the metrics that intervene on factors.

    Make one with `from_arrays` or `from_function`.

    >>> sampler = FactorSampler.from_function(lambda factors: factors * 1.0, [3, 4])
    >>> sampler.sizes, sampler.sample(5, np.random.RandomState(0)).shape
    ((3, 4), (5, 2))

    Attributes:
        sizes: how many values each factor takes.
    """

    sizes: tuple[int, ...]

    @staticmethod
    def from_arrays(codes: ArrayLike, factors: ArrayLike) -> FactorSampler:
        """Draw from labelled points.

        If the points are a complete grid (every combination of values exactly once, in any order), draws
        follow the reference, factor by factor. Otherwise a batch that shares factor k is drawn from the rows
        with one value of k, that value being a random row's. Rows with a missing factor (NaN) are left out.

        Args:
            codes: [n, D].
            factors: [n, K] classes.

        Raises:
            InputError: a table that the checks refuse, or no row has all its factors.

        >>> FactorSampler.from_arrays([[0.0], [1.0], [2.0], [3.0]], [[0, 0], [0, 1], [1, 0], [1, 1]]).sizes
        (2, 2)
        """
        table = check_codes(codes)
        classes = check_classes(factors, len(table))
        complete = (classes.labels >= 0).all(axis=1)
        if not complete.all():
            if not complete.any():
                raise InputError("every row misses a factor: there is nothing to draw from")
            table = np.ascontiguousarray(table[complete])
            classes = check_classes(classes.labels[complete], len(table))
        rows = _grid_rows(classes)
        return _Rows(table, classes) if rows is None else _Grid(table, classes.sizes, rows)

    @staticmethod
    def from_function(function: CodeFunction, sizes: Sequence[int]) -> FactorSampler:
        """Draw factor vectors and ask `function` for their codes.

        Args:
            function: int64 factor vectors [m, K], values 0..n_k - 1 -> codes [m, D]. It is called on large
                batches, in the reference's order of drawing.
            sizes: n_k, how many values each factor takes.

        Raises:
            InputError: no sizes, or one below 1.

        >>> sampler = FactorSampler.from_function(lambda factors: factors * 1.0, [3])
        >>> sampler.traversals(0, 1, np.random.RandomState(0)).tolist()
        [[[0.0], [1.0], [2.0]]]
        """
        return _Function(function, sizes)

    @abstractmethod
    def sample(self, points: int, state: np.random.RandomState) -> Floats:
        """Codes [points, D] of random points."""

    @abstractmethod
    def labelled(self, points: int, state: np.random.RandomState, *, batch: int | None = None) -> Points:
        """Labels [points, K] and codes [points, D] of random points.

        Args:
            points: how many.
            state: what draws them.
            batch: points drawn at a time, which sets the order of the draws; None for all at once.
        """

    @abstractmethod
    def intervene(self, labels: Ints, k: int, values: Ints, state: np.random.RandomState) -> Points:
        """Set factor k of each point to a value and give the new labels [n, K] and codes [n, D].

        From rows that are no complete grid a random row with that value stands in, so the other factors
        change as well, in the way in which the data tie them to it.

        Args:
            labels: [n, K] the points before.
            k: factor to set.
            values: [n] what to set it to.
            state: draws the rows where rows stand in.
        """

    @abstractmethod
    def differences(self, points: int, batch: int, state: np.random.RandomState) -> tuple[Ints, Floats]:
        """Mean abs(z1 - z2) over `batch` pairs that share a random factor: factor [P], feature [P, D]."""

    @abstractmethod
    def variances(self, points: int, batch: int, state: np.random.RandomState) -> tuple[Ints, Floats]:
        """Variance over `batch` points with one value of a random factor: factor [P], variance [P, D]."""

    @abstractmethod
    def traversals(self, k: int, count: int, state: np.random.RandomState) -> Floats:
        """Codes [count, n_k, D] along factor k, all other factors random but fixed.

        Raises:
            InputError: the points are not a complete grid.
        """


def _grid_rows(classes: Classes) -> Ints | None:
    """Row of each combination in C order, or None when the points are not exactly one grid."""
    cells = np.prod([float(size) for size in classes.sizes])
    if cells != len(classes.labels):
        return None
    flat = np.ravel_multi_index(tuple(classes.labels.T), classes.sizes)
    rows = np.full(len(flat), -1, dtype=np.int64)
    rows[flat] = np.arange(len(flat))
    return None if (rows < 0).any() else rows


class _Drawn(FactorSampler):
    """Draws factor vectors in the reference's order; how they become codes is left to the child."""

    def __init__(self, sizes: Sequence[int]) -> None:
        if len(sizes) == 0 or min(sizes) < 1:
            raise InputError(f"sizes must be counts of 1 or more, not {list(sizes)}")
        self.sizes = tuple(int(size) for size in sizes)

    @abstractmethod
    def _found(self, factors: Ints) -> tuple[Floats, Ints]:
        """Factor vectors [..., K] -> a table of codes [m, D] and the row of each vector [...]."""

    def codes(self, factors: Ints) -> Floats:
        """Factor vectors [..., K] -> codes [..., D]."""
        table, rows = self._found(factors)
        return np.asarray(table[rows])

    def sample(self, points: int, state: np.random.RandomState) -> Floats:
        return self.codes(self._draw(points, state))

    def _draw(self, points: int, state: np.random.RandomState) -> Ints:
        return np.stack([state.randint(size, size=points) for size in self.sizes], axis=1)

    def labelled(self, points: int, state: np.random.RandomState, *, batch: int | None = None) -> Points:
        step = batch or points
        labels = np.concatenate([self._draw(min(step, points - at), state) for at in range(0, points, step)])
        return labels, self.codes(labels)

    def intervene(self, labels: Ints, k: int, values: Ints, state: np.random.RandomState) -> Points:
        changed = labels.copy()
        changed[:, k] = values
        return changed, self.codes(changed)

    def differences(self, points: int, batch: int, state: np.random.RandomState) -> tuple[Ints, Floats]:
        from distaff.metrics._loops import mean_differences, reference_draws

        chosen, features = [], []
        for k, factors in reference_draws(state, np.array(self.sizes), points, 2, batch):
            shared = np.take_along_axis(factors[:, 0], k[:, None, None], axis=2)
            np.put_along_axis(factors[:, 1], k[:, None, None], shared, axis=2)
            chosen.append(k)
            table, rows = self._found(factors)
            features.append(mean_differences(table, rows[:, 0], rows[:, 1]))
        return np.concatenate(chosen), np.concatenate(features)

    def variances(self, points: int, batch: int, state: np.random.RandomState) -> tuple[Ints, Floats]:
        from distaff.metrics._loops import local_variances, reference_draws

        chosen, spread = [], []
        for k, factors in reference_draws(state, np.array(self.sizes), points, 1, batch):
            anchor = np.take_along_axis(factors[:, 0, :1], k[:, None, None], axis=2)
            np.put_along_axis(factors[:, 0], k[:, None, None], anchor, axis=2)
            chosen.append(k)
            table, rows = self._found(factors[:, 0])
            spread.append(local_variances(table, rows))
        return np.concatenate(chosen), np.concatenate(spread)

    def traversals(self, k: int, count: int, state: np.random.RandomState) -> Floats:
        factors = self._draw(count, state)
        lines = np.repeat(factors[:, None], self.sizes[k], axis=1)
        lines[:, :, k] = np.arange(self.sizes[k])
        return self.codes(lines)


class _Function(_Drawn):
    def __init__(self, function: CodeFunction, sizes: Sequence[int]) -> None:
        super().__init__(sizes)
        self._function = function

    def _found(self, factors: Ints) -> tuple[Floats, Ints]:
        vectors = factors.reshape(-1, len(self.sizes))
        codes = check_codes(self._function(vectors), name="what the function returned")
        if len(codes) != len(vectors):
            raise InputError(f"the function returned {len(codes)} codes for {len(vectors)} factor vectors")
        return codes, np.arange(len(vectors)).reshape(factors.shape[:-1])


class _Grid(_Drawn):
    """Looks codes up in a table that has one row per combination."""

    def __init__(self, table: Floats, sizes: Sequence[int], rows: Ints) -> None:
        super().__init__(sizes)
        self._table = np.ascontiguousarray(table[rows])
        self._steps = np.cumprod([1, *self.sizes[:0:-1]])[::-1].copy()

    def _found(self, factors: Ints) -> tuple[Floats, Ints]:
        return self._table, factors @ self._steps


class _Rows(FactorSampler):
    """Draws rows; the rows of each value of each factor lie together in an index."""

    def __init__(self, table: Floats, classes: Classes) -> None:
        self.sizes = classes.sizes
        self._table = table
        self._labels = np.ascontiguousarray(classes.labels.T)
        self._order = np.argsort(self._labels, axis=1, kind="stable")
        widest = max(self.sizes)
        self._counts = np.stack([np.bincount(column, minlength=widest) for column in self._labels])
        self._starts = np.cumsum(self._counts, axis=1) - self._counts

    def sample(self, points: int, state: np.random.RandomState) -> Floats:
        return np.asarray(self._table[state.randint(len(self._table), size=points)])

    def labelled(self, points: int, state: np.random.RandomState, *, batch: int | None = None) -> Points:
        rows = state.randint(len(self._table), size=points)
        return np.ascontiguousarray(self._labels[:, rows].T), np.asarray(self._table[rows])

    def intervene(self, labels: Ints, k: int, values: Ints, state: np.random.RandomState) -> Points:
        rows = self._having(np.asarray(k), values, state, values.shape)
        return np.ascontiguousarray(self._labels[:, rows].T), np.asarray(self._table[rows])

    def differences(self, points: int, batch: int, state: np.random.RandomState) -> tuple[Ints, Floats]:
        from distaff.metrics._loops import mean_differences

        k = state.randint(len(self.sizes), size=points)
        first = state.randint(len(self._table), size=(points, batch))
        return k, mean_differences(self._table, first, self._alike(k[:, None], first, state, first.shape))

    def variances(self, points: int, batch: int, state: np.random.RandomState) -> tuple[Ints, Floats]:
        from distaff.metrics._loops import local_variances

        k = state.randint(len(self.sizes), size=points)
        anchor = state.randint(len(self._table), size=points)
        rows = self._alike(k[:, None], anchor[:, None], state, (points, batch))
        return k, local_variances(self._table, rows)

    def traversals(self, k: int, count: int, state: np.random.RandomState) -> Floats:
        raise InputError(
            "a traversal needs every combination of factors exactly once, or a function of factors"
        )

    def _alike(self, k: Ints, rows: Ints, state: np.random.RandomState, shape: tuple[int, ...]) -> Ints:
        """Random rows that have the same value of factor k as the given ones."""
        return self._having(k, self._labels[k, rows], state, shape)

    def _having(self, k: Ints, value: Ints, state: np.random.RandomState, shape: tuple[int, ...]) -> Ints:
        """Random rows whose factor k has the value."""
        place = (state.random_sample(shape) * self._counts[k, value]).astype(np.int64)
        return np.asarray(self._order[k, self._starts[k, value] + place])


def as_sampler(codes: ArrayLike | FactorSampler, factors: ArrayLike | None) -> FactorSampler:
    """The sampler given in place of codes, or one that draws from the arrays."""
    if isinstance(codes, FactorSampler):
        if factors is not None:
            raise InputError("factors are part of a FactorSampler: give them only beside an array of codes")
        return codes
    if factors is None:
        raise InputError("factors are missing: give codes and factors, or a FactorSampler alone")
    return FactorSampler.from_arrays(codes, factors)
