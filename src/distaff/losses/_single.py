"""https://arxiv.org/abs/2305.18378: what keeps codebook and encoder together in quantised latents.

codebook x sum_d (sg[c_d] - v_d)^2 moves the values to the encoder's numbers, commitment x sum_d (c_d -
sg[v_d])^2 the numbers to the values. Squared distances, no nats. The published .01 on the mean over D
latents beside a mean over P pixels is .01 P / D here.

https://arxiv.org/abs/2404.10282: how far two latents work together in the decoder (Tripod, for quantised
latents and any others). For a direction v of entries 1 and -1 the variance of v' H v is 2 sum_{i != j}
H_ij^2, for a normal one 2 sum_ij H_ij^2, where H are the second derivatives of an output by the latents.
Their ratio is the share of the curvature that mixes latents: 0 for a decoder that is a sum of functions of
one latent each, whatever its scale.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from distaff.errors import InputError
from distaff.latents import Quantised
from distaff.losses._objective import Column, Context, Step, Term, TermModule, Values
from distaff.schedules import Weight, as_schedule

STEP = 0.1
"""How far codes are moved for a second derivative, in deviations of each latent."""


class QuantiseTerm(TermModule):
    """The squared distance between the encoder's numbers and their values, each way with its own weight."""

    def __init__(self, part: Quantise, names: list[str]) -> None:
        super().__init__()
        self.part, self.names = part, names
        self.columns = {"quantise": "squared distance of codes to their values, summed over latents; no nats"}
        self.schedules = {
            "quantise.codebook": as_schedule(part.codebook),
            "quantise.commitment": as_schedule(part.commitment),
        }

    def forward(self, step: Step) -> Values:
        """Return both distances, which are equal but for their gradients."""
        codebook = commitment = step.z.new_zeros(len(step.batch.images))
        for name in self.names:
            q = step.posteriors[name].distribution
            assert isinstance(q, Quantised)
            codebook = codebook + _distance(q.continuous.detach(), q.nearest)
            commitment = commitment + _distance(q.continuous, q.nearest.detach())
        part = self.part
        loss = step.value(part.codebook) * codebook.mean() + step.value(part.commitment) * commitment.mean()
        return Values(loss, {"quantise": Column(commitment)})


def _distance(one: Tensor, two: Tensor) -> Tensor:
    return (one - two).square().sum(1)


class Quantise(Term):
    """Keeps codebook and codes together; each weight counts a squared distance summed over the latents.

    >>> Quantise(codebook=10.24, commitment=10.24).codebook
    10.24
    """

    tag: ClassVar[str] = "quantise"
    codebook: Weight = 1.0
    commitment: Weight = 1.0

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model without quantised latents."""
        names = [block.name for block in context.model.latents if block.kind == "quantised"]
        if not names:
            raise InputError("loss.quantise: the model has no quantised latents")
        return QuantiseTerm(self, names)


class HessianTerm(TermModule):
    """weight x the share of the decoder's curvature that mixes latents."""

    def __init__(self, part: Hessian) -> None:
        super().__init__()
        self.part = part
        self.columns = {"hessian": "share of the decoder's curvature that mixes two latents, 0 to 1; no nats"}
        self.schedules = {"hessian": as_schedule(part.weight)}

    def forward(self, step: Step) -> Values:
        """Return the share, by finite differences of the decoder at detached codes."""
        model, draws, z = step.model, self.part.directions, step.z[0].detach()
        condition, generator = model.condition_code(step.batch.labels), step.generator("hessian")
        shape = (draws, *z.shape)
        signs = torch.randint(2, shape, generator=generator, device=z.device).to(z.dtype) * 2 - 1
        normal = torch.randn(shape, generator=generator, device=z.device, dtype=z.dtype)
        # That of n codes, not of n - 1: a last batch of one image has a deviation, too.
        away = STEP * z.std(0, correction=0).clamp(min=1e-3) * torch.cat([signs, normal])
        middle, up, down = (model.decode(each, condition) for each in (z, z + away, z - away))
        second = (up - 2 * middle + down) / STEP**2
        mixed, whole = (each.var(0).sum() for each in torch.split(second, draws))
        share = mixed / (whole + 1e-10)
        return Values(step.value(self.part.weight) * share, {"hessian": Column(share)})


class Hessian(Term):
    """Keeps latents apart in the decoder, by `directions` of each kind; a step costs some four times as much.

    >>> Hessian(40).directions
    2
    """

    tag: ClassVar[str] = "hessian"
    weight: Weight = 1.0
    directions: int = Field(default=2, ge=2)

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model with a single latent."""
        if context.model.latents.outputs < 2:
            raise InputError("loss.hessian: needs 2 latents, the model has 1")
        return HessianTerm(self)
