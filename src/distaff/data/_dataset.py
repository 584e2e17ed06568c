"""Images, their attributes and their splits, put together the same way for every source."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from distaff.attributes import Attribute, AttributeTable
from distaff.data._given import Data, Given
from distaff.data._identity import (
    FEW,
    apart,
    count_different,
    digest_images,
    draw_splits,
    hidden_rows,
    straddlers,
)
from distaff.data._image_files import DARK
from distaff.data._images import BinaryImages, Digests, Images, ResizedImages, Rows, SubsetImages
from distaff.data._pairs import PairSampler, Successors, pair_sampler
from distaff.data._source import ARRAYS, DataOptions, Found, LeftOut, Opened, Split, find_source
from distaff.errors import InputError, UnknownAttributeError, nearest

COLUMNS = frozenset({"column", "array"})
"""The kinds of things left out that would have been attributes."""
HOLDERS = frozenset({"table", "file"})
"""The kinds of things left out that may have held some."""
LOOKED_AT = 256
"""Images whose pixels are looked at for their brightness."""


@dataclass(frozen=True)
class Dataset:
    """Images with attributes, split in three.

    Attributes:
        name: the source.
        images: n images; `images.shape` is (n, c, h, w).
        attributes: every label there is.
        labels: what training may see: beyond `labelled`, train and valid rows are NaN; test rows keep theirs.
        splits: "train", "valid" and "test", each sorted int64 rows; they share none and cover all.
        notes: lines the user should see, such as images resized; each of `left_out` is one of them.
        pairs: draws partners of training images, if `data.pairs` asks for them.
        left_out: what was there and is not used: columns, files, images and the like, and why.
        published: the splits that the data themselves decide; the others were drawn.
        digests: uint64 [n], what each image is known by, whatever its name and place; see `fingerprint`.
        names: what each image is called, such as its file; None if images are only numbered.
        white: the pixel value that was taken as white; None if pixels are bytes.
        grey: what `images` were made black and white of, if training draws them anew; else None.
    """

    name: str
    images: Images
    attributes: AttributeTable
    labels: AttributeTable
    splits: dict[Split, Rows]
    notes: tuple[str, ...] = ()
    pairs: PairSampler | Successors | None = None
    left_out: tuple[LeftOut, ...] = ()
    published: frozenset[Split] = frozenset()
    digests: Digests | None = None
    names: tuple[str, ...] | None = None
    white: float | None = None
    grey: Images | None = None

    def only(self, rows: Rows) -> Dataset:
        """Return the dataset of some rows (int [m], sorted), such as `splits["test"]`, without pairs.

        >>> dataset = load("digits", count=500)
        >>> test = dataset.only(dataset.splits["test"])
        >>> len(test.images) == len(test.splits["test"]) == len(dataset.splits["test"])
        True
        """
        rows = np.asarray(rows, dtype=np.int64)
        return replace(
            self,
            images=SubsetImages(self.images, rows),
            grey=None if self.grey is None else SubsetImages(self.grey, rows),
            attributes=self.attributes.rows(rows),
            labels=self.labels.rows(rows),
            splits={name: np.flatnonzero(np.isin(rows, part)) for name, part in self.splits.items()},
            pairs=None,
            digests=None if self.digests is None else self.digests[rows],
            names=None if self.names is None else tuple(self.names[row] for row in rows),
        )

    def why_left_out(self, column: str) -> str | None:
        """Return why a column of the data is no attribute; None if there is no such column."""
        found = (each.reason for each in self.left_out if each.kind in COLUMNS and column in each.names)
        return next(found, None)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Say of an attribute that a recipe names, and the data lack, why its column was left out.

        Raises:
            InputError: in place of an UnknownAttributeError.
        """
        with _explaining(self.left_out):
            yield


