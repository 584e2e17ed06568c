"""The data that a run is measured on, and one choice of its images: measured ones, and ones to learn from.

The data are the run's own, or others in the shape and in the terms of its model. Labels are matched by the
attribute's name, class by class label.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from distaff.analysis._passes import Rows
from distaff.attributes import Attribute, AttributeTable
from distaff.data import ARRAYS, Data, Dataset, Split, name_of
from distaff.data import load as load_data
from distaff.errors import InputError
from distaff.model import Floats, Model
from distaff.run import Run

_log = logging.getLogger("distaff")
MEASURED = 10_000
"""Measured images at most."""
LEARNT_FROM = 10_000
"""Training images at most whose codes neighbours, probes and class means are taken from."""
SPLIT_NAMES: Mapping[Split, str] = {"test": "test", "valid": "validation", "train": "training"}
"""What the images of a split are called, as an adjective."""


def is_own(run: Run, source: Data, dataset: Dataset) -> bool:
    """Tell whether data are the run's own: none named, or images of a run of images in Python again."""
    again = name_of(source) == run.recipe.data.source == ARRAYS
    return source is None or (again and not isinstance(source, str) and run.knows(dataset))


def open_data(run: Run, source: Data = None, *, resize: bool = False, measure: bool = True) -> Dataset:
    """Load the run's own data, or another source, cut the same way.

    Another source keeps its published split; without one all its images are in `splits["train"]`, none apart.
    Images that training saw are never among the measured ones: they stay in `splits["train"]`, and the others
    are `splits["test"]`.

    Args:
        run: whose data options are used.
        source: another source, or images in Python; the run's own if None. A run that was trained on images
            in Python takes images for its own if it knows some of them.
        resize: whether images of another size or number of channels are changed to the model's.
        measure: whether they are to be measured, and not only encoded.

    Raises:
        InputError: data that cannot be read, images of another shape and no `resize`, or images to be
            measured that training saw all of.
    """
    if source is None:
        return run.dataset()
    if run.recipe.data.source == ARRAYS and not isinstance(source, (str, os.PathLike)):
        given = load_data(run.recipe.data, given=source, like=run.attributes)
        if is_own(run, source, given):
            return run.dataset(given)
    channels, height, width = run.image_shape
    changes: dict[str, object] = {
        "source": name_of(source),
        "count": None,
        "labelled": 1.0,
        "attributes": None,
        "pairs": None,
        "valid": 0.0,
        "test": 0.0,
    }
    if resize:
        changes |= {"image_size": (height, width), "channels": channels if channels in {1, 3} else None}
    dataset = load_data(run.recipe.data.model_copy(update=changes), given=source, like=run.attributes)
    shape = dataset.images.shape[1:]
    if shape != run.image_shape:
        raise InputError(
            f"{dataset.name}: its images are {_size(shape)}, but the model takes {_size(run.image_shape)}; "
            "resize them with --resize (in Python resize=True)"
        )
    for note in dataset.notes:
        _log.info("note: %s", note)
    return run.unseen(dataset, dataset.name, measure=measure)


def _size(shape: tuple[int, int, int]) -> str:
    channels, height, width = shape
    return f"{height} x {width} with {channels} channel{'s' if channels > 1 else ''}"


def match(table: AttributeTable, attributes: Sequence[Attribute]) -> AttributeTable:
    """Return the table with the columns that a model knows translated to the model's classes.

    A label that the model has no class for becomes missing (NaN). Columns that the model does not know stay
    as they are, so that its codes can still be probed for them.

    >>> model = Attribute(name="shape", kind="categorical", values=("square", "heart"))
    >>> data = Attribute(name="shape", kind="categorical", values=("heart", "star"))
    >>> match(AttributeTable((data,), np.array([[0], [1]], np.float32)), [model]).column("shape").tolist()
    [1.0, nan]
    """
    known = {each.name: each for each in attributes}
    kept = [
        (known.get(own.name, own), _translate(table.column(own.name), own, known.get(own.name, own)))
        for own in table.attributes
    ]
    values = np.stack([column for _, column in kept], axis=1) if kept else table.values
    return AttributeTable(tuple(attribute for attribute, _ in kept), values)


def _translate(
    column: npt.NDArray[np.float32], source: Attribute, target: Attribute
) -> npt.NDArray[np.float32]:
    if source.values == target.values:
        return column
    if not source.values:
        # Numbers where the model has classes: a class is met where its label is that number.
        by_number = {float(each): i for i, each in enumerate(target.values) if not isinstance(each, str)}
        translated = np.full(len(column), np.nan, dtype=np.float32)
        for number, index in by_number.items():
            translated[np.isclose(column, number)] = index
        return translated
    labels = [str(label) for label in target.values]
    places = np.full(source.size, np.nan, dtype=np.float32)
    for index, label in enumerate(source.values):
        if not labels and not isinstance(label, str):
            places[index] = label
        elif str(label) in labels:
            places[index] = labels.index(str(label))
    present = ~np.isnan(column)
    return np.where(present, places[np.where(present, column, 0).astype(int)], np.float32(np.nan))


