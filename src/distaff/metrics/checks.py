"""What a metric accepts: codes, factors, and a train and a test part; one clear line for anything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Precision = Literal["float64", "float32"]
Seed = int | np.random.RandomState

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


def seed_setting(seed: Seed) -> int | str:
    """How a seed is written in a score's settings."""
    return seed if isinstance(seed, int) else "RandomState"


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
        bins: histogram every factor into so many equal-width bins first, which admits continuous factors;
            None takes values as they are.
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
    if kind in "US" and bins is None:
        found, labels = np.unique(column, return_inverse=True)
        return labels.astype(np.int64), found
    if kind not in "biuf":
        raise InputError(f"factor {k} of {name} must be numbers or text, not {column.dtype}")
    missing = np.isnan(column) if kind == "f" else np.zeros(len(column), dtype=bool)
    present = column[~missing]
    if len(present) == 0:
        return np.full(len(column), MISSING, dtype=np.int64), present
    if bins is not None:
        from distaff.metrics.discretise import histogram_labels

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
