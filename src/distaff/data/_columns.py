"""What a column of labels means, read off its values unless `data.kinds` says it.

Names of folders are classes, whatever they look like. In a table or an array:

- Texts are classes in sorted order (categorical), unless nearly all are different, such as ids and notes.
- Whole numbers of at most 50 different values are classes: categorical if they are 0 and 1, or -1 and 1, or
  if the column is called label, class, digit or the like; else ordinal. Under such a name more of them are
  classes too. Numbers with leading zeros are texts, as are whole numbers that a float cannot hold.
- Whole numbers that count the images under a name such as id are no labels.
- Other numbers are continuous, also in per cent, in money, or with one unit after a space.
- Missing are empty cells, NaN, and the spellings of MISSING, unless `data.missing` gives others. -1 is
  missing only under a name such as label, beside the classes 0, 1, ..., K - 1 of at least three: elsewhere it
  is a value.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    | {"-nan", "-NaN", "-", "--", "?", ".", "NaT", "N.A.", "n.a."}
    | {"#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"}
)
"""How tables spell a missing label."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)", re.IGNORECASE)
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
LEADING_ZERO = re.compile(r"[+-]?0\d")
LEADING_ZEROS = re.compile(r"^([+-]?)0+(?=\d)")
THOUSANDS_AND_PART = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+")
COMMA_FOR_POINT = str.maketrans(",.", ".,")
LONG = re.compile(r"[+-]?\d{16,}")
WITH_UNIT = re.compile(
    r"(?P<before>[$€£¥]?)\s*(?P<number>[+-]?[\d.,]*\d)(?P<after>\s*%|\s*[$€£¥]|\s*°[^\W\d]?|\s+[^\W\d]\S*|)"
)
EXACT = 10**15
"""Whole numbers below it are all different as floats; LONG are the texts of others."""
IDS = 20
"""Texts of which more are no classes if nearly every image has its own."""
COUNTS = re.compile(r"(.*[ _.-])?(id|idx|index|no|nr|number)|unnamed: *\d+", re.IGNORECASE)
"""What a column is called whose numbers count the images; pandas calls a column without a name so."""
LONGEST = 256
"""Characters of a class at most: longer texts are notes, or encode something."""
COARSE = 1e-3
"""Steps of float32, in standard deviations of the numbers, that are too large for them."""
STEPS = 1000
"""Classes of a turn at most."""
SEVERAL = re.compile(r"\s*[|;,]\s*")
"""What parts the classes of a cell that names several."""


