"""The KL divergence of the posterior to the prior: weighted, at a capacity or a target, or with free bits.

beta-VAE: weight x KL (https://openreview.net/forum?id=Sy2fzU9gl). Capacity C: weight x |mean KL - C|, the
mean over the batch taken first (https://arxiv.org/abs/1804.03599). Free bits
(https://arxiv.org/abs/1606.04934): what lies below `free_bits` nats costs no more than they do. The paper
counts them for each group of latents, of the mean over the batch; most codes for each dimension, and some for
each image before the mean, which is never less.

Two weights are set by the training itself. ControlVAE (https://arxiv.org/abs/2004.05988): beta x KL, with
beta from a proportional and an integral part of the distance of the KL to its target. GECO
(https://arxiv.org/abs/1810.00597): KL + lambda (reconstruction - target), with lambda multiplied by
exp(rate x the moving average of the excess). What moves is kept with the weights of the model, so that a
resumed run goes on exactly.
"""

from __future__ import annotations

import logging
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from distaff.errors import InputError, nearest
from distaff.latents import Normal
from distaff.losses._objective import Column, Context, Step, Term, TermModule, Values
from distaff.schedules import Weight, as_schedule

logger = logging.getLogger(__name__)
Penalty = Literal["square", "abs"]
RESERVED = frozenset({"loss", "lr", "step", "seconds", "split", "reconstruction"})
"""Columns that every history has."""


class KLTerm(TermModule):
    """weight x KL(q(z | x) || p(z)), summed over the dimensions of the chosen blocks."""

    diverges = True

    def __init__(self, part: KL, blocks: list[str], most: float) -> None:
        super().__init__()
        self.part, self.blocks, self.name, self.most = part, blocks, part.name or "kl", most
        self.columns = {self.name: f"KL(q(z | x) || p(z)) of {', '.join(blocks)}, nats per image"}
        self.schedules = {self.name: as_schedule(part.weight)}
        if part.capacity is not None:
            self.schedules[f"{self.name}.capacity"] = as_schedule(part.capacity)
            asked = max(as_schedule(part.capacity).levels)
            if asked > most + 1e-3:
                logger.warning(
                    "loss.kl.capacity: %s hold at most %.4f nats, so that is the capacity, not %g",
                    ", ".join(blocks),
                    most,
                    asked,
                )

    def per_dimension(self, step: Step) -> Tensor:
        """Return the nats of every column for every image: [b, d]."""
        nats = [self._of_block(step, name) for name in self.blocks]
        return nats[0] if len(nats) == 1 else torch.cat(nats, dim=1)

    def _of_block(self, step: Step, name: str) -> Tensor:
        q = step.posteriors[name].distribution
        if self.part.penalty == "abs" and isinstance(q, Normal):
            # Far means cost less and near ones more than in the divergence, which this no longer is.
            return 0.5 * (q.log_variance.exp() + q.mean.abs() - 1 - q.log_variance)
        latents = step.model.latents
        z = step.z[..., latents.slices[name]]
        return latents[name].prior.kl(step.posteriors[name], z, step.batch.labels)

    def forward(self, step: Step) -> Values:
        """Return the KL of the chosen blocks."""
        part, nats = self.part, self.per_dimension(step)
        free = nats
        if part.free_per == "latent":
            sizes = [len(step.model.latents[name].kl_names) for name in self.blocks]
            free = torch.stack([each.sum(1) for each in torch.split(nats, sizes, 1)], 1)
        if part.free_per != "image":
            free = free.mean(0, keepdim=True)
        mean = (free.clamp(min=part.free_bits) if part.free_bits else free).mean(0)
        loss = mean.sum() / (nats.shape[1] if part.average else 1)
        if part.capacity is not None:
            loss = (loss - min(step.value(part.capacity), self.most)).abs()
        return Values(step.value(part.weight) * loss, {self.name: Column(nats.sum(1))})


