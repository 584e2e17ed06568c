"""What lies under a folder: images, tables and the rest, with links followed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from distaff.data._image_files import SUFFIXES
from distaff.data._source import Split
from distaff.errors import InputError

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
"""Names of a published split's parts: of top folders, of tables, and in a column."""
KINDS = frozenset({".csv", ".tsv", ".jsonl"})
"""Files that may be tables."""
DEEPEST = 100
"""Folders within folders that are gone into."""
JUNK = frozenset({"__MACOSX"})
"""Folders that archives leave behind."""


@dataclass
class Tree:
    """What lies under a folder.

    Attributes:
        images: paths of image files relative to the root, sorted.
        others: paths of other files that are not hidden.
        hidden: paths of hidden files, and of the hidden folders that were not looked into.
        again: folders that are links to one that was listed before.
        empty: folders without images at any depth.
    """

    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def list_tree(root: Path) -> Tree:
    """List what lies under a folder; links are followed, but no folder is listed twice.

    Raises:
        OSError: the folder cannot be listed.
    """
    tree = Tree()
    visited: set[Path] = set()
    _add(tree, root, "", visited)
    return tree


def _add(tree: Tree, folder: Path, prefix: str, visited: set[Path]) -> int:
    """Add what lies in a folder and under it; returns the number of its images."""
    if prefix.count("/") > DEEPEST:
        raise InputError(f"{folder}: more than {DEEPEST} folders deep; give the folder of the images")
    visited.add(folder.resolve())
    with os.scandir(folder) as entries:
        children = sorted((entry.name, entry.is_dir()) for entry in entries)
    count = 0
    for name, _ in (child for child in children if not child[1]):
        if is_hidden(name):
            tree.hidden.append(prefix + name)
        elif Path(name).suffix.lower() in SUFFIXES:
            tree.images.append(prefix + name)
            count += 1
        else:
            tree.others.append(prefix + name)
    for name, _ in (child for child in children if child[1]):
        # A link may lead to a folder listed elsewhere, or back up to where we came from.
        if is_hidden(name):
            tree.hidden.append(prefix + name)
        elif (folder / name).resolve() in visited:
            tree.again.append(prefix + name)
        else:
            inside = _add(tree, folder / name, f"{prefix}{name}/", visited)
            count += inside
            if not inside:
                tree.empty.append(prefix + name)
    return count


def enter(root: Path) -> Path:
    """Go into a folder that holds one folder alone, as unzipping leaves it; a class is not gone into."""
    for _ in range(8):
        children = [child for child in sorted(root.iterdir()) if not is_hidden(child.name)]
        folders = [child for child in children if child.is_dir()]
        files = [child.name for child in children if not child.is_dir()]
        if len(folders) != 1 or folders[0].name.lower() in PARTS:
            return root
        if any(Path(name).suffix.lower() in SUFFIXES or is_table(name) for name in files):
            return root
        inner = [child for child in folders[0].iterdir() if not is_hidden(child.name)]
        if not any(child.is_dir() or is_table(child.name) for child in inner):
            return root
        if any(Path(child.name).suffix.lower() in SUFFIXES for child in inner) and not any(
            is_table(child.name) for child in inner
        ):
            return root
        root = folders[0]
    return root


def is_table(name: str) -> bool:
    """Tell whether a file may be a table, by its name."""
    return Path(name).suffix.lower() in KINDS and not name.startswith(".")


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is not for people: its name begins with a dot, or an archive left it."""
    return name.startswith(".") or name in JUNK
