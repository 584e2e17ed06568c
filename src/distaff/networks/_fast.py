"""What trains faster on a processor: layers with the same weights and values, compiling, bfloat16.

Layers with hardly any output channels are one matrix product. The usual convolution computes an image's one
channel in vectors of sixteen, and so wastes most of them. Here the product of kernel and pixels, [k * k *
out, c] times [c, b * h * w], gives one plane for every tap of the kernel; the output is the sum of the
planes, each moved by its tap. The gradients are matrix products too.

Transposed convolutions give the same numbers as PyTorch's another way round, since two things are slow
there. oneDNN takes longer for the gradient of a transposed convolution's bias than for all its other
gradients together, though it is only a sum. And an image's one to four channels fill a part of the vectors.
One channel is drawn by planes (see `by_planes`); more are by a convolution of 2 x 2 over the grid between
the input's pixels, whose four outputs at each place are the square of output pixels there (as in sub-pixel
convolution, Shi et al. 2016, https://arxiv.org/abs/1609.05158).

PyTorch compiles networks before the first step, for runs long enough to win that time back.
"""

from __future__ import annotations

import os
import platform
import shutil
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from distaff.errors import InputError

Place = tuple[int, int]
"""Rows and columns."""
THIN = 4
"""Output channels up to which a layer is thin."""
TAPS = ((2, 0), (3, 1))
"""Which taps of a kernel of 4 an odd and an even output row take, from the input row before and after it."""
COMPILERS = ("g++", "clang++")
PROCESSOR = Path("/proc/cpuinfo")


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
        # The first square begins one pixel outside the image.
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


def compile_in_training(*networks: nn.Module) -> None:
    """Have networks compiled at their first training step; their weights keep their names.

    Elsewhere batches differ in size, and the networks run as they are.

    Raises:
        InputError: the C++ compiler is missing that PyTorch needs for it on a processor.
    """
    wanted = [os.environ["CXX"]] if "CXX" in os.environ else COMPILERS
    if not torch.cuda.is_available() and not any(shutil.which(each) for each in wanted):
        raise InputError(f"train.compile: needs a C++ compiler; install {' or '.join(wanted)}")
    # PyTorch's compiler warns of what it does itself.
    warnings.filterwarnings("ignore", message=".*torch.jit.script_method")
    warnings.filterwarnings("ignore", message=r"The \.grad attribute of a Tensor that is not a leaf")
    for network in networks:
        network.forward = _in_training(network, network.forward)


def _in_training(network: nn.Module, forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    compiled: Callable[..., Tensor] = torch.compile(forward)

    def run(*inputs: Tensor | None) -> Tensor:
        learns = network.training and torch.is_grad_enabled()
        return (compiled if learns else forward)(*inputs)

    return run


@cache
def prefers_bfloat16(kind: str) -> bool:
    """Tell whether products of bfloat16 matrices are faster than those of float32 on a kind of device.

    On a processor they are with AMX, and with the AVX-512 of AMD, which does two multiplications in the time
    of one. Intel's without AMX, as in many virtual machines, has the instructions and is half as fast.
    """
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    avx512 = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    if kind != "cpu" or not avx512 or not torch.cpu._is_avx512_bf16_supported():
        return False
    return bool(torch.cpu._is_amx_tile_supported()) or "AuthenticAMD" in _maker()


def _maker() -> str:
    """What the system says of who made the processor."""
    try:
        return PROCESSOR.read_text()
    except OSError:
        return platform.processor()
