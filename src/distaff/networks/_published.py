"""Networks as they were published, layer by layer.

`keras`: the Keras VAE example, https://keras.io/examples/generative/vae/, for any image size. Strided 3 x 3
convolutions, fully connected layers over them; back through one fully connected layer, strided transposed
convolutions and a last convolution that keeps the size.

`locatello` and `fc`: the two of the study of 12,600 models, https://arxiv.org/abs/1811.12359. Strided
convolutions with kernels of 4, 4, 2 and 2, one layer of 256, and back through transposed convolutions; two
layers of 1200 with ReLU, and three with tanh in the decoder. Glorot's initialisation, and padding that halves
even sides exactly.

`style`: that of QLAE, https://arxiv.org/abs/2305.18378. The decoder begins at a learned image, and the code
sets mean and deviation of every channel of every layer (https://arxiv.org/abs/1703.06868), each after the
activation.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from distaff.errors import InputError
from distaff.networks._body import (
    WEIGHTED,
    Channels,
    EncoderBody,
    ImageShape,
    Network,
    Width,
    fully_connected,
    halvings,
)
from distaff.networks._fast import ThinConv, Transposed

CHANNELS = (32, 32, 64, 64)
KERNELS = (4, 4, 2, 2)


class Keras(Network):
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


class _Glorot(Network):
    """A network with uniform weights by fan in and fan out (Glorot & Bengio 2010), and biases at 0."""

    @torch.no_grad()
    def initialise(self, encoder: nn.Module, head: nn.Linear, decoder: nn.Module, energy: float) -> None:
        """Set the first weights, the same for every layer."""
        for module in (encoder, head, decoder):
            for layer in module.modules():
                if isinstance(layer, WEIGHTED):
                    nn.init.xavier_uniform_(layer.weight)
                    if layer.bias is not None:
                        nn.init.zeros_(layer.bias)


class Locatello(_Glorot):
    """The convolutional network; 690,517 weights for one channel of 64 x 64 and ten latents.

    >>> Locatello().build_decoder(10, (1, 64, 64))(torch.zeros(2, 10)).shape
    torch.Size([2, 1, 64, 64])
    """

    tag: ClassVar[str] = "locatello"

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return four strided convolutions and a layer of 256."""
        rows, columns = _quarters(shape)
        layers: list[nn.Module] = []
        for (before, after), kernel in zip(pairwise((shape[0], *CHANNELS)), KERNELS, strict=True):
            layers += [
                nn.Conv2d(before, after, kernel, stride=2, padding=kernel // 2 - 1),
                nn.ReLU(inplace=True),
            ]
        return EncoderBody(nn.Sequential(*layers), CHANNELS[-1] * rows * columns, condition, (256,))

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return two layers and four transposed convolutions: [b, inputs] -> [b, c, h, w]."""
        grid = (CHANNELS[-1], *_quarters(shape))
        layers: list[nn.Module] = [fully_connected((inputs, 256, prod(grid))), nn.Unflatten(1, grid)]
        for before, after in pairwise((64, 64, 32, 32, shape[0])):
            layers += [Transposed(before, after, 4, stride=2, padding=1), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers[:-1])


def _quarters(shape: ImageShape) -> tuple[int, int]:
    """Return the sides after four halvings; raises InputError where they are not whole."""
    _, height, width = shape
    if height % 16 or width % 16:
        raise InputError(f"network: locatello needs sides that are multiples of 16, not {height} x {width}")
    return height // 16, width // 16


class Fc(_Glorot):
    """The fully connected network.

    >>> Fc().build_encoder((1, 64, 64), 0).features
    1200
    """

    tag: ClassVar[str] = "fc"

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return two layers of 1200 with ReLU."""
        return EncoderBody(nn.Flatten(), prod(shape), condition, (1200, 1200))

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return three layers of 1200 with tanh: [b, inputs] -> [b, c, h, w]."""
        layers = fully_connected((inputs, 1200, 1200, 1200), "tanh")
        return nn.Sequential(*layers, nn.Linear(1200, prod(shape)), nn.Unflatten(1, shape))


class Styled(nn.Module):
    """Enlarge to a size, convolve, and let the code set each channel's mean and deviation."""

    def __init__(self, inputs: int, before: int, after: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.style = nn.Linear(inputs, 2 * after)
        self.conv = nn.Conv2d(before, after, 3, padding=1)
        self.size = size

    def forward(self, images: Tensor, code: Tensor) -> Tensor:
        """Return [b, after, *size] from [b, before, h, w] and codes [b, inputs]."""
        if images.shape[2:] != self.size:
            images = functional.interpolate(images, size=self.size, mode="nearest")
        images = functional.leaky_relu(self.conv(images), 0.2)
        images = functional.group_norm(images, images.shape[1])
        scale, shift = self.style(code)[..., None, None].chunk(2, dim=1)
        return cast("Tensor", images * (1 + scale) + shift)


class StyleDecoder(nn.Module):
    """Two styled layers of each size, from a learned image on."""

    def __init__(
        self, inputs: int, channels: tuple[int, ...], sizes: list[tuple[int, int]], outputs: int
    ) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.randn(1, channels[-1], *sizes[-1]))
        layers: list[nn.Module] = []
        before = channels[-1]
        for after, size in zip((channels[-1], *reversed(channels)), reversed(sizes), strict=True):
            layers += [Styled(inputs, before, after, size), Styled(inputs, after, after, size)]
            before = after
        self.layers = nn.ModuleList(layers)
        self.last = ThinConv(before, outputs, 3, padding=1)

    def forward(self, code: Tensor) -> Tensor:
        """Return images [b, c, h, w] of codes [b, inputs]."""
        images = self.start.expand(code.shape[0], -1, -1, -1)
        for layer in self.layers:
            images = layer(images, code)
        return cast("Tensor", self.last(images))


class Style(Network):
    """`channels` of each size, then `hidden` layers in the encoder; two convolutions a size in both networks.

    >>> Style((4, 8), (16,)).build_decoder(3, (1, 8, 8))(torch.zeros(2, 3)).shape
    torch.Size([2, 1, 8, 8])
    """

    tag: ClassVar[str] = "style"
    channels: Channels | None = None
    hidden: tuple[Width, ...] = (256, 256)

    def _plan(self, shape: ImageShape) -> tuple[tuple[int, ...], list[tuple[int, int]]]:
        sizes = halvings(shape, None if self.channels is None else len(self.channels))
        return self.channels or tuple(min(256, 32 * 2**i) for i in range(len(sizes) - 1)), sizes

    def build_encoder(self, shape: ImageShape, condition: int) -> EncoderBody:
        """Return convolutions with instance normalisation, every other one of stride 2."""
        channels, sizes = self._plan(shape)
        layers: list[nn.Module] = []
        for before, after in pairwise((shape[0], *channels)):
            for layer in (nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 4, 2, 1)):
                layers += [layer, nn.GroupNorm(after, after, affine=False), nn.LeakyReLU(0.2, inplace=True)]
        return EncoderBody(nn.Sequential(*layers), channels[-1] * prod(sizes[-1]), condition, self.hidden)

    def build_decoder(self, inputs: int, shape: ImageShape) -> nn.Module:
        """Return the styled layers: [b, inputs] -> [b, c, h, w]."""
        channels, sizes = self._plan(shape)
        return StyleDecoder(inputs, channels, sizes, shape[0])
