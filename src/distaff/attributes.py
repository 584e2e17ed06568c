"""The table of labels beside the images: what each column means, and its values with gaps allowed.

A label is what a user writes ("heart", 3); its number is what a model computes with (class index 2). Only
`Attribute.encode` turns the first into the second, and `Attribute.label` back.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from distaff.errors import InputError, UnknownAttributeError, nearest

Kind = Literal["categorical", "ordinal", "continuous", "circular"]
Floats = npt.NDArray[np.floating[Any]]


class Folds(BaseModel):
    """How often an image repeats in one full turn, by the class of another attribute."""

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

    def encode(self, labels: Any, *, missing: bool = False) -> npt.NDArray[np.float32]:
        """Turn labels, as a user writes them, into class indices or numbers.

        What a label means does not depend on its type: 3, 3.0, `numpy.float32(3)` and "3" are the same. A
        label is never a class index: of the classes 3, 5 and 7 the label 3 is class 0.

        Args:
            labels: one label, or n of them: texts, numbers, bools, an array or a column of a data frame.
            missing: whether labels may be missing (None or NaN).

        Returns:
            float32 [n] ([1] for one label): class index, or the number if continuous; NaN where missing.

        Raises:
            InputError: a label that the attribute does not have, a number outside [low, high], or a missing
                label that may not be missing.

        >>> shape = Attribute(name="shape", kind="categorical", values=("square", "ellipse", "heart"))
        >>> shape.encode(["heart", "square"])
        array([2., 0.], dtype=float32)
        >>> Attribute(name="stage", kind="ordinal", values=(3, 5, 7)).encode(np.float64(5))
        array([1.], dtype=float32)
        """
        given = np.asarray(labels, dtype=object if isinstance(labels, (list, tuple)) else None).reshape(-1)
        if given.dtype.kind in "iuf":
            different, where = np.unique(given, return_inverse=True)
            return np.array([self._encode(each, missing) for each in different], np.float32)[where]
        known: dict[Any, float] = {}
        for each in given:
            # 1 and True are equal, and not the same label.
            key = (type(each), str(each))
            if key not in known:
                known[key] = self._encode(each, missing)
        return np.array([known[type(each), str(each)] for each in given], dtype=np.float32)

    def _encode(self, label: Any, missing: bool) -> float:
        text = _text(label)
        if text is None:
            if missing:
                return math.nan
            raise InputError(f"attribute {self.name!r}: a label is missing (None or NaN); give a value")
        number = _number(text)
        if self.kind == "continuous":
            # In float32, so that the lowest label of a float32 array is not below the lowest.
            if not np.float32(self.low) <= np.float32(number) <= np.float32(self.high):
                span = f"from {self.low:g} to {self.high:g}"
                raise InputError(f"attribute {self.name!r}: {text[:80]!r} is not a number {span}")
            return number
        index = self._index_of(text, number)
        if index is None:
            raise InputError(
                f"attribute {self.name!r} has no value {text[:80]!r}; {self._hint(text, number)}"
            )
        return float(index)

    def _index_of(self, text: str, number: float) -> int | None:
        """Return the class of a label: of the same text, else the only one of the same number."""
        texts, numbers = _lookup(self.values)
        for written in (text, unicodedata.normalize("NFC", text)):
            if written in texts:
                return texts[written]
        return None if math.isnan(number) else numbers.get(number)

    def _hint(self, text: str, number: float) -> str:
        labels = [str(value) for value in self.values]
        ordered = self.kind != "categorical" and all(not isinstance(value, str) for value in self.values)
        if ordered and (not math.isnan(number) or len(labels) > 12):
            return f"it goes from {labels[0]} to {labels[-1]}"
        near = nearest(text, labels)
        if near.startswith("there is") and len(labels) > 12:
            return f"there is: {', '.join(labels[:12])}, ..."
        return near

    def label(self, index: float) -> str | int | float:
        """Return the label of a class index (of the nearest class, round the turn if circular).

        >>> Attribute(name="stage", kind="ordinal", values=(3, 5, 7)).label(1.2)
        5
        """
        if self.kind == "continuous":
            return float(index)
        nearest_index = round(float(index))
        if self.kind == "circular" and not 0 <= nearest_index < self.size:
            nearest_index = round(nearest_index % (self.period or self.size))
        return self.values[min(max(nearest_index, 0), self.size - 1)]

    def error(self, read: npt.ArrayLike, true: npt.ArrayLike, *, fold: npt.ArrayLike = 1) -> Floats:
        """Absolute error of read class indices or values.

        Args:
            read: any shape, NaN where nothing was read.
            true: the same shape.
            fold: circular only: images repeat this many times in a turn (a number, or one per image).

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
    """Attributes and their values for n images.

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
        """The same columns for these images."""
        return AttributeTable(self.attributes, self.values[indices])

    def hide(self, rows: npt.NDArray[np.int64]) -> AttributeTable:
        """Return the table with every label of these rows (int [m]) missing."""
        values = self.values.copy()
        values[rows] = np.nan
        return AttributeTable(self.attributes, values)

    def _index(self, name: str) -> int:
        if name not in self.names:
            raise InputError(f"unknown attribute {name!r}; {nearest(name, self.names)}")
        return self.names.index(name)


@cache
def _lookup(values: tuple[str | int | float, ...]) -> tuple[dict[str, int], dict[float, int]]:
    """Return the class of each label by its text, and by its number where no other label has that number."""
    # Accents have two forms, of which people type one and some systems write the other.
    texts = {unicodedata.normalize("NFC", str(value)): index for index, value in enumerate(values)}
    texts |= {str(value): index for index, value in enumerate(values)}
    numbers = [_number(str(value)) for value in values]
    counts = Counter(numbers)
    return texts, {each: index for index, each in enumerate(numbers) if counts[each] == 1}


def _text(label: Any) -> str | None:
    """Return what a label says, None if it is missing."""
    if label is None or (isinstance(label, (float, np.floating)) and math.isnan(label)):
        return None
    if isinstance(label, bytes):
        return label.decode("utf-8", "replace").strip()
    text = str(label).strip()
    # pandas' own words for a missing cell, which are objects of their own.
    return None if text in {"<NA>", "NaT"} and not isinstance(label, str) else text


def _number(text: str) -> float:
    """Return the finite number that a text is, NaN if it is none."""
    if text in {"True", "False"}:
        return float(text == "True")
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) and "_" not in text else math.nan


def first_attribute(attributes: Mapping[str, Attribute], where: str) -> str:
    """Return the first attribute with classes, the meaning of `auto`; `where` begins the InputError."""
    for name, attribute in attributes.items():
        if attribute.size:
            return name
    first = next(iter(attributes), None)
    numbers = f"; {first} is continuous, unless data.kinds says otherwise" if first is not None else ""
    raise UnknownAttributeError(
        where, None, f"needs an attribute with classes, and the data has none{numbers}"
    )
