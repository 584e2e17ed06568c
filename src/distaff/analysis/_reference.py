"""The reference classifier: a small convolutional network that reads attributes from images alone.

It is trained in one cycle over a fixed number of images, and kept on disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import floor, log2
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from distaff.analysis._passes import Rows
from distaff.attributes import Attribute, AttributeTable
from distaff.data import Images, cache_folder
from distaff.errors import InputError, WriteError
from distaff.files import atomic_write
from distaff.model import Floats, read_images
from distaff.networks import ImageShape, prefers_bfloat16

GRID = 14
"""Cells that a side is folded into at least, where it has so many pixels."""
READ_AT_ONCE = 512
WIDTH = 0.5
"""Steps: how far the target of a circular attribute spreads to the classes beside it."""
BUDGET, LEAST = 800_000, 30_000
"""Images shown: at most, and at least where a short training run asks for little."""
PASSES, SMALL, OFTEN = 3, 100_000, 100
"""Times each image of a large set is shown at most; images shown of a small set, each at most so often."""
BATCH = 128
RATE = 3e-3
SAMPLED = 2000
"""Images looked at to tell whether all are black and white."""
VERSION = 2
"""Raised when the classifier of the same data would come out otherwise."""
NAMED_BY = 256
"""Images that stand for all of them in the name of the file."""


class ReferenceNetwork(nn.Module):
    """Images [b, c, h, w] in [0, 1] to one logit per class, or one number, of every attribute.

    Cells of pixels are folded into channels first, so that the convolutions run over a small grid.
    """

    def __init__(self, shape: ImageShape, attributes: Sequence[Attribute]) -> None:
        super().__init__()
        channels, height, width = shape
        cell = 2 ** max(0, floor(log2(min(height, width) / GRID))) if min(height, width) >= GRID else 1
        self.padding = (0, -width % cell, 0, -height % cell)
        grid = (-(-height // cell), -(-width // cell))
        cells = (-(-grid[0] // 2)) * (-(-grid[1] // 2))
        self.widths = [attribute.size or 1 for attribute in attributes]
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(cell),
            *_convolution(channels * cell**2, 64, stride=1),
            *_convolution(64, 64, stride=2),
            *_convolution(64, 64, stride=1),
            nn.Flatten(),
            nn.Linear(64 * cells, 256),
            nn.ReLU(),
            nn.Linear(256, sum(self.widths)),
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the numbers of every attribute: [b, size or 1] each, float32."""
        return torch.split(self._run(self.layers, images), self.widths, dim=1)

    def features(self, images: Tensor) -> Tensor:
        """Return what the last layer reads attributes from: [b, 256], float32."""
        return self._run(self.layers[:-1], images)

    def _run(self, layers: nn.Module, images: Tensor) -> Tensor:
        images = functional.pad(images, self.padding).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=prefers_bfloat16("cpu")):
            numbers: Tensor = layers(images)
        return numbers.float()


def _convolution(before: int, after: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    ]


@dataclass(frozen=True)
class ReferenceClassifier:
    """A trained reference classifier.

    `binary`: it knows black-and-white images only, so others are cut at 1/2 first. Its methods take images as
    `Model` does: uint8, or float in [0, 1], [n, h, w], [n, h, w, c] or [n, c, h, w].
    """

    attributes: tuple[Attribute, ...]
    shape: ImageShape
    binary: bool
    network: ReferenceNetwork

    def read(self, images: npt.ArrayLike) -> dict[str, Floats]:
        """Return the class index, or the value, of every attribute in images: [n] each."""
        return {
            attribute.name: decide(attribute, numbers).numpy()
            for attribute, numbers in zip(self.attributes, self._numbers(images), strict=True)
        }

    def probabilities(self, images: npt.ArrayLike) -> dict[str, Floats]:
        """Return how probable each class is: [n, size] for every attribute with classes."""
        return {
            attribute.name: numbers.softmax(1).numpy()
            for attribute, numbers in zip(self.attributes, self._numbers(images), strict=True)
            if attribute.size
        }

    def features(self, images: npt.ArrayLike) -> Floats:
        """Return the numbers that attributes are read from: [n, 256]."""
        with torch.inference_mode():
            return torch.cat([self.network.features(each) for each in self._batches(images)]).numpy()

    def _numbers(self, images: npt.ArrayLike) -> list[Tensor]:
        """Return the network's numbers of every attribute: [n, size or 1] each."""
        with torch.inference_mode():
            parts = [self.network(each) for each in self._batches(images)]
            return [torch.cat(column) for column in zip(*parts, strict=True)]

    def _batches(self, images: npt.ArrayLike) -> Iterator[Tensor]:
        """Cut images into batches as the network takes them."""
        array: npt.NDArray[Any] = read_images(images, self.shape)
        self.network.eval()
        for start in range(0, len(array), READ_AT_ONCE):
            batch = to_unit(array[start : start + READ_AT_ONCE])
            yield (batch > 0.5).float() if self.binary else batch


