"""Tables of labels: CSV as programs write it, TSV, lines of JSON; and how their cells name image files."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PureWindowsPath

from distaff.data._files import list_tree, part_of
from distaff.data._image_files import SUFFIXES
from distaff.data._source import LeftOut, Split
from distaff.errors import InputError, nearest

COLUMNS = (
    *("filename", "file", "image", "imageid", "imagename", "imagepath", "imagefile", "imagefilename"),
    *("imageindex", "img", "path", "filepath", "imgpath", "imgname", "imgid", "imgfile", "fname", "idcode"),
    *("isicid", "photoid", "photo", "name", "id"),
)
"""What a column of images is called without case, spaces and marks, the surest first."""
PIXEL = re.compile(r"(pixel|px|p|x|f|attribute)?[ _.-]?\d+([x_]\d+)?", re.IGNORECASE)
"""What a column of one pixel of every image is called."""
PIXELS = 16
"""Columns called so of which more are the pixels of images."""
NUMBER = re.compile(r"\d+(\.0+)?")
"""A cell that may name the file of that number, whatever its zeros in front; pandas writes 7 as 7.0."""
DELIMITERS = ",;\t|"
"""In the order in which they are preferred."""
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
"""How a text file begins that says its encoding."""


@dataclass
class Sheet:
    """A table as texts.

    Attributes:
        path: the file.
        header: the columns' names, in order.
        rows: for each row, its line in the file and the text of each named column; a cell may be lacking.
        left_out: columns without a name, or of cells that are no text or number.
    """

    path: Path
    header: list[str]
    rows: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def read_sheet(path: Path) -> Sheet:
    r"""Read a table.

    Raises:
        InputError: it cannot be read, is no text, or its rows do not fit its first line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.csv"
    ...     _ = path.write_text("file;age\n1.png;3\n")
    ...     sheet = read_sheet(path)
    >>> sheet.header, sheet.rows
    (['file', 'age'], [(2, {'file': '1.png', 'age': '3'})])
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text; save it in UTF-8") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{path}: line {line} holds a NUL byte, so it is no table of text; save it again")
    return _json_lines(path, text) if path.suffix.lower() == ".jsonl" else _separated(path, text)


