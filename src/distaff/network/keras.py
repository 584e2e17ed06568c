"""The convolutions of the Keras VAE example, https://keras.io/examples/generative/vae/, for any picture size.

Strided 3 x 3 convolutions, fully connected layers over them; back through one fully connected layer, strided
transposed convolutions and a last convolution that keeps the size.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

from torch import nn

from distaff.network.body import Channels, EncoderBody, ImageShape, NetworkSpec, Width, fully_connected
from distaff.network.planes import ThinConv
from distaff.network.transposed import Transposed


class Keras(NetworkSpec):
    """`channels` of each strided convolution, then `hidden` layers in the encoder alone."""

    tag: ClassVar[str] = "keras"
    channels: Channels = (32, 64)
    hidden: tuple[Width, ...] = (16,)

    def _sizes(self, shape: ImageShape) -> list[tuple[int, int]]:
        """Return (height, width) before each halving, odd sides rounded up, and after the last."""
        sizes = [shape[1:]]
        for _ in self.channels:
            sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
        return sizes

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return the convolutions and the fully connected layers over them and the condition."""
        layers: list[nn.Module] = []
        for before, after in pairwise((shape[0], *self.channels)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU(inplace=True)]
        height, width = self._sizes(shape)[-1]
        return EncoderBody(nn.Sequential(*layers), self.channels[-1] * height * width, condition, self.hidden)

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return the way back: [b, inputs] -> [b, c, h, w]."""
        sizes = self._sizes(shape)
        grid = (self.channels[-1], *sizes[-1])
        layers: list[nn.Module] = [
            fully_connected((inputs, grid[0] * grid[1] * grid[2])),
            nn.Unflatten(1, grid),
        ]
        before = self.channels[-1]
        for after, (height, width) in zip(reversed(self.channels), reversed(sizes[:-1]), strict=True):
            odd = (1 - height % 2, 1 - width % 2)
            layers += [
                Transposed(before, after, 3, stride=2, padding=1, output_padding=odd),
                nn.ReLU(inplace=True),
            ]
            before = after
        return nn.Sequential(*layers, ThinConv(before, shape[0], 3, padding=1))
