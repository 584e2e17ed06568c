"""Which images a folder holds, what they are labelled with, and which part they belong to.

A metadata table names the images and their labels; without one, other tables that name the images are joined;
without any, the folders right under the root are the classes. Folders called train, valid and test are a
published split. Whatever is there and not used is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data._columns import Column, as_texts
from distaff.data._files import PARTS, Tree, enter, is_hidden, is_table, list_tree, part_of, parts_of
from distaff.data._image_files import SUFFIXES
from distaff.data._images import Rows
from distaff.data._source import LeftOut, Split
from distaff.data._tables import NUMBER, Finder, Sheet, columns_of_files, file_column, read_sheet
from distaff.errors import InputError

PARTITION: dict[str, Split] = {"0": "train", "1": "valid", "2": "test"}
"""The parts in CelebA's table of them."""
SPLIT_COLUMNS = frozenset({"split", "partition", "subset", "set", "fold"})
"""Columns that are the split sooner than others of the same cells."""
ORDER: tuple[Split, ...] = ("train", "valid", "test")
"""In which the parts are kept: a draw of some images depends on it."""
FEW = 10
"""Different cells of a column up to which it may be meant as a split."""
ARRAYS = frozenset({".npz", ".npy", ".h5", ".hdf5"})
METADATA = "metadata"
LABEL = "label"


@dataclass
class Listing:
    """The images of a folder, sorted as found.

    Attributes:
        root: the folder.
        files: paths relative to it, with forward slashes.
        labels: for each image, the texts of its columns; a column that is not there is missing.
        parts: the published split, each part's positions in `files`; None if there is none.
        folders: the columns that hold names of folders.
        deep: folders inside a class.
        notes: what the user should hear.
        left_out: what is there and not used.
    """

    root: Path
    files: list[str] = field(default_factory=list)
    labels: list[dict[str, str]] = field(default_factory=list)
    parts: dict[Split, Rows] | None = None
    folders: set[str] = field(default_factory=set)
    deep: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def columns(self) -> dict[str, Column]:
        """Every column as texts [n], "" where missing, in the order of their first appearance."""
        names = list(dict.fromkeys(name for labels in self.labels for name in labels))
        return {name: as_texts([labels.get(name, "") for labels in self.labels]) for name in names}


def list_images(path: Path) -> list[Path]:
    """List an image file itself, or every image in a folder as training lists them: links are followed.

    Raises:
        InputError: no images in the folder.

    >>> list_images(Path("one.png"))
    [PosixPath('one.png')]
    """
    if not path.is_dir():
        return [path]
    listing = look(path)
    return [listing.root / file for file in listing.files]


def look(root: Path, skip_bad: bool = False) -> Listing:
    """List a folder: by its tables, else by its subfolders.

    Raises:
        InputError: no such folder, no images in it, a table that does not fit; a row whose image is not
            there, unless `skip_bad`.
    """
    outer, root = root, enter(root)
    listing = Listing(root)
    if root != outer:
        beside = [
            each.relative_to(outer).as_posix()
            for folder in (outer, *(up for up in root.parents if up != outer and up.is_relative_to(outer)))
            for each in sorted(folder.iterdir())
            if not each.is_dir() and not is_hidden(each.name)
        ]
        but = " but what is left out" if beside else ""
        listing.notes.append(f"reading {root}, which holds everything in {outer}{but}")
        if beside:
            listing.left_out.append(
                LeftOut.of("file", beside, f"beside {root.name}, the folder that is read")
            )
    tree = list_tree(root)
    tables = sorted((name for name in tree.others if "/" not in name and is_table(name)), key=_preference)
    used = _by_tables(listing, tree, tables, skip_bad)
    if not used:
        used = _by_folders(listing, tree, skip_bad)
    if not listing.files:
        kinds = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
        arrays = next((name for name in tree.others if Path(name).suffix.lower() in ARRAYS), None)
        own = f"; {arrays} is read by its own path" if arrays is not None else ""
        raise InputError(f"{root}: no images in this folder; there should be files of {kinds}{own}")
    _name_the_rest(listing, tree, used)
    return listing


def look_at_table(path: Path, skip_bad: bool = False) -> Listing:
    """List the images that one table names, wherever they lie under its folder.

    Raises:
        InputError: as `look`.
    """
    return look_at_sheet(read_sheet(path), Finder(path.parent), skip_bad)


