"""What a column of labels means, read off its values unless `data.kinds` says it.

Names of folders are classes, whatever they look like. In a table or an array:

- Texts are classes in sorted order (categorical), unless nearly all are different, such as ids and notes.
- Whole numbers of at most 50 different values are classes: categorical if they are 0 and 1, or -1 and 1, or
  if the column is called label, class, digit or the like; else ordinal. Under such a name more of them are
  classes too. Numbers with leading zeros are texts.
- Other numbers are continuous.
- Missing are empty cells, NaN, and the spellings of MISSING, unless `data.missing` gives others. -1 is
  missing only under a name such as label, beside the classes 0, 1, ..., K - 1 of at least three: elsewhere it
  is a value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from distaff.attributes import Attribute, AttributeTable, Kind
from distaff.data._source import DataOptions, LeftOut
from distaff.errors import InputError, nearest

Texts = npt.NDArray[np.str_]
Numbers = npt.NDArray[np.float64]
Column = npt.NDArray[np.generic]
CLASSES = 50
"""Different whole numbers up to which they are classes."""
LABELS = frozenset(
    {"label", "labels", "class", "classes", "category", "categories", "target", "targets", "y", "cls"}
    | {"digit", "digits", "character", "letter", "species", "breed", "type", "kind", "identity", "person"}
    | {"sex", "gender", "class_id", "label_id", "category_id"}
)
"""Names under which whole numbers are classes without an order."""
MISSING = frozenset(
    {"", "NA", "N/A", "n/a", "na", "#N/A", "#NA", "<NA>", "null", "NULL", "Null", "None", "nan", "NaN", "NAN"}
    | {"-nan", "-NaN", "-", "--", "?", "."}
)
"""How tables spell a missing label."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)", re.IGNORECASE)
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
LEADING_ZERO = re.compile(r"[+-]?0\d")


@dataclass(frozen=True)
class Labels:
    """The attributes that were found, and what is to say about it."""

    attributes: AttributeTable
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


class Uninformative(Exception):  # noqa: N818 - no mistake of anybody's
    """The column says nothing that a model could learn."""


def read_columns(
    columns: Mapping[str, Column],
    n: int,
    where: str,
    options: DataOptions,
    *,
    names: Sequence[str] | None = None,
    folders: frozenset[str] = frozenset(),
) -> Labels:
    """Return the attributes that columns hold, and which were left out.

    Args:
        columns: name to [n] of texts, bools, integers or floats.
        n: how many images there are.
        where: the file, to name in errors.
        options: the kinds and the missing cells that the user wrote, and the attributes asked for.
        names: what the images are called, to name in errors.
        folders: columns that hold names of folders.

    Raises:
        InputError: an infinite number, a name in the options that is no column, or a column that is asked for
            and cannot be an attribute.

    >>> columns = {"colour": np.array(["red", "blue", "NA"]), "site": np.array(["A", "A", "A"])}
    >>> labels = read_columns(columns, 3, "table.csv", DataOptions(source="table.csv"))
    >>> labels.attributes.values[:, 0].tolist(), labels.notes
    ([1.0, 0.0, nan], ("colour: read as missing labels: 'NA' (1)",))
    >>> str(labels.left_out[0])
    "left out the column site: every label is 'A'"
    """
    for option, given in (
        ("attributes", options.attributes or ()),
        ("kinds", options.kinds),
        ("missing", options.missing),
    ):
        unknown = next((name for name in given if name not in columns), None)
        if unknown is not None:
            what = "unknown attribute" if option == "attributes" else f"data.{option}: unknown column"
            raise InputError(f"{where}: {what} {unknown!r}; {nearest(unknown, columns)}")
    attributes, values = [], [np.empty((n, 0), dtype=np.float32)]
    notes: list[str] = []
    left: list[LeftOut] = []
    for name, column in columns.items():
        reader = _Reader(name, options, names, always=name in folders)
        try:
            attribute, numbers = reader.read(column)
        except Uninformative as error:
            if name in (options.attributes or ()):
                raise InputError(f"{where}: column {name!r}: {error}; it cannot be an attribute") from None
            left.append(LeftOut.of("column", [name], str(error)))
            continue
        except InputError as error:
            raise InputError(f"{where}: column {name!r} {error}") from None
        attributes.append(attribute)
        values.append(numbers[:, None])
        shown = name if name.isprintable() else repr(name)
        notes += [f"{shown}: {note}" for note in reader.notes]
    return Labels(
        AttributeTable(tuple(attributes), np.concatenate(values, axis=1)), tuple(notes), tuple(left)
    )


