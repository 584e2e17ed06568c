"""The two lists beside the faces of CelebA: what each shows, and which part it belongs to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from distaff.data.attributes import Attribute, AttributeTable
from distaff.data.dataset import Rows, Split
from distaff.errors import InputError

VALUES = {"-1": 0.0, "1": 1.0}
PARTS: dict[str, Split] = {"0": "train", "1": "valid", "2": "test"}


def read_attributes(path: Path) -> tuple[list[str], AttributeTable]:
    """The pictures' names, and "no" or "yes" of each attribute.

    The first line counts the pictures, the second names the attributes, and each that follows holds a
    picture's name and -1 or 1 for every attribute.

    Raises:
        InputError: the file is missing or is not as described.
    """
    lines = _lines(path)
    if len(lines) < 2 or not lines[0].isdecimal():
        raise InputError(
            f"{path}: its first line must be the number of pictures, its second the attributes' names"
        )
    header = lines[1].split()
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: two attributes are called {twice!r}")
    names, values = [], []
    for number, line in enumerate(lines[2:], start=3):
        name, *cells = line.split()
        if len(cells) != len(header):
            raise InputError(
                f"{path}: line {number} has {len(cells)} values for the {len(header)} attributes of line 2"
            )
        try:
            values.append([VALUES[cell] for cell in cells])
        except KeyError as error:
            raise InputError(f"{path}: line {number} has the value {error}; values are -1 or 1") from None
        names.append(name)
    if len(names) != int(lines[0]):
        raise InputError(f"{path}: lists {len(names)} pictures where its first line says {lines[0]}")
    if len(set(names)) != len(names):
        raise InputError(f"{path}: lists a picture twice")
    attributes = (Attribute(name=name, kind="categorical", values=("no", "yes")) for name in header)
    table = np.array(values, dtype=np.float32).reshape(len(names), len(header))
    return names, AttributeTable(tuple(attributes), table)


def read_partition(path: Path, names: list[str]) -> dict[Split, Rows]:
    """The rows of each part, of lines that hold a picture's name and 0 (train), 1 (valid) or 2 (test).

    Raises:
        InputError: the file is missing or not as described, or leaves a picture out.
    """
    part_of: dict[str, str] = {}
    for number, line in enumerate(_lines(path), start=1):
        name, *cells = line.split()
        if len(cells) != 1 or cells[0] not in PARTS:
            raise InputError(f"{path}: line {number} must be a picture's name and 0, 1 or 2")
        part_of[name] = cells[0]
    lost = next((name for name in names if name not in part_of), None)
    if lost is not None:
        raise InputError(f"{path}: the picture {lost!r} is in no part; get the file again")
    written = np.array([part_of[name] for name in names])
    return {part: np.flatnonzero(written == digit) for digit, part in PARTS.items()}


def _lines(path: Path) -> list[str]:
    """The lines that are not blank, stripped."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: no text; get the file again") from None
    return [line.strip() for line in text.splitlines() if line.strip()]
