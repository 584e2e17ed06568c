"""Pictures whose pixels are their attributes, with a model and a reader that make no error."""

from __future__ import annotations

import numpy as np
import torch

from distaff.data import ArrayImages, Attribute, AttributeTable, Dataset, Folds
from distaff.evaluation.reader import Reader
from distaff.model import Model

TURNS = 12
SHAPE = Attribute(name="shape", kind="categorical", values=("square", "ellipse", "heart"))
TURN = Attribute(
    name="turn",
    kind="circular",
    values=tuple(range(TURNS)),
    period=TURNS,
    folds=Folds(by="shape", counts=(4, 2, 1)),
)
SIZE = Attribute(name="size", kind="ordinal", values=tuple(range(5)))
TOY = (SHAPE, TURN, SIZE)


def draw_toy(values):
    """A picture of 8 x 8 whose first pixels are the class indices: [n, 3] -> uint8 [n, 1, 8, 8]."""
    images = np.zeros((len(values), 1, 8, 8), dtype=np.uint8)
    images[:, 0, 0, : values.shape[1]] = values
    return images


def read_toy(images):
    """Class indices [n, 3] of toy pictures, uint8 or float in [0, 1]."""
    array = np.asarray(images)
    array = array.reshape(len(array), 8, 8)
    return np.rint(array[:, 0, :3] * (1 if array.dtype == np.uint8 else 255))


class ToyModel(Model):
    """Encodes toy pictures without an error and draws what its code says."""

    def encode(self, images, *, attributes=None):
        values = read_toy(images).astype(np.float32)
        blocks = self.network.latent.attribute_blocks
        return np.concatenate(
            [block.write(torch.from_numpy(values[:, k])).numpy() for k, block in enumerate(blocks)], axis=1
        )

    def decode(self, codes, *, attributes=None):
        read = self.read(codes)
        return draw_toy(np.stack([read[each.name] for each in TOY], axis=1))[:, 0].astype(np.float32) / 255


class ToyReader(Reader):
    """Reads toy pictures without an error; `turned` steps may be added to what it reads of some shape."""

    def __init__(self, shape=None, turned=0):
        object.__setattr__(self, "attributes", TOY)
        object.__setattr__(self, "wrong", (shape, turned))

    def read(self, images):
        values = read_toy(images)
        shape, turned = self.wrong
        if shape is not None:
            values[:, 1] = np.where(values[:, 0] == shape, (values[:, 1] + turned) % TURNS, values[:, 1])
        return {each.name: values[:, k].astype(np.float32) for k, each in enumerate(TOY)}


def toy_dataset(n=400):
    rng = np.random.default_rng(0)
    values = np.stack([rng.integers(each.size, size=n) for each in TOY], axis=1)
    table = AttributeTable(TOY, values.astype(np.float32))
    rows = np.arange(n)
    splits = {"train": rows[: n // 2], "valid": rows[n // 2 : n // 2 + 20], "test": rows[n // 2 + 20 :]}
    return Dataset("toy", ArrayImages(draw_toy(values)), table, table, splits)
