"""Networks for images of any size from 8 x 8, as wide and as deep as a recipe says, and a pair of any two.

`conv`: strided 4 x 4 convolutions, halving the image each time, and their mirror, after Burgess et al. 2018
(https://arxiv.org/abs/1804.03599). `folded`: convolutions over an image folded into cells of pixels. Folding
squares of pixels into channels (as in Shi et al. 2016, https://arxiv.org/abs/1609.05158) leaves no layer at
full size, which makes it several times faster on large images than strided convolutions; batch normalisation
(https://arxiv.org/abs/1502.03167) lets it learn small positions and sizes in far fewer steps. `resnet`:
residual blocks (https://arxiv.org/abs/1512.03385), halving and doubling the image between them. `mlp`: fully
connected layers over the flattened pixels.
"""

from __future__ import annotations

from math import gcd, prod
from typing import ClassVar, cast

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distaff.errors import InputError
from distaff.networks._body import (
    Activation,
    Branch,
    Channels,
    EncoderBody,
    ImageShape,
    Network,
    Width,
    fully_connected,
    halvings,
)
from distaff.networks._fast import ThinConv, Transposed

GRID = 14
"""Cells that a side keeps at least, where it has so many pixels."""


class Conv(Network):
    """`channels` of each strided layer (chosen by image size when not given), then `hidden` layers."""

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


class Folded(Network):
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
    """Return the side of a cell, a power of two that divides the image, and its rows and columns."""
    _, height, width = shape
    if min(height, width) < 8:
        raise InputError(f"network: images of {height} x {width} are too small; both sides need 8 pixels")
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


class Residual(Branch):
    """x + conv(relu(conv(relu(x)))), the second convolution starting at 0 so that the block starts as x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.gain = nn.GroupNorm(gcd(8, channels), channels)
        self.last = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return images of the same shape: [b, c, h, w] -> [b, c, h, w]."""
        return images + cast(
            "Tensor", self.last(functional.relu(self.gain(self.first(functional.relu(images)))))
        )


class Upsample(nn.Module):
    """Enlarge to an exact size by repeating pixels, then convolve."""

    def __init__(self, before: int, after: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.conv = nn.Conv2d(before, after, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return [b, after, height, width] from [b, before, h, w]."""
        return cast("Tensor", self.conv(functional.interpolate(images, size=self.size, mode="nearest")))


class Resnet(Network):
    """`blocks` residual blocks at each of the sizes, `channels` wide, then `hidden` layers."""

    tag: ClassVar[str] = "resnet"
    channels: Channels | None = None
    blocks: int = Field(default=1, ge=1, le=64)
    hidden: tuple[Width, ...] = (256,)

    def _plan(self, shape: ImageShape) -> tuple[list[int], list[tuple[int, int]]]:
        sizes = halvings(shape, None if self.channels is None else len(self.channels))
        return list(self.channels or [min(128, 32 * 2**i) for i in range(len(sizes) - 1)]), sizes

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return strided convolutions with residual blocks behind each."""
        channels, sizes = self._plan(shape)
        layers: list[nn.Module] = []
        before = shape[0]
        for after in channels:
            layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1))
            layers += [Residual(after) for _ in range(self.blocks)]
            before = after
        layers.append(nn.ReLU(inplace=True))
        features = channels[-1] * sizes[-1][0] * sizes[-1][1]
        return EncoderBody(nn.Sequential(*layers), features, condition, self.hidden)

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return residual blocks with enlargements between them: [b, inputs] -> [b, c, h, w]."""
        channels, sizes = self._plan(shape)
        height, width = sizes[-1]
        layers: list[nn.Module] = [
            fully_connected((inputs, *reversed(self.hidden), channels[-1] * height * width)),
            nn.Unflatten(1, (channels[-1], height, width)),
        ]
        for i in reversed(range(len(channels))):
            layers += [Residual(channels[i]) for _ in range(self.blocks)]
            after = channels[max(i - 1, 0)]
            layers += [Upsample(channels[i], after, sizes[i]), nn.ReLU(inplace=True)]
        layers.append(ThinConv(channels[0], shape[0], 3, padding=1))
        return nn.Sequential(*layers)


class Mlp(Network):
    """Hidden layers of the given widths, mirrored in the decoder, each followed by the activation.

    >>> Mlp((200, 200), activation="tanh").build_encoder((1, 28, 28), condition=0).features
    200
    """

    tag: ClassVar[str] = "mlp"
    hidden: tuple[Width, ...] = Field(default=(512, 256), min_length=1)
    activation: Activation = "relu"

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return hidden layers over the pixels and the condition."""
        return EncoderBody(nn.Flatten(), prod(shape), condition, self.hidden, self.activation)

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return the mirrored layers: [b, inputs] -> [b, c, h, w]."""
        widths = (inputs, *reversed(self.hidden))
        return nn.Sequential(
            fully_connected(widths, self.activation),
            nn.Linear(widths[-1], prod(shape)),
            nn.Unflatten(1, shape),
        )


class Pair(Network):
    """`encoder` and `decoder`, each named as a network of its own.

    >>> Pair(Conv(), Mlp((64,))).build_decoder(3, (1, 8, 8))(torch.zeros(2, 3)).shape
    torch.Size([2, 1, 8, 8])
    """

    tag: ClassVar[str] = "pair"
    encoder: Network = Conv()
    decoder: Network = Mlp()

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return the first network's encoder."""
        return self.encoder.build_encoder(shape, condition)

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return the second network's decoder."""
        return self.decoder.build_decoder(inputs, shape)