def look_at_sheet(sheet: Sheet, found: Finder, skip_bad: bool = False) -> Listing:
    """List the images that a table names, wherever `found` finds them.

    Raises:
        InputError: as `look`.
    """
    listing = Listing(found.root)
    column = file_column(sheet, found, strict=True) or ""
    _join(listing, [_named(sheet, column, found, skip_bad)], skip_bad)
    _split_by_column(listing)
    if not listing.files:
        raise InputError(f"{sheet.path}: names no images; its rows should")
    return listing


def _preference(name: str) -> tuple[bool, int, str]:
    """Sort metadata tables first, CSV before others."""
    path = Path(name)
    return path.stem.lower() != METADATA, (".csv", ".tsv", ".jsonl").index(path.suffix.lower()), name.lower()


def _by_tables(
    listing: Listing, tree: Tree, tables: Sequence[str], skip_bad: bool, inside: str = ""
) -> set[str]:
    """List the images that tables name; returns the tables that were used."""
    found = Finder(
        listing.root / inside, [file.removeprefix(inside) for file in tree.images if file.startswith(inside)]
    )
    used: list[_Named] = []
    for name in tables:
        path = listing.root / name
        strict = path.stem.lower() == METADATA
        if used and used[0].sheet.path.stem.lower() == METADATA:
            listing.left_out.append(
                LeftOut.of("table", [name], f"the labels are those of {used[0].sheet.path.name}")
            )
            continue
        if "submission" in name.lower():
            reason = "a submission's labels are no truth; rename it to use it"
            listing.left_out.append(LeftOut.of("table", [name], reason))
            continue
        try:
            sheet = read_sheet(path)
            column = file_column(sheet, found, strict=strict)
            if column is not None:
                used.append(_named(sheet, column, found, skip_bad))
                continue
        except InputError as error:
            if strict:
                raise
            reason = str(error).removeprefix(f"{path}: ")
        else:
            reason = "no column of it names the images"
        listing.left_out.append(LeftOut.of("table", [name], reason))
    if used:
        _join(listing, used, skip_bad, inside)
    return {each.sheet.path.relative_to(listing.root).as_posix() for each in used}


@dataclass(frozen=True)
class _Named:
    """A table, its column of images, and the file that each row names, None where that is not there."""

    sheet: Sheet
    column: str
    files: list[str | None]


def _named(sheet: Sheet, column: str, found: Finder, skip_bad: bool) -> _Named:
    """Find the files; refuse a table with two rows about one image, or a row that names none or several."""
    lines: dict[str, int] = {}
    files: list[str | None] = []
    part = part_of(sheet.path.stem)
    for line, row in sheet.rows:
        cell = row.get(column, "").strip()
        if not cell and not skip_bad:
            raise InputError(
                f"{sheet.path}: row {line} names no image in the column {column!r}; fill the cell, or leave "
                "such rows out (data.skip_bad=True, train --skip-bad)"
            )
        file = found.find(cell, f"{sheet.path}: row {line}", part) if cell else None
        if file is not None and lines.setdefault(file, line) != line:
            raise InputError(f"{sheet.path}: rows {lines[file]} and {line} are both about {cell!r}; keep one")
        files.append(file)
    return _Named(sheet, column, files)


def _join(listing: Listing, tables: Sequence[_Named], skip_bad: bool, inside: str = "") -> None:
    """Add the images that tables name, with the columns of all that name them."""
    known: dict[str, dict[str, str]] = {}
    parts: dict[str, Split] = {}
    header: dict[str, None] = {}
    for table in tables:
        sheet, column = table.sheet, table.column
        listing.left_out += sheet.left_out
        part, others = part_of(sheet.path.stem), columns_of_files(sheet, column)
        columns = [each for each in sheet.header if each != column and each not in others]
        header |= dict.fromkeys(columns)
        disputed: dict[str, None] = {}
        for file, row in _rows_of_files(listing, table, listing.root / inside, skip_bad):
            labels = known.setdefault(file, {})
            for each in columns:
                text = row.get(each, "")
                if text.strip() and labels.setdefault(each, text) != text:
                    disputed[each] = None
            if part is not None:
                parts[file] = part
        for names, reason in (
            (others, f"its cells in {sheet.path.name} name image files and are no labels"),
            (disputed, f"{sheet.path.name} disagrees with the table before it, which is kept"),
        ):
            if names:
                listing.left_out.append(LeftOut.of("column", list(names), reason))
    listing.files += [inside + file for file in known]
    listing.labels += [{each: labels.get(each, "") for each in header} for labels in known.values()]
    if len(set(parts.values())) > 1 and len(parts) == len(known):
        _set_parts(listing, [parts[file] for file in known])