def decide(attribute: Attribute, numbers: Tensor) -> Tensor:
    """Return the likeliest class, or the value, from the network's numbers [b, size or 1]: float [b]."""
    if attribute.size:
        return numbers.argmax(1).float()
    return numbers[:, 0] * (attribute.std or 1.0) + attribute.mean


def to_unit(images: npt.NDArray[Any]) -> Tensor:
    """Return images as float32 in [0, 1]."""
    tensor = torch.from_numpy(np.ascontiguousarray(images))
    return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor


class Targets:
    """The loss of the network's numbers in nats: the mean over known labels, summed over attributes.

    What it is told of a circular attribute are all classes that a symmetric image shows equally well.
    """

    def __init__(self, attributes: Sequence[Attribute]) -> None:
        self.attributes = tuple(attributes)
        self._names = [each.name for each in attributes]
        self._spread = {each.name: _spread(each) for each in attributes if each.kind == "circular"}

    def loss(self, numbers: Sequence[Tensor], labels: Tensor) -> Tensor:
        """Return the loss of numbers ([b, size or 1] each) under labels float [b, K], NaN where missing."""
        total = numbers[0].new_zeros(())
        for k, attribute in enumerate(self.attributes):
            known = ~labels[:, k].isnan()
            if not known.any():
                continue
            read, true = numbers[k][known], labels[known, k]
            if not attribute.size:
                wanted = (true - attribute.mean) / (attribute.std or 1.0)
                total = total + functional.mse_loss(read[:, 0], wanted)
            elif attribute.kind == "circular":
                wanted = self._spread[attribute.name][self._symmetry(attribute, labels[known]), true.long()]
                total = total - (wanted * read.log_softmax(1)).sum(1).mean()
            else:
                total = total + functional.cross_entropy(read, true.long())
        return total

    def _symmetry(self, attribute: Attribute, labels: Tensor) -> Tensor:
        """Return for each image which table of targets is its own: the class that folds, or the last."""
        if attribute.folds is None or attribute.folds.by not in self._names:
            return torch.full((len(labels),), -1)
        by = labels[:, self._names.index(attribute.folds.by)]
        return by.nan_to_num(-1).long()


def _spread(attribute: Attribute) -> Tensor:
    """Return targets [classes that fold + 1, size, size]: how much of each class a true class shows.

    The last table is for images whose symmetry is unknown, taken to have none.
    """
    classes = np.arange(attribute.size)
    counts = (*(attribute.folds.counts if attribute.folds else ()), 1)
    errors = np.stack([attribute.error(classes[None], classes[:, None], fold=count) for count in counts])
    likeness = np.exp(-0.5 * np.square(errors / WIDTH))
    return torch.from_numpy(likeness / likeness.sum(-1, keepdims=True)).float()


def _quiet(_: str) -> None: ...


