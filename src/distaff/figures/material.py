"""What the figures of one run are drawn from, each thing computed once and only when asked for."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from distaff.data import Attribute, AttributeTable, Dataset
from distaff.evaluation.encoding import Encoded, draw, encode
from distaff.model import BoundTerms, Model, bound_terms
from distaff.model.pixels import Floats
from distaff.run import Run

MOST = 3000
"""Unseen pictures at most."""

MOST_TRAINED, ALL_TRAINED = 3000, 60_000
"""Training pictures at most whose codes are shown: of figures drawn unasked, and asked for by name."""

MOST_DECODED = 1000
"""Pictures at most whose posterior is averaged, since each is decoded too."""

SPLIT_NAMES = {"test": "test", "valid": "validation", "train": "training"}


class Material:
    """A run and the pictures that its figures show.

    Unseen pictures are drawn at random, by a fixed seed, from the test split; from validation, then training,
    where the split before is empty. `trained`: how many training pictures give their codes at most.
    """

    def __init__(self, run: Run, dataset: Dataset, trained: int = MOST_TRAINED) -> None:
        self.run, self.dataset, self.most_trained = run, dataset, trained

    @property
    def model(self) -> Model:
        """The trained model."""
        return self.run.model

    @cached_property
    def split(self) -> str:
        """What the pictures are, as an adjective: test, validation or training."""
        kept = next(name for name in ("test", "valid", "train") if len(self.dataset.splits[name]))
        return SPLIT_NAMES[kept]

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """The pictures' rows in the dataset, in random order: int64 [n]."""
        rows = next(rows for name in ("test", "valid", "train") if len(rows := self.dataset.splits[name]))
        return np.random.default_rng(0).permutation(rows)[:MOST]

    @cached_property
    def images(self) -> npt.NDArray[np.uint8]:
        """The pictures: uint8 [n, c, h, w]."""
        order = np.argsort(self.rows)
        images = np.empty((len(self.rows), *self.dataset.images.shape[1:]), dtype=np.uint8)
        images[order] = self.dataset.images.take(self.rows[order])
        return images

    @cached_property
    def table(self) -> AttributeTable:
        """The pictures' true attributes, NaN where nobody knows."""
        return self.dataset.attributes.rows(self.rows)

    def known(self, rows: slice | npt.NDArray[np.int64] = slice(None)) -> dict[str, Floats] | None:
        """Return the condition's true values of some pictures, as far as the data has them."""
        have = [name for name in self.model.condition if name in self.table.names]
        return {name: self.table.column(name)[rows] for name in have} or None

    @cached_property
    def codes(self) -> Floats:
        """The pictures' mean codes: float32 [n, D]."""
        return self.model.encode(self.images, attributes=self.known())

    @cached_property
    def trained(self) -> Encoded:
        """Mean codes of training pictures and their labels, NaN where nobody knows."""
        rows = draw(self.dataset.splits["train"], self.most_trained, 0)
        return encode(self.model, self.dataset.images, self.dataset.attributes, rows)

    @property
    def shown_of_trained(self) -> str:
        """How many of the training pictures that is, in words."""
        shown, there_are = len(self.trained.codes), len(self.dataset.splits["train"])
        some = f"{shown:,}" if shown == there_are else f"{shown:,} of {there_are:,}"
        return f"{some} training pictures"

    @cached_property
    def posterior(self) -> BoundTerms:
        """Reconstruction, KL and posterior of the first pictures, in nats."""
        first = slice(0, MOST_DECODED)
        return bound_terms(self.model, self.images[first], attributes=self.known(first))

    @property
    def gaussian(self) -> npt.NDArray[np.int64]:
        """The columns of the code that gaussian blocks occupy: int64 [g]."""
        return np.array(
            [each.index for each in self.model.latents if each.kind == "gaussian"], dtype=np.int64
        )

    @property
    def sweepable(self) -> list[Attribute]:
        """The attributes that can be changed while the rest of the code stays."""
        written = {block.attribute for block in self.model.network.latent.attribute_blocks}
        return [each for each in self.model.attributes if each.name in {*written, *self.model.condition}]


def first_some(values: npt.ArrayLike, count: int) -> list[float]:
    """Return `count` of the values, evenly spaced, first and last included; all when there are fewer."""
    array = np.asarray(values, dtype=np.float64)
    kept = np.unique(np.rint(np.linspace(0, len(array) - 1, min(count, len(array)))).astype(int))
    return [float(array[index]) for index in kept]


def values_to_show(attribute: Attribute, count: int) -> list[float]:
    """Return at most `count` class indices (or numbers) that span an attribute."""
    if not attribute.size:
        return [float(value) for value in np.linspace(attribute.low, attribute.high, min(count, 9))]
    if attribute.kind == "circular":
        # The last class may be the first one again, a full turn later.
        classes = np.arange(min(attribute.size, round(attribute.period or attribute.size)))
        if len(classes) > count:
            return [float(value) for value in np.rint(np.arange(count) * len(classes) / count)]
        return [float(value) for value in classes]
    return first_some(np.arange(attribute.size), count)


def name_value(attribute: Attribute, value: float) -> str:
    """Say a class's label, or a number shortly."""
    label = attribute.label(value)
    return f"{label:.3g}".replace("-", "−") if isinstance(label, float) else str(label)
