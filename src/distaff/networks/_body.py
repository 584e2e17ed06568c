"""What every network gives: an encoder body and a decoder body for images of any size.

An encoder body maps [b, c, h, w] (and a condition [b, k]) to features [b, features]; a decoder body maps
codes [b, n] to raw images [b, c, h, w]. The latent head and the likelihood belong to others.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from distaff.errors import InputError
from distaff.parts import Part

ImageShape = tuple[int, int, int]
"""Channels, height, width."""
Width = Annotated[int, Field(ge=1, le=65536)]
"""Units or channels of a layer."""
Channels = Annotated[tuple[Width, ...], Field(min_length=1)]
"""Channels of each strided layer."""
Activation = Literal["relu", "tanh"]
"""What follows a fully connected layer."""
WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
"""Layers that are initialised for the ReLU behind them."""


class EncoderBody(nn.Module):
    """A trunk over the image, then fully connected layers over its features and the condition."""

    def __init__(
        self,
        trunk: nn.Module,
        features: int,
        condition: int,
        hidden: tuple[int, ...],
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.top = fully_connected((features + condition, *hidden), activation)
        self.features = hidden[-1] if hidden else features + condition

    def forward(self, images: Tensor, condition: Tensor | None) -> Tensor:
        """Return features [b, features]."""
        features = self.trunk(images).flatten(1)
        if condition is not None:
            features = torch.cat([features, condition.to(features.dtype)], dim=1)
        return self.top(features)  # type: ignore[no-any-return]


class Branch(nn.Module):
    """What is added to its own input; its layer `last` starts at 0, so that it starts as the input."""

    last: nn.Linear | nn.Conv2d


class Network(Part):
    """The two bodies of an autoencoder, and how they are initialised.

    `head_scale` multiplies the initial weights of the latent head and `output_scale` those of the decoder's
    last layer.
    """

    family: ClassVar[str] = "network"
    # A small head starts every posterior near the prior: the first KL must not drown the rest.
    head_scale: float = Field(default=0.1, gt=0, allow_inf_nan=False, kw_only=True)
    # Faint images at the start, so that the first steps are not spent on undoing noise.
    output_scale: float = Field(default=0.1, gt=0, allow_inf_nan=False, kw_only=True)

    @abstractmethod
    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return the encoder body for images of `shape` and a condition of `condition` numbers."""

    @abstractmethod
    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return the decoder body: [b, inputs] -> [b, c, h, w]."""

    @torch.no_grad()
    def initialise(self, encoder: nn.Module, head: nn.Linear, decoder: nn.Module, energy: float) -> None:
        """Set the first weights; `energy` is the expected squared length of what the decoder reads."""
        for module in (encoder, head, decoder):
            initialise(module)
        head.weight *= self.head_scale
        layers = [each for each in decoder.modules() if isinstance(each, WEIGHTED)]
        if layers and isinstance(layers[0], nn.Linear):
            # Most numbers of a one-hot code are 0: the usual initialisation would start far too faint.
            layers[0].weight *= math.sqrt(layers[0].in_features / energy)
        if layers:
            layers[-1].weight *= self.output_scale


def fully_connected(widths: tuple[int, ...], activation: Activation = "relu") -> nn.Sequential:
    """Return linear layers through `widths`, each followed by the activation."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.Tanh() if activation == "tanh" else nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def halvings(shape: ImageShape, count: int | None) -> list[tuple[int, int]]:
    """Return the (height, width) before each halving and after the last, down to sides of about 4.

    Raises InputError when the image is under 8 x 8, or too small for `count` halvings.
    """
    _, height, width = shape
    side = min(height, width)
    if side < 8:
        raise InputError(f"network: images of {height} x {width} are too small; both sides need 8 pixels")
    possible = int(math.log2(side))
    if count is None:
        count = max(2, int(math.log2(side / 4)))
    if count > possible:
        raise InputError(
            f"network: {count} strided layers do not fit {height} x {width}; at most {possible} do"
        )
    sizes = [(height, width)]
    for _ in range(count):
        height, width = height // 2, width // 2
        sizes.append((height, width))
    return sizes


def initialise(module: nn.Module) -> None:
    """Initialise for ReLU layers (He et al. 2015, https://arxiv.org/abs/1502.01852), biases at 0.

    The last layer of a `Branch` starts at 0.
    """
    for layer in module.modules():
        if isinstance(layer, WEIGHTED):
            # A transposed convolution stores its input channels first: its fan in is the mode's fan out.
            transposed = isinstance(layer, nn.ConvTranspose2d)
            nn.init.kaiming_normal_(
                layer.weight, mode="fan_out" if transposed else "fan_in", nonlinearity="relu"
            )
            if transposed:
                # Each output pixel meets a quarter of the kernel: every layer here has stride 2.
                with torch.no_grad():
                    layer.weight *= 2
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for branch in module.modules():
        if isinstance(branch, Branch):
            nn.init.zeros_(branch.last.weight)
