"""Strided 4 x 4 convolutions, halving the picture each time, and their mirror, for any size from 8 x 8.

After Burgess et al. 2018, https://arxiv.org/abs/1804.03599.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import nn

from distaff.errors import InputError
from distaff.network.body import EncoderBody, ImageShape, NetworkSpec, fully_connected, halvings


@dataclass(frozen=True)
class _Plan:
    """Channels and sizes of the layers, after folding `patch` x `patch` pixels into `depth` channels."""

    patch: int
    depth: int
    channels: list[int]
    sizes: list[tuple[int, int]]


def _auto_patch(height: int, width: int) -> int:
    patch = 1
    while height % (2 * patch) == 0 and width % (2 * patch) == 0 and min(height, width) // (2 * patch) >= 14:
        patch *= 2
    return patch


class Conv(NetworkSpec):
    """`channels` of each strided layer (chosen by picture size when not given), then `hidden` layers.

    `patch` folds squares of that many pixels into channels before the first layer, and back after the last:
    several times faster on large pictures, as the costly layers at full size are gone. `auto` keeps sides of
    at least 14.
    """

    tag: ClassVar[str] = "conv"
    channels: tuple[int, ...] | None = None
    hidden: tuple[int, ...] = (256,)
    patch: Annotated[int, Field(ge=1)] | Literal["auto"] = 1

    def _plan(self, shape: ImageShape) -> _Plan:
        depth, height, width = shape
        patch = _auto_patch(height, width) if self.patch == "auto" else self.patch
        if height % patch or width % patch:
            raise InputError(f"network.conv.patch: {patch} does not divide pictures of {height} x {width}")
        folded = (depth * patch**2, height // patch, width // patch)
        sizes = halvings(folded, None if self.channels is None else len(self.channels))
        first = 32 if patch == 1 else 64
        channels = self.channels or tuple(64 if i else first for i in range(len(sizes) - 1))
        return _Plan(patch, folded[0], list(channels), sizes)

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return the convolutions and the fully connected layers over them and the condition."""
        plan = self._plan(shape)
        channels, sizes, before = plan.channels, plan.sizes, plan.depth
        layers: list[nn.Module] = [nn.PixelUnshuffle(plan.patch)] if plan.patch > 1 else []
        for after in channels:
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU(inplace=True)]
            before = after
        return EncoderBody(
            nn.Sequential(*layers), channels[-1] * sizes[-1][0] * sizes[-1][1], condition, self.hidden
        )

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return the mirror of the encoder: [b, inputs] -> [b, c, h, w]."""
        plan = self._plan(shape)
        channels, sizes = plan.channels, plan.sizes
        height, width = sizes[-1]
        layers: list[nn.Module] = [
            fully_connected((inputs, *reversed(self.hidden), channels[-1] * height * width)),
            nn.Unflatten(1, (channels[-1], height, width)),
        ]
        for i in reversed(range(len(channels))):
            odd = (sizes[i][0] - 2 * sizes[i + 1][0], sizes[i][1] - 2 * sizes[i + 1][1])
            after = channels[i - 1] if i else plan.depth
            layers.append(nn.ConvTranspose2d(channels[i], after, 4, stride=2, padding=1, output_padding=odd))
            if i:
                layers.append(nn.ReLU(inplace=True))
        if plan.patch > 1:
            layers.append(nn.PixelShuffle(plan.patch))
        return nn.Sequential(*layers)
