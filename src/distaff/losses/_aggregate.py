"""Terms that hold the codes as a whole at the prior N(0, I): their covariance, or their distribution.

Moments (DIP-VAE, https://arxiv.org/abs/1711.00848): off_diagonal x sum_{i != j} C_ij^2 + diagonal x
sum_i (C_ii - 1)^2. Type I takes the covariance of the means within the batch, type II adds the mean of the
posterior variances, which makes it the covariance of z. Squared covariances, no nats; what a batch says of
them is off by about 1 / b.

Maximum mean discrepancy (InfoVAE, MMD-VAE, https://arxiv.org/abs/1706.02262): MMD^2 = E k(z, z') +
E k(p, p') - 2 E k(z, p). For the kernel rbf, exp(-|d|^2 / 2h), every expectation over the prior is exact:
E k(p, p') = (h / (h + 2))^(D/2) and E k(z, p) = (h / (h + 1))^(D/2) exp(-|z|^2 / 2(h + 1)). For imq,
C / (C + |d|^2), as many codes are drawn from the prior as the batch has. The estimate is unbiased, and so
negative half of the time at the optimum. No nats: MMD^2 is at most 2, so weights are large. InfoVAE's
objective is (1 - alpha) KL + (alpha + lambda - 1) MMD^2, with both weights written out here.

Marginal KL: KL(q(z) || N(0, I)) of the aggregate posterior q(z) = 1/N sum_j q(z | x_j), the third term of the
bound as Hoffman and Johnson take it apart (http://approximateinference.org/accepted/HoffmanJohnson2016.pdf).
q is the mixture of the batch's posteriors and of as many earlier ones as `memory` holds. Its gradient with
respect to the weights is that of log q(z) - log p(z) at fixed q, as the rest has mean 0; so what is
remembered needs no gradient. The posterior that a code was drawn from counts among the others, but passes
no gradient: through it a narrow posterior would only feel a heavier KL. In many dimensions codes are so
sparse that each is alone in its own posterior; the estimate then knows nothing of q around it, and neither
q nor p moves the code. Noise N(0, width^2) added to codes and prior alike
(https://arxiv.org/abs/1811.08968) lets the term see gaps of that width; the divergence is still 0 only at
the prior.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor

from distaff.errors import InputError
from distaff.latents import Normal, log_normal
from distaff.latents.priors import ByClassModule
from distaff.losses._objective import Column, Context, Step, Term, TermModule, Values, normal_latents
from distaff.schedules import Weight, as_schedule

Kernel = Literal["rbf", "imq"]
NEVER = -1e30
"""The log of no chance, finite so that its gradient is 0."""


def covariance(q: Normal, of: Literal["mean", "sample"]) -> Tensor:
    """Return the covariance of the means, or of the codes, of a batch: [d, d]."""
    centred = q.mean - q.mean.mean(0)
    found = centred.T @ centred / len(centred)
    return found if of == "mean" else found + torch.diag(q.log_variance.exp().mean(0))


class MomentsTerm(TermModule):
    """The squared distance of the covariance to the identity."""

    def __init__(self, part: Moments) -> None:
        super().__init__()
        self.part = part
        self.columns = {
            "off_diagonal": "sum of squared covariances between latents; no nats",
            "diagonal": "sum of squared distances of the variances from 1; no nats",
        }
        self.schedules = {
            "off_diagonal": as_schedule(part.off_diagonal),
            "diagonal": as_schedule(part.diagonal),
        }

    def forward(self, step: Step) -> Values:
        """Return both sums of the batch."""
        found = covariance(step.normal_posterior()[0], self.part.of)
        variances = found.diagonal()
        off_diagonal = found.square().sum() - variances.square().sum()
        diagonal = (variances - 1).square().sum()
        loss = step.value(self.part.off_diagonal) * off_diagonal + step.value(self.part.diagonal) * diagonal
        return Values(loss, {"off_diagonal": Column(off_diagonal), "diagonal": Column(diagonal)})


class Moments(Term):
    """The covariance of the means (of: mean, DIP-VAE I) or of the codes (of: sample, DIP-VAE II).

    >>> Moments(off_diagonal=10, diagonal=100, of="mean").of
    'mean'
    """

    tag: ClassVar[str] = "moments"
    off_diagonal: Weight = 10.0
    diagonal: Weight = 10.0
    of: Literal["mean", "sample"] = "sample"

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model with fewer than two normal latents."""
        normal_latents(context, 2, "loss.moments")
        return MomentsTerm(self)


