"""Strided 4 x 4 convolutions, halving the picture each time, and their mirror, for any size from 8 x 8.

After Burgess et al. 2018, https://arxiv.org/abs/1804.03599.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from distaff.network.body import (
    Channels,
    EncoderBody,
    ImageShape,
    NetworkSpec,
    Width,
    fully_connected,
    halvings,
)
from distaff.network.transposed import Transposed


class Conv(NetworkSpec):
    """`channels` of each strided layer (chosen by picture size when not given), then `hidden` layers."""

    tag: ClassVar[str] = "conv"
    channels: Channels | None = None
    hidden: tuple[Width, ...] = (256,)

    def _plan(self, shape: ImageShape) -> tuple[list[int], list[tuple[int, int]]]:
        sizes = halvings(shape, None if self.channels is None else len(self.channels))
        channels = self.channels or tuple(64 if i else 32 for i in range(len(sizes) - 1))
        return list(channels), sizes

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return the convolutions and the fully connected layers over them and the condition."""
        channels, sizes = self._plan(shape)
        layers: list[nn.Module] = []
        before = shape[0]
        for after in channels:
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU(inplace=True)]
            before = after
        return EncoderBody(
            nn.Sequential(*layers), channels[-1] * sizes[-1][0] * sizes[-1][1], condition, self.hidden
        )

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return the mirror of the encoder: [b, inputs] -> [b, c, h, w]."""
        channels, sizes = self._plan(shape)
        height, width = sizes[-1]
        layers: list[nn.Module] = [
            fully_connected((inputs, *reversed(self.hidden), channels[-1] * height * width)),
            nn.Unflatten(1, (channels[-1], height, width)),
        ]
        for i in reversed(range(len(channels))):
            odd = (sizes[i][0] - 2 * sizes[i + 1][0], sizes[i][1] - 2 * sizes[i + 1][1])
            after = channels[i - 1] if i else shape[0]
            layers.append(Transposed(channels[i], after, 4, stride=2, padding=1, output_padding=odd))
            if i:
                layers.append(nn.ReLU(inplace=True))
        return nn.Sequential(*layers)
