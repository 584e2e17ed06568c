"""Tables of codes and of factors, as `.npy` or `.csv` files hold them."""

from __future__ import annotations

import csv
import zipfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from distaff.errors import InputError
from distaff.metrics.checks import check_codes

Kind = Literal["classes", "texts", "continuous"]
Floats = npt.NDArray[np.float64]
MOST = 1000
"""Different values up to which whole numbers and texts are classes."""


@dataclass(frozen=True)
class Factor:
    """One column of factors.

    Attributes:
        name: its header, or its place in an array.
        kind: ``classes`` are whole numbers, ``texts`` too are classes, in sorted order.
        values: [n]; the place of a text among the sorted texts, other values as they are, NaN where missing.
    """

    name: str
    kind: Kind
    values: Floats

    @property
    def about(self) -> str:
        """Its name and kind, for reading."""
        if self.kind == "continuous":
            return f"{self.name} (continuous)"
        return f"{self.name} ({len(np.unique(self.values[~np.isnan(self.values)]))} classes)"


def read_codes(path: Path) -> npt.NDArray[Any]:
    """Read codes [points, codes]; InputError for whatever is not a table of finite numbers."""
    if _suffix(path) == ".npy":
        return check_codes(_load(path), name=f"{path}:")
    rows = _rows(path)
    _, names = next(rows)
    values = array("d")
    for line, cells in rows:
        try:
            values.extend([float(cell) for cell in cells])
        except ValueError:
            column = next(k for k, cell in enumerate(cells) if not _is_number(cell))
            raise InputError(
                f"{path}: line {line}, column {names[column]!r}: {cells[column]!r} is not a number"
            ) from None
    return check_codes(np.array(values).reshape(-1, len(names)), name=f"{path}:")


def read_factors(path: Path, points: int) -> list[Factor]:
    """Read factors of so many points: texts and whole numbers as classes, fractions as continuous.

    Raises:
        InputError: not such a table, another number of rows, or a factor that takes one value only.
    """
    factors = _from_array(path) if _suffix(path) == ".npy" else _from_text(path)
    found = len(factors[0].values)
    if found != points:
        raise InputError(f"{path}: {found:,} rows of factors, but there are {points:,} rows of codes")
    for factor in factors:
        known = factor.values[~np.isnan(factor.values)]
        if len(known) == 0 or known.min() == known.max():
            raise InputError(
                f"{path}: factor {factor.name!r} has {'one value only' if len(known) else 'no value'}: "
                "nothing can be measured against it; take it out"
            )
    return factors


def _suffix(path: Path) -> str:
    if path.suffix.lower() not in (".npy", ".csv"):
        raise InputError(f"{path}: expected a file that ends in .npy or .csv")
    return path.suffix.lower()


def _load(path: Path) -> npt.NDArray[Any]:
    try:
        loaded = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or 'not an array'}") from None
    except (ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        if "Object arrays" in str(error):
            raise InputError(
                f"{path}: holds Python objects, which are never unpickled; save an array of numbers"
            ) from None
        raise InputError(f"{path}: damaged, or not an array that numpy.save wrote") from None
    if not isinstance(loaded, np.ndarray):
        raise InputError(f"{path}: holds several arrays; save one with numpy.save")
    return loaded


def _from_array(path: Path) -> list[Factor]:
    table = _load(path)
    if table.ndim != 2 or table.shape[1] == 0:
        raise InputError(f"{path}: must be a table [points, factors], not of shape {table.shape}")
    if table.dtype.kind not in "biuf":
        raise InputError(f"{path}: must hold numbers, not {table.dtype}")
    return [_numbers(path, f"factor {k}", column) for k, column in enumerate(table.astype(np.float64).T)]


def _from_text(path: Path) -> list[Factor]:
    rows = _rows(path)
    _, names = next(rows)
    # A column is kept as its different cells and, for each row, which of them it holds.
    different: list[dict[str, int]] = [{} for _ in names]
    places = [array("q") for _ in names]
    for _, cells in rows:
        for cell, known, place in zip(cells, different, places, strict=True):
            place.append(known.setdefault(cell.strip(), len(known)))
    return [
        _column(path, name, list(known), np.array(place, dtype=np.int64))
        for name, known, place in zip(names, different, places, strict=True)
    ]


def _column(path: Path, name: str, cells: list[str], place: npt.NDArray[np.int64]) -> Factor:
    present = [cell for cell in cells if cell.lower() not in ("", "nan")]
    if all(_is_number(cell) for cell in present):
        numbers = [float(cell) if cell else np.nan for cell in cells]
        return _numbers(path, name, np.array(numbers, dtype=np.float64)[place])
    if len(present) > MOST:
        raise InputError(
            f"{path}: column {name!r} has {len(present):,} different texts, too many for classes; take it out"
        )
    rank = {cell: k for k, cell in enumerate(sorted(present))}
    return Factor(name, "texts", np.array([rank.get(cell, np.nan) for cell in cells])[place])


def _numbers(path: Path, name: str, values: Floats) -> Factor:
    if np.isinf(values).any():
        raise InputError(f"{path}: factor {name!r} is infinite in row {int(np.isinf(values).argmax()) + 1}")
    known = np.unique(values[~np.isnan(values)])
    whole = len(known) <= MOST and bool((known == np.rint(known)).all())
    return Factor(name, "classes" if whole else "continuous", values)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row of a CSV file, its header first; all of one length."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            yield 1, header
            for cells in reader:
                if cells and len(cells) != len(header):
                    width = f"{len(cells)} cells where the first has {len(header)}"
                    raise InputError(f"{path}: line {reader.line_num} has {width}")
                if cells:
                    yield reader.line_num, cells
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path}: not CSV ({error})") from None


def _check_header(path: Path, names: list[str]) -> None:
    """Refuse a first line that does not name the columns; `0,1,2` does, as pandas writes it."""
    if not any(names):
        raise InputError(f"{path}: empty; its first line names the columns")
    if "" in names:
        raise InputError(f"{path}: column {names.index('') + 1} has no name; name it or leave it out")
    twice = next((name for name in names if names.count(name) > 1), None)
    counted = names == [str(k) for k in range(len(names))]
    if all(map(_is_number, names)) and not counted:
        raise InputError(f"{path}: the first line holds numbers; it must name the columns")
    if twice is not None:
        raise InputError(f"{path}: two columns are called {twice!r}; give each its own name")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