def kernel(one: Tensor, two: Tensor, name: Kernel, scale: float) -> Tensor:
    """Return k between every two codes: [n, d], [m, d] -> [n, m]; `scale` is h of rbf and C of imq."""
    squared = (one.unsqueeze(1) - two.unsqueeze(0)).square().sum(2)
    return torch.exp(-squared / (2 * scale)) if name == "rbf" else scale / (scale + squared)


def between_others(codes: Tensor, name: Kernel, scale: float) -> Tensor:
    """Return the mean of k over all pairs of different codes: [n, d] -> []."""
    within = kernel(codes, codes, name, scale)
    count = max(len(codes), 2)
    mean: Tensor = (within.sum() - within.diagonal().sum()) / (count * (count - 1))
    return mean


def sampled_mmd(codes: Tensor, prior: Tensor, name: Kernel, scale: float) -> Tensor:
    """Return the unbiased MMD^2 of two sets of codes: [n, d], [m, d] -> []."""
    cross = kernel(codes, prior, name, scale).mean()
    return between_others(codes, name, scale) + between_others(prior, name, scale) - 2 * cross


def normal_mmd(codes: Tensor, scale: float) -> Tensor:
    """Return the unbiased MMD^2 of codes [n, d] and N(0, I) under the kernel rbf, exact over the prior."""
    half = codes.shape[1] / 2
    prior, weight = float((scale / (scale + 2)) ** half), float((scale / (scale + 1)) ** half)
    cross = torch.exp(-codes.square().sum(1) / (2 * (scale + 1))).mean()
    return between_others(codes, "rbf", scale) + prior - 2 * weight * cross


class MMDTerm(TermModule):
    """weight x MMD^2, the mean over the scales."""

    def __init__(self, part: MMD) -> None:
        super().__init__()
        self.part = part
        self.columns = {"mmd": "squared maximum mean discrepancy of z and N(0, I), unbiased; no nats"}
        self.schedules = {"mmd": as_schedule(part.weight)}

    def forward(self, step: Step) -> Values:
        """Return the discrepancy of the batch."""
        z, part = step.normal_posterior()[1], self.part
        scales = [each * z.shape[1] for each in part.bandwidth]
        if part.kernel == "rbf":
            found = [normal_mmd(z, scale) for scale in scales]
        else:
            prior = torch.randn(z.shape, generator=step.generator("mmd"), device=z.device)
            found = [sampled_mmd(z, prior, "imq", scale) for scale in scales]
        mmd = torch.stack(found).mean()
        return Values(step.value(part.weight) * mmd, {"mmd": Column(mmd)})


class MMD(Term):
    """The discrepancy of the codes and the prior; scales are `bandwidth` times the number of latents.

    >>> MMD(weight=4096).kernel
    'rbf'
    """

    tag: ClassVar[str] = "mmd"
    weight: Weight = 1.0
    kernel: Kernel = "rbf"
    bandwidth: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (0.25, 1.0, 4.0)

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model without a normal latent."""
        normal_latents(context, 1, "loss.mmd")
        return MMDTerm(self)


def log_mixture(z: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return log N(z; mean, variance) of every code under every component: [n, d], [m, d] twice -> [n, m]."""
    precision = 1 / variance
    constant = (mean.square() * precision + variance.log()).sum(1) + z.shape[1] * math.log(2 * math.pi)
    slopes = torch.cat([mean * precision, -0.5 * precision], 1)
    return torch.addmm(-0.5 * constant, torch.cat([z, z.square()], 1), slopes.T)


