"""What lies under a folder: images, tables and the rest, with links followed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
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
MASK = re.compile(r"(.+)[ _.-](mask|masks|seg|segmentation)([ _.-]?\d+)?", re.IGNORECASE)
"""How the mask of an image is called beside it, without its suffix."""
MASKS = frozenset({"mask", "masks", "segmentation", "segmentations", "groundtruth", "ground_truth", "gt"})
"""Folders of masks, beside one of MASKED with images of the same names; elsewhere they may be a class."""
MASKED = frozenset(
    {"image", "images", "img", "imgs", "input", "inputs", "jpegimages", "original", "originals"}
)
RUN = frozenset({"recipe.yaml", "attributes.json", "environment.json"})
"""Files of a run's folder, whose figures are no data."""
DEEPEST = 100
"""Folders within folders that are gone into."""
JUNK = frozenset({"__MACOSX"})
"""Folders that archives leave behind."""


@dataclass
class Tree:
    """What lies under a folder.

    Attributes:
        images: paths of image files relative to the root, sorted.
        masks: paths of images that are masks of others.
        others: paths of other files that are not hidden.
        hidden: paths of hidden files, and of the hidden folders that were not looked into.
        again: folders that are links to one that was listed before.
        empty: folders without images at any depth.
        runs: folders of runs that were trained here.
    """

    images: list[str] = field(default_factory=list)
    masks: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)


def list_tree(root: Path) -> Tree:
    """List what lies under a folder; links are followed, but no folder is listed twice.

    Raises:
        OSError: the folder cannot be listed.
    """
    tree = Tree()
    visited: set[Path] = set()
    _add(tree, root, "", visited)
    tree.masks = sorted(_masks(tree.images))
    if tree.masks:
        masks = set(tree.masks)
        tree.images = [file for file in tree.images if file not in masks]
    return tree


def _masks(images: list[str]) -> set[str]:
    """Return the images that are masks of others, by their names: x_mask.png beside x.png, or masks/x.png."""
    bare = {file.rpartition(".")[0].casefold() for file in images}
    holders: dict[tuple[str, str], set[str]] = {}
    for path in bare:
        folder, _, stem = path.rpartition("/")
        parent, _, last = folder.rpartition("/")
        holders.setdefault((parent, stem), set()).add(last)
    found = set()
    for file in images:
        path = file.rpartition(".")[0].casefold()
        folder, slash, stem = path.rpartition("/")
        parent, _, last = folder.rpartition("/")
        called = MASK.fullmatch(stem)
        beside = called is not None and f"{folder}{slash}{called[1]}" in bare
        stems = {stem, called[1] if called else stem}
        if beside or (last in MASKS and any(holders.get((parent, each), set()) & MASKED for each in stems)):
            found.add(file)
    return found


def _add(tree: Tree, folder: Path, prefix: str, visited: set[Path]) -> int:
    """Add what lies in a folder and under it; returns the number of its images."""
    if prefix.count("/") > DEEPEST:
        raise InputError(f"{folder}: more than {DEEPEST} folders deep; give the folder of the images")
    visited.add(folder.resolve())
    with os.scandir(folder) as entries:
        children = [(entry.name, entry.is_dir()) for entry in entries]
    if prefix and {name for name, _ in children} >= RUN:
        tree.runs.append(prefix.rstrip("/"))
        return 0
    children.sort(key=lambda child: in_number_order(child[0]))
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
            if not inside and prefix + name not in tree.runs:
                tree.empty.append(prefix + name)
    return count


def in_number_order(name: str) -> tuple[list[tuple[str, int]], str]:
    """Return what a name is sorted by, so that frame 2 comes before frame 10.

    >>> sorted(["f10.png", "f2.png", "f1.png"], key=in_number_order)
    ['f1.png', 'f2.png', 'f10.png']
    """
    parts = re.findall(r"(\D*)(\d*)", name)
    return [(text, int(digits or -1)) for text, digits in parts], name


def enter(root: Path) -> Path:
    """Go into a folder that holds one folder alone, as unzipping leaves it; a class is not gone into."""
    for _ in range(8):
        children = [child for child in sorted(root.iterdir()) if not is_hidden(child.name)]
        folders = [child for child in children if child.is_dir() and not _is_of_runs(child)]
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


def _is_of_runs(folder: Path) -> bool:
    """Tell whether a folder is a run, or holds runs and nothing else."""
    children = [child for child in folder.iterdir() if not is_hidden(child.name)]
    if {child.name for child in children} >= RUN:
        return True
    inner = [child for child in children if child.is_dir() and not child.is_symlink()]
    return bool(children) and len(inner) == len(children) and all(map(_is_of_runs, inner))


def part_of(name: str) -> Split | None:
    """Return the part of a published split that a file or a folder is called after; None if there is none.

    >>> part_of("train_images"), part_of("fairface-label-val"), part_of("train_test_split")
    ('train', 'valid', None)
    """
    parts = {PARTS[word] for word in re.findall("[a-z]+", name.lower()) if word in PARTS}
    return parts.pop() if len(parts) == 1 else None


def parts_of(files: Iterable[str]) -> dict[str, Split]:
    """Return the folders of files that are the parts of a published split; nothing if none is of train.

    They lie at the top, or in the one folder of all files.

    >>> parts_of(["train_images/1.png", "test_images/2.png", "extra/3.png"])
    {'test_images': 'test', 'train_images': 'train'}
    >>> parts_of(["images/train/1.png", "images/val/2.png"])
    {'images/train': 'train', 'images/val': 'valid'}
    >>> parts_of(["bus/1.png", "car/2.png", "train/3.png"])
    {}
    """
    inside: dict[str, set[str]] = {}
    files = list(files)
    for file in files:
        top, slash, rest = file.partition("/")
        inside.setdefault(top if slash else "", set()).add(rest.rpartition("/")[0])
    if len(inside) == 1 and (only := next(iter(inside))) and part_of(only) is None:
        deeper = parts_of(file.removeprefix(f"{only}/") for file in files)
        return {f"{only}/{folder}": part for folder, part in deeper.items()}
    tops = sorted(filter(None, inside))
    parts = {top: PARTS[top.lower()] for top in tops if top.lower() in PARTS}
    if len(parts) == 1 and len(tops) > 2 and inside[next(iter(parts))] == {""}:
        return {}  # A train among buses and cars.
    loose = {top: part for top in tops if (part := part_of(top)) is not None and part not in parts.values()}
    # Several folders of one part are classes that are called after it.
    if len(set(loose.values())) == len(loose) and (parts or len(loose) > 1 or len(tops) == 1):
        parts |= loose
    return parts if "train" in parts.values() else {}


def is_table(name: str) -> bool:
    """Tell whether a file may be a table, by its name."""
    return Path(name).suffix.lower() in KINDS and not name.startswith(".")


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is not for people: its name begins with a dot, or an archive left it."""
    return name.startswith(".") or name in JUNK