def load(
    options: DataOptions | Data, *, given: Data = None, like: Sequence[Attribute] = (), **settings: Any
) -> Dataset:
    """Load images with their attributes and splits.

    Args:
        options: a source ("mnist", "mnist:DIR", a path), images in Python (`Data`) or the whole options.
        given: the images in Python, or a Dataset, that `options` are for; nothing if it is a name.
        like: the attributes of a model that these images are for: columns of their names are read as the same
            kind, and are kept even if every image has the same label.
        settings: fields of DataOptions, such as `count=1000`; they replace those of `options`.

    Raises:
        InputError: what is wrong with the options or the data, in one line.

    >>> dataset = load("digits", count=500)
    >>> dataset.images.shape, dataset.attributes.names
    ((500, 1, 8, 8), ('digit',))
    >>> load((np.random.rand(60, 8, 8), {"class": ["a", "b"] * 30})).attributes.get("class").values
    ('a', 'b')
    """
    if given is None and not isinstance(options, (str, os.PathLike, DataOptions)):
        options, given = ARRAYS, options
    if isinstance(given, (str, os.PathLike)):
        given = None
    if isinstance(given, Dataset):
        return given
    written = (
        options.model_dump(exclude_unset=True)
        if isinstance(options, DataOptions)
        else {"source": os.fspath(options)}
    )
    unknown = sorted(set(settings) - set(DataOptions.model_fields))
    if unknown:
        raise InputError(
            f"data has no setting {unknown[0]!r}; {nearest(unknown[0], DataOptions.model_fields)}"
        )
    try:
        checked = DataOptions.model_validate({**written, **settings})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["data", *(str(part) for part in first["loc"])])
        raise InputError(f"{where}: {first['msg']}") from None
    return assemble(*find(checked, given, like=like))


def find(
    options: DataOptions, given: Data = None, *, like: Sequence[Attribute] = ()
) -> tuple[Found, DataOptions]:
    """Look at what a source has without reading its images; return that and the options it was found by.

    Args:
        options: the whole options.
        given: the images in Python, if they are.
        like: the attributes of a model, as `load` takes them.

    Raises:
        InputError: something is missing or damaged, or labels are not of the kind that the options say.

    >>> found, options = find(DataOptions(source="digits"))
    >>> found.attributes.names
    ('digit',)
    """
    source, checked = find_source(options.source) if given is None else Given(given), options
    found = source.find(checked)
    kinds = {each.name: each.kind for each in like if _read_otherwise(found, each)}
    if kinds:
        checked = checked.model_copy(update={"kinds": {**kinds, **checked.kinds}})
        found = source.find(checked)
    for name, kind in checked.kinds.items():
        if name not in kinds and found.attributes.get(name).kind != kind:
            raise InputError(
                f"data.kinds: {name} of {found.name} is {found.attributes.get(name).kind} and nothing else"
            )
    return found, checked


def name_of(data: Data) -> str | None:
    """Return the source that data are of: a name or a path as it is, "arrays" for images in Python.

    >>> name_of(None), name_of("mnist"), name_of(np.zeros((5, 8, 8)))
    (None, 'mnist', 'arrays')
    """
    if data is None or isinstance(data, (str, os.PathLike)):
        return None if data is None else os.fspath(data)
    return data.name if isinstance(data, Dataset) else ARRAYS


def _read_otherwise(found: Found, attribute: Attribute) -> bool:
    """Tell whether a column of that name was left out, or read as another kind."""
    if attribute.name in found.attributes.names:
        return found.attributes.get(attribute.name).kind != attribute.kind
    return any(left.kind in COLUMNS and attribute.name in left.names for left in found.left_out)


@contextmanager
def _explaining(left_out: Sequence[LeftOut]) -> Iterator[None]:
    try:
        yield
    except UnknownAttributeError as error:
        columns = [each for each in left_out if each.kind in COLUMNS]
        for each in columns:
            if error.name in each.names:
                told = f"{error.where}: {error.name!r} is no attribute, since its {each.kind} was left out"
                raise InputError(f"{told}: {each.reason}") from None
        reasons = columns if error.name is None else []
        reasons += [each for each in left_out if each.kind in HOLDERS]
        if reasons:
            raise InputError(f"{error}; {'; '.join(map(str, reasons[:3]))}") from None
        raise


