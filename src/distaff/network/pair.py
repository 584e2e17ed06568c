"""The encoder of one network with the decoder of another."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import nn

from distaff.network.body import EncoderBody, ImageShape, NetworkSpec
from distaff.network.conv import Conv
from distaff.network.folded import Folded
from distaff.network.mlp import Mlp
from distaff.network.resnet import Resnet
from distaff.spec import one_of

Whole = Annotated[Mlp | Conv | Folded | Resnet, one_of(Mlp, Conv, Folded, Resnet)]


class Pair(NetworkSpec):
    """`encoder` and `decoder`, each named as a network of its own."""

    tag: ClassVar[str] = "pair"
    encoder: Whole = Conv()
    decoder: Whole = Mlp()

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return the first network's encoder."""
        return self.encoder.build_encoder(shape, condition)

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return the second network's decoder."""
        return self.decoder.build_decoder(inputs, shape)
