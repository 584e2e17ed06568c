"""The independent reader: a small convolutional network that tells attributes from pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, log2
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from distaff.data import Attribute
from distaff.model import read_pictures
from distaff.network import ImageShape

GRID = 14
"""Cells that a side is folded into at least, where it has so many pixels."""
BATCH = 512
BFLOAT16 = bool(torch.cpu._is_avx512_bf16_supported())
"""Whether this processor multiplies bfloat16 matrices in hardware."""


class ReaderNetwork(nn.Module):
    """Pictures [b, c, h, w] in [0, 1] to one logit per class, or one number, of every attribute.

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
        """Return what the last layer names attributes from: [b, 256], float32."""
        return self._run(self.layers[:-1], images)

    def _run(self, layers: nn.Module, images: Tensor) -> Tensor:
        images = functional.pad(images, self.padding).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16):
            numbers: Tensor = layers(images)
        return numbers.float()


def _convolution(before: int, after: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    ]


@dataclass(frozen=True)
class Reader:
    """A trained reader; `binary`: it knows black-and-white pictures only, so others are cut at 1/2 first."""

    attributes: tuple[Attribute, ...]
    shape: ImageShape
    binary: bool
    network: ReaderNetwork

    def read(self, images: npt.ArrayLike) -> dict[str, npt.NDArray[np.float32]]:
        """Return the class index, or the value, of every attribute in pictures: [n] each.

        `images` as `Model` takes them: uint8, or float in [0, 1], [n, h, w], [n, h, w, c] or [n, c, h, w].
        """
        return {
            attribute.name: decide(attribute, numbers).numpy()
            for attribute, numbers in zip(self.attributes, self._numbers(images), strict=True)
        }

    def probabilities(self, images: npt.ArrayLike) -> dict[str, npt.NDArray[np.float32]]:
        """Return how probable each class is: [n, size] for every attribute with classes; see `read`."""
        return {
            attribute.name: numbers.softmax(1).numpy()
            for attribute, numbers in zip(self.attributes, self._numbers(images), strict=True)
            if attribute.size
        }

    def _numbers(self, images: npt.ArrayLike) -> list[Tensor]:
        """Return the network's numbers of every attribute: [n, size or 1] each."""
        with torch.inference_mode():
            parts = [self.network(pictures) for pictures in self._batches(images)]
            return [torch.cat(column) for column in zip(*parts, strict=True)]

    def features(self, images: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return what the reader sees in pictures before it names anything: [n, 256]."""
        with torch.inference_mode():
            return torch.cat([self.network.features(each) for each in self._batches(images)]).numpy()

    def _batches(self, images: npt.ArrayLike) -> Iterator[Tensor]:
        """Cut pictures into batches as the network takes them."""
        array: npt.NDArray[Any] = read_pictures(images, self.shape)
        self.network.eval()
        for start in range(0, len(array), BATCH):
            pictures = to_unit(array[start : start + BATCH])
            yield (pictures > 0.5).float() if self.binary else pictures


def decide(attribute: Attribute, numbers: Tensor) -> Tensor:
    """Return the likeliest class, or the value, from the network's numbers [b, size or 1]: float [b]."""
    if attribute.size:
        return numbers.argmax(1).float()
    return numbers[:, 0] * (attribute.std or 1.0) + attribute.mean


def to_unit(pictures: npt.NDArray[Any]) -> Tensor:
    """Return pictures as float32 in [0, 1]."""
    tensor = torch.from_numpy(np.ascontiguousarray(pictures))
    return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor
