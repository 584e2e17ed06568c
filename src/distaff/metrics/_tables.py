"""What a metric accepts: codes, factors and their bins, whole or split into a training and a test part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError, nearest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Precision = Literal["float64", "float32"]
Seed = int | np.random.RandomState
Progress = Callable[[int, int], None]  # told the steps done and the steps in all
MISSING = -1


@dataclass(frozen=True)
class Classes:
    """Factors as class labels.

    Attributes:
        labels: [n, K] int64, 0..n_k - 1 in the order of the sorted values; -1 where the value is missing.
        values: per factor, the sorted values that the labels stand for.
    """

    labels: Ints
    values: tuple[NDArray[Any], ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each factor takes."""
        return tuple(len(values) for values in self.values)

    def rows(self, start: int, stop: int) -> Classes:
        """The same classes for a slice of the points."""
        return Classes(self.labels[start:stop], self.values)


def random_state(seed: Seed) -> np.random.RandomState:
    """A RandomState from an integer seed, or the one given, which is then advanced in place."""
    return seed if isinstance(seed, np.random.RandomState) else np.random.RandomState(seed)


def check_option(name: str, value: str, choices: Any) -> None:
    """InputError unless `value` is one of the literals of `choices`."""
    allowed = get_args(choices)
    if value not in allowed:
        listed = ", ".join(allowed)
        raise InputError(f"{name} is one of {listed}, not {value!r}; {nearest(str(value), allowed)}")


def check_codes(codes: ArrayLike, *, precision: Precision = "float64", name: str = "codes") -> NDArray[Any]:
    """Codes as a [n, D] array of `precision`; InputError unless they are finite numbers in two dimensions."""
    table = np.asarray(codes)
    if table.ndim != 2 or 0 in table.shape:
        raise InputError(f"{name} must be a filled table [points, codes], not of shape {table.shape}")
    if table.dtype.kind not in "biuf":
        raise InputError(f"{name} must be numbers, not {table.dtype}")
    table = np.ascontiguousarray(table, dtype=precision)
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise InputError(f"{name} must be finite, but row {row}, code {column} is {table[row, column]}")
    return table


def standardised(table: Floats) -> Floats:
    """Columns [n, D] of mean 0 and variance 1; a constant one is 0."""
    moves = table.max(axis=0) > table.min(axis=0)
    return np.where(moves, (table - table.mean(axis=0)) / np.where(moves, table.std(axis=0), 1), 0)


def check_posteriors(mean: ArrayLike, logvar: ArrayLike) -> tuple[Floats, Floats]:
    """Means and log variances, both [n, D] float64; InputError when they disagree."""
    mu, rho = check_codes(mean, name="mean"), check_codes(logvar, name="logvar")
    if mu.shape != rho.shape:
        raise InputError(f"mean and logvar disagree: {mu.shape} against {rho.shape}")
    return mu, rho


def check_float32(*tables: NDArray[Any]) -> None:
    """InputError unless the codes stay finite as float32, which is how the trees see them."""
    for table in tables:
        if np.abs(table).max() > np.finfo(np.float32).max:
            raise InputError(f"codes must fit float32, but one is {np.abs(table).max():.3g}: scale them")


def check_table(factors: ArrayLike, points: int, *, name: str = "factors") -> NDArray[Any]:
    """Factors as a two-dimensional array with `points` rows; InputError otherwise."""
    table = np.asarray(factors)
    if table.ndim != 2 or table.shape[1] == 0:
        raise InputError(f"{name} must be a table [points, factors], not of shape {table.shape}")
    if len(table) != points:
        raise InputError(f"codes and {name} disagree: {points} points against {len(table)}")
    return table


def check_values(factors: ArrayLike, points: int, *, name: str = "factors") -> Floats:
    """Factors as numbers [n, K], NaN where missing; for the metrics that take continuous factors."""
    table = check_table(factors, points, name=name)
    if table.dtype.kind not in "biuf":
        raise InputError(f"{name} must be numbers here, not {table.dtype}")
    table = table.astype(np.float64)
    for k in range(table.shape[1]):
        present = table[~np.isnan(table[:, k]), k]
        if len(present) == 0 or present.min() == present.max():
            raise InputError(f"factor {k} of {name} has only one value: nothing can be measured against it")
        if np.isinf(present).any():
            raise InputError(f"factor {k} of {name} holds an infinite value")
    return table


def check_classes(
    factors: ArrayLike, points: int, *, bins: int | None = None, least: int = 2, name: str = "factors"
) -> Classes:
    """Factors as class labels [n, K].

    Whole numbers (also as floats), booleans and text are classes; NaN in a float table is a missing value.

    Args:
        factors: the table [n, K].
        points: rows the codes have.
        bins: histogram every factor of numbers into so many equal-width bins first, which admits continuous
            ones; None takes values as they are, as are texts, which have no order.
        least: fewest values each factor must take; 2 unless the metric can do with a one-valued factor.
        name: what to call the table in a message.

    Raises:
        InputError: shapes disagree, a factor has one value only, or holds fractions while `bins` is None.
    """
    table = check_table(factors, points, name=name)
    columns, values = [], []
    for k in range(table.shape[1]):
        labels, found = _labels(table[:, k], k, bins, name)
        if len(found) < least:
            raise InputError(f"factor {k} of {name} has only one value: nothing can be measured against it")
        columns.append(labels)
        values.append(found)
    return Classes(np.column_stack(columns), tuple(values))


