"""https://arxiv.org/abs/1512.03385: residual blocks, halving and doubling the picture between them."""

from __future__ import annotations

from math import gcd
from typing import ClassVar, cast

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distaff.network.body import (
    Branch,
    Channels,
    EncoderBody,
    ImageShape,
    NetworkSpec,
    Width,
    fully_connected,
    halvings,
)
from distaff.network.planes import ThinConv


class Residual(Branch):
    """x + conv(relu(conv(relu(x)))), the second convolution starting at 0 so that the block starts as x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.gain = nn.GroupNorm(gcd(8, channels), channels)
        self.last = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return pictures of the same shape: [b, c, h, w] -> [b, c, h, w]."""
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


class Resnet(NetworkSpec):
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
