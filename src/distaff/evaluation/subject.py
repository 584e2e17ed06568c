"""What is measured: a model, the pictures it is measured on, and the passes over them, each made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from distaff.data import Attribute, Dataset, Split
from distaff.evaluation.encoding import Encoded, Posteriors, Rows, draw, encode, posteriors, terms
from distaff.evaluation.matching import match
from distaff.evaluation.reader import Reader
from distaff.evaluation.reader_cache import reader_of
from distaff.evaluation.reader_training import BUDGET, LEAST, rights
from distaff.model import BoundTerms, Model

TRAIN_PICTURES = 10_000
"""Training pictures encoded for the metrics that learn from codes."""
TEST_PICTURES = 10_000
"""Test pictures that are measured."""


class Subject:
    """A model beside a dataset whose labels are put in the model's terms.

    `split` is the part of the data that is measured: the test pictures, or, where the data keep none apart,
    the validation or the training pictures.
    """

    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        *,
        reader_pictures: int | None = None,
        seed: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.model, self.dataset, self.seed = model, dataset, seed
        options = model.recipe.train
        self.reader_pictures = reader_pictures or min(BUDGET, max(LEAST, options.steps * options.batch))
        self.say = progress or (lambda _: None)
        self.table = match(dataset.attributes, model.attributes)
        order: tuple[Split, ...] = ("test", "valid", "train")
        self.split: Split = next(name for name in order if len(dataset.splits[name]))
        self.train_rows: Rows = draw(dataset.splits["train"], TRAIN_PICTURES, seed)
        self.test_rows: Rows = draw(dataset.splits[self.split], TEST_PICTURES, seed)

    @cached_property
    def train(self) -> Encoded:
        """The codes of training pictures."""
        self.say(f"encoding {len(self.train_rows)} training pictures")
        return encode(self.model, self.dataset.images, self.table, self.train_rows)

    @cached_property
    def test(self) -> Encoded:
        """The codes of the measured pictures."""
        self.say(f"encoding {len(self.test_rows)} {self.split} pictures")
        return encode(self.model, self.dataset.images, self.table, self.test_rows)

    @cached_property
    def posteriors(self) -> Posteriors:
        """The posteriors of training pictures, and draws from those of the measured ones."""
        self.say(f"encoding {len(self.train_rows)} training and {len(self.test_rows)} {self.split} pictures")
        return posteriors(self.model, self.dataset.images, self.train_rows, self.test_rows, self.seed)

    @cached_property
    def bound(self) -> BoundTerms:
        """Reconstruction and KL of the measured pictures."""
        self.say(f"reconstructing {len(self.test_rows)} {self.split} pictures")
        return terms(self.model, self.dataset.images, self.table, self.test_rows, self.seed)

    @cached_property
    def reader(self) -> Reader:
        """The independent reader of these data's attributes."""
        return reader_of(
            self.dataset, self.table, budget=self.reader_pictures, seed=self.seed, progress=self.say
        )

    @cached_property
    def reader_rights(self) -> dict[str, float]:
        """How often the reader itself is right on real measured pictures, by attribute."""
        return rights(self.reader, self.dataset.images, self.table, self.test_rows)

    @property
    def labelled(self) -> tuple[Attribute, ...]:
        """The attributes of which the measured pictures have a label."""
        columns = zip(self.table.attributes, self.table.values[self.test_rows].T, strict=True)
        return tuple(attribute for attribute, column in columns if not np.isnan(column).all())

    @property
    def set_by_code(self) -> tuple[Attribute, ...]:
        """The labelled attributes that have a latent block of their own."""
        own = {block.attribute for block in self.model.network.latent.attribute_blocks}
        return tuple(each for each in self.labelled if each.name in own)