def _rows_of_files(
    listing: Listing, table: _Named, root: Path, skip_bad: bool
) -> list[tuple[str, dict[str, str]]]:
    """Return the file that each row is about; rows about none are named, or refused unless `skip_bad`."""
    sheet, name = table.sheet, table.sheet.path.name
    rows: list[tuple[str, dict[str, str]]] = []
    gone: list[str] = []
    empty: list[str] = []
    numbered = ""
    for (line, row), file in zip(sheet.rows, table.files, strict=True):
        cell = row.get(table.column, "").strip()
        if file is not None:
            rows.append((file, row))
            if NUMBER.fullmatch(cell) and Path(file).stem != cell:
                numbered = numbered or f"{cell!r} as {file}"
        elif not skip_bad:
            raise InputError(
                f"{sheet.path}: row {line}: no image {cell!r} in {root}; mend the row, or leave such "
                "rows out (data.skip_bad=True, train --skip-bad)"
            )
        else:
            (gone if cell else empty).append(cell or str(line))
    if gone:
        listing.left_out.append(LeftOut.of("row", gone, f"{name} names an image that is not there"))
    if empty:
        listing.left_out.append(LeftOut.of("row", empty, f"{name} names no image there"))
    if numbered:
        listing.notes.append(f"{name}: numbers are read as the files of that number, such as {numbered}")
    return rows


def _by_folders(listing: Listing, tree: Tree, skip_bad: bool) -> set[str]:
    """List images by the folders that they lie in; returns the tables that parts of them have."""
    parts = parts_of(tree.images)
    used: set[str] = set()
    if not parts:
        _label_by_folder(listing, tree.images, "")
    for name in parts:
        inside, images = f"{name}/", [file for file in tree.images if file.startswith(f"{name}/")]
        while all(file.startswith(f"{inside}{Path(name).name}/") for file in images):
            inside += f"{Path(name).name}/"  # As unzipping leaves it.
        tables = [
            file
            for file in tree.others
            if file.startswith(inside) and file.count("/") == inside.count("/") and is_table(file)
        ]
        mine = _by_tables(
            listing, tree, sorted(tables, key=lambda file: _preference(Path(file).name)), skip_bad, inside
        )
        if not mine:
            _label_by_folder(listing, images, inside)
        used |= mine
    return used


def _label_by_folder(listing: Listing, files: Sequence[str], inside: str) -> None:
    for file in files:
        folder, slash, rest = file.removeprefix(inside).partition("/")
        listing.files.append(file)
        listing.labels.append({LABEL: folder} if slash else {})
        if slash:
            listing.folders.add(LABEL)
        if "/" in rest:
            listing.deep.add(file.rpartition("/")[0])


def _name_the_rest(listing: Listing, tree: Tree, used: set[str]) -> None:
    """Find the published split, and name what is there and not used."""
    parts = parts_of(listing.files)
    if listing.parts is None and not _split_by_column(listing) and parts:
        # An image that a table keeps outside the parts is one more to train on.
        _set_parts(
            listing,
            [
                next((part for folder, part in parts.items() if file.startswith(f"{folder}/")), "train")
                for file in listing.files
            ],
        )
    add, tables = listing.left_out.append, ", ".join(sorted(used))
    rest = sorted(set(tree.images) - set(listing.files))
    if rest:
        outside = "outside the folders of the split"
        add(
            LeftOut.of(
                "image", rest, f"{tables} names other images; add a row to use it" if used else outside
            )
        )
    if used and LABEL not in {name for labels in listing.labels for name in labels}:
        folders = sorted({file.split("/")[-2] for file in listing.files if "/" in file} - {*PARTS, *parts})
        if len(folders) > 1:
            add(LeftOut.of("folder", folders, f"the labels are those of {tables}, not the folders' names"))
    if listing.deep:
        add(LeftOut.of("folder", sorted(listing.deep), "folder names inside a class are not labels"))
    masks = sorted(set(tree.masks) - set(listing.files))
    if masks:
        add(
            LeftOut.of(
                "image", masks, "a mask of another image, by its name; rename it to use it as an image"
            )
        )
    named = {name for left in listing.left_out if left.kind == "table" for name in left.names}
    others = [name for name in tree.others if name not in used and name not in named]
    deeper = [name for name in others if is_table(name)]
    if deeper:
        add(
            LeftOut.of(
                "table", deeper, "tables are read at the top of the folder, or of train, valid and test"
            )
        )
    if len(others) > len(deeper):
        rest = [name for name in others if name not in deeper]
        add(LeftOut.of("file", rest, "neither an image nor a table of a kind that is read"))
    for names, kind, reason in (
        (tree.hidden, "file", "hidden: the name begins with a dot, or an archive left it"),
        (tree.runs, "folder", "a run of distaff, whose images are its own"),
        (tree.again, "folder", "a link to a folder that is listed already"),
        (tree.empty, "folder", "no images inside"),
    ):
        if names:
            add(LeftOut.of(kind, names, reason))


