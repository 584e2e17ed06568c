"""Terms of single latents: values of a codebook, attributes that they stand for, and apart in the decoder.

https://arxiv.org/abs/2305.18378: what keeps codebook and encoder together in quantised latents.
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

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distaff.attributes import Attribute
from distaff.errors import InputError, UnknownAttributeError
from distaff.latents import Quantised
from distaff.losses._objective import Column, Context, Step, Term, TermModule, Values, normal_latents
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


def order_cost(z: Tensor, values: Tensor, sharpness: float) -> Tensor:
    """Return the mean of |tanh(sharpness (z_i - z_j)) - sign(a_i - a_j)| over known pairs: [b], [b] -> [].

    >>> round(order_cost(torch.tensor([0.0, 1.0, 3.0]), torch.tensor([1.0, 2.0, 2.0]), 1.0).item(), 4)
    0.2683
    """
    known = ~values.isnan()
    pairs = known.unsqueeze(1) & known
    wanted = (values.unsqueeze(1) - values).sign().nan_to_num()
    found = torch.tanh(sharpness * (z.unsqueeze(1) - z))
    return torch.where(pairs, (found - wanted).abs(), 0).sum() / pairs.sum().clamp(min=1)


class OrderTerm(TermModule):
    """How far the codes are from the order of the attributes, one latent each."""

    def __init__(self, part: Order, attributes: list[str]) -> None:
        super().__init__()
        self.part, self.attributes = part, attributes
        self.columns = {
            f"order.{name}": f"pairs of codes out of the order of {name}, 0 to 2; no nats"
            for name in attributes
        }
        self.schedules = {"order": as_schedule(part.weight)}

    def forward(self, step: Step) -> Values:
        """Return the sum over the attributes."""
        z, labels = step.normal_posterior()[1], step.batch.labels
        columns = {
            f"order.{name}": Column(order_cost(z[:, latent], labels[name], self.part.sharpness))
            for latent, name in enumerate(self.attributes)
        }
        total = torch.stack([each.values for each in columns.values()]).sum()
        return Values(step.value(self.part.weight) * total, columns)


class _ByLatent(Term):
    """A term in which latent i, of those with a normal posterior, is that of the i-th of some attributes."""

    weight: Weight = 1.0
    attributes: tuple[str, ...] | Literal["all", "classes", "continuous"] = "all"

    def choose(self, context: Context) -> list[str]:
        """Return the attributes; raises InputError for none, an unknown one, or too few latents."""
        where, known = f"loss.{self.tag}", context.attributes
        kinds = {"all": (True, False), "classes": (True,), "continuous": (False,)}
        if isinstance(self.attributes, tuple):
            names = list(self.attributes)
        else:
            names = [name for name, each in known.items() if bool(each.size) in kinds[self.attributes]]
        wrong = [name for name in names if name not in known]
        if wrong or not names:
            raise UnknownAttributeError(where, wrong[0] if wrong else None, known)
        normal_latents(context, len(names), where)
        return names


class Order(_ByLatent):
    """Orders latent i as attribute i is ordered (AR-VAE, https://arxiv.org/abs/2004.05485).

    |tanh(sharpness (z_i - z_j)) - sign(a_i - a_j)|, the mean over all pairs of images of the batch that have
    the label, each with itself as well: only the order counts, and equal labels pull codes together.

    >>> Order(weight=10, attributes=("thickness",)).sharpness
    1.0
    """

    tag: ClassVar[str] = "order"
    sharpness: float = Field(default=1.0, gt=0)

    def build(self, context: Context) -> TermModule:
        """Return the term."""
        return OrderTerm(self, self.choose(context))


class AlignTerm(TermModule):
    """How far the mean codes are from the attributes, one latent each."""

    low: Tensor
    span: Tensor

    def __init__(self, part: Align, attributes: list[Attribute]) -> None:
        super().__init__()
        self.part, self.attributes = part, attributes
        about = {
            "xent": "cross-entropy of attributes read from the means, nats per labelled image",
            "l2": "squared distance of attributes to the scaled means, per labelled image; no nats",
            "cov": "sum of squared covariances of attributes and the means of others; no nats",
        }
        self.columns = {"align": about[part.by]}
        self.schedules = {"align": as_schedule(part.weight)}
        low = [0.0 if each.size else each.low for each in attributes]
        span = [each.size or (each.high - each.low or 1.0) for each in attributes]
        self.register_buffer("low", torch.tensor(low), persistent=False)
        self.register_buffer("span", torch.tensor(span, dtype=torch.float32), persistent=False)
        if part.by == "l2":
            self.scale = nn.Parameter(torch.ones(()))

    def forward(self, step: Step) -> Values:
        """Return the distance of the labelled images."""
        values = torch.stack([step.batch.labels[each.name] for each in self.attributes], 1)
        mean = step.normal_posterior()[0].mean[:, : len(self.attributes)]
        column = self._covariances(mean, values) if self.part.by == "cov" else self._distances(mean, values)
        return Values(step.value(self.part.weight) * column.mean(), {"align": column})

    def _distances(self, mean: Tensor, values: Tensor) -> Column:
        known, values = ~values.isnan(), values.nan_to_num()
        if self.part.by == "l2":
            nats = (self.scale * mean - values).square()
        else:
            # A factor of 4 has the targets 0, .25, .5 and .75, as published.
            target = ((values - self.low) / self.span).clamp(0, 1)
            nats = functional.binary_cross_entropy_with_logits(mean, target, reduction="none")
        return Column(torch.where(known, nats, 0).sum(1), known.any(1))

    def _covariances(self, mean: Tensor, values: Tensor) -> Column:
        known = ~values.isnan().any(1, keepdim=True)
        count = known.sum().clamp(min=1)
        mean, values = (torch.where(known, each, 0) for each in (mean, values))
        mean, values = (torch.where(known, each - each.sum(0) / count, 0) for each in (mean, values))
        found = mean.T @ values / count
        return Column(found.square().sum() - found.diagonal().square().sum())


class Align(_ByLatent):
    """Holds the mean of latent i at attribute i where it is known (S2, https://arxiv.org/abs/1905.01258).

    `by` xent: cross-entropy of sigmoid(mean) and the label over its number of classes; l2: squared distance
    of the label to the mean times a number that is learned; cov: squared covariances of each label with the
    means of the others. Published weights count the sum over 64 labelled images: times 64 for xent and l2.

    >>> Align(640).by
    'xent'
    """

    tag: ClassVar[str] = "align"
    by: Literal["xent", "l2", "cov"] = "xent"

    def build(self, context: Context) -> TermModule:
        """Return the term."""
        return AlignTerm(self, [context.attributes[name] for name in self.choose(context)])