class Choice:
    """A model beside a dataset: which of its images are measured, and which are learnt from.

    The measured images are those of the test split; of validation, then of training, where the split before
    is empty. At most `MEASURED` are drawn by the seed, in random order: whoever needs n takes the first n.
    Classes, neighbours and probes are learnt from `train_rows`, which share no image with the measured part
    `held_out`.

    Attributes:
        model: the trained model.
        run: its run, if it is of one.
        dataset: the images and their labels.
        labels: labels of all images of the dataset, in the model's terms (`match`).
        split: which split is measured.
        rows: int64 [n], the dataset's rows of the measured images.
        train_rows: int64 [m], rows of training images in random order.
        held_out: the part of the measured images that `train_rows` has not; all, but where only training
            images are there: then the first half is measured and the second half learnt from.
        seed: of every draw.
    """

    def __init__(
        self,
        run_or_model: Run | Model,
        dataset: Dataset,
        *,
        seed: int = 0,
        progress: Callable[[str], None] | None = None,
        other_data: bool = False,
    ) -> None:
        """Choose the images; see `Analysis`."""
        self.run = run_or_model if isinstance(run_or_model, Run) else None
        self.model = run_or_model.model if isinstance(run_or_model, Run) else run_or_model
        self.dataset, self.seed, self.other_data = dataset, seed, other_data
        self.progress = progress or (lambda _: None)
        self.labels = match(dataset.attributes, self.model.attributes)
        order: tuple[Split, ...] = ("test", "valid", "train")
        self.split: Split = next(name for name in order if len(dataset.splits[name]))
        self.rows = self._shuffled(self.split, 4)[:MEASURED]
        self.held_out = slice(None)
        self.train_rows = self._shuffled("train", 3)[:LEARNT_FROM]
        if self.split == "train":
            half = -(-len(self.rows) // 2)
            self.held_out, self.train_rows = slice(0, half), self.rows[half:]

    def _shuffled(self, split: Split, stream: int) -> Rows:
        return np.random.default_rng([self.seed, stream]).permutation(self.dataset.splits[split])

    @property
    def split_name(self) -> str:
        """What the measured images are, as an adjective: test, validation, training, unseen (other data)."""
        return "unseen" if self.other_data and self.split == "train" else SPLIT_NAMES[self.split]

    def images(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """Return images by their rows in the dataset, in the order given: uint8 [n, c, h, w]."""
        order = np.argsort(rows, kind="stable")
        found = np.empty((len(rows), *self.dataset.images.shape[1:]), dtype=np.uint8)
        found[order] = self.dataset.images.take(rows[order])
        return found

    def condition(self, rows: Rows) -> dict[str, Floats]:
        """Return the condition that images are told, as class indices [n] by attribute, NaN where unknown.

        Pass it as `indices=` to the model; empty for a model without a condition.
        """
        have = [name for name in self.model.condition if name in self.labels.names]
        return {name: self.labels.column(name)[rows] for name in have}

    @cached_property
    def table(self) -> AttributeTable:
        """Labels of the measured images, NaN where nobody knows."""
        return self.labels.rows(self.rows)

    @cached_property
    def train_table(self) -> AttributeTable:
        """Labels of the images `train_rows`."""
        return self.labels.rows(self.train_rows)

    @property
    def gaussian(self) -> npt.NDArray[np.int64]:
        """The columns of the code that gaussian latents occupy: int64 [g]."""
        columns = [each.index for each in self.model.latents if each.kind == "gaussian"]
        return np.array(columns, dtype=np.int64)

    @property
    def free(self) -> npt.NDArray[np.int64]:
        """The columns of the code that stand for no attribute: int64 [f]."""
        columns = [each.index for each in self.model.latents if each.attribute is None]
        return np.array(columns, dtype=np.int64)

    @cached_property
    def labelled(self) -> tuple[Attribute, ...]:
        """The attributes of which the measured images have a label."""
        columns = zip(self.table.attributes, self.table.values.T, strict=True)
        return tuple(attribute for attribute, column in columns if not np.isnan(column).all())

    @property
    def set_by_code(self) -> tuple[Attribute, ...]:
        """The labelled attributes that have a latent of their own."""
        own = {block.attribute for block in self.model.vae.latents.attribute_blocks}
        return tuple(each for each in self.labelled if each.name in own)

    @property
    def changeable(self) -> tuple[Attribute, ...]:
        """The model's attributes that can be changed while the rest of the code stays."""
        own = {block.attribute for block in self.model.vae.latents.attribute_blocks}
        return tuple(each for each in self.model.attributes if each.name in {*own, *self.model.condition})

    @property
    def class_attribute(self) -> Attribute | None:
        """The attribute of class maps and interpolations: one the model sets or reads, else the first."""
        fitting = [each for each in self.train_table.attributes if each.size > 1]
        own = {*self.model.settable, *self.model.readable}
        return min(fitting, key=lambda each: each.name not in own, default=None)
