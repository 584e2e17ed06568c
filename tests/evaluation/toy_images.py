"""Images whose pixels are their attributes, with a model and a reference classifier that make no error."""

from __future__ import annotations

import numpy as np
import torch

from distaff.analysis import Analysis, Encoded, ReferenceClassifier
from distaff.attributes import Attribute, AttributeTable, Folds
from distaff.data import ArrayImages, Dataset
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
    """An image of 8 x 8 whose first pixels are the class indices: [n, 3] -> uint8 [n, 1, 8, 8]."""
    images = np.zeros((len(values), 1, 8, 8), dtype=np.uint8)
    images[:, 0, 0, : values.shape[1]] = values
    return images


def read_toy(images):
    """Class indices [n, 3] of toy images, uint8 or float in [0, 1]."""
    array = np.asarray(images)
    array = array.reshape(len(array), 8, 8)
    return np.rint(array[:, 0, :3] * (1 if array.dtype == np.uint8 else 255))


class ToyModel(Model):
    """Encodes toy images without an error and decodes what its code says."""

    def encode(self, images, *, attributes=None, indices=None):
        values = read_toy(images).astype(np.float32)
        blocks = self.vae.latents.attribute_blocks
        return np.concatenate(
            [block.write(torch.from_numpy(values[:, k])).numpy() for k, block in enumerate(blocks)], axis=1
        )

    def decode(self, codes, *, attributes=None, indices=None):
        read = self.read(codes)
        return draw_toy(np.stack([read[each.name] for each in TOY], axis=1))[:, 0].astype(np.float32) / 255


class ToyClassifier(ReferenceClassifier):
    """Reads toy images without an error; `turned` steps may be added to what it reads of some shape."""

    def __init__(self, shape=None, turned=0):
        object.__setattr__(self, "attributes", TOY)
        object.__setattr__(self, "wrong", (shape, turned))

    def read(self, images):
        values = read_toy(images)
        shape, turned = self.wrong
        if shape is not None:
            values[:, 1] = np.where(values[:, 0] == shape, (values[:, 1] + turned) % TURNS, values[:, 1])
        return {each.name: values[:, k].astype(np.float32) for k, each in enumerate(TOY)}


class OracleClassifier(ReferenceClassifier):
    """Reads images by a function, and sees their pixels as they are."""

    def __init__(self, attributes, read):
        object.__setattr__(self, "attributes", attributes)
        object.__setattr__(self, "function", read)

    def read(self, images):
        return self.function(np.asarray(images))

    def features(self, images):
        return images.reshape(len(images), -1) / (255 if images.dtype == np.uint8 else 1)


def toy_dataset(n=400):
    rng = np.random.default_rng(0)
    values = np.stack([rng.integers(each.size, size=n) for each in TOY], axis=1)
    table = AttributeTable(TOY, values.astype(np.float32))
    rows = np.arange(n)
    splits = {"train": rows[: n // 2], "valid": rows[n // 2 : n // 2 + 20], "test": rows[n // 2 + 20 :]}
    return Dataset("toy", ArrayImages(draw_toy(values)), table, table, splits)


def encoded(codes, drawn=None, log_variance=None):
    """Codes as if an encoder had said them: every latent normal if it has a variance, no KL."""
    codes = np.asarray(codes, dtype=np.float32)
    none = np.empty((len(codes), 0), np.float32)
    normal = np.arange(0 if log_variance is None else codes.shape[1])
    mean = none if log_variance is None else codes
    variance = none if log_variance is None else np.asarray(log_variance, np.float32)
    drawn = codes if drawn is None else np.asarray(drawn, np.float32)
    return Encoded(codes, drawn, none, (), normal, mean, variance)


def give(analysis: Analysis, **computed):
    """Replace what an analysis computes."""
    analysis.__dict__.update(computed)
    return analysis
