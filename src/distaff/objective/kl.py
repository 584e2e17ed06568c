"""https://arxiv.org/abs/1804.03599: the KL term, weighted (beta), held at a capacity, or with free bits.

beta-VAE: weight x KL (https://openreview.net/forum?id=Sy2fzU9gl). Capacity C: weight x |mean KL - C|, the
mean over the batch taken first. Free bits (https://arxiv.org/abs/1606.04934): each dimension's batch mean
counts only above `free_bits` nats.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from distaff.autoencoder import Autoencoder, Output
from distaff.errors import InputError, nearest
from distaff.latent import Domain, Penalty
from distaff.objective.term import Batch, Contribution, Term, TermSpec
from distaff.schedule import Constant, Schedule, Weight


class KLTerm(Term):
    """weight x KL(q(z | x) || p(z)), summed over the dimensions of the chosen blocks."""

    def __init__(
        self,
        name: str,
        blocks: list[str],
        weight: Schedule,
        capacity: Schedule | None,
        penalty: Penalty,
        free_bits: float,
        average: bool,
    ) -> None:
        super().__init__()
        self.name, self.blocks, self.penalty, self.free_bits = name, blocks, penalty, free_bits
        self.average = average
        self.schedules = {name: weight}
        if capacity is not None:
            self.schedules[f"{name}.capacity"] = capacity

    def per_dimension(self, output: Output, model: Autoencoder) -> Tensor:
        """Return the nats of every dimension for every picture: [b, d]."""
        return torch.cat(
            [model.latent[name].kl(output.states[name], self.penalty) for name in self.blocks], dim=1
        )

    def forward(
        self, batch: Batch, output: Output, model: Autoencoder, weights: dict[str, float]
    ) -> Contribution:
        """Return the KL of the chosen blocks."""
        nats = self.per_dimension(output, model)
        values = {self.name: nats.sum(1)}
        mean = nats.mean(0)
        capacity = weights.get(f"{self.name}.capacity")
        if self.free_bits or capacity is not None:
            # Elsewhere the mean is taken of the losses, which is the same.
            mean = batch.share.mean(mean)
        if self.free_bits:
            mean = mean.clamp(min=self.free_bits)
        loss = mean.mean() if self.average else mean.sum()
        if capacity is not None:
            loss = (loss - capacity).abs()
        return Contribution(weights[self.name] * loss, values)


RESERVED = frozenset({"loss", "lr", "step", "seconds", "split", "reconstruction"})
"""Columns that every history has."""


def _refuse_reserved(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{name!r} is a column of every history; give the term another name")
    return name


class KL(TermSpec):
    """`penalty` is square or abs; `capacity` in nats; `free_bits` in nats per dimension; `blocks` by name.

    `average` weighs the mean over the dimensions in place of their sum, as some published systems do.
    """

    tag: ClassVar[str] = "kl"
    weight: Weight = Constant(1.0)
    penalty: Penalty = "square"
    capacity: Weight | None = None
    free_bits: float = Field(default=0.0, ge=0)
    average: bool = False
    blocks: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    name: Annotated[str, AfterValidator(_refuse_reserved)] | None = None

    def build(self, model: Autoencoder, domains: dict[str, Domain]) -> Term:
        """Return the term over the named blocks, or over all."""
        known = [block.name for block in model.latent]
        blocks = list(self.blocks) if self.blocks is not None else known
        for name in blocks:
            if name not in known:
                raise InputError(
                    f"loss.kl.blocks: no latent block is called {name!r}; {nearest(name, known)}"
                )
        name = self.name or "kl"
        return KLTerm(name, blocks, self.weight, self.capacity, self.penalty, self.free_bits, self.average)
