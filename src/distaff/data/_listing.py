"""Which images a folder holds, what they are labelled with, and which part they belong to.

A metadata table names the images and their labels; without one, other tables that name the images are joined;
without any, the folders right under the root are the classes. Folders called train, valid and test are a
published split. Whatever is there and not used is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from distaff.data._files import PARTS, Tree, enter, is_table, list_tree
from distaff.data._image_files import SUFFIXES
from distaff.data._images import Rows
from distaff.data._source import LeftOut, Split
from distaff.data._tables import Finder, Sheet, file_column, read_sheet
from distaff.errors import InputError

PARTITION: dict[str, Split] = {"0": "train", "1": "valid", "2": "test"}
"""The parts in CelebA's table of them."""
SPLIT_COLUMNS = frozenset({"split", "partition", "subset", "set", "fold"})
ORDER: tuple[Split, ...] = ("train", "valid", "test")
"""In which the parts are kept: a draw of some images depends on it."""
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
        notes: what the user should hear.
        left_out: what is there and not used.
    """

    root: Path
    files: list[str] = field(default_factory=list)
    labels: list[dict[str, str]] = field(default_factory=list)
    parts: dict[Split, Rows] | None = None
    folders: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def columns(self) -> dict[str, npt.NDArray[np.str_]]:
        """Every column as texts [n], "" where missing, in the order of their first appearance."""
        names = list(dict.fromkeys(name for labels in self.labels for name in labels))
        return {name: np.array([labels.get(name, "") for labels in self.labels], dtype=str) for name in names}


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
        listing.notes.append(f"reading {root}, which holds everything in {outer}")
    tree = list_tree(root)
    tables = sorted((name for name in tree.others if "/" not in name and is_table(name)), key=_preference)
    used = _by_tables(listing, tree, tables, skip_bad)
    if not used:
        used = _by_folders(listing, tree, skip_bad)
    if not listing.files:
        kinds = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
        raise InputError(f"{root}: no images in this folder; there should be files of {kinds}")
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
    _check_rows(sheet, column, found)
    _join(listing, [(sheet, column)], found, skip_bad)
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
    used: list[tuple[Sheet, str]] = []
    for name in tables:
        path = listing.root / name
        strict = path.stem.lower() == METADATA
        if used and used[0][0].path.stem.lower() == METADATA:
            listing.left_out.append(
                LeftOut.of("table", [name], f"the labels are those of {used[0][0].path.name}")
            )
            continue
        try:
            sheet = read_sheet(path)
            column = file_column(sheet, found, strict=strict)
            if column is not None:
                _check_rows(sheet, column, found)
        except InputError as error:
            if strict:
                raise
            column = None
            reason = str(error).removeprefix(f"{path}: ")
        else:
            reason = "no column of it names the images"
        if column is None:
            listing.left_out.append(LeftOut.of("table", [name], reason))
        else:
            used.append((sheet, column))
    if used:
        _join(listing, used, found, skip_bad, inside)
    return {sheet.path.relative_to(listing.root).as_posix() for sheet, _ in used}


def _check_rows(sheet: Sheet, column: str, found: Finder) -> None:
    """Refuse a table with two rows about one image, or a row that names none or several."""
    lines: dict[str, int] = {}
    for line, row in sheet.rows:
        cell = row.get(column, "").strip()
        file = found.find(cell, f"{sheet.path}: row {line}")
        if file is not None and lines.setdefault(file, line) != line:
            raise InputError(f"{sheet.path}: rows {lines[file]} and {line} are both about {cell!r}; keep one")


def _join(
    listing: Listing,
    sheets: Sequence[tuple[Sheet, str]],
    found: Finder,
    skip_bad: bool,
    inside: str = "",
) -> None:
    """Add the images that tables name, with the columns of all that name them."""
    known: dict[str, dict[str, str]] = {}
    parts: dict[str, Split] = {}
    for sheet, column in sheets:
        name = sheet.path.name
        listing.left_out += sheet.left_out
        gone: list[str] = []
        disputed: dict[str, None] = {}
        for line, row in sheet.rows:
            where, cell = f"{sheet.path}: row {line}", row.get(column, "").strip()
            file = found.find(cell, where)
            if file is None:
                if not skip_bad:
                    raise InputError(
                        f"{where}: no image {cell!r} in {found.root}; mend the row, or leave such "
                        "rows out (data.skip_bad=True, --skip-bad)"
                    )
                gone.append(cell)
                continue
            labels = known.setdefault(file, {})
            for each in sheet.header:
                text = row.get(each, "")
                if each == column or not text.strip():
                    continue
                if labels.setdefault(each, text) != text:
                    disputed[each] = None
            if sheet.path.stem.lower() in PARTS:
                parts[file] = PARTS[sheet.path.stem.lower()]
        if gone:
            listing.left_out.append(LeftOut.of("row", gone, f"{name} names an image that is not there"))
        if disputed:
            reason = f"{name} disagrees with the table before it, which is kept"
            listing.left_out.append(LeftOut.of("column", list(disputed), reason))
    header = [each for sheet, column in sheets for each in sheet.header if each != column]
    listing.files += [inside + file for file in known]
    listing.labels += [
        {each: labels.get(each, "") for each in dict.fromkeys(header)} for labels in known.values()
    ]
    if parts and len(parts) == len(known):
        _set_parts(listing, [parts[file] for file in known])


def _by_folders(listing: Listing, tree: Tree, skip_bad: bool) -> set[str]:
    """List images by the folders that they lie in; returns the tables that parts of them have."""
    tops = sorted({file.partition("/")[0] for file in [*tree.images, *tree.others] if "/" in file})
    parts = [name for name in tops if name.lower() in PARTS]
    used: set[str] = set()
    if not any(PARTS[name.lower()] == "train" for name in parts):
        _label_by_folder(listing, tree.images, "")
        return used
    for name in parts:
        inside = f"{name}/"
        tables = [
            file
            for file in tree.others
            if file.startswith(inside) and file.count("/") == 1 and is_table(file)
        ]
        mine = _by_tables(
            listing, tree, sorted(tables, key=lambda file: _preference(Path(file).name)), skip_bad, inside
        )
        if not mine:
            _label_by_folder(listing, [file for file in tree.images if file.startswith(inside)], inside)
        used |= mine
    return used


def _label_by_folder(listing: Listing, files: Sequence[str], inside: str) -> None:
    for file in files:
        folder, slash, _ = file.removeprefix(inside).partition("/")
        listing.files.append(file)
        listing.labels.append({LABEL: folder} if slash else {})
        if slash:
            listing.folders.add(LABEL)


def _name_the_rest(listing: Listing, tree: Tree, used: set[str]) -> None:
    """Find the published split, and name what is there and not used."""
    tops = {file.partition("/")[0].lower() for file in listing.files if "/" in file}
    if (
        listing.parts is None
        and not _split_by_column(listing)
        and any(PARTS.get(top) == "train" for top in tops)
    ):
        # An image that a table keeps outside the parts is one more to train on.
        _set_parts(listing, [PARTS.get(file.partition("/")[0].lower(), "train") for file in listing.files])
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
        folders = sorted({file.split("/")[-2] for file in listing.files if "/" in file} - set(PARTS))
        if len(folders) > 1:
            add(
                LeftOut.of(
                    "folder", folders, f"folder names are not labels here, since {tables} has the labels"
                )
            )
    deepest = 1 if listing.parts is None else 2
    deep = sorted({file.rpartition("/")[0] for file in listing.files if file.count("/") > deepest})
    if deep and not used:
        add(LeftOut.of("folder", deep, "folder names inside a class are not labels"))
    named = {name for left in listing.left_out if left.kind == "table" for name in left.names}
    others = [name for name in tree.others if name not in used and name not in named]
    if others:
        add(LeftOut.of("file", others, "not an image file that is read"))
    for names, kind, reason in (
        (tree.hidden, "file", "hidden: the name begins with a dot, or an archive left it"),
        (tree.again, "folder", "a link to a folder that is listed already"),
        (tree.empty, "folder", "no images inside"),
    ):
        if names:
            add(LeftOut.of(kind, names, reason))


def _split_by_column(listing: Listing) -> bool:
    """Take the split from a column that names it; tells whether there is one."""
    names = dict.fromkeys(name for labels in listing.labels for name in labels)
    columns = {name: [labels.get(name, "") for labels in listing.labels] for name in names if is_split(name)}
    found = split_of(columns)
    if found is None:
        return False
    name, owners = found
    for labels in listing.labels:
        labels.pop(name, None)
    _set_parts(listing, owners)
    listing.notes.append(f"the column {name!r} is the split")
    return True


def is_split(name: str) -> bool:
    """Tell whether a column is called as one that may be the split."""
    return name.lower() in SPLIT_COLUMNS


def split_of(columns: Mapping[str, Sequence[str]]) -> tuple[str, list[Split]] | None:
    """Return the column that is a published split, with the part of each image; None if none is.

    >>> split_of({"fold": ["1", "2"], "split": ["train", "val"]})
    ('split', ['train', 'valid'])
    """
    for name in sorted(columns):
        cells = [cell.strip().lower() for cell in columns[name]]
        words = PARTITION if name.lower() == "partition" and set(cells) <= set(PARTITION) else PARTS
        if "train" in {words.get(cell) for cell in cells} and set(cells) <= {*words, ""}:
            return name, [words.get(cell, "train") for cell in cells]
    return None


def rows_of(owners: Sequence[Split]) -> dict[Split, Rows]:
    """Return the rows of each part, in the order in which the parts are kept.

    >>> {part: rows.tolist() for part, rows in rows_of(["train", "test", "train"]).items()}
    {'train': [0, 2], 'test': [1]}
    """
    array = np.array(owners)
    return {part: np.flatnonzero(array == part) for part in ORDER if (array == part).any()}


def _set_parts(listing: Listing, owners: Sequence[Split]) -> None:
    listing.parts = rows_of(owners)
