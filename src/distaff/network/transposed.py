"""Transposed convolutions that train fast on a processor: the same numbers as PyTorch's, another way round.

Two things are slow there. oneDNN takes longer for the gradient of a transposed convolution's bias than for
all its other gradients together, though it is only a sum. And a picture's one to four channels fill a part of
the vectors. One channel is drawn by planes (see `planes`); more are by a convolution of 2 x 2 over the grid
between the input's pixels, whose four outputs at each place are the square of output pixels there (as in
sub-pixel convolution, Shi et al. 2016, https://arxiv.org/abs/1609.05158).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from distaff.network.planes import THIN, by_planes, learns_on_processor

TAPS = ((2, 0), (3, 1))
"""Which taps of a kernel of 4 an odd and an even output row take, from the input row before and after it."""


class Transposed(nn.ConvTranspose2d):
    """A transposed convolution of stride 2 with the parameters and the values of `nn.ConvTranspose2d`."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002 - torch's name
        """Return [b, out_channels, about 2 h, about 2 w] from [b, in_channels, h, w]."""
        if not learns_on_processor(self, input):
            return super().forward(input, output_size)
        assert self.bias is not None
        if self.out_channels == 1:
            kernel = self.weight.permute(2, 3, 1, 0)
            first = cast("tuple[int, int]", self.padding)
            return by_planes(input, kernel, self.bias, 2, first, self._size(input))
        if self.out_channels <= THIN and self.kernel_size == (4, 4) and self.padding == (1, 1):
            return self._by_squares(input)
        output = functional.conv_transpose2d(
            input,
            self.weight,
            self.bias.detach(),
            cast("tuple[int, int]", self.stride),
            cast("tuple[int, int]", self.padding),
            cast("tuple[int, int]", self.output_padding),
        )
        return cast("Tensor", _BiasGradient.apply(output, self.bias))  # type: ignore[no-untyped-call]

    def _size(self, images: Tensor) -> tuple[int, int]:
        """Return the height and width of the output."""
        height, width = (
            2 * (side - 1) + kernel - 2 * padding + more
            for side, kernel, padding, more in zip(
                images.shape[2:],
                self.kernel_size,
                cast("tuple[int, int]", self.padding),
                cast("tuple[int, int]", self.output_padding),
                strict=True,
            )
        )
        return height, width

    def _by_squares(self, images: Tensor) -> Tensor:
        """Convolve with kernels of 2 x 2, each output channel's four phases in channels of their own."""
        taps = torch.tensor(TAPS, device=images.device)
        phases = self.weight[:, :, taps][..., taps]  # [in, out, row phase, row tap, column phase, column tap]
        kernel = phases.permute(1, 2, 4, 0, 3, 5).reshape(4 * self.out_channels, self.in_channels, 2, 2)
        assert self.bias is not None
        squares = functional.conv2d(
            images,
            kernel.contiguous(memory_format=torch.channels_last),
            self.bias.repeat_interleave(4),
            padding=1,
        )
        # The first square begins one pixel outside the picture.
        height, width = self._size(images)
        return functional.pixel_shuffle(squares, 2)[:, :, 1 : height + 1, 1 : width + 1]


class _BiasGradient(torch.autograd.Function):
    """Leaves an output that holds its bias already as it is, and gives the bias its gradient."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, bias: Tensor) -> Tensor:  # noqa: ARG004 - autograd's signature
        # Said to be changed in place, so that the activation behind it may work in place too.
        ctx.mark_dirty(output)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG004
        return gradients[0], gradients[0].sum((0, 2, 3))
