"""A batch shared by several processes: each computes a part, and all get what one process would.

What is random for a picture is drawn for the whole batch by every process, which keeps its own part; what is
not linear in the mean of a batch is computed of the mean over all processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, autograd


@dataclass(frozen=True)
class Share:
    """Every `of`-th picture of a batch, from picture `rank` on."""

    rank: int = 0
    of: int = 1

    def part(self, whole: Tensor) -> Tensor:
        """Return this process's rows of what belongs to a whole batch."""
        return whole if self.of == 1 else whole[self.rank :: self.of]

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of the values over the processes, through which gradients flow to all of them."""
        return values if self.of == 1 else _Mean.apply(values, self.of)  # type: ignore[no-untyped-call]

    def gather(self, part: Tensor) -> Tensor:
        """Return the rows of the whole batch from the rows of each part, without gradients."""
        if self.of == 1:
            return part
        parts = [torch.empty_like(part) for _ in range(self.of)]
        torch.distributed.all_gather(parts, part.contiguous())
        return torch.stack(parts, dim=1).flatten(0, 1)


WHOLE = Share()
"""The whole batch, in one process."""


class _Mean(autograd.Function):
    """The mean over processes; its gradient is the mean of their gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, of: int) -> Tensor:
        ctx.of = of
        return _mean(values, of)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _mean(gradients[0], ctx.of), None


def _mean(values: Tensor, of: int) -> Tensor:
    total = values.detach().contiguous().clone()
    torch.distributed.all_reduce(total)
    return total / of


class SharedGenerator(torch.Generator):
    """A generator whose draws for a batch are shared; every process must seed it alike."""

    share: Share = WHOLE


def normal(shape: Sequence[int], generator: torch.Generator | None, **how: Any) -> Tensor:
    """Draw from N(0, 1) for the pictures of a batch, or of this process's share of it: [b, ...]."""
    share = getattr(generator, "share", WHOLE)
    return share.part(torch.randn((shape[0] * share.of, *shape[1:]), generator=generator, **how))


def uniform(shape: Sequence[int], generator: torch.Generator | None, **how: Any) -> Tensor:
    """Draw from [0, 1) for the pictures of a batch, or of this process's share of it: [b, ...]."""
    share = getattr(generator, "share", WHOLE)
    return share.part(torch.rand((shape[0] * share.of, *shape[1:]), generator=generator, **how))
