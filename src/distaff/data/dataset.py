"""Pictures, their attributes and their splits, put together the same way for every source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from distaff.data.attributes import AttributeTable
from distaff.data.images import Images
from distaff.data.options import DataOptions
from distaff.data.resize import ResizedImages, target_shape
from distaff.errors import InputError

Split = Literal["train", "valid", "test"]
Rows = npt.NDArray[np.int64]
ARRAYS = "arrays"
"""The name of pictures that were given in Python and lie nowhere."""


@dataclass(frozen=True)
class Opened:
    """The pictures a source opened.

    Attributes:
        images: the pictures, sized as the options say or as they come.
        rows: int64 [m], the rows of `Found.attributes` they belong to.
        notes: what the user should hear, such as pictures skipped.
        sized: the options' crop, size and channels are applied already.
    """

    images: Images
    rows: Rows
    notes: tuple[str, ...] = ()
    sized: bool = False


@dataclass(frozen=True)
class Found:
    """What a source offers, before its pictures are read.

    Attributes:
        name: what to call it.
        attributes: labels of all n pictures.
        open: reads the pictures of the given sorted rows (int64 [m]), leaving bad ones out if allowed.
        parts: the published split, each part's rows; None if there is none. Without "valid" it is drawn from
            "train", without "test" that is too.
    """

    name: str
    attributes: AttributeTable
    open: Callable[[Rows], Opened]
    parts: dict[Split, Rows] | None = None


@dataclass(frozen=True)
class Dataset:
    """Pictures with attributes, split in three.

    Attributes:
        name: the source.
        images: n pictures; `images.shape` is (n, c, h, w).
        attributes: every label there is.
        labels: what training may see: beyond `labelled`, train and valid rows are NaN; test rows keep theirs.
        splits: "train", "valid" and "test", each sorted int64 rows; they share none and cover all.
        notes: lines the user should see, such as pictures skipped or resized.
    """

    name: str
    images: Images
    attributes: AttributeTable
    labels: AttributeTable
    splits: dict[Split, Rows]
    notes: tuple[str, ...] = ()


def assemble(found: Found, options: DataOptions) -> Dataset:
    """Draw, open, size, split and hide labels as the options say; everything drawn follows the seed.

    Raises:
        InputError: too few pictures, an unknown attribute, a crop larger than the pictures.
    """
    table = found.attributes
    if options.attributes is not None:
        table = table.select(options.attributes)
    opened = found.open(_draw(len(table), found, options))
    if len(opened.rows) < 3:
        raise InputError(f"{found.name}: {len(opened.rows)} pictures are too few to train, validate and test")
    images = opened.images
    shape = target_shape(images.shape[1:], options)
    if not opened.sized and (shape != images.shape[1:] or options.crop is not None):
        images = ResizedImages(images, shape, options.crop)
    table = table.rows(opened.rows)
    splits = _split(opened.rows, found.parts, options)
    seen = np.concatenate([splits["train"], splits["valid"]])
    labels = table if options.labelled == 1 else table.hide(options.labelled, options.seed, seen)
    return Dataset(found.name, images, table, labels, splits, opened.notes)


def _draw(n: int, found: Found, options: DataOptions) -> Rows:
    """Sorted rows of `count` pictures; of a published split every part gets its share."""
    if options.count is None:
        return np.arange(n)
    if options.count > n:
        raise InputError(f"count is {options.count}, but {found.name} has {n} pictures: ask for at most {n}")
    generator = np.random.default_rng([options.seed, 1])
    parts = [part for part in (found.parts or {}).values() if len(part)] or [np.arange(n)]
    # Shares are differences of rounded running totals, so that they add up to the count.
    ends = np.rint(np.cumsum([len(part) for part in parts]) / n * options.count).astype(int)
    shares = np.diff(ends, prepend=0)
    drawn = [generator.permutation(part)[:share] for part, share in zip(parts, shares, strict=True)]
    return np.sort(np.concatenate(drawn))


def _split(rows: Rows, parts: dict[Split, Rows] | None, options: DataOptions) -> dict[Split, Rows]:
    """Positions in `rows` of each split, sorted."""
    n = len(rows)
    given = {name: np.flatnonzero(np.isin(rows, part)) for name, part in (parts or {}).items()}
    train = given.get("train", np.arange(n))
    order = np.random.default_rng([options.seed, 2]).permutation(train)
    splits: dict[Split, Rows] = {}
    wanted: tuple[tuple[Split, float], ...] = (("test", options.test), ("valid", options.valid))
    for name, fraction in wanted:
        if name in given:
            splits[name] = given[name]
            continue
        size = max(1, round(fraction * n)) if fraction > 0 else 0
        if size >= len(order):
            raise InputError(
                f"{n} pictures are too few: {name} {fraction:g} of them leaves nothing to train on"
            )
        splits[name], order = np.sort(order[:size]), order[size:]
    splits["train"] = np.sort(order)
    return {"train": splits["train"], "valid": splits["valid"], "test": splits["test"]}
