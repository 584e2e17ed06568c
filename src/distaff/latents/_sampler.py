"""https://arxiv.org/abs/2209.03003: a sampler of codes, for models whose prior has holes (a rectified flow).

Between noise e and a code z lies x_t = (1 - t) e + t z, and a network v(x_t, t, y) learns the mean of z - e.
From noise at t = 0 its velocities lead to codes at t = 1, spread as those that it has seen, of images with
the labels y. A label that is missing is all zeros, and some are hidden while it learns, so that any may be
given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from distaff.attributes import Attribute
from distaff.parts import Record

MOVES = 32
"""Steps from noise to a code."""


class SamplerOptions(Record):
    """How a sampler is trained: `steps` of `batch` codes, a network of `hidden` layers, the rate `lr`.

    `dropout` is the share of labels that are hidden.

    >>> SamplerOptions().steps
    3000
    """

    steps: int = Field(default=3000, ge=1)
    batch: int = Field(default=512, ge=1)
    hidden: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = (256, 256, 256)
    lr: float = Field(default=2e-3, gt=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)


class CodeSampler(nn.Module):
    """The velocities that lead from noise to codes of `size` numbers."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, options: SamplerOptions, size: int, attributes: Sequence[Attribute]) -> None:
        super().__init__()
        self.options, self.size, self.attributes = options, size, tuple(attributes)
        width = size + 5 + sum(each.size or 1 for each in self.attributes)
        layers: list[nn.Module] = []
        for after in options.hidden:
            layers += [nn.Linear(width, after), nn.SiLU()]
            width = after
        self.network = nn.Sequential(*layers, nn.Linear(width, size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))

    def velocity(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the velocity at x [b, d] and times t [b]: [b, d]."""
        turns = [f(k * math.pi * t) for k in (1, 2) for f in (torch.sin, torch.cos)]
        found: Tensor = self.network(torch.cat([x, torch.stack([t, *turns], 1), condition], 1))
        return found

    def condition(self, labels: Mapping[str, Tensor], count: int) -> Tensor:
        """Return what the network is told of labels (float [n], NaN where missing): [n, k]."""
        unknown = torch.full((count,), math.nan, device=self.mean.device)
        known = {each.name: labels.get(each.name, unknown) for each in self.attributes}
        code = condition_code(self.attributes, known)
        return self.mean.new_zeros(count, 0) if code is None else code

    def fit(
        self,
        codes: Tensor,
        labels: Mapping[str, Tensor],
        *,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> float:
        """Learn the codes [n, d] of images with labels, float [n] each, NaN where missing.

        Returns:
            the mean squared error of the velocity over the last tenth of the steps.
        """
        options = self.options
        generator = torch.Generator(codes.device).manual_seed(seed)
        self.mean.copy_(codes.mean(0))
        self.deviation.copy_(codes.std(0, correction=0).clamp(min=1e-6))
        standard = (codes - self.mean) / self.deviation
        adam = torch.optim.Adam(self.network.parameters(), lr=options.lr)
        rate = torch.optim.lr_scheduler.CosineAnnealingLR(adam, options.steps)
        size, errors = min(options.batch, len(codes)), []
        for step in range(options.steps):
            rows = torch.randint(len(codes), (size,), generator=generator, device=codes.device)
            known = {}
            for each in self.attributes:
                hidden = torch.rand(size, generator=generator, device=codes.device) < options.dropout
                known[each.name] = labels[each.name][rows].masked_fill(hidden, math.nan)
            noise = torch.randn(size, self.size, generator=generator, device=codes.device)
            t = torch.rand(size, generator=generator, device=codes.device)
            end = standard[rows]
            x = noise + t.unsqueeze(1) * (end - noise)
            found = self.velocity(x, t, self.condition(known, size))
            loss = (found - (end - noise)).square().mean()
            adam.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
            rate.step()
            errors.append(loss.detach())
            if progress is not None and (step + 1) % 100 == 0:
                progress(step + 1, options.steps)
        return float(torch.stack(errors[-max(1, options.steps // 10) :]).mean())

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator, labels: Mapping[str, Tensor]) -> Tensor:
        """Draw n codes [n, d] of images with labels, float [n] each; what is not given is unknown."""
        device = self.mean.device
        condition = self.condition(labels, n)
        x = torch.randn(n, self.size, generator=generator, device=device)
        for move in range(MOVES):
            t = torch.full((n,), move / MOVES, device=device)
            first = self.velocity(x, t, condition)
            second = self.velocity(x + first / MOVES, t + 1 / MOVES, condition)
            x = x + (first + second) / (2 * MOVES)
        return x * self.deviation + self.mean


def condition_code(attributes: Sequence[Attribute], labels: Mapping[str, Tensor]) -> Tensor | None:
    """Return labels (float [b] by attribute) as numbers that a network reads [b, k]; None without attributes.

    A class is one-hot, a continuous value standardised; a missing label (NaN) is all zeros, which the network
    learns to read as unknown.

    >>> digit = Attribute(name="digit", kind="categorical", values=(0, 1, 2))
    >>> condition_code([digit], {"digit": torch.tensor([2.0, float("nan")])}).tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    pieces = []
    for attribute in attributes:
        values = labels[attribute.name]
        if attribute.size:
            classes = torch.arange(attribute.size, device=values.device)
            pieces.append((classes == values.unsqueeze(1)).float())
        else:
            standard = (values - attribute.mean) / (attribute.std or 1.0)
            pieces.append(standard.nan_to_num().unsqueeze(1))
    return torch.cat(pieces, dim=1) if pieces else None