class _Reader:
    """Reads one column; `notes` then holds what the user should hear of it."""

    def __init__(self, name: str, options: DataOptions, names: Sequence[str] | None, *, always: bool) -> None:
        self.name, self.names = name, names
        self.kind: Kind | None = options.kinds.get(name, "categorical" if always else None)
        self.always = always and self.kind == "categorical"
        self.missing = frozenset(options.missing[name]) | {""} if name in options.missing else MISSING
        self.own_missing = name in options.missing
        self.notes: list[str] = []

    def read(self, column: Column) -> tuple[Attribute, npt.NDArray[np.float32]]:
        """Return the attribute and its values, float32 [n]: class index or value, NaN where missing.

        Raises:
            Uninformative: nothing but missing cells, one value alone, or texts that are nearly all different.
            InputError: an infinite number, or cells that do not fit the kind that the user wrote.
        """
        if column.dtype.kind == "b":
            column = column.astype(str)
        if column.dtype.kind == "S":
            column = np.char.decode(column.astype(bytes), "utf-8", "replace")
        if column.dtype.kind != "U":
            return self._numbers(self._missing_numbers(column.astype(np.float64)))
        texts = np.char.strip(column.astype(str))
        missing = texts == "" if self.always else np.isin(texts, tuple(self.missing))
        spelled = Counter(texts[missing & (texts != "")].tolist())
        if spelled and not missing.all():
            cells = ", ".join(f"{text!r} ({count:,})" for text, count in spelled.most_common(5))
            self.notes.append(f"read as missing labels: {cells}")
        known = np.unique(texts[~missing])
        numbers = None if self.always else self._as_numbers(known)
        if numbers is None:
            return self._classes(texts, missing, known)
        values = np.full(len(texts), np.nan)
        values[~missing] = numbers[np.searchsorted(known, texts[~missing])]
        return self._numbers(self._missing_numbers(values) if self.own_missing else values)

    def _as_numbers(self, known: Texts) -> Numbers | None:
        """Return the number that each text is; None unless all are numbers."""
        if self.kind == "categorical" and any(LEADING_ZERO.match(text) for text in known):
            return None
        if not len(known):
            return np.empty(0)
        if all(NUMBER.fullmatch(text) for text in known):
            if self.kind is None and any(LEADING_ZERO.match(text) and "." not in text for text in known):
                return None
            return known.astype(np.float64)
        commas = [text for text in known if DECIMAL_COMMA.fullmatch(text)]
        if commas and all(NUMBER.fullmatch(text) or DECIMAL_COMMA.fullmatch(text) for text in known):
            thousands = all(THOUSANDS.fullmatch(text) for text in commas)
            if thousands and self.kind != "continuous":
                raise Uninformative(
                    f"cells such as {str(commas[0])!r} may be thousands or decimals; write a point, or "
                    f"data.kinds: {{{self.name}: continuous}} if the comma is decimal"
                )
            self.notes.append(f"the comma of {str(commas[0])!r} is read as a decimal point")
            return np.char.replace(known, ",", ".").astype(np.float64)
        if self.kind in {"continuous", "ordinal", "circular"}:
            odd = next(text for text in known if not NUMBER.fullmatch(text))
            raise InputError(f"is not {self.kind}, since the cell {str(odd)[:40]!r} is no number")
        return None

    def _classes(
        self, texts: Texts, missing: npt.NDArray[np.bool_], known: Texts
    ) -> tuple[Attribute, npt.NDArray[np.float32]]:
        """Return texts as classes: numbers without leading zeros in their order, all else sorted as text."""
        labels: tuple[str | int, ...] = tuple(str(text) for text in known)
        if self.always and all(re.fullmatch(r"0|-?[1-9]\d{0,17}", text) for text in known):
            order = np.argsort([int(text) for text in known])
            labels = tuple(int(known[index]) for index in order)
            places = np.argsort(order)
        else:
            places = np.arange(len(known))
        if self.kind is None:
            self._check_informative(len(known), known)
            if len(known) > max(CLASSES, (~missing).sum() // 2):
                raise Uninformative(self._too_many(texts, missing, known))
        elif not len(known):
            raise Uninformative("every cell is empty")
        elif len(known) == 1:
            self.notes.append(f"{labels[0]!r} is the only class")
        alike: dict[str, list[str]] = {}
        for label in map(str, labels):
            alike.setdefault(" ".join(re.split(r"[\s_]+", label.casefold().strip())), []).append(label)
        for same in (each for each in alike.values() if len(each) > 1):
            shown = " and ".join(map(repr, same[:3]))
            self.notes.append(f"{shown} are read as different classes; make them one if they mean the same")
        values = np.full(len(texts), np.nan, dtype=np.float32)
        values[~missing] = places[np.searchsorted(known, texts[~missing])]
        return Attribute(name=self.name, kind="categorical", values=labels), values

    def _numbers(self, numbers: Numbers) -> tuple[Attribute, npt.NDArray[np.float32]]:
        if np.isinf(numbers).any():
            raise InputError(f"holds an infinite number in row {int(np.isinf(numbers).argmax())}")
        different = np.unique(numbers[~np.isnan(numbers)])
        whole = bool(np.all(different == np.rint(different)))
        named = self.name.lower() in LABELS
        if self.kind is None:
            numbers, different = self._without_unknown(numbers, different, whole and named)
            self._check_informative(len(different), [f"{value:g}" for value in different])
            most = max(CLASSES, int((~np.isnan(numbers)).sum()) // 2) if named else CLASSES
            if not whole or len(different) > most:
                kind: Kind = "continuous"
            else:
                binary = different.tolist() in ([0, 1], [-1, 1])
                kind = "categorical" if named or binary else "ordinal"
        else:
            kind = self.kind
            if not len(different):
                raise Uninformative("every cell is empty")
            if kind in {"ordinal", "circular"} and not whole:
                raise InputError(
                    f"is not {kind}, since its numbers are not whole, such as {_part(different):g}"
                )
        if kind == "continuous":
            return self._continuous(numbers)
        labels = tuple(int(value) if whole else float(value) for value in different)
        values = np.where(np.isnan(numbers), np.nan, np.searchsorted(different, numbers)).astype(np.float32)
        period = float(len(labels)) if kind == "circular" else None
        return Attribute(name=self.name, kind=kind, values=labels, period=period), values

    def _continuous(self, numbers: Numbers) -> tuple[Attribute, npt.NDArray[np.float32]]:
        values = numbers.astype(np.float32)
        if np.isinf(values).any():
            raise InputError(f"holds {np.nanmax(np.abs(numbers)):g}, which is too large for a float32")
        known = numbers[~np.isnan(numbers)]
        attribute = Attribute(
            name=self.name,
            kind="continuous",
            mean=float(known.mean()),
            std=float(known.std()) or 1.0,
            low=float(known.min()),
            high=float(known.max()),
        )
        return attribute, values

    def _missing_numbers(self, numbers: Numbers) -> Numbers:
        """Make NaN of the numbers that the user calls missing."""
        called = [float(text) for text in self.missing if NUMBER.fullmatch(text)] if self.own_missing else []
        mask = np.isin(numbers, called)
        if mask.any():
            self.notes.append(f"read as missing labels, as data.missing says: {mask.sum():,}")
        return np.where(mask, np.nan, numbers)

    def _without_unknown(
        self, numbers: Numbers, different: Numbers, classes: bool
    ) -> tuple[Numbers, Numbers]:
        """Make NaN of -1 where it cannot be a class: beside 0, 1, ..., K - 1 under a name such as label."""
        rest = different[1:]
        if not (
            classes and len(rest) >= 3 and different[0] == -1 and np.array_equal(rest, np.arange(len(rest)))
        ):
            return numbers, different
        if self.own_missing:
            return numbers, different
        self.notes.append(f"{(numbers == -1).sum():,} labels are -1, which is read as unknown")
        return np.where(numbers == -1, np.nan, numbers), rest

    def _check_informative(self, different: int, known: Sequence[str] | Texts) -> None:
        if not different:
            raise Uninformative("every cell is empty")
        if different == 1:
            raise Uninformative(f"every label is {str(known[0])[:40]!r}")

    def _too_many(self, texts: Texts, missing: npt.NDArray[np.bool_], known: Texts) -> str:
        """Say why texts are no classes: they are ids or notes, or numbers among which some are none."""
        odd = [text for text in known if not NUMBER.fullmatch(text)]
        if len(odd) <= len(known) / 2:
            row = int(np.flatnonzero((texts == odd[0]) & ~missing)[0])
            at = self.names[row] if self.names is not None else f"row {row}"
            return f"{at}: {str(odd[0])[:40]!r} is no number, as most cells are; empty it if it is unknown"
        return (
            f"{len(known):,} different texts for {(~missing).sum():,} images are ids or notes and no classes "
            "(data.kinds can say that they are)"
        )


def _part(different: Numbers) -> float:
    return float(different[different != np.rint(different)][0])
