"""https://arxiv.org/abs/1802.04942: the total correlation of z as a term of the loss (beta-TCVAE).

KL = MI + TC + dimension-wise KL, with MI = log q(z|x) - log q(z), TC = log q(z) - sum_d log q(z_d) and the
rest sum_d log q(z_d) - log p(z_d). With a `kl` term of weight 1, `tc` of weight beta - 1 is the beta-TCVAE,
whose gradient at beta = 1 is the VAE's exactly.

log q(z) is estimated within the batch as the logsumexp over j of log W_ij + log q(z_i | x_j). The weight is
added once for each logsumexp, after the sum over the dimensions. Train with any estimator, report with none:
the metric `elbo_split` uses many thousands of posteriors.

Or by a discriminator (FactorVAE, https://arxiv.org/abs/1802.05983), which tells codes z from codes whose
dimensions are permuted across the batch, each by itself. Its logit estimates log q(z) - sum_d log q(z_d),
whose mean is the total correlation. It learns from detached codes, and the model through a discriminator
whose weights are constants, so that neither gradient reaches the other. Both learn from the same batch, at
the same time.

Or by kernels on the codes themselves (Tripod, https://arxiv.org/abs/2404.10282), where there are no
posteriors: log q(z) and log q(z_d) are densities of normal kernels on the codes of the batch. One bandwidth
for both, each latent's deviation times Silverman's factor, makes it the total correlation of slightly
blurred codes; the published code has another for the marginals, with which independent codes do not measure
0.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distaff.errors import InputError
from distaff.latents import Normal, log_normal, log_standard_normal
from distaff.losses._objective import (
    Column,
    Context,
    ParameterGroup,
    Step,
    Term,
    TermModule,
    Values,
    constant,
    normal_latents,
)
from distaff.networks import Width, initialise
from distaff.optimizers import Decay
from distaff.parts import Part
from distaff.schedules import Weight, as_schedule


class TCEstimator(Part):
    """How the total correlation is estimated."""

    family: ClassVar[str] = "tc estimator"
    of_normal: ClassVar[bool] = True
    """Whether it measures the latents with a normal posterior, or the codes of all."""

    @abstractmethod
    def build(self, weight: Weight, size: int, context: Context) -> TermModule:
        """Return the term for `size` latents."""


def log_weights(estimator: str, batch: int, images: int, device: torch.device | None = None) -> Tensor:
    """Return log W [b, b] for a batch out of `images` training images.

    mws: 1 / (B N) everywhere. mss: 1 / N for the own posterior, (N - M) / (N M) for one other and 1 / M for
    the rest, with M = B - 1. exchangeable: 1 / N and (N - 1) / (N M), the mean of mss over which other is the
    one. A batch of one image knows no other posterior, so that its own has all the weight but under mws.

    >>> log_weights("exchangeable", 4, 10).exp().sum().round().item()
    4.0
    """
    others = batch - 1
    if estimator == "mws":
        return torch.full((batch, batch), -math.log(batch * images), device=device)
    if not others:
        return torch.zeros((1, 1), device=device)
    own = torch.eye(batch, device=device)
    weights = own / images + (1 - own) * (images - 1) / (images * others)
    if estimator == "mss":
        stratified = torch.roll(own, 1, dims=1) * (1 - own)
        weights = own / images + (1 - own) / others
        weights = torch.where(stratified > 0, (images - others) / (images * others), weights)
    return weights.log()


def split(q: Normal, z: Tensor, log_w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return MI, TC and the dimension-wise KL to N(0, I) of every image in nats: [b] each."""
    pairwise = log_normal(z.unsqueeze(1), q.mean, q.log_variance)
    log_qz = torch.logsumexp(pairwise.sum(2) + log_w, dim=1)
    log_marginals = torch.logsumexp(pairwise + log_w.unsqueeze(2), dim=1).sum(1)
    log_prior = log_standard_normal(z)
    return q.log_prob(z) - log_qz, log_qz - log_marginals, log_marginals - log_prior


class MinibatchTC(TermModule):
    """weight x TC, estimated by the other posteriors of the batch; and weight x MI where it has one, too."""

    def __init__(self, part: Minibatch, weight: Weight, images: int) -> None:
        super().__init__()
        self.part, self.weight, self.images = part, weight, images
        about = "nats per image, estimated within the batch"
        self.columns = {"tc": f"total correlation of z, {about}"}
        self.columns |= {"mi": f"mutual information of x and z, {about}"}
        self.columns |= {"dim_kl": f"sum over latents of KL(q(z_d) || p(z_d)), {about}"}
        self.schedules = {"tc": as_schedule(weight)}
        if part.mi != 0:
            self.schedules["mi"] = as_schedule(part.mi)

    def forward(self, step: Step) -> Values:
        """Return the total correlation of the batch."""
        q, z = step.normal_posterior()
        log_w = log_weights(self.part.estimator, len(z), max(self.images, len(z)), z.device)
        mi, tc, dim_kl = split(q, z, log_w)
        columns = {"tc": Column(tc), "mi": Column(mi), "dim_kl": Column(dim_kl)}
        value = step.value(self.weight) * tc.mean()
        if self.part.mi != 0:
            value = value + step.value(self.part.mi) * mi.mean()
        return Values(value, columns)


class Minibatch(TCEstimator):
    """The posteriors of the batch: `exchangeable`, or `mss` and `mws` as published.

    `mi` is the weight of the mutual information, which makes all three parts of the KL free: with weights a
    of `kl`, b of `tc` and c of `mi` they are a + c for MI, a + b for TC and a for the dimension-wise KL.

    >>> Minibatch().estimator
    'exchangeable'
    """

    tag: ClassVar[str] = "minibatch"
    estimator: Literal["exchangeable", "mss", "mws"] = "exchangeable"
    mi: Weight = 0.0

    def build(self, weight: Weight, size: int, context: Context) -> TermModule:
        """Return the term."""
        return MinibatchTC(self, weight, context.images)


