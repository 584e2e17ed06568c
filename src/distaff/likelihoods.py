"""Likelihoods of the pixels given the decoder's output, in nats per image.

Every likelihood reads the raw decoder output (float32) and gives log p(x | z) summed over pixels and
channels, and the image to show. A `Likelihood` is the part that a recipe names; it builds a
`LikelihoodModule`, which may have weights.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distaff.parts import Part

__all__ = [
    "Bernoulli",
    "DiscretisedLogistic",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "LikelihoodModule",
    "Mse",
]


class LikelihoodModule(nn.Module, ABC):
    """p(x | z) for pixels in [0, 1]."""

    @abstractmethod
    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        """Return log p(x | z) in nats, summed over pixels: [b, c, h, w], [b, c, h, w] -> [b]."""

    def image(self, output: Tensor) -> Tensor:
        """Return the mean image in [0, 1]: [b, c, h, w] -> [b, c, h, w]."""
        return output.clamp(0, 1)

    def units(self, images: Tensor) -> Tensor:
        """Return images in the units that the encoder reads: [b, c, h, w] -> [b, c, h, w]."""
        return images


def _at_least(number: Tensor, least: float) -> Tensor:
    """Return a number, or `least` where it is below, from where its gradient still leads it back."""
    return number + (number.clamp(min=least) - number).detach()


class BernoulliLikelihood(LikelihoodModule):
    """Each pixel is on with probability sigmoid(output); grey pixels count as probabilities."""

    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        """Return sum x log p + (1 - x) log(1 - p): [b, c, h, w], [b, c, h, w] -> [b]."""
        loss = functional.binary_cross_entropy_with_logits(output, images, reduction="none")
        return -loss.flatten(1).sum(1)

    def image(self, output: Tensor) -> Tensor:
        """Return the probability of each pixel: [b, c, h, w] -> [b, c, h, w]."""
        return output.sigmoid()


class GaussianLikelihood(LikelihoodModule):
    """Normal pixels around the output, with one variance for all pixels, fixed or learned."""

    log_variance: Tensor

    def __init__(self, variance: float, learned: bool) -> None:
        super().__init__()
        start = torch.tensor(math.log(variance))
        if learned:
            self.log_variance = nn.Parameter(start)
        else:
            self.register_buffer("log_variance", start)

    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        """Return sum log N(x; output, variance): [b, c, h, w], [b, c, h, w] -> [b]."""
        log_variance = self.log_variance
        if isinstance(log_variance, nn.Parameter):
            # A deviation under half a grey level would only model the rounding of the pixels.
            log_variance = _at_least(log_variance, 2 * math.log(0.5 / 255))
        squared = (images - output).square() * torch.exp(-log_variance)
        return -0.5 * (squared + log_variance + math.log(2 * math.pi)).flatten(1).sum(1)


class OptimalGaussianLikelihood(LikelihoodModule):
    """Normal pixels whose variance is the mean squared error of the batch (https://arxiv.org/abs/2006.13202).

    At evaluation it is the average over the last training batches, without which there is no bound on new
    images.
    """

    variance: Tensor

    def __init__(self, memory: float) -> None:
        super().__init__()
        self.memory = memory
        self.register_buffer("variance", torch.zeros(()))

    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        """Return sum log N(x; output, variance): [b, c, h, w], [b, c, h, w] -> [b]."""
        squared = (images - output).square()
        # The loss is stationary in the variance, which therefore needs no gradient.
        own = squared.detach().mean().clamp(min=(0.5 / 255) ** 2)
        # Before the first training step there is no other.
        variance = own if self.training else torch.where(self.variance > 0, self.variance, own)
        if self.training:
            with torch.no_grad():
                before = torch.where(self.variance > 0, self.variance, variance)
                self.variance.copy_(self.memory * before + (1 - self.memory) * variance)
        return -0.5 * (squared / variance + variance.log() + math.log(2 * math.pi)).flatten(1).sum(1)


class SquaredError(LikelihoodModule):
    """The sum of squared errors, read as a log-likelihood up to its constant (variance 1/2).

    Encoder and decoder see standardised pixels, (x - mean) / deviation, and errors count in those units.
    """

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation

    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        """Return -sum (units(x) - output)^2: [b, c, h, w], [b, c, h, w] -> [b]."""
        return -(self.units(images) - output).square().flatten(1).sum(1)

    def image(self, output: Tensor) -> Tensor:
        """Return the image in [0, 1]: [b, c, h, w] -> [b, c, h, w]."""
        return (output * self.deviation + self.mean).clamp(0, 1)

    def units(self, images: Tensor) -> Tensor:
        """Return standardised pixels: [b, c, h, w] -> [b, c, h, w]."""
        return (images - self.mean) / self.deviation


class LaplaceLikelihood(LikelihoodModule):
    """Laplace pixels around the output with one fixed scale."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        """Return sum -|x - output| / scale - log(2 scale): [b, c, h, w], [b, c, h, w] -> [b]."""
        return -((images - output).abs() / self.scale + math.log(2 * self.scale)).flatten(1).sum(1)


class LogisticLikelihood(LikelihoodModule):
    """Pixels of 256 values, each with the mass that a logistic distribution has around it.

    The first and the last value take the tails, so that the 256 masses add to 1. The scale is
    learned (https://arxiv.org/abs/1606.04934).
    """

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        """Return sum log P(x; output, scale): [b, c, h, w], [b, c, h, w] -> [b]."""
        inverse = torch.exp(-_at_least(self.log_scale, -7))
        value = (images * 255).round()
        upper = ((value + 0.5) / 255 - output) * inverse
        lower = ((value - 0.5) / 255 - output) * inverse
        # log(sigmoid(u) - sigmoid(l)) = log sigmoid(u) + log sigmoid(-l) + log(1 - exp(l - u)).
        inside = functional.logsigmoid(upper) + functional.logsigmoid(-lower)
        inside = inside + torch.log(-torch.expm1(-inverse / 255))
        nats = torch.where(value <= 0, functional.logsigmoid(upper), inside)
        nats = torch.where(value >= 255, functional.logsigmoid(-lower), nats)
        return nats.flatten(1).sum(1)


class Likelihood(Part):
    """The likelihood of the pixels, as the recipe writes it."""

    family: ClassVar[str] = "likelihood"

    def outputs(self, channels: int) -> int:
        """Return how many channels the decoder gives for images of `channels` channels."""
        return channels

    @abstractmethod
    def build(self) -> LikelihoodModule:
        """Return the likelihood."""


class Bernoulli(Likelihood):
    """Pixels are on or off; grey values count as probabilities.

    >>> module = Bernoulli().build()
    >>> round(module.log_probability(torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 1, 2)).item(), 4)  # 2 log 1/2
    -1.3863
    """

    tag: ClassVar[str] = "bernoulli"

    def build(self) -> LikelihoodModule:
        """Return the likelihood."""
        return BernoulliLikelihood()


class Gaussian(Likelihood):
    """Normal pixels; `variance` is a number, `learned`, or `optimal`: that of the batch (sigma-VAE).

    `memory` is how much of the average of optimal variances is kept from step to step, for the evaluation.

    >>> Gaussian("optimal").memory
    0.99
    """

    tag: ClassVar[str] = "gaussian"
    variance: Annotated[float, Field(gt=0)] | Literal["learned", "optimal"] = "learned"
    memory: float = Field(default=0.99, ge=0, lt=1)

    def build(self) -> LikelihoodModule:
        """Return the likelihood."""
        if self.variance == "optimal":
            return OptimalGaussianLikelihood(self.memory)
        if self.variance == "learned":
            return GaussianLikelihood(0.05, learned=True)
        return GaussianLikelihood(self.variance, learned=False)


class Mse(Likelihood):
    """The sum of squared errors over pixels, standardised by `mean` and `deviation` where they are given.

    >>> Mse().build().log_probability(torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 1, 2)).item()
    -2.0
    """

    tag: ClassVar[str] = "mse"
    mean: float = Field(default=0.0, allow_inf_nan=False)
    deviation: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    def build(self) -> LikelihoodModule:
        """Return the likelihood."""
        return SquaredError(self.mean, self.deviation)


class Laplace(Likelihood):
    """Laplace pixels with a fixed scale.

    >>> round(Laplace(0.5).build().log_probability(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)).item(), 4)
    -2.0
    """

    tag: ClassVar[str] = "laplace"
    scale: float = Field(default=0.1, gt=0)

    def build(self) -> LikelihoodModule:
        """Return the likelihood."""
        return LaplaceLikelihood(self.scale)


class DiscretisedLogistic(Likelihood):
    """Pixels of 256 values under a logistic distribution, whose `scale` is learned from there on.

    >>> values = (torch.arange(256) / 255).reshape(256, 1, 1, 1)
    >>> masses = DiscretisedLogistic().build().log_probability(torch.full((256, 1, 1, 1), 0.3), values).exp()
    >>> round(masses.sum().item(), 4)
    1.0
    """

    tag: ClassVar[str] = "discretised_logistic"
    scale: float = Field(default=0.1, gt=0)

    def build(self) -> LikelihoodModule:
        """Return the likelihood."""
        return LogisticLikelihood(self.scale)