def _refuse_reserved(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{name!r} is a column of every history; give the term another name")
    return name


class KL(Term):
    """The KL divergence of the latents named by `blocks`, of all that have one by default.

    `penalty` is square (the divergence) or abs; `capacity` is in nats. `free_bits` are nats of each dimension
    (`free_per`: dimension), of each latent as a whole (latent), or of each dimension of each image (image).
    `average` weighs the mean over the dimensions in place of their sum, as some published systems do.

    >>> KL(4).weight
    4.0
    """

    tag: ClassVar[str] = "kl"
    weight: Weight = 1.0
    penalty: Penalty = "square"
    capacity: Weight | None = None
    free_bits: float = Field(default=0.0, ge=0)
    free_per: Literal["dimension", "latent", "image"] = "dimension"
    average: bool = False
    blocks: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    name: Annotated[str, AfterValidator(_refuse_reserved)] | None = None

    def build(self, context: Context) -> TermModule:
        """Return the term over the named blocks, or over all that have a divergence."""
        known = [block.name for block in context.model.latents if block.has_kl]
        if not known:
            raise InputError("loss.kl: no latent of this model has a KL divergence; remove the term")
        blocks = list(self.blocks) if self.blocks is not None else known
        for name in blocks:
            if name not in known:
                raise InputError(
                    f"loss.kl.blocks: no latent called {name!r} has a divergence; {nearest(name, known)}"
                )
        most = sum(context.model.latents[name].prior.most_nats for name in blocks)
        return KLTerm(self, blocks, most)


class GECOTerm(TermModule):
    """lambda x (reconstruction - target)."""

    explains = True
    balances = True
    multiplier: Tensor
    average: Tensor

    def __init__(self, part: GECO) -> None:
        super().__init__()
        self.part = part
        self.columns = {
            "reconstruction": "-log p(x | z), nats per image",
            "geco.lambda": "what weighs the reconstruction; no nats",
        }
        self.schedules = {}
        self.register_buffer("multiplier", torch.ones(()))
        self.register_buffer("average", torch.zeros(()))

    def forward(self, step: Step) -> Values:
        """Return the weighted excess, and move the multiplier in training."""
        column, part = Column(-step.log_likelihood.mean(0)), self.part
        excess = column.mean() - part.target
        weight = self.multiplier.clone()
        if self.training:
            with torch.no_grad():
                self.average.copy_(part.memory * self.average + (1 - part.memory) * excess)
                change = (part.rate * self.average).clamp(-0.1, 0.1)
                self.multiplier.mul_(change.exp()).clamp_(1e-6, 1e6)
        return Values(weight * excess, {"reconstruction": column, "geco.lambda": Column(weight)})


class GECO(Term):
    """Holds the reconstruction at `target` nats per image, in the place of the term `reconstruction`.

    >>> GECO(target=90).memory
    0.99
    """

    tag: ClassVar[str] = "geco"
    target: float = Field(allow_inf_nan=False)
    rate: float = Field(default=1e-3, gt=0)
    memory: float = Field(default=0.99, ge=0, lt=1)

    def build(self, context: Context) -> TermModule:
        """Return the term."""
        return GECOTerm(self)


class ControlTerm(TermModule):
    """beta x KL, beta = sigmoid-shaped in the error plus its integral, within [least, most]."""

    diverges = True
    balances = True
    integral: Tensor

    def __init__(self, part: ControlledKL, kl: KLTerm) -> None:
        super().__init__()
        self.part, self._kl = part, kl
        self.columns = {**kl.columns, "kl.beta": "what weighs the KL; no nats"}
        self.schedules = {}
        self.register_buffer("integral", torch.zeros(()))

    def forward(self, step: Step) -> Values:
        """Return the weighted KL, and move its weight in training."""
        part, nats = self.part, self._kl.per_dimension(step).sum(1)
        error = part.target - nats.detach().mean()
        proportional = part.proportional * torch.sigmoid(-error)
        beta = (proportional - self.integral + part.least).clamp(part.least, part.most)
        if self.training:
            # The integral stops where beta has reached an end, and would otherwise have to come all the way
            # back.
            inside = (beta > part.least) & (beta < part.most) | (self.integral * error <= 0)
            self.integral.add_(part.integral * error * inside)
        return Values(beta * nats.mean(), {"kl": Column(nats), "kl.beta": Column(beta)})


class ControlledKL(Term):
    """Holds the KL at `target` nats per image by a controller of its weight, in the place of the term `kl`.

    >>> ControlledKL(target=20).proportional
    0.01
    """

    tag: ClassVar[str] = "controlled_kl"
    target: float = Field(gt=0, allow_inf_nan=False)
    proportional: float = Field(default=0.01, gt=0)
    integral: float = Field(default=1e-4, gt=0)
    least: float = Field(default=0.0, ge=0)
    most: float = Field(default=100.0, gt=0)

    def build(self, context: Context) -> TermModule:
        """Return the term over all latents that have a divergence."""
        kl = KL().build(context)
        assert isinstance(kl, KLTerm)
        return ControlTerm(self, kl)
