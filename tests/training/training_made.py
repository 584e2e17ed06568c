"""Small runs on real 8 x 8 digits, and what the tests compare of them."""

import csv
import hashlib

from distaff.attributes import Attribute, AttributeTable
from distaff.data import ArrayImages, Dataset
from distaff.losses import Column, Term, TermModule, Values
from distaff.recipe import Recipe

SMALL = {
    "train.batch": 16,
    "train.valid_every": 6,
    "train.checkpoint_every": 5,
    "data.count": 200,
    "network": "conv",
}
QUIET = {"train.images_every": 10**6}


class EndedError(BaseException):
    """What ends a training as a killed process would: at once, and without another word."""


class EndAt:
    """Ends a training when so many steps are done."""

    def __init__(self, step):
        self.at = step

    def on_step(self, run, step, loss):
        if step == self.at:
            raise EndedError


def plain(**fields):
    """Return a recipe that trains in a second."""
    small = {"data": {"source": "digits", "count": 200}, "network": {"mlp": {"hidden": [16]}}}
    return Recipe.model_validate(small | fields)


def digest(run):
    """Return what must be equal to the bit: the weights."""
    return hashlib.sha256((run.path / "model.safetensors").read_bytes()).hexdigest()


def rows(run):
    """Return the history without the time it took."""
    with (run.path / "history.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def dataset_of(images, values, rows, **more):
    """Return a dataset of an array and one attribute with two classes."""
    table = AttributeTable((Attribute(name="a", kind="categorical", values=("x", "y")),), values)
    return Dataset(
        "made",
        ArrayImages(images),
        table,
        table,
        {"train": rows, "valid": rows[:0], "test": rows[:0]},
        **more,
    )


class PlainTerm(TermModule):
    """A term without weights whose value for each image is 0, and `change` of it."""

    def __init__(self, part, name="plain"):
        super().__init__()
        self.part, self.columns, self.schedules = part, {name: "nothing, nats per image"}, {}
        self.name = name

    def forward(self, step):
        values, mask = self.part.change(step.z[0].sum(1) * 0, step)
        column = Column(values, mask)
        return Values(column.mean(), {self.name: column})


class Plain(Term):
    """The part of a `PlainTerm`; subclasses say what they change."""

    def build(self, context):
        return PlainTerm(self)

    def change(self, zeros, step):
        return zeros, None
