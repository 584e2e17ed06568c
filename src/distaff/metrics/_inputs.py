"""What is at hand for metrics: codes, and tables of factors whatever holds them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics._information import Information, information
from distaff.metrics._registry import NEEDS, Metric
from distaff.metrics._tables import Floats, check_codes

Kind = Literal["categorical", "ordinal", "continuous"]
MOST_CLASSES = 1000
"""Different values up to which whole numbers and text are classes."""


@dataclass(frozen=True)
class Factor:
    """One column of factors.

    Attributes:
        name: its header, or its place in an array.
        kind: ``"categorical"`` is text, ``"ordinal"`` whole numbers, both classes; or ``"continuous"``.
        values: [n] float64; the place of a text among the sorted texts, other values as they are, NaN where
            missing.
        test_values: [m], the same for the test points.
    """

    name: str
    kind: Kind
    values: Floats
    test_values: Floats

    @property
    def about(self) -> str:
        """Its name, its kind and how many values are missing, for reading.

        >>> read_factors({"size": [1, 2, 2, None]}, None, (4, 0))[0][0].about
        'size (2 classes, 1 missing)'
        """
        known = _known(self.values)
        kind = "continuous" if self.kind == "continuous" else f"{len(np.unique(known))} classes"
        missing = len(self.values) - len(known)
        return f"{self.name} ({kind}, {missing:,} missing)" if missing else f"{self.name} ({kind})"


def read_factors(table: Any, test_table: Any, points: tuple[int, int]) -> tuple[list[Factor], dict[str, str]]:
    """Read the columns of a training and a test table, of so many points, and say which are left out and why.

    Raises:
        InputError: a table that is none, whose rows or columns disagree, or that holds an infinite number.
    """
    columns = _named(table, points[0], "factors")
    tests = _named(test_table, points[1], "test_factors")
    if test_table is not None and set(tests) != set(columns):
        raise InputError(
            f"factors and test_factors disagree: {', '.join(columns)} against {', '.join(tests)}"
        )
    factors: list[Factor] = []
    left_out: dict[str, str] = {}
    for name, column in columns.items():
        both = np.concatenate([column, tests[name]]) if tests else column
        kind, values, reason = _read(name, both)
        factor = Factor(name, kind, values[: points[0]], values[points[0] :])
        known = _known(factor.values)
        if reason is None and len(known) == 0:
            reason = "it has no value"
        elif reason is None and known.min() == known.max():
            reason = "it has only one value: nothing can be measured against it"
        if reason is None:
            factors.append(factor)
        else:
            left_out[name] = reason
    return factors, left_out


def _named(table: Any, points: int, what: str) -> dict[str, NDArray[Any]]:
    """Columns by name, from a mapping, a data frame or an array; all with so many rows."""
    if table is None:
        return {}
    if isinstance(table, Mapping) or hasattr(table, "columns"):
        found = {str(name): np.asarray(table[name]) for name in list(table)}
    else:
        array = np.asarray(table)
        if array.ndim != 2 or array.shape[1] == 0:
            raise InputError(f"{what} must be a table [points, factors], not of shape {array.shape}")
        found = {f"factor {k}": column for k, column in enumerate(array.T)}
    for name, column in found.items():
        if column.ndim != 1:
            raise InputError(f"{what}: column {name!r} must be of one dimension, not of shape {column.shape}")
        if len(column) != points:
            raise InputError(
                f"codes and {what} disagree: {points:,} points against {len(column):,} of {name!r}"
            )
    return found


def _read(name: str, column: NDArray[Any]) -> tuple[Kind, Floats, str | None]:
    """The kind and the numbers of a column, and why it cannot be used."""
    if column.dtype.kind in "biuf":
        return _numbers(name, column.astype(np.float64))
    cells = ["" if _missing(cell) else str(cell).strip() for cell in column.tolist()]
    if all(isinstance(cell, bool | int | float) or _missing(cell) for cell in column.tolist()):
        return _numbers(name, np.array([float(cell) if cell else np.nan for cell in cells]))
    present = sorted(set(cells) - {""})
    rank = {cell: float(place) for place, cell in enumerate(present)}
    values = np.array([rank.get(cell, np.nan) for cell in cells])
    if len(present) > MOST_CLASSES:
        return "categorical", values, f"it has {len(present):,} different texts, too many for classes"
    return "categorical", values, _repeats(values)


def _missing(cell: Any) -> bool:
    return cell is None or cell == "" or cell != cell  # noqa: PLR0124 - only NaN differs from itself


def _numbers(name: str, values: Floats) -> tuple[Kind, Floats, str | None]:
    if np.isinf(values).any():
        raise InputError(f"factor {name!r} is infinite in row {int(np.isinf(values).argmax()) + 1}")
    found = np.unique(_known(values))
    whole = len(found) <= MOST_CLASSES and bool((found == np.rint(found)).all())
    if whole and _repeats(values) is None:
        return "ordinal", values, None
    return "continuous", values, None


def _repeats(values: Floats) -> str | None:
    """Say that no class has two points; None when some has."""
    known = _known(values)
    if len(np.unique(known)) < len(known) or len(known) < 2:
        return None
    return "every point has a class of its own"


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


class Inputs:
    """What metrics are given: tables of codes and factors, by the names of their parameters.

    A subclass offers more: an attribute or property under each name that it adds to `offers`, and, in
    `lacks_need`, what it lacks.

    Attributes:
        codes: [n, D].
        factors: those that can be measured against.
        factors_left_out: why other factors are not used, by name.
        seed: given to every metric that has one.
    """

    offers: ClassVar[frozenset[str]] = frozenset({"codes", "mean", "logvar", "test_codes", "shared", "seed"})
    """Parameters of metrics that these inputs fill, beside `factors`, `test_factors` and `progress`."""
    of_model: ClassVar[bool] = False
    """Whether metrics that need a trained model run unless others are named."""

    def __init__(
        self,
        codes: ArrayLike,
        factors: Any = None,
        *,
        test_codes: ArrayLike | None = None,
        test_factors: Any = None,
        logvar: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        if (test_codes is None) != (test_factors is None):
            raise InputError("test_codes and test_factors go together: give both or neither")
        self.codes = check_codes(codes)
        self.test_codes = None if test_codes is None else check_codes(test_codes, name="test_codes")
        self.logvar = None if logvar is None else check_codes(logvar, name="logvar")
        self.seed = seed
        points = len(self.codes), 0 if self.test_codes is None else len(self.test_codes)
        self.factors: Sequence[Factor]
        self.factors, self.factors_left_out = read_factors(factors, test_factors, points)

    @property
    def mean(self) -> Floats:
        """The codes, as the means of posteriors."""
        return self.codes

    @cached_property
    def shared(self) -> Information:
        """One count of binned codes against classes, for every metric that reads it."""
        return information(self.codes, _columns([each for each in self.factors if each.kind != "continuous"]))

    def lacks_need(self, need: str) -> str | None:
        """Say why a need (a key of `NEEDS`) is not met; None when it is."""
        met = {"codes", "classes", "numbers", "grid"} | ({"logvar"} if self.logvar is not None else set())
        return None if need in met else f"it needs {NEEDS[need]}"

    def lacks(self, metric: Metric) -> str | None:
        """Say why a metric cannot be measured; None when it can, as far as can be known before."""
        for need in metric.needs:
            reason = self.lacks_need(need)
            if reason is not None:
                return reason
        if "codes" in metric.needs and self.codes.shape[1] < metric.least_codes:
            return f"it needs {metric.least_codes} codes, the data have {self.codes.shape[1]}"
        found = len(self.factors_of(metric))
        if found < metric.least_factors:
            kind = NEEDS["numbers" if "numbers" in metric.needs else "classes"]
            least = f"{metric.least_factors} " if metric.least_factors > 1 else ""
            return f"it needs {least}{kind}, the data have {found or 'none'}"
        return None

    def factors_of(self, metric: Metric) -> list[Factor]:
        """The factors that a metric takes: categories have no order, so they are not numbers."""
        if "numbers" in metric.needs:
            return [each for each in self.factors if each.kind != "categorical"]
        if "classes" in metric.needs:
            bins = inspect.signature(metric.function).parameters.get("factor_bins")
            binned = bins is not None and bins.default is not None
            return [each for each in self.factors if each.kind != "continuous" or binned]
        return []

    def arguments(self, metric: Metric) -> dict[str, Any]:
        """What a metric is called with."""
        given = {name: getattr(self, name) for name in metric.parameters if name in self.offers}
        taken = self.factors_of(metric)
        if taken and "factors" in metric.parameters:
            given["factors"] = _columns(taken)
        if taken and self.test_codes is not None and "test_factors" in metric.parameters:
            given["test_factors"] = np.column_stack([each.test_values for each in taken])
        return given


def _columns(factors: Sequence[Factor]) -> Floats:
    return np.column_stack([each.values for each in factors])