def _labels(column: NDArray[Any], k: int, bins: int | None, name: str) -> tuple[Ints, NDArray[Any]]:
    kind = column.dtype.kind
    if kind in "US":
        found, labels = np.unique(column, return_inverse=True)
        return labels.astype(np.int64), found
    if kind not in "biuf":
        raise InputError(f"factor {k} of {name} must be numbers or text, not {column.dtype}")
    missing = np.isnan(column) if kind == "f" else np.zeros(len(column), dtype=bool)
    present = column[~missing]
    if len(present) == 0:
        return np.full(len(column), MISSING, dtype=np.int64), present
    if bins is not None:
        present = histogram_labels(present.astype(np.float64)[:, None], bins)[:, 0]
    elif kind == "f" and not (present == np.floor(present)).all():
        raise InputError(
            f"factor {k} of {name} is continuous (it holds {present[present != np.floor(present)][0]:.6g}) "
            "but classes are needed: round it, or use factor_bins where the metric has it"
        )
    found, inverse = _unique(present.astype(np.int64))
    labels = np.full(len(column), MISSING, dtype=np.int64)
    labels[~missing] = inverse
    return labels, found


def _unique(column: Ints) -> tuple[Ints, Ints]:
    """np.unique with its inverse, by counting instead of sorting when the range is small."""
    low, high = int(column.min()), int(column.max())
    if high - low > max(65536, len(column)):
        found, inverse = np.unique(column, return_inverse=True)
        return found, inverse.astype(np.int64)
    shifted = column - low
    occurs = np.bincount(shifted, minlength=high - low + 1) > 0
    return np.flatnonzero(occurs) + low, (np.cumsum(occurs) - 1)[shifted]


def histogram_labels(codes: NDArray[Any], bins: int = 20) -> Ints:
    """Bin each code by itself: [n, D] floats -> [n, D] labels 0..bins - 1.

    Bins are closed on the left and the maximum belongs to the last bin, as in the reference.
    """
    if bins < 2:
        raise InputError(f"bins must be 2 or more, not {bins}")
    labels = np.empty(codes.shape, dtype=np.int64, order="F")
    for d in range(codes.shape[1]):
        column = np.ascontiguousarray(codes[:, d])
        low, high = column.min(), column.max()
        if low == high:  # a constant column fills one bin
            low, high = low - 0.5, high + 0.5
        edges = np.linspace(low, high, bins + 1, dtype=column.dtype)
        labels[:, d] = np.searchsorted(edges[1:-1], column, side="right")
    return labels


@dataclass(frozen=True)
class Parts:
    """Codes and classes of a training and a test part that share one numbering of the classes."""

    codes: NDArray[Any]
    factors: Classes
    test_codes: NDArray[Any]
    test_factors: Classes
    settings: dict[str, Any]

    def of(self, k: int) -> tuple[NDArray[Any], Ints, NDArray[Any], Ints]:
        """Training codes and labels, test codes and labels, of the points whose factor k is known.

        Raises:
            InputError: the training part has one class of factor k, or the test part no known point.
        """
        labels, test_labels = self.factors.labels[:, k], self.test_factors.labels[:, k]
        known, test_known = labels >= 0, test_labels >= 0
        if len(np.unique(labels[known])) < 2:
            raise InputError(f"factor {k} has only one value in the training part: nothing can be learnt")
        if not test_known.any():
            raise InputError(f"factor {k} has no known value: it is missing from the whole test part")
        return self.codes[known], labels[known], self.test_codes[test_known], test_labels[test_known]


def split(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    seed: Seed = 0,
    precision: Precision = "float64",
) -> Parts:
    """Check both tables and split them.

    A given test part is used whole, and so is the training part. Without one the points are shuffled by
    `seed` and split into `num_train` and `num_test`; of fewer points two thirds train and one third tests.

    Raises:
        InputError: a table is wrong, one test table comes without the other, or a part would be empty.
    """
    train = check_codes(codes, precision=precision)
    table = check_table(factors, len(train))
    if (test_codes is None) != (test_factors is None):
        raise InputError("test_codes and test_factors go together: give both or neither")
    if test_codes is None or test_factors is None:
        order = random_state(seed).permutation(len(train))
        cut = min(num_train, -(-2 * len(train) // 3))
        end = min(len(train), cut + num_test)
        if not 0 < cut < end:
            raise InputError(f"{len(train)} points cannot be split into a training and a test part")
        classes = check_classes(table[order[:end]], end)
        both = train[order[:end]]
        settings: dict[str, Any] = {"num_train": cut, "num_test": end - cut, "seed": seed}
        return Parts(both[:cut], classes.rows(0, cut), both[cut:], classes.rows(cut, end), settings)
    test = check_codes(test_codes, precision=precision, name="test_codes")
    if test.shape[1] != train.shape[1]:
        raise InputError(f"codes and test_codes disagree: {train.shape[1]} codes against {test.shape[1]}")
    test_table = check_table(test_factors, len(test), name="test_factors")
    if test_table.shape[1] != table.shape[1]:
        raise InputError(f"factors and test_factors disagree: {table.shape[1]} against {test_table.shape[1]}")
    check_classes(table, len(train))
    classes = check_classes(np.concatenate([table, test_table]), len(train) + len(test))
    cut, end = len(train), len(train) + len(test)
    sizes = {"num_train": cut, "num_test": len(test)}
    return Parts(train, classes.rows(0, cut), test, classes.rows(cut, end), sizes)
