"""Which pictures a folder holds, what they are labelled with, and which part they belong to."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from distaff.data.dataset import Rows, Split
from distaff.data.pictures import SUFFIXES
from distaff.errors import InputError, nearest

PARTS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}
"""Names of top folders that are a published split."""
ORDER: tuple[Split, ...] = ("train", "valid", "test")
"""In which the parts are kept: a draw of some pictures depends on it."""
METADATA = "metadata.csv"
LABEL = "label"


@dataclass
class Listing:
    """The pictures of a folder, sorted as found.

    Attributes:
        root: the folder.
        files: paths relative to it, with forward slashes.
        labels: for each picture, the texts of its columns; a column that is not there is missing.
        parts: the published split, each part's positions in `files`; None if there is none.
    """

    root: Path
    files: list[str] = field(default_factory=list)
    labels: list[dict[str, str]] = field(default_factory=list)
    parts: dict[Split, Rows] | None = None

    def columns(self) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.str_]]]:
        """Every column as texts [n], "" where missing, in the order of their first appearance."""
        names = list(dict.fromkeys(name for labels in self.labels for name in labels))
        return {name: np.array([labels.get(name, "") for labels in self.labels], dtype=str) for name in names}


def look(root: Path) -> Listing:
    """List a folder: by its metadata.csv, else by its subfolders.

    Raises:
        InputError: no such folder, no pictures in it, a metadata.csv that does not fit.
    """
    listing = Listing(root)
    tops = sorted(child.name for child in root.iterdir() if child.is_dir())
    parts = [name for name in tops if name.lower() in PARTS]
    split = any(PARTS[name.lower()] == "train" for name in parts)
    if split and not (root / METADATA).is_file():
        for name in parts:
            _add(listing, root / name)
    else:
        _add(listing, root)
    if not listing.files:
        kinds = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
        raise InputError(f"{root}: no pictures in this folder; there should be files of {kinds}")
    if split:
        # A picture that a metadata.csv keeps outside the parts is one more to train on.
        owners = np.array([PARTS.get(file.partition("/")[0].lower(), "train") for file in listing.files])
        present = set(owners.tolist())
        listing.parts = {part: np.flatnonzero(owners == part) for part in ORDER if part in present}
    return listing


def _add(listing: Listing, folder: Path) -> None:
    metadata = folder / METADATA
    if metadata.is_file():
        _read(listing, metadata)
        return
    visited = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        # A link may lead to a class kept elsewhere, or back up to where we came from.
        real = Path(place).resolve()
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = Path(place).relative_to(folder).parts
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                listing.files.append((Path(place) / name).relative_to(listing.root).as_posix())
                listing.labels.append({LABEL: inside[0]} if inside else {})


def _read(listing: Listing, metadata: Path) -> None:
    """Add the rows of a metadata.csv: file_name, relative to its folder, and a column an attribute."""
    try:
        with metadata.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except OSError as error:
        raise InputError(f"{metadata}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{metadata}: not UTF-8 text; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{metadata}: not CSV ({error})") from None
    header = [name.strip() for name in rows[0]] if rows else []
    if "file_name" not in header:
        near = nearest("file_name", [name for name in header if name])
        raise InputError(f"{metadata}: no column file_name in its first line: {near}")
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{metadata}: two columns are called {twice!r}; give each its own name")
    base = metadata.parent.relative_to(listing.root)
    seen: dict[str, int] = {}
    for line, cells in enumerate(rows[1:], start=2):
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise InputError(
                f"{metadata}: row {line} has {len(cells)} cells where the first has {len(header)}"
            )
        labels = dict(zip(header, cells, strict=True))
        name = labels.pop("file_name").strip()
        labels.pop("", None)
        written = os.path.normpath(name).replace(os.sep, "/")
        if not name or Path(name).is_absolute() or written.startswith("../"):
            raise InputError(f"{metadata}: row {line}: file_name {name!r} must be a path inside the folder")
        if written in seen:
            raise InputError(f"{metadata}: rows {seen[written]} and {line} are both about {name!r}; keep one")
        seen[written] = line
        if not (metadata.parent / written).is_file():
            raise InputError(f"{metadata}: row {line}: no picture {name!r} in {metadata.parent}")
        listing.files.append((base / written).as_posix())
        listing.labels.append(labels)
