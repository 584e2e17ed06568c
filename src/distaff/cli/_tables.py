"""Tables of codes and factors: how `encode` makes and writes them, and how `score` reads them.

Of a table of codes, where its images come from and its columns; `.npy`, `.csv` and `.tsv` files are read.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.analysis import SPLIT_NAMES, Columns, named_codes, open_data
from distaff.attributes import AttributeTable
from distaff.cli._console import tell_note
from distaff.data import (
    SOURCES,
    Attribute,
    DataOptions,
    LeftOut,
    ResizedImages,
    Sheet,
    as_texts,
    changes,
    find,
    list_images,
    read_columns,
    read_images,
    read_sheet,
)
from distaff.errors import InputError, nearest
from distaff.run import Run

ABOUT, TRUE = ("file", "row", "split"), " (true)"
"""Columns of 'distaff encode' that say which images these are; how it ends the names of true labels."""


@dataclass(frozen=True)
class Images:
    """Images to encode, whose pixels are read as they are needed.

    Attributes:
        about: the columns that say which images they are, [n] each.
        labels: their true labels, if any are known.
        take: uint8 [b, c, h, w] of some places among the n.
    """

    about: Columns
    labels: AttributeTable | None
    take: Callable[[slice], npt.NDArray[np.uint8]]

    def __len__(self) -> int:
        return len(next(iter(self.about.values())))


def find_images(run: Run, words: Sequence[str], split: str | None) -> list[Images]:
    """Return the images that files, folders and what `--data` takes mean, in the order given.

    Raises:
        InputError: no such images, or a split of something that has none.
    """
    if split is not None and split not in SPLIT_NAMES:
        raise InputError(f"--split {split}: {nearest(split, SPLIT_NAMES)}")
    return [_find(run, word, split) for word in words]


def _find(run: Run, word: str, split: str | None) -> Images:
    path = Path(word).expanduser()
    if path.is_file() and not any(source.claims(path) for source in SOURCES.values()):
        if split is not None:
            raise InputError(f"--split {split}: {word} is a single image; name a folder or a data set")
        return _of_files(run, [path], None)
    if path.is_dir() and split is None:
        options = run.recipe.data.model_copy(update={"source": str(path), "attributes": None, "count": None})
        found, _ = find(options, like=run.attributes)
        return _of_files(run, list_images(path), found.attributes)
    # The run's own data are loaded as they were in training, so that the split is the same.
    own, options = word == run.recipe.data.source, run.recipe.data
    dataset = open_data(run, None if own else word, resize=True, measure=False)
    cut = options.crop or options.image_size or options.channels
    if isinstance(dataset.images, ResizedImages) and not own and not cut:
        tell_note(f"the images of {word} were made {_size(run.image_shape)}, as the model takes them")
    rows = np.arange(len(dataset.images)) if split is None else dataset.splits[split]  # type: ignore[index]
    if not len(rows):
        raise InputError(f"--split {split}: no image of {word} is in it; leave --split out to encode all")
    names = np.empty(len(dataset.images), dtype="<U5")
    for name, members in dataset.splits.items():
        names[members] = name
    return Images(
        {"row": rows, "split": names[rows]},
        dataset.attributes.rows(rows),
        lambda places: dataset.images.take(rows[places]),
    )


def _size(shape: tuple[int, int, int]) -> str:
    channels, height, width = shape
    return f"{height} x {width}{', grey' if channels == 1 else ', colour' if channels == 3 else ''}"


def _of_files(run: Run, files: Sequence[Path], labels: AttributeTable | None) -> Images:
    def take(places: slice) -> npt.NDArray[np.uint8]:
        return read_images(files[places], run.image_shape, run.recipe.data.crop, white=run.white)

    changed = changes(files, run.image_shape, run.recipe.data.crop)
    if changed:
        tell_note(changed)
    return Images({"file": np.array([str(file) for file in files])}, labels, take)


def joined(tables: Sequence[Columns]) -> Columns:
    """Return tables under one another; what one lacks is empty there."""
    names = list(dict.fromkeys(name for table in tables for name in table))
    lengths = [len(next(iter(table.values()))) for table in tables]
    return {
        name: np.concatenate(
            [
                table.get(name, np.full(length, "")).astype(str) if len(tables) > 1 else table[name]
                for table, length in zip(tables, lengths, strict=True)
            ]
        )
        for name in names
    }


def to_bytes_as(
    suffix: str, columns: Columns, latents: Sequence[str], codes: npt.NDArray[np.float32]
) -> bytes:
    """Return the table as the content of a .csv, .npz or .parquet file.

    An .npz holds `codes` [n, D], their names `latents` [D], and every other column by its name.

    Raises:
        InputError: pyarrow, which writes .parquet, is not installed.
    """
    if suffix == ".npz":
        first = {name: columns[name] for name in columns if name in ABOUT}
        return _npz({"codes": codes, "latents": np.array(latents), **first, **columns})
    table = named_codes(columns, latents, codes, ABOUT)
    return _csv(table) if suffix == ".csv" else _parquet(table)


def _csv(table: Columns) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(table)
    writer.writerows(zip(*([_written(value) for value in column] for column in table.values()), strict=True))
    return text.getvalue().encode("utf-8", "surrogateescape")


def _written(value: Any) -> str:
    return "" if isinstance(value, np.floating) and np.isnan(value) else str(value)


def _npz(arrays: Columns) -> bytes:
    file = io.BytesIO()
    # numpy.savez takes the names as keywords, so that a column called 'file' would be its file.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return file.getvalue()


def _parquet(table: Columns) -> bytes:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            "--out: .parquet needs pyarrow; pip install 'distaff[parquet]', or write .csv"
        ) from None
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(
        pyarrow.table({name: pyarrow.array(each) for name, each in table.items()}), sink
    )
    return bytes(sink.getvalue())


Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FactorColumns:
    """Factors as `distaff.score` takes them, and what is to say about the file.

    Attributes:
        factors: [n] of each column: numbers with NaN, or texts with None, where missing.
        notes: what was understood of some cells, and which columns are left out.
    """

    factors: dict[str, Array]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return max(map(len, self.factors.values()), default=0)


def read_codes(path: Path) -> Array:
    """Read codes [points, codes]; InputError for whatever is not a table of numbers."""
    if path.suffix.lower() == ".npz":
        arrays = _load_several(path)
        found = arrays.get("codes", next(iter(arrays.values())) if len(arrays) == 1 else None)
        if found is None:
            raise InputError(f"{path}: no array is called codes; there is: {', '.join(arrays)}")
        return found
    if _is_array(path):
        return _load(path)
    sheet = _sheet(path)
    if sheet.left_out:
        raise InputError(f"{path}: column {sheet.left_out[0].names[0]} has no name; name it or take it out")
    if not sheet.rows:
        raise InputError(f"{path}: must be a filled table, but it has no row")
    codes = np.empty((len(sheet.rows), len(sheet.header)))
    for place, (line, row) in enumerate(sheet.rows):
        for k, name in enumerate(sheet.header):
            try:
                codes[place, k] = float(row.get(name, ""))
            except ValueError:
                cell = row.get(name, "")
                told = f"{path}: row {line}, column {name!r}: {cell!r} is not a number"
                encoded = "; 'distaff encode' writes codes alone to a .npz" * (name in ABOUT)
                raise InputError(told + encoded) from None
    return codes


def read_factors(path: Path, points: int) -> FactorColumns:
    """Read factors of so many points by the rules of `distaff.data` for columns of labels.

    Raises:
        InputError: not such a table, or another number of rows.
    """
    notes: list[str] = []
    if _is_array(path):
        array = _load(path)
        if array.ndim != 2 or array.shape[1] == 0:
            raise InputError(f"{path}: must be a table [points, factors], not of shape {array.shape}")
        if array.dtype.kind not in "biufU":
            raise InputError(f"{path}: must hold numbers or text, not {array.dtype}")
        columns = {f"factor {k}": column for k, column in enumerate(array.T)}
        rows = len(array)
    elif path.suffix.lower() == ".npz":
        arrays = _load_several(path)
        others = {"codes", "latents", *ABOUT}
        columns = {
            name: each for name, each in arrays.items() if name not in others and each.shape == (points,)
        }
        rows = points
        gone = [name for name in arrays if name not in columns]
        notes += [str(LeftOut.of("array", gone, "not a factor with one value for each point"))] * bool(gone)
    else:
        sheet = _sheet(path)
        notes += map(str, sheet.left_out)
        columns = {name: as_texts([row.get(name, "") for _, row in sheet.rows]) for name in sheet.header}
        rows = len(sheet.rows)
    true = {name.removesuffix(TRUE): each for name, each in columns.items() if name.endswith(TRUE)}
    if true:
        notes.append("factors are the labels that 'distaff encode' calls '(true)'")
        columns = true
    if rows != points:
        raise InputError(f"{path}: {rows:,} rows of factors, but there are {points:,} rows of codes")
    read = read_columns(columns, points, str(path), DataOptions(source=str(path)))
    table = read.attributes
    factors = {each.name: _values(each, table.column(each.name)) for each in table.attributes}
    return FactorColumns(factors, (*notes, *read.notes, *map(str, read.left_out)))


def _values(attribute: Attribute, numbers: npt.NDArray[np.float32]) -> Array:
    """The labels themselves: numbers with NaN, or texts with None."""
    if not attribute.size:
        return numbers.astype(np.float64)
    missing = np.isnan(numbers)
    labels = [
        None if gone else attribute.label(number) for number, gone in zip(numbers, missing, strict=True)
    ]
    if any(isinstance(label, str) for label in attribute.values):
        return np.array(labels, dtype=object)
    return np.array(labels, dtype=np.float64)


def _is_array(path: Path) -> bool:
    if path.suffix.lower() not in (".npy", ".npz", ".csv", ".tsv"):
        raise InputError(f"{path}: expected a file that ends in .npy, .npz, .csv or .tsv")
    return path.suffix.lower() == ".npy"


def _load(path: Path) -> Array:
    first, *more = _load_several(path).values()
    if more:
        raise InputError(f"{path}: holds several arrays; save one with numpy.save")
    return first


def _load_several(path: Path) -> dict[str, Array]:
    """Return the arrays of a .npz by their names, or the one of a .npy."""
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = (
            {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or 'not an array'}") from None
    except (ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        if "Object arrays" in str(error):
            raise InputError(
                f"{path}: holds Python objects, which are never unpickled; save an array of numbers"
            ) from None
        raise InputError(f"{path}: damaged, or not an array that numpy.save wrote") from None
    if not arrays:
        raise InputError(f"{path}: holds no array")
    return arrays


def _sheet(path: Path) -> Sheet:
    """Read a table whose first line names the columns; `0,1,2` does, as pandas writes it."""
    sheet = read_sheet(path)
    if not sheet.header:
        raise InputError(f"{path}: empty; its first line names the columns")
    counted = sheet.header == [str(k) for k in range(len(sheet.header))]
    if all(map(_is_number, sheet.header)) and not counted:
        raise InputError(f"{path}: the first line holds numbers; it must name the columns")
    return sheet


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