@dataclass(frozen=True)
class Labels:
    """The attributes that were found, and what is to say about it."""

    attributes: AttributeTable
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def as_texts(cells: Sequence[str]) -> Column:
    """Return cells as texts [n], or as objects where one is too long to be a label.

    NumPy gives each cell of an array of texts the length of the longest.

    >>> as_texts(["a", "bc"]).dtype, as_texts(["a", 300 * "b"]).dtype
    (dtype('<U2'), dtype('O'))
    """
    longest = max(map(len, cells), default=0)
    return np.array(cells, dtype=str if longest <= LONGEST else object)


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
        ("periods", options.periods),
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
            reason = "; ".join([str(error), *reader.notes])
            if name in (options.attributes or ()):
                raise InputError(f"{where}: column {name!r}: {reason}; it cannot be an attribute") from None
            left.append(LeftOut.of("column", [name], reason))
            continue
        except InputError as error:
            if options.attributes is not None and name not in options.attributes:
                left.append(LeftOut.of("column", [name], f"it {error}"))
                continue
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
        self.period = options.periods.get(name)
        if self.period is not None:
            if name in options.kinds and self.kind != "circular":
                raise InputError(f"data.periods: {name} is {self.kind} by data.kinds; a turn is circular")
            self.kind = "circular"
        self.missing = frozenset(options.missing[name]) | {""} if name in options.missing else MISSING
        self.own_missing = name in options.missing
        self.notes: list[str] = []

    def read(self, column: Column) -> tuple[Attribute, npt.NDArray[np.float32]]:
        """Return the attribute and its values, float32 [n]: class index or value, NaN where missing.

        Raises:
            Uninformative: nothing but missing cells, one value alone, or texts that are nearly all different.
            InputError: an infinite number, or cells that do not fit the kind that the user wrote.
        """
        if column.dtype.kind == "O":
            longest = max(map(len, column))
            raise Uninformative(f"cells of up to {longest:,} characters are notes or encodings and no labels")
        if column.dtype.kind == "b":
            column = column.astype(str)
        if column.dtype.kind == "S":
            try:
                column = np.char.decode(column.astype(bytes), "utf-8")
            except UnicodeDecodeError:
                raise InputError("holds bytes that are no UTF-8; save texts") from None
        if column.dtype.kind in "iu" and self.kind in {None, "categorical"} and _too_long(column):
            # As floats, two such ids would be one class.
            column = column.astype(str)
        if column.dtype.kind != "U":
            return self._numbers(self._missing_numbers(column.astype(np.float64)))
        texts = np.char.strip(column.astype(str))
        missing = texts == "" if self.always else np.isin(texts, tuple(self.missing))
        spelled = Counter(texts[missing & (texts != "")].tolist())
        if spelled:
            cells = ", ".join(f"{text!r} ({count:,})" for text, count in spelled.most_common(5))
            self.notes.append(f"read as missing labels: {cells}")
        if self.own_missing:
            never = sorted(self.missing - {""} - set(spelled))
            if never:
                self.notes.append(f"no cell is {never[0]!r}, which data.missing names")
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
        if self.kind in {None, "categorical"} and any(LONG.fullmatch(text) for text in known):
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
        plain = None if self.kind == "categorical" else self._plain(known)
        if plain is not None:
            return plain
        if self.kind in {"continuous", "ordinal", "circular"}:
            odd = next(text for text in known if not NUMBER.fullmatch(text))
            raise InputError(f"is not {self.kind}, since the cell {str(odd)[:40]!r} is no number")
        return None

    def _plain(self, known: Texts) -> Numbers | None:
        """Return the numbers of texts that part thousands, or that all have one unit; None of others."""
        parts = [WITH_UNIT.fullmatch(text) for text in known]
        units = {(each["before"], each["after"].strip()) if each else None for each in parts}
        unit = units.pop() if len(units) == 1 else None
        if unit is not None and any(unit):
            bare = [LEADING_ZEROS.sub(r"\1", each["number"]) for each in parts if each]
            numbers = self._as_numbers(np.array(bare, dtype=str))
            if numbers is not None:
                self.notes.append(f"the unit of {str(known[0])!r} is left out, so that labels are numbers")
            return numbers
        for written in (known.tolist(), [text.translate(COMMA_FOR_POINT) for text in known]):
            found = [text for text in written if THOUSANDS_AND_PART.fullmatch(text)]
            bare = [text.replace(",", "") for text in written]
            if found and all(map(NUMBER.fullmatch, bare)):
                example = float(found[0].replace(",", ""))
                self.notes.append(f"{str(known[written.index(found[0])])!r} is read as {example:.12g}")
                return np.array(bare, dtype=np.float64)
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
            several = _several(known)
            own = len(known) > max(IDS, 0.9 * (~missing).sum())
            if own or len(known) > max(CLASSES, (~missing).sum() // 2):
                raise Uninformative(several or self._too_many(texts, missing, known))
            odd = [str(text) for text in known if not NUMBER.fullmatch(text)]
            if several:
                self.notes.append(several)
            elif 0 < 2 * len(odd) < len(known):
                self.notes.append(
                    f"{odd[0][:40]!r} is no number, as most cells are, so all are classes; data.missing may "
                    "name it"
                )
        elif not len(known):
            raise Uninformative("every cell is empty")
        elif len(known) == 1:
            self.notes.append(f"{labels[0]!r} is the only class")
        alike: dict[str, list[str]] = {}
        for label in map(str, labels):
            alike.setdefault(_alike(label), []).append(label)
        for same in (each for each in alike.values() if len(each) > 1):
            shown = " and ".join(map(repr, same[:3]))
            self.notes.append(f"{shown} are read as different classes; make them one if they mean the same")
        values = np.full(len(texts), np.nan, dtype=np.float32)
        values[~missing] = places[np.searchsorted(known, texts[~missing])]
        return Attribute(name=self.name, kind="categorical", values=labels), values

    def _numbers(self, numbers: Numbers) -> tuple[Attribute, npt.NDArray[np.float32]]:
        if np.isinf(numbers).any():
            row = int(np.isinf(numbers).argmax())
            at = f"row {row}" if self.names is None else self.names[row]
            raise InputError(f"holds an infinite number in {at}; empty the cell or leave out the column")
        different = np.unique(numbers[~np.isnan(numbers)])
        whole = bool(np.all(different == np.rint(different)))
        named = self.name.lower() in LABELS
        if self.kind is None:
            numbers, different = self._without_unknown(numbers, different, whole and named)
            self._check_informative(len(different), [f"{value:g}" for value in different])
            if whole and len(different) > IDS and self._counts_images(numbers, different):
                raise Uninformative(
                    "each image has its own number: an id and no label (data.kinds can say that it is one)"
                )
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
        if kind == "circular":
            return self._circular(numbers, different)
        labels = tuple(int(value) if whole else float(value) for value in different)
        values = np.where(np.isnan(numbers), np.nan, np.searchsorted(different, numbers)).astype(np.float32)
        return Attribute(name=self.name, kind=kind, values=labels), values

    def _circular(self, numbers: Numbers, different: Numbers) -> tuple[Attribute, npt.NDArray[np.float32]]:
        """Return whole numbers as steps of a turn: of the period that was written, else those that occur."""
        low, high = int(different[0]), int(different[-1])
        if self.period is None:
            labels = tuple(int(value) for value in different)
            steps = np.searchsorted(different, numbers)
            told = f"a turn is taken as the {len(labels):,} values that occur, {high} beside {low}"
            uneven = ", though they are not evenly spaced" if len(set(np.diff(different))) > 1 else ""
            self.notes.append(f"{told}{uneven}; data.periods says how long a turn is")
        else:
            step = int(np.gcd.reduce([self.period, *(int(each) - low for each in different)]))
            size = self.period // step
            if size > STEPS:
                told = f"has {size:,} steps in a turn of {self.period}"
                raise InputError(f"{told}; round it to {STEPS:,} at most")
            first = low if low < 0 else low % step
            if first == 0 and different[0] > 0 and high == self.period:
                first = step  # As months are counted.
            labels = tuple(first + step * place for place in range(size))
            steps = np.rint((np.nan_to_num(numbers) - first) / step) % size
            over = different[(different < labels[0]) | (different > labels[-1])]
            if len(over):
                same = labels[int((over[0] - first) / step) % size]
                self.notes.append(f"{over[0]:g} is read as {same}, one turn of {self.period} away")
        values = np.where(np.isnan(numbers), np.nan, steps).astype(np.float32)
        attribute = Attribute(name=self.name, kind="circular", values=labels, period=float(len(labels)))
        return attribute, values

    def _counts_images(self, numbers: Numbers, different: Numbers) -> bool:
        return bool(COUNTS.fullmatch(self.name)) and len(different) == int((~np.isnan(numbers)).sum())

    def _continuous(self, numbers: Numbers) -> tuple[Attribute, npt.NDArray[np.float32]]:
        values = numbers.astype(np.float32)
        if np.isinf(values).any():
            raise InputError(f"holds {np.nanmax(np.abs(numbers)):g}, which is too large for a float32")
        known = numbers[~np.isnan(numbers)]
        before, after = len(np.unique(known)), len(np.unique(values[~np.isnan(numbers)]))
        if after < before and np.spacing(np.float32(np.abs(known).max())) > COARSE * known.std():
            lost = f"{before:,} different numbers are {after:,} as float32"
            advice = f"{lost}; subtract {known.min():.15g} from all"
            if after == 1:
                raise Uninformative(advice)
            self.notes.append(advice)
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
        if 0 < len(odd) <= len(known) / 2:
            row = int(np.flatnonzero((texts == odd[0]) & ~missing)[0])
            at = self.names[row] if self.names is not None else f"row {row}"
            return f"{at}: {str(odd[0])[:40]!r} is no number, as most cells are; empty it if it is unknown"
        return (
            f"{len(known):,} different texts for {(~missing).sum():,} images are ids or notes and no classes "
            "(data.kinds can say that they are)"
        )


def _alike(label: str) -> str:
    """Return what labels have in common that a reader takes for the same."""
    return " ".join(re.split(r"[\s_]+", unicodedata.normalize("NFKC", label).casefold().strip()))


def _several(known: Texts) -> str:
    """Say that a cell may name several classes at once, if other cells name each of them; else nothing."""
    parts = {str(text): SEVERAL.split(text) for text in known if not DECIMAL_COMMA.fullmatch(text)}
    counts = Counter(part for each in parts.values() for part in set(each))
    for text, each in parts.items():
        if len(each) > 1 and all(part and counts[part] > 1 for part in each):
            return (
                f"cells such as {text[:40]!r} may name several classes, and each such text is a class of its "
                "own; write a column of 0 and 1 for each class"
            )
    return ""


def _too_long(column: npt.NDArray[Any]) -> bool:
    """Tell whether whole numbers are too long for a float."""
    return bool((column >= EXACT).any() or (column <= -EXACT).any())


def _part(different: Numbers) -> float:
    return float(different[different != np.rint(different)][0])