def _split_by_column(listing: Listing) -> bool:
    """Take the split from a column that names it; tells whether there is one."""
    names = dict.fromkeys(name for labels in listing.labels for name in labels if name not in listing.folders)
    first = listing.labels[0] if listing.labels else {}
    words = {"", *PARTS, *PARTITION}
    columns = {
        name: [labels.get(name, "") for labels in listing.labels]
        for name in names
        if name.lower() in SPLIT_COLUMNS
        or first.get(name, "").strip().lower() in words
        or speaks_of_parts(name, first.get(name, ""))
    }
    found = split_of(columns)
    if found is None:
        listing.notes += no_split(columns)
        return False
    name, owners = found
    empty = sum(not labels.pop(name, "").strip() for labels in listing.labels)
    _set_parts(listing, owners)
    note = f"the column {name!r} is the split"
    if empty:
        note += f"; {empty:,} images without a part are trained on"
    drawn = [part for part in ORDER if part not in owners]
    listing.notes.append(f"{note}; {' and '.join(drawn)} are drawn" if len(drawn) > 1 else note)
    return True


def split_of(columns: Mapping[str, Sequence[str]]) -> tuple[str, list[Split]] | None:
    """Return the column that is a published split, with the part of each image; None if none is.

    Whatever its name: no labels are made of train, valid and test alone.

    >>> split_of({"fold": ["1", "2"], "Usage": ["train", "val"]})
    ('Usage', ['train', 'valid'])
    """
    for name in sorted(columns, key=lambda name: (name.lower() not in SPLIT_COLUMNS, name)):
        words = PARTS
        if name.lower() == "partition" and all(cell.strip() in PARTITION for cell in columns[name]):
            words = PARTITION
        if all((cell := each.strip().lower()) in words or not cell for each in columns[name]):
            owners = [words.get(each.strip().lower()) for each in columns[name]]
            if "train" in owners:
                return name, [owner or "train" for owner in owners]
    return None


def may_be_split(name: str, dtype: np.dtype[Any]) -> bool:
    """Tell whether an array may be the split: of texts, or of CelebA's numbers."""
    return dtype.kind in "US" or name.lower() == "partition"


def as_words(columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, list[str]]:
    """Return arrays as the texts that a table would hold."""
    return {
        name: (
            np.char.decode(each, "utf-8", "replace") if each.dtype.kind == "S" else each.astype(str)
        ).tolist()
        for name, each in columns.items()
    }


def speaks_of_parts(*texts: str) -> bool:
    """Tell whether a text has a word for a part of a split, also within another, as PrivateTest has.

    >>> speaks_of_parts("is_train"), speaks_of_parts("contest")
    (True, False)
    """
    words = [word.lower() for text in texts for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", text)]
    return any(word in PARTS or word in SPLIT_COLUMNS for word in words)


def no_split(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Say of columns called as a split that name train, and other parts too, why they are labels.

    >>> no_split({"split": ["train", "holdout"]})
    ["split: read as labels and no split, since 'holdout' is no part; train, valid and test are"]
    """
    notes = []
    for name, column in columns.items():
        cells = dict.fromkeys(cell.strip() for cell in column if cell.strip())
        odd = [cell for cell in cells if cell.lower() not in PARTS]
        some = len(odd) < len(cells) and name.lower() in SPLIT_COLUMNS
        if odd and len(cells) <= FEW and (some or speaks_of_parts(name, *cells)):
            what = "is no part; train, valid and test are"
            notes.append(f"{name}: read as labels and no split, since {odd[0][:40]!r} {what}")
    return notes


def rows_of(owners: Sequence[Split]) -> dict[Split, Rows]:
    """Return the rows of each part, in the order in which the parts are kept.

    >>> {part: rows.tolist() for part, rows in rows_of(["train", "test", "train"]).items()}
    {'train': [0, 2], 'test': [1]}
    """
    array = np.array(owners)
    return {part: np.flatnonzero(array == part) for part in ORDER if (array == part).any()}


def _set_parts(listing: Listing, owners: Sequence[Split]) -> None:
    listing.parts = rows_of(owners)
