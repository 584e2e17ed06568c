"""Fully connected encoder and decoder over the flattened pixels."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from pydantic import Field
from torch import nn

from distaff.network.body import EncoderBody, ImageShape, NetworkSpec, Width, fully_connected


class Mlp(NetworkSpec):
    """Hidden layers of the given widths, mirrored in the decoder."""

    tag: ClassVar[str] = "mlp"
    hidden: tuple[Width, ...] = Field(default=(512, 256), min_length=1)

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return hidden layers over the pixels and the condition."""
        return EncoderBody(nn.Flatten(), prod(shape), condition, self.hidden)

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return the mirrored layers: [b, inputs] -> [b, c, h, w]."""
        widths = (inputs, *reversed(self.hidden))
        return nn.Sequential(
            fully_connected(widths), nn.Linear(widths[-1], prod(shape)), nn.Unflatten(1, shape)
        )