class MarginalTerm(TermModule):
    """weight x KL(q(z) || N(0, I)) of the aggregate posterior."""

    means: Tensor
    variances: Tensor
    seen: Tensor

    def __init__(self, part: Marginal, size: int) -> None:
        super().__init__()
        self.part = part
        self.columns = {"marginal": "KL(q(z) || p(z)) of the aggregate posterior, estimated, nats"}
        self.schedules = {"marginal": as_schedule(part.weight)}
        self.register_buffer("means", torch.zeros(part.memory, size))
        self.register_buffer("variances", torch.ones(part.memory, size))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    def forward(self, step: Step) -> Values:
        """Return the divergence, and remember the batch's posteriors in training."""
        q, z = step.normal_posterior()
        extra = self.part.width**2
        if extra:
            noise = torch.randn(z.shape, generator=step.generator("marginal"), device=z.device)
            z = z + self.part.width * noise
        mean, variance = q.mean.detach(), q.log_variance.detach().exp()
        nats = log_mixture(z, torch.cat([mean, self.means]), torch.cat([variance, self.variances]) + extra)
        # Places that are not filled yet are left out by a mask: choosing rows would wait for the device.
        filled = torch.arange(self.part.memory, device=z.device) < self.seen
        nats[:, len(mean) :].masked_fill_(~filled, NEVER)
        # By differences: in the product of matrices a narrow posterior drowns in rounding.
        own = log_normal(z.detach(), mean, (variance + extra).log()).sum(1)
        nats.diagonal().fill_(NEVER)
        others = nats.logsumexp(1)
        log_q = torch.logaddexp(others, own) - (len(mean) + filled.sum()).log()
        # The prior draws a code as far as others push it: alone, a code would only be drawn to 0.
        seen = torch.sigmoid(others - own).detach().unsqueeze(1)
        felt = z.detach() + seen * (z - z.detach())
        log_p = -0.5 * (felt.square() / (1 + extra) + math.log(2 * math.pi * (1 + extra))).sum(1)
        column = Column(log_q - log_p)
        if self.training:
            self._remember(mean, variance)
        return Values(step.value(self.part.weight) * column.mean(), {"marginal": column})

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        mean, variance = mean[: self.part.memory], variance[: self.part.memory]
        places = (self.seen + torch.arange(len(mean), device=mean.device)) % max(self.part.memory, 1)
        self.means[places], self.variances[places] = mean, variance
        self.seen += len(mean)


class Marginal(Term):
    """Keeps the aggregate posterior on the prior, so that no void lies between classes.

    `memory` is how many earlier posteriors count beside those of the batch; `width` the deviation of the
    noise that codes and prior are blurred with, for more than about three latents.

    >>> Marginal(weight=10).memory
    1024
    """

    tag: ClassVar[str] = "marginal"
    weight: Weight = 1.0
    memory: int = Field(default=1024, ge=0, le=1_000_000)
    width: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model without a normal latent."""
        return MarginalTerm(self, normal_latents(context, 1, "loss.marginal"))


class ClassMeansTerm(TermModule):
    """weight x -log N(m_y; 0, (1 - spread^2) I), the mean over the classes y, without its constant."""

    def __init__(self, part: ClassMeans, block: str) -> None:
        super().__init__()
        self.part, self.block = part, block
        self.columns = {"class_means": "|m|^2 / 2 (1 - spread^2), the mean over the classes' means m, nats"}
        self.schedules = {"class_means": as_schedule(part.weight)}

    def forward(self, step: Step) -> Values:
        """Return the penalty of the means as they are."""
        prior = cast("ByClassModule", step.model.latents[self.block].prior)
        nats = 0.5 * prior.class_means().square().sum(1).mean() / prior.between
        return Values(step.value(self.part.weight) * nats, {"class_means": Column(nats)})


class ClassMeans(Term):
    """The hyper-prior of the learned means of a prior `class`: penalises how far they lie from 0.

    The divergence to a class's own mean fits the mean and penalises the deviation from it; this penalises the
    means' own deviation. At the variance 1 - spread^2 a code of unknown class is N(0, I) again.

    >>> ClassMeans().weight
    1.0
    """

    tag: ClassVar[str] = "class_means"
    weight: Weight = 1.0

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model without such a prior, or with a spread of 1."""
        for block in context.model.latents:
            if isinstance(block.prior, ByClassModule):
                if block.prior.between <= 0:
                    raise InputError("loss.class_means: the prior's spread must be below 1")
                return ClassMeansTerm(self, block.name)
        raise InputError(
            "loss.class_means: no latent has a mean for each class; write gaussian: {prior: {class: {}}}"
        )