def _separated(path: Path, text: str) -> Sheet:
    first, _, rest = text.lstrip().partition("\n")
    given = None
    if first.strip().lower().startswith("sep=") and len(first.strip()) <= 5:
        # Excel's own way to say the delimiter.
        given, text = first.strip()[4:] or "\t", rest
    tabs = path.suffix.lower() == ".tsv" and "\t" in first
    delimiter = given or ("\t" if tabs else _delimiter(text))
    skipped = 1 if given else 0
    try:
        lines = list(_lines(text, delimiter))
    except csv.Error as error:
        raise InputError(f"{path}: not CSV ({error})") from None
    header = [name.strip() for name in lines[0][1]] if lines else []
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: two columns are called {twice!r}; give each its own name")
    sheet = Sheet(path, [name for name in header if name])
    for line, cells in lines[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise InputError(
                f"{path}: row {line + skipped} has {len(cells)} cells where the first has {len(header)}"
            )
        row = {name: cell for name, cell in zip(header, cells, strict=True) if name}
        sheet.rows.append((line + skipped, row))
    nameless = [f"number {place}" for place, name in enumerate(header, start=1) if not name]
    # pandas writes the row number so, which nobody misses.
    if nameless and not (len(nameless) == 1 and not header[0]):
        sheet.left_out.append(LeftOut.of("column", nameless, f"it has no name in {path.name}"))
    return sheet


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line that it begins in."""
    # A quote behind a space after the delimiter would be part of the cell otherwise.
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True
    )
    line = 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1


def _delimiter(text: str) -> str:
    """Return what parts the first line in most cells; a comma if nothing does."""
    first = next((line for line in re.split(r"[\r\n]+", text) if line.strip()), "")

    def cells(delimiter: str) -> int:
        try:
            return len(next(csv.reader([first], delimiter=delimiter)))
        except (csv.Error, StopIteration):
            return 0

    return max(DELIMITERS, key=cells)


def _json_lines(path: Path, text: str) -> Sheet:
    sheet = Sheet(path, [])
    nested: dict[str, None] = {}
    # Only line feeds end a line of JSON: a text within may hold other marks that Python parts lines at.
    for line, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        try:
            record = json.loads(written)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise InputError(f"{path}: line {line} is no JSON object; write one on each line")
        row = {}
        for name, value in record.items():
            if isinstance(value, (list, dict)):
                nested[name] = None
            elif name.strip():
                row[name.strip()] = "" if value is None else str(value)
        sheet.rows.append((line, row))
    sheet.header = list(dict.fromkeys(name for _, row in sheet.rows for name in row if name not in nested))
    if nested:
        reason = f"its cells in {path.name} are lists or objects, not one label"
        sheet.left_out.append(LeftOut.of("column", list(nested), reason))
    return sheet


class Finder:
    """Finds the files that cells name, under a folder.

    A cell may be a path relative to the folder or absolute within it, with either slash, in either case, in
    either form of accents, with or without the suffix; or a file's name alone, whichever folder it lies in.
    A number names the file of that number, as 7 does 0007.png, if no file is called so itself. Of an absolute
    path elsewhere, as in a table of another machine, the end must be that of a file here.

    Args:
        root: the folder.
        files: the images in it, relative paths; they are listed when that is needed if None.
    """

    def __init__(self, root: Path, files: Sequence[str] | None = None) -> None:
        self.root, self.files = root, files

    def find(self, cell: str, where: str, part: Split | None = None) -> str | None:
        """Return the path of the file that a cell names, relative to the folder; None if there is none.

        Of several files, the one in a folder of `part` is meant.

        Raises:
            InputError: the cell is empty, leads outside the folder, or names several files.
        """
        name = unicodedata.normalize("NFC", cell.strip().replace("\\", "/"))
        name = f"/{name.partition('://')[2]}" if "://" in name else name
        path = Path(name)
        if path.is_absolute() or PureWindowsPath(name).is_absolute():
            try:
                name = path.resolve().relative_to(self.root.resolve()).as_posix()
            except ValueError:
                ends = ("/".join(path.parts[start:]) for start in range(1, len(path.parts)))
                name = next((end for end in ends if end.casefold() in self._known), "")
        name = os.path.normpath(name).replace(os.sep, "/") if name else ""
        if not name or name == "." or name.startswith("../") or name == "..":
            raise InputError(f"{where}: file_name {cell.strip()!r} must be a path inside the folder")
        try:
            if (self.root / name).is_file():
                return name
        except (OSError, ValueError):
            return None  # No file can be called so.
        candidates = self._known.get(name.casefold(), [])
        if not candidates and NUMBER.fullmatch(name):
            candidates = self._numbered.get(name.partition(".")[0].lstrip("0"), [])
        if len(candidates) > 1 and part is not None:
            mine = [file for file in candidates if part in map(part_of, file.split("/")[:-1])]
            candidates = mine or candidates
        if len(candidates) > 1:
            raise InputError(
                f"{where}: {cell.strip()!r} may be {candidates[0]} or {candidates[1]}; write the whole path"
            )
        return candidates[0] if candidates else None

    @cached_property
    def _known(self) -> dict[str, list[str]]:
        """The files by their path, by their name, and by both without suffix; the surest alone."""
        levels: list[dict[str, list[str]]] = [{}, {}, {}, {}]
        for file in self._files:
            whole = unicodedata.normalize("NFC", file).casefold()
            name = whole.rpartition("/")[2]
            keys = (whole, whole.rpartition(".")[0], name, name.rpartition(".")[0])
            for level, key in zip(levels, keys, strict=True):
                level.setdefault(key, []).append(file)
        return {**levels[3], **levels[2], **levels[1], **levels[0]}

    @cached_property
    def _files(self) -> Sequence[str]:
        return list_tree(self.root).images if self.files is None else self.files

    @cached_property
    def _numbered(self) -> dict[str, list[str]]:
        """The files whose name is a number, by that number without zeros in front."""
        numbered: dict[str, list[str]] = {}
        for file in self._files:
            stem = file.rpartition("/")[2].rpartition(".")[0]
            if NUMBER.fullmatch(stem):
                numbered.setdefault(stem.partition(".")[0].lstrip("0"), []).append(file)
        return numbered


def file_column(sheet: Sheet, found: Finder, *, strict: bool) -> str | None:
    """Return the column of a table that names images: one that is called so, else one whose cells do.

    Args:
        sheet: the table.
        found: finds the images.
        strict: whether the table must have one.

    Raises:
        InputError: it must and has none.
    """
    known = {_bare(name): name for name in reversed(sheet.header)}
    by_name = [known[name] for name in COLUMNS if name in known]
    if strict and by_name and _bare(by_name[0]) == COLUMNS[0]:
        return by_name[0]
    part = part_of(sheet.path.stem)
    unclear: InputError | None = None
    for column in [*by_name, *(name for name in sheet.header if name not in by_name)]:
        cells = [row.get(column, "").strip() for _, row in sheet.rows[:200]]
        # A number is the name of 1.png only where the column is called as one of images.
        named = [cell for cell in cells if column in by_name or not NUMBER.fullmatch(cell)]
        tried = [_try(cell, found, part, str(sheet.path)) for cell in named]
        if sum(each is True for each in tried) * 2 > len(cells):
            if _try(column, found, part, str(sheet.path)) is True:
                raise InputError(f"{sheet.path}: its first line must name the columns, not {column!r}")
            return column
        errors = [each for each in tried if isinstance(each, InputError)]
        if column in by_name and len(errors) * 2 > len(cells):
            unclear = unclear or errors[0]
    if strict and by_name:
        return by_name[0]
    if unclear is not None:
        raise unclear
    pixels = [name for name in sheet.header if PIXEL.fullmatch(name)]
    if strict and (len(pixels) > PIXELS or "pixels" in known):
        raise InputError(
            f"{sheet.path}: holds pixels in {pixels[0] if pixels else known['pixels']}, ..., and they are "
            "not read from a table; save them with numpy.savez('mine.npz', images=..., label=...)"
        )
    if strict:
        near = nearest("file_name", sheet.header)
        raise InputError(
            f"{sheet.path}: no column file_name in its first line, nor another of images; {near}"
        )
    return None


def columns_of_files(sheet: Sheet, column: str) -> list[str]:
    """Return the columns, but for that of the images, whose cells name image files, such as masks."""
    return [
        name
        for name in sheet.header
        if name != column
        and (cells := [cell for _, row in sheet.rows[:200] if (cell := row.get(name, "").strip())])
        and sum(Path(cell).suffix.lower() in SUFFIXES for cell in cells) * 2 > len(cells)
    ]


def _bare(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _try(cell: str, found: Finder, part: Split | None, where: str) -> bool | InputError:
    """Tell whether a cell names an image, or why it names none alone."""
    try:
        return found.find(cell, where, part) is not None
    except InputError as error:
        return error
