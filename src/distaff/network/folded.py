"""Convolutions over a picture folded into cells of pixels, with batch normalisation.

Folding squares of pixels into channels (as in Shi et al. 2016, https://arxiv.org/abs/1609.05158) leaves no
layer at full size, which makes it several times faster on large pictures than strided convolutions; batch
normalisation (https://arxiv.org/abs/1502.03167) lets it learn small positions and sizes in far fewer steps.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from distaff.errors import InputError
from distaff.network.body import EncoderBody, ImageShape, NetworkSpec, Width, fully_connected

GRID = 14
"""Cells that a side keeps at least, where it has so many pixels."""


class Folded(NetworkSpec):
    """Three 3 x 3 convolutions of `channels` over the cells, the second halving them, then `hidden`."""

    tag: ClassVar[str] = "folded"
    channels: Width = 64
    hidden: tuple[Width, ...] = (256,)

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return the convolutions over the cells."""
        cell, rows, columns = _fold(shape)
        trunk = nn.Sequential(
            nn.PixelUnshuffle(cell),
            *_convolution(shape[0] * cell**2, self.channels),
            *_convolution(self.channels, self.channels, stride=2),
            *_convolution(self.channels, self.channels),
        )
        features = self.channels * ((rows + 1) // 2) * ((columns + 1) // 2)
        return EncoderBody(trunk, features, condition, self.hidden)

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return the mirror of the encoder: [b, inputs] -> [b, c, h, w]."""
        cell, rows, columns = _fold(shape)
        half = (self.channels, (rows + 1) // 2, (columns + 1) // 2)
        return nn.Sequential(
            fully_connected((inputs, *reversed(self.hidden), half[0] * half[1] * half[2])),
            nn.Unflatten(1, half),
            *_convolution(self.channels, self.channels),
            nn.Upsample(size=(rows, columns), mode="nearest"),
            *_convolution(self.channels, self.channels),
            nn.Conv2d(self.channels, shape[0] * cell**2, 3, padding=1),
            nn.PixelShuffle(cell),
        )


def _fold(shape: ImageShape) -> tuple[int, int, int]:
    """Return the side of a cell, a power of two that divides the picture, and its rows and columns."""
    _, height, width = shape
    if min(height, width) < 8:
        raise InputError(f"network: pictures of {height} x {width} are too small; both sides need 8 pixels")
    cell = 1
    while height % (2 * cell) == 0 and width % (2 * cell) == 0 and min(height, width) >= 2 * cell * GRID:
        cell *= 2
    return cell, height // cell, width // cell


def _convolution(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    ]
