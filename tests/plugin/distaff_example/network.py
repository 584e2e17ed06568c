"""A network: one linear layer each way, as in probabilistic principal component analysis."""

from math import prod
from typing import ClassVar

from torch import nn

from distaff.networks import EncoderBody, ImageShape, Network


class Linear(Network):
    """One linear layer from pixels to latents, and one back."""

    tag: ClassVar[str] = "linear"

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        return EncoderBody(nn.Flatten(), prod(shape), condition, ())  # the latent head is the layer

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        return nn.Sequential(nn.Linear(inputs, prod(shape)), nn.Unflatten(1, shape))
