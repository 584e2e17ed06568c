"""What a column of labels means, read off its values.

Texts are classes in sorted order (categorical). Whole numbers of at most 50 different values are classes too:
categorical under a name such as `label` or `class`, else ordinal. Other numbers are continuous. Missing are
empty texts, NaN, and -1 among class numbers that are otherwise not negative.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data.attributes import Attribute, AttributeTable, Kind
from distaff.errors import InputError

Column = npt.NDArray[Any]
CLASSES = 50
"""Different whole numbers up to which they are classes."""
TEXTS = 256
"""Different texts up to which they are classes."""
LABELS = frozenset({"label", "labels", "class", "classes", "category", "target", "targets", "y"})
"""Names under which whole numbers are classes without an order."""


def table(
    columns: Mapping[str, Column], wanted: tuple[str, ...] | None, n: int, where: str
) -> AttributeTable:
    """The attributes that columns hold, leaving out those without information unless they are wanted.

    Args:
        columns: name to [n] of texts, bools, integers or floats.
        wanted: the attributes the user asked for; None means all.
        n: how many pictures there are.
        where: the file, to name in errors.

    Raises:
        InputError: an infinite number, or a wanted column that cannot be an attribute.
    """
    attributes, values = [], [np.empty((n, 0), dtype=np.float32)]
    for name, column in columns.items():
        try:
            attribute, numbers = infer(name, column)
        except Uninformative as error:
            if wanted is not None and name in wanted:
                raise InputError(f"{where}: column {name!r} {error}; it cannot be an attribute") from None
            continue
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        attributes.append(attribute)
        values.append(numbers[:, None])
    return AttributeTable(tuple(attributes), np.concatenate(values, axis=1))


class Uninformative(Exception):  # noqa: N818 - no mistake of anybody's
    """The column says nothing that a model could learn."""


def infer(name: str, column: Column) -> tuple[Attribute, npt.NDArray[np.float32]]:
    """One column's attribute and its values, float32 [n]: class index or value, NaN where missing.

    Raises:
        Uninformative: fewer than two different values, or texts that are nearly all different.
        InputError: an infinite number.
    """
    if column.dtype.kind == "b":
        column = column.astype(str)
    if column.dtype.kind == "S":
        column = np.char.decode(column, "utf-8", "replace")
    if column.dtype.kind == "U":
        texts = np.char.strip(column)
        missing = np.isin(np.char.lower(texts), ("", "nan"))
        try:
            numbers = np.where(missing, "nan", texts).astype(np.float64)
        except ValueError:
            return _classes(name, texts, missing)
    else:
        numbers = column.astype(np.float64)
    return _numbers(name, numbers)


def _classes(
    name: str, texts: Column, missing: npt.NDArray[np.bool_]
) -> tuple[Attribute, npt.NDArray[np.float32]]:
    different, index = np.unique(texts[~missing], return_inverse=True)
    if len(different) < 2:
        raise Uninformative("has fewer than two different values")
    if len(different) > TEXTS or len(different) > max(CLASSES, len(texts) // 2):
        raise Uninformative(f"has {len(different)} different texts, too many to be classes")
    values = np.full(len(texts), np.nan, dtype=np.float32)
    values[~missing] = index
    return Attribute(name=name, kind="categorical", values=tuple(str(text) for text in different)), values


def _numbers(name: str, numbers: npt.NDArray[np.float64]) -> tuple[Attribute, npt.NDArray[np.float32]]:
    if np.isinf(numbers).any():
        raise InputError(f"column {name!r} holds an infinite number in row {int(np.isinf(numbers).argmax())}")
    different = np.unique(numbers[~np.isnan(numbers)])
    whole = bool(np.all(different == np.rint(different)))
    # -1 is how label arrays without gaps write "unknown".
    if whole and len(different) <= CLASSES + 1 and len(different) > 1 and different[0] == -1:
        numbers, different = np.where(numbers == -1, np.nan, numbers), different[1:]
    if len(different) < 2:
        raise Uninformative("has fewer than two different values")
    if not whole or len(different) > CLASSES:
        known = numbers[~np.isnan(numbers)]
        attribute = Attribute(
            name=name,
            kind="continuous",
            mean=float(known.mean()),
            std=float(known.std()),
            low=float(known.min()),
            high=float(known.max()),
        )
        return attribute, numbers.astype(np.float32)
    values = np.where(np.isnan(numbers), np.nan, np.searchsorted(different, numbers)).astype(np.float32)
    kind: Kind = "categorical" if name.lower() in LABELS else "ordinal"
    return Attribute(name=name, kind=kind, values=tuple(int(value) for value in different)), values