def assemble(found: Found, options: DataOptions) -> Dataset:
    """Draw, open, size, split and hide labels as the options say; everything drawn follows the seed.

    Raises:
        InputError: too few images, an unknown attribute, a crop larger than the images.
    """
    table = found.attributes
    if options.attributes is not None:
        table = table.select(options.attributes)
    opened = found.open(_draw(len(table), found, options))
    digests = opened.digests if opened.digests is not None else digest_images(opened.images)
    left = [*found.left_out, *opened.left_out]
    parts = {name: np.flatnonzero(np.isin(opened.rows, rows)) for name, rows in (found.parts or {}).items()}
    notes = [*found.notes, *opened.notes]
    twice = straddlers(digests, parts)
    if 0 < len(twice) <= sum(map(len, parts.values())) // 2:
        keep = np.setdiff1d(np.arange(len(digests)), twice)
        opened, digests, gone = _without(opened, digests, keep, found.names)
        left.append(gone)
        parts = {name: np.flatnonzero(np.isin(keep, rows)) for name, rows in parts.items()}
    elif len(twice):
        notes.append(
            f"{len(twice):,} images are in several published parts, so the test has images of training"
        )
    needed = 1 + (options.valid > 0) + (options.test > 0)
    if len(opened.rows) < needed:
        raise InputError(
            f"{found.name}: {len(opened.rows)} images; it takes at least {needed} to train, validate and test"
        )
    images = opened.images
    shape = options.target_shape(images.shape[1:])
    if not opened.sized and (shape != images.shape[1:] or options.crop is not None):
        images = ResizedImages(images, shape, options.crop)
    brightest = int(images.take(_evenly(len(images))).max())
    if brightest < DARK:
        notes.append(
            f"the brightest pixel of the images is {brightest} of 255: if they were saved on a darker scale, "
            "save them again from 0 to 255"
        )
    grey = images if options.binarise == "every_epoch" else None
    if options.binarise is not None:
        images = BinaryImages(images, None if options.binarise == "threshold" else options.seed)
    table = table.rows(opened.rows)
    different = count_different(digests)
    few = different < min(FEW, len(digests))
    splits = draw_splits(apart(digests) if few else digests, parts or None, options)
    labels = table
    if options.labelled < 1:
        seen = np.sort(np.concatenate([splits["train"], splits["valid"]]))
        labels = table.hide(hidden_rows(digests, seen, options))
    if few:
        notes.append(f"the {len(digests):,} images are copies of {different}; copies are in every split")
    elif different < len(digests):
        copies = len(digests) - different
        notes.append(f"{copies:,} of {len(digests):,} images are copies of another; copies are in one split")
    notes += _nothing_to_learn(labels, splits["train"])
    pairs: PairSampler | Successors | None = None
    if options.pairs is not None:
        with _explaining(left):
            pairs, said = pair_sampler(labels, splits["train"], options.pairs)
        notes += said
    return Dataset(
        name=found.name,
        images=images,
        attributes=table,
        labels=labels,
        splits=splits,
        notes=(*notes, *map(str, left)),
        pairs=pairs,
        left_out=tuple(left),
        published=frozenset(parts),
        digests=digests,
        names=None if found.names is None else tuple(found.names[row] for row in opened.rows),
        white=opened.white,
        grey=grey,
    )


def _nothing_to_learn(labels: AttributeTable, train: Rows) -> list[str]:
    """Say of which attributes no training image has a label, or all have the same."""
    notes = []
    for attribute, values in zip(labels.attributes, labels.values[train].T, strict=True):
        known = values[~np.isnan(values)]
        unseen = [attribute.label(each) for each in range(attribute.size) if each not in known]
        if 0 < len(unseen) < attribute.size and attribute.kind == "categorical":
            shown = ", ".join(map(repr, unseen[:3])) + ", ..." * (len(unseen) > 3)
            notes.append(f"{attribute.name}: no training image has {shown}")
        if not len(known):
            notes.append(f"{attribute.name}: none of the {len(train):,} training images has a label")
        elif attribute.size > 1 and (known == known[0]).all():
            label = attribute.label(known[0])
            notes.append(f"{attribute.name}: every training image that has a label has {label!r}")
    return notes


def _evenly(n: int) -> Rows:
    """Return at most LOOKED_AT rows of n, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, LOOKED_AT)).astype(np.int64))


def _without(
    opened: Opened, digests: Digests, keep: Rows, names: Sequence[str] | None
) -> tuple[Opened, Digests, LeftOut]:
    """Leave images out that a published part repeats; returns what is left, and the record of it."""
    gone = np.setdiff1d(opened.rows, opened.rows[keep])
    named = [str(row) if names is None else names[row] for row in gone]
    reason = "the same image is in another published part, where it stays"
    rest = replace(opened, images=SubsetImages(opened.images, keep), rows=opened.rows[keep])
    return rest, digests[keep], LeftOut.of("image", named, reason)


def _draw(n: int, found: Found, options: DataOptions) -> Rows:
    """Sorted rows of `count` images; of a published split every part gets its share."""
    if options.count is None:
        return np.arange(n)
    if options.count > n:
        raise InputError(f"count is {options.count}, but {found.name} has {n} images; ask for at most {n}")
    generator = np.random.default_rng([options.seed, 1])
    parts = [part for part in (found.parts or {}).values() if len(part)] or [np.arange(n)]
    # Shares are differences of rounded running totals, so that they add up to the count.
    ends = np.rint(np.cumsum([len(part) for part in parts]) / n * options.count).astype(int)
    shares = np.diff(ends, prepend=0)
    drawn = [generator.permutation(part)[:share] for part, share in zip(parts, shares, strict=True)]
    return np.sort(np.concatenate(drawn))
