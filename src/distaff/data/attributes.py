"""The table of labels beside the pictures: what each column means, and its values with gaps allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from distaff.errors import InputError, nearest

Kind = Literal["categorical", "ordinal", "continuous", "circular"]
Floats = npt.NDArray[np.floating[Any]]


class Folds(BaseModel):
    """How often a picture repeats in one full turn, by the class of another attribute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str
    counts: tuple[int, ...]


class Attribute(BaseModel):
    """One column of labels.

    Its numbers are class indices 0, 1, ... in the order of `values`; of a continuous column they are the
    values themselves. A missing label is NaN.

    Attributes:
        name: the column's name.
        kind: what distance means: none (categorical), steps (ordinal), a turn (circular), a number line.
        values: the labels in class order; empty for a continuous column.
        period: steps in one full turn, circular only: class `period` is class 0 again.
        folds: rotational symmetry, circular only.
        mean: mean of the known labels, continuous only, as are `std`, `low` and `high`.
        std: standard deviation of the known labels.
        low: smallest known label.
        high: largest known label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    values: tuple[str | int | float, ...] = ()
    period: float | None = None
    folds: Folds | None = None
    mean: float = 0.0
    std: float = 1.0
    low: float = 0.0
    high: float = 1.0

    @property
    def size(self) -> int:
        """Number of classes; 0 for a continuous column."""
        return len(self.values)

    def parse(self, text: str) -> float:
        """Read a label ("heart"), a class number where labels are words ("2"), or a number if continuous.

        Raises:
            InputError: no such label, or a number that is not finite or outside [low, high].
        """
        text = text.strip()
        if self.kind == "continuous":
            number = _number(text)
            if not self.low <= number <= self.high:
                raise InputError(
                    f"attribute {self.name!r}: {text!r} is not a number from {self.low:g} to {self.high:g}"
                )
            return number
        labels = [str(value) for value in self.values]
        if text in labels:
            return float(labels.index(text))
        number = _number(text)
        if all(isinstance(value, str) for value in self.values):
            known: list[float] = [float(index) for index in range(self.size)]
        else:
            known = [float(value) for value in self.values]
        if number in known:
            return float(known.index(number))
        if not math.isnan(number) or len(labels) > 12:
            right = f"it goes from {labels[0]} to {labels[-1]}"
            if all(isinstance(value, str) for value in self.values):
                right = f"there is: {', '.join(labels[:12])}{', ...' if len(labels) > 12 else ''}"
        else:
            right = nearest(text, labels)
        raise InputError(f"attribute {self.name!r} has no value {text!r}: {right}")

    def label(self, value: float) -> str | int | float:
        """Say the label of a class index (the nearest class, round the turn if circular)."""
        if self.kind == "continuous":
            return float(value)
        index = round(float(value))
        if self.kind == "circular" and not 0 <= index < self.size:
            index = round(index % (self.period or self.size))
        return self.values[min(max(index, 0), self.size - 1)]

    def error(self, read: npt.ArrayLike, true: npt.ArrayLike, *, fold: npt.ArrayLike = 1) -> Floats:
        """Absolute error of read class indices or values.

        Args:
            read: any shape, NaN where nothing was read.
            true: the same shape.
            fold: circular only: pictures repeat this many times in a turn (a number, or one per picture).

        Returns:
            float64 of that shape: 0 or 1 if categorical, steps if ordinal, steps the shortest way round
            period / fold if circular, the value's unit if continuous; NaN where either is missing.
        """
        one, two = np.asarray(read, dtype=np.float64), np.asarray(true, dtype=np.float64)
        difference = np.abs(one - two)
        if self.kind == "categorical":
            return np.where(np.isnan(difference), np.nan, np.rint(one) != np.rint(two)).astype(np.float64)
        if self.kind == "circular":
            turn = (self.period or float(self.size)) / np.asarray(fold, dtype=np.float64)
            rest = np.mod(difference, turn)
            return np.asarray(np.minimum(rest, turn - rest))
        return np.asarray(difference)


@dataclass(frozen=True)
class AttributeTable:
    """Attributes and their values for n pictures.

    Attributes:
        attributes: K columns.
        values: float32 [n, K]: class index, or value if continuous; NaN where missing.
    """

    attributes: tuple[Attribute, ...]
    values: npt.NDArray[np.float32]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(attribute.name for attribute in self.attributes)

    def __len__(self) -> int:
        return len(self.values)

    def get(self, name: str) -> Attribute:
        """The attribute of that name; InputError names the nearest if there is none."""
        return self.attributes[self._index(name)]

    def column(self, name: str) -> npt.NDArray[np.float32]:
        """The values of one attribute, float32 [n]; InputError names the nearest if there is none."""
        return self.values[:, self._index(name)]

    def select(self, names: Iterable[str]) -> AttributeTable:
        """Only these columns, in this order; InputError names the nearest if one is unknown."""
        kept = [self._index(name) for name in names]
        return AttributeTable(tuple(self.attributes[index] for index in kept), self.values[:, kept])

    def rows(self, indices: npt.NDArray[np.int64] | slice) -> AttributeTable:
        """The same columns for these pictures."""
        return AttributeTable(self.attributes, self.values[indices])

    def hide(self, fraction_kept: float, seed: int, rows: npt.NDArray[np.int64]) -> AttributeTable:
        """Hide every label of `rows` but for a random part of them; other rows keep theirs.

        The pictures kept for a smaller fraction are among those kept for a larger one of the same seed.

        Args:
            fraction_kept: in (0, 1]; at least one picture is kept.
            seed: which pictures are kept.
            rows: int [m], the pictures that may lose their labels.

        Raises:
            InputError: the fraction is outside (0, 1].
        """
        if not 0 < fraction_kept <= 1:
            raise InputError(f"labelled is {fraction_kept:g}: it must be more than 0 and at most 1")
        kept = max(1, round(fraction_kept * len(rows)))
        hidden = np.random.default_rng([seed, 3]).permutation(rows)[kept:]
        values = self.values.copy()
        values[hidden] = np.nan
        return AttributeTable(self.attributes, values)

    def _index(self, name: str) -> int:
        if name not in self.names:
            raise InputError(f"unknown attribute {name!r}: {nearest(name, self.names)}")
        return self.names.index(name)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