class TC(Term):
    """The total correlation of the latents: of those with a normal posterior, or by kernels of all.

    >>> TC(5).by
    Minibatch(estimator='exchangeable', mi=0.0)
    """

    tag: ClassVar[str] = "tc"
    weight: Weight = 1.0
    by: TCEstimator = Minibatch()

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model with fewer than two such latents."""
        if self.by.of_normal:
            return self.by.build(self.weight, normal_latents(context, 2, "loss.tc"), context)
        size = context.model.latents.outputs
        if size < 2:
            raise InputError("loss.tc: needs 2 latents, the model has 1")
        return self.by.build(self.weight, size, context)


def permute_dimensions(z: Tensor, generator: torch.Generator) -> Tensor:
    """Return codes [b, d] of which every column is permuted by itself."""
    order = torch.rand(z.shape, generator=generator, device=z.device).argsort(dim=0)
    return z.gather(0, order)


class DiscriminatorTC(TermModule):
    """weight x TC for the model, and the cross-entropy for the discriminator."""

    def __init__(self, part: Discriminator, weight: Weight, size: int) -> None:
        super().__init__()
        self.part, self.weight = part, weight
        layers: list[nn.Module] = []
        for before, after in pairwise((size, *part.hidden)):
            layers += [nn.Linear(before, after), nn.LeakyReLU(0.2, inplace=True)]
        self.discriminator = nn.Sequential(*layers, nn.Linear(part.hidden[-1], 2))
        initialise(self)
        self.columns = {
            "tc": "total correlation of z by the discriminator, nats per image",
            "tc.loss": "cross-entropy of the discriminator, nats (0.693 at chance)",
            "tc.accuracy": "share that the discriminator tells right (0.5 at chance)",
        }
        self.schedules = {"tc": as_schedule(weight)}

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the discriminator's weights, with a learning rate and betas of their own."""
        return [ParameterGroup(list(self.parameters()), self.part.lr, self.part.betas)]

    def forward(self, step: Step) -> Values:
        """Return the total correlation and what the discriminator makes of the batch."""
        z = step.normal_posterior()[1]
        with constant(self.discriminator):
            joint, permuted = self.discriminator(z).unbind(1)
        tc = joint - permuted
        other = permute_dimensions(z.detach(), step.generator("tc"))
        logits = self.discriminator(torch.cat([z.detach(), other]))
        true = torch.arange(2, device=z.device).repeat_interleave(len(z))
        loss = functional.cross_entropy(logits, true)
        columns = {
            "tc": Column(tc),
            "tc.loss": Column(loss),
            "tc.accuracy": Column((logits.argmax(1) == true).float().mean()),
        }
        # What is shown of the loss is the model's; the discriminator adds its gradient alone.
        return Values(step.value(self.weight) * tc.mean() + loss - loss.detach(), columns)


class Discriminator(TCEstimator):
    """A discriminator of `hidden` layers with an Adam of its own (`lr`, `betas`).

    >>> Discriminator().hidden
    (1000, 1000, 1000, 1000, 1000, 1000)
    """

    tag: ClassVar[str] = "discriminator"
    hidden: tuple[Width, ...] = Field(default=(1000,) * 6, min_length=1)
    lr: Weight = 1e-4
    betas: tuple[Decay, Decay] = (0.5, 0.9)

    def build(self, weight: Weight, size: int, context: Context) -> TermModule:
        """Return the term, with a discriminator of `size` inputs."""
        return DiscriminatorTC(self, weight, size)


def kernel_tc(z: Tensor) -> Tensor:
    """Return log q(z) - sum_d log q(z_d) of codes [n, d] by normal kernels on them, in nats: [n].

    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> z = torch.randn(500, 1)
    >>> bool(kernel_tc(torch.cat([z, z], 1)).mean() > 0.8 > kernel_tc(torch.randn(500, 2)).mean())
    True
    """
    n, size = z.shape
    factor = (4 / ((size + 2) * n)) ** (1 / (size + 4))
    # A latent that does not vary has a kernel as good as any other.
    # That of n codes, not of n - 1: a last batch of one image has a deviation, too.
    width = z.std(0, correction=0).clamp(min=1e-4) * factor
    log_kernels = -0.5 * ((z.unsqueeze(1) - z) / width).square()
    joint = torch.logsumexp(log_kernels.sum(2), 1)
    marginals = torch.logsumexp(log_kernels, 1).sum(1)
    return joint - marginals + (size - 1) * math.log(n)


class KernelTC(TermModule):
    """weight x TC of the codes, by kernels."""

    def __init__(self, weight: Weight) -> None:
        super().__init__()
        self.weight = weight
        self.columns = {"tc": "total correlation of z by kernels within the batch, nats per image"}
        self.schedules = {"tc": as_schedule(weight)}

    def forward(self, step: Step) -> Values:
        """Return the total correlation of the batch."""
        column = Column(kernel_tc(step.z[0]))
        return Values(step.value(self.weight) * column.mean(), {"tc": column})


class Kernel(TCEstimator):
    """Kernels on the codes, of whatever latents.

    >>> TC(1, by="kernel").by
    Kernel()
    """

    tag: ClassVar[str] = "kernel"
    of_normal: ClassVar[bool] = False

    def build(self, weight: Weight, size: int, context: Context) -> TermModule:
        """Return the term."""
        return KernelTC(weight)