def train_reference_classifier(
    images: Images,
    table: AttributeTable,
    rows: Rows,
    *,
    budget: int = BUDGET,
    seed: int = 0,
    progress: Callable[[str], None] = _quiet,
) -> ReferenceClassifier:
    """Return a classifier of the table's attributes, trained on the images `rows`.

    The budget is in images shown, so that the same seed gives the same classifier on every machine.
    """
    shape = _shape(images)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ReferenceNetwork(shape, table.attributes)
    sample = np.sort(np.random.default_rng([seed, 4]).permutation(rows)[:SAMPLED])
    binary = bool(np.isin(images.take(sample), (0, 255)).all())
    size = min(BATCH, len(rows))
    steps = max(1, min(budget, _shown(len(rows))) // size)
    for step in _train(network, images, table, rows, size, steps, seed):
        if (step + 1) % (steps // 20 or 1) == 0:
            progress(f"training the reference classifier (once for these data): {(step + 1) / steps:.0%}")
    return ReferenceClassifier(table.attributes, shape, binary, network)


def _shown(count: int) -> int:
    """Images that a set of `count` is shown: of few images nothing more is learned after a hundred passes."""
    return max(PASSES * count, min(SMALL, max(OFTEN * count, LEAST)))


def reference_classifier(
    images: Images,
    table: AttributeTable,
    rows: Rows,
    *,
    budget: int = BUDGET,
    seed: int = 0,
    progress: Callable[[str], None] = _quiet,
) -> ReferenceClassifier:
    """Return the classifier of the table's attributes: kept from before, or trained now and kept.

    A cache that cannot be written costs the next evaluation time and this one nothing.

    Raises:
        InputError: none of the images has a label.
    """
    rows = rows[~np.isnan(table.values[rows]).all(axis=1)]
    if not len(rows):
        raise InputError("no training image has a label, so there is no reference classifier")
    digest = _digest(images, table, rows, [budget, seed])
    path = cache_folder() / f"reference-classifier-{digest}.safetensors"
    kept = _load(path, _shape(images), table)
    if kept is not None:
        return kept
    found = train_reference_classifier(images, table, rows, budget=budget, seed=seed, progress=progress)
    about = {
        "attributes": [each.model_dump(mode="json") for each in table.attributes],
        "binary": found.binary,
    }
    content = safetensors.torch.save(
        {name: tensor.contiguous() for name, tensor in found.network.state_dict().items()},
        {"classifier": json.dumps(about)},
    )
    try:
        atomic_write(path, content)
    except (InputError, WriteError) as error:
        progress(f"the reference classifier is not kept: {error}")
    return found


def _train(
    network: ReferenceNetwork,
    images: Images,
    table: AttributeTable,
    rows: Rows,
    size: int,
    steps: int,
    seed: int,
) -> Iterator[int]:
    """Train for some steps, the rate rising and falling once, and yield after each."""
    network.train()
    targets = Targets(table.attributes)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-4, fused=True)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps + 1, pct_start=0.15)
    order = _shuffled(rows, seed)
    for step in range(steps):
        # Sorted rows lie nearer to each other in memory; within a batch the order means nothing.
        chosen = np.sort(np.fromiter(islice(order, size), dtype=np.int64, count=size))
        numbers = network(to_unit(images.take(chosen)))
        optimiser.zero_grad()
        loss = targets.loss(numbers, torch.from_numpy(table.values[chosen]))
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        rate.step()
        yield step


def _shuffled(rows: Rows, seed: int) -> Iterator[int]:
    """Go through the rows without end, in a new order each time."""
    rng = np.random.default_rng([seed, 6])
    while True:
        yield from rng.permutation(rows).tolist()


def _load(path: Path, shape: ImageShape, table: AttributeTable) -> ReferenceClassifier | None:
    """Return the kept classifier; None when there is none, or the file is not what was written."""
    network = ReferenceNetwork(shape, table.attributes)
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["classifier"])
            network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        binary = bool(about["binary"])
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError):
        return None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        return None
    return ReferenceClassifier(table.attributes, shape, binary, network)


def _digest(images: Images, table: AttributeTable, rows: Rows, settings: list[int]) -> str:
    """Return a digest of what the classifier depends on: labels, a sample of the images, settings."""
    digest = hashlib.sha256()
    attributes = [each.model_dump(mode="json") for each in table.attributes]
    written = json.dumps([[VERSION, *settings, *images.shape], attributes], sort_keys=True)
    digest.update(written.encode())
    digest.update(np.ascontiguousarray(rows).tobytes())
    digest.update(np.ascontiguousarray(table.values).tobytes())
    sample = np.sort(np.random.default_rng(0).permutation(rows)[:NAMED_BY])
    digest.update(images.take(sample).tobytes())
    return digest.hexdigest()[:32]


def _shape(images: Images) -> ImageShape:
    _, channels, height, width = images.shape
    return channels, height, width
