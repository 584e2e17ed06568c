"""The independent reader: a small convolutional network that tells attributes from pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log2
from typing import Any, cast

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
        images = functional.pad(images, self.padding).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16):
            numbers = self.layers(images)
        return cast("tuple[Tensor, ...]", numbers.float().split(self.widths, dim=1))


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
        array: npt.NDArray[Any] = read_pictures(images, self.shape)
        columns: list[list[Tensor]] = [[] for _ in self.attributes]
        self.network.eval()
        with torch.inference_mode():
            for start in range(0, len(array), BATCH):
                pictures = to_unit(array[start : start + BATCH])
                if self.binary:
                    pictures = (pictures > 0.5).float()
                for column, attribute, numbers in zip(
                    columns, self.attributes, self.network(pictures), strict=True
                ):
                    column.append(decide(attribute, numbers))
        return {
            attribute.name: torch.cat(column).numpy()
            for attribute, column in zip(self.attributes, columns, strict=True)
        }


def decide(attribute: Attribute, numbers: Tensor) -> Tensor:
    """Return the likeliest class, or the value, from the network's numbers [b, size or 1]: float [b]."""
    if attribute.size:
        return numbers.argmax(1).float()
    return numbers[:, 0] * (attribute.std or 1.0) + attribute.mean


def to_unit(pictures: npt.NDArray[Any]) -> Tensor:
    """Return pictures as float32 in [0, 1]."""
    tensor = torch.from_numpy(np.ascontiguousarray(pictures))
    return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor
