"""Layers with hardly any output channels as one matrix product, for a processor.

The usual convolution computes a picture's one channel in vectors of sixteen, and so wastes most of them. Here
the product of kernel and pixels, [k * k * out, c] times [c, b * h * w], gives one plane for every tap of the
kernel; the output is the sum of the planes, each moved by its tap. The gradients are matrix products too.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

Place = tuple[int, int]
"""Rows and columns."""
THIN = 4
"""Output channels up to which a layer is thin."""


def learns_on_processor(layer: nn.Module, images: Tensor) -> bool:
    """Tell whether a layer is in training on a processor, where it may go another way to the same numbers."""
    learns = layer.training and torch.is_grad_enabled() and not torch.compiler.is_compiling()
    return learns and images.device.type == "cpu"


class ThinConv(nn.Conv2d):
    """A convolution of stride 1 with the parameters and the values of `nn.Conv2d`."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Return [b, out_channels, h, w] from [b, in_channels, h, w]."""
        if self.out_channels > THIN or not learns_on_processor(self, input):
            return super().forward(input)
        assert self.bias is not None
        (tall, wide), (above, left) = self.kernel_size, cast("Place", self.padding)
        height, width = input.shape[2] + 2 * above - tall + 1, input.shape[3] + 2 * left - wide + 1
        # A pixel's share of the output is the kernel turned by half a circle.
        kernel = self.weight.flip(2, 3).permute(2, 3, 0, 1)
        return by_planes(input, kernel, self.bias, 1, (tall - 1 - above, wide - 1 - left), (height, width))


def by_planes(images: Tensor, kernel: Tensor, bias: Tensor, stride: int, first: Place, size: Place) -> Tensor:
    """Add the shares of all pixels: that of pixel (y, x) begins at (stride y, stride x).

    `images` [b, c, h, w] and `kernel` [k, k, out, c] give [b, out, *size], cut out from the pixel `first` on;
    float32 sums also of bfloat16 planes.
    """
    batch, channels, height, width = images.shape
    pixels = images.permute(0, 2, 3, 1).reshape(-1, channels)
    planes = torch.mm(kernel.reshape(-1, channels), pixels.T)
    planes = planes.view(*kernel.shape[:3], batch, height, width)
    summed = cast("Tensor", _Sum.apply(planes, stride, first, size))  # type: ignore[no-untyped-call]
    return summed + bias[:, None, None]


class _Sum(torch.autograd.Function):
    """The sum of planes [k, k, out, b, h, w], each moved by its place in the kernel."""

    @staticmethod
    def forward(
        ctx: Any, planes: Tensor, stride: int, first: tuple[int, int], size: tuple[int, int]
    ) -> Tensor:
        tall, wide, out, batch, height, width = planes.shape
        ctx.shape, ctx.dtype, ctx.stride, ctx.first, ctx.size = (
            planes.shape,
            planes.dtype,
            stride,
            first,
            size,
        )
        rows, columns = height + (tall - 1) // stride, width + (wide - 1) // stride
        dtype = torch.promote_types(planes.dtype, torch.float32)
        # Rows and columns that the stride parts lie apart: every plane is added to neighbours in memory.
        apart = planes.new_zeros((stride, stride, out, batch, rows, columns), dtype=dtype)
        for i in range(tall):
            for j in range(wide):
                down, right = i // stride, j // stride
                part = apart[i % stride, j % stride, :, :, down : down + height, right : right + width]
                part += planes[i, j]
        whole = apart.permute(3, 2, 4, 0, 5, 1).reshape(batch, out, stride * rows, stride * columns)
        ctx.whole = whole.shape
        return whole[:, :, first[0] : first[0] + size[0], first[1] : first[1] + size[1]]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        whole = gradients[0].new_zeros(ctx.whole, dtype=ctx.dtype)
        (top, left), (height, width) = ctx.first, ctx.size
        whole[:, :, top : top + height, left : left + width] = gradients[0]
        over_batch, over_out, down, right = whole.stride()
        strides = (down, right, over_out, over_batch, ctx.stride * down, ctx.stride * right)
        return whole.as_strided(ctx.shape, strides).contiguous(), None, None, None
