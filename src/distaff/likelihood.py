"""Likelihoods of the pixels given the decoder's output, in nats per image.

Every likelihood reads the raw decoder output (float32) and gives log p(x | z) summed over pixels and
channels, and the picture to show.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distaff.spec import Spec, one_of


class Likelihood(nn.Module, ABC):
    """p(x | z) for pixels in [0, 1]."""

    @abstractmethod
    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        """Return log p(x | z) in nats, summed over pixels: [b, c, h, w], [b, c, h, w] -> [b]."""

    def picture(self, output: Tensor) -> Tensor:
        """Return the mean picture in [0, 1]: [b, c, h, w] -> [b, c, h, w]."""
        return output.clamp(0, 1)

    def units(self, images: Tensor) -> Tensor:
        """Return pictures in the units that the encoder reads: [b, c, h, w] -> [b, c, h, w]."""
        return images


class BernoulliLikelihood(Likelihood):
    """Each pixel is on with probability sigmoid(output); grey pixels count as probabilities."""

    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        """Return sum x log p + (1 - x) log(1 - p): [b, c, h, w], [b, c, h, w] -> [b]."""
        loss = functional.binary_cross_entropy_with_logits(output, images, reduction="none")
        return -loss.flatten(1).sum(1)

    def picture(self, output: Tensor) -> Tensor:
        """Return the probability of each pixel: [b, c, h, w] -> [b, c, h, w]."""
        return output.sigmoid()


class GaussianLikelihood(Likelihood):
    """Normal pixels around the output, with one variance for all pixels, fixed or learned.

    Learned as in sigma-VAE (Rybkin et al. 2021, https://arxiv.org/abs/2006.13202).
    """

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
            log_variance = log_variance.clamp(min=2 * math.log(0.5 / 255))
        squared = (images - output).square() * torch.exp(-log_variance)
        return -0.5 * (squared + log_variance + math.log(2 * math.pi)).flatten(1).sum(1)


class SquaredError(Likelihood):
    """The sum of squared errors, read as a log-likelihood up to its constant (variance 1/2).

    Encoder and decoder see standardised pixels, (x - mean) / deviation, and errors count in those units.
    """

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation

    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        """Return -sum (units(x) - output)^2: [b, c, h, w], [b, c, h, w] -> [b]."""
        return -(self.units(images) - output).square().flatten(1).sum(1)

    def picture(self, output: Tensor) -> Tensor:
        """Return the picture in [0, 1]: [b, c, h, w] -> [b, c, h, w]."""
        return (output * self.deviation + self.mean).clamp(0, 1)

    def units(self, images: Tensor) -> Tensor:
        """Return standardised pixels: [b, c, h, w] -> [b, c, h, w]."""
        return (images - self.mean) / self.deviation


class LaplaceLikelihood(Likelihood):
    """Laplace pixels around the output with one fixed scale."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        """Return sum -|x - output| / scale - log(2 scale): [b, c, h, w], [b, c, h, w] -> [b]."""
        return -((images - output).abs() / self.scale + math.log(2 * self.scale)).flatten(1).sum(1)


class Bernoulli(Spec):
    """Pixels are on or off; grey values count as probabilities."""

    tag: ClassVar[str] = "bernoulli"

    def build(self) -> Likelihood:
        """Return the likelihood."""
        return BernoulliLikelihood()


class GaussianPixels(Spec):
    """Normal pixels; `variance` is a number, or `learned`."""

    tag: ClassVar[str] = "gaussian"
    variance: Annotated[float, Field(gt=0)] | Literal["learned"] = "learned"

    def build(self) -> Likelihood:
        """Return the likelihood."""
        learned = self.variance == "learned"
        return GaussianLikelihood(0.05 if self.variance == "learned" else self.variance, learned)


class Mse(Spec):
    """The sum of squared errors over pixels, standardised by `mean` and `deviation` where they are given."""

    tag: ClassVar[str] = "mse"
    mean: float = Field(default=0.0, allow_inf_nan=False)
    deviation: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    def build(self) -> Likelihood:
        """Return the likelihood."""
        return SquaredError(self.mean, self.deviation)


class Laplace(Spec):
    """Laplace pixels with a fixed scale."""

    tag: ClassVar[str] = "laplace"
    scale: float = Field(default=0.1, gt=0)

    def build(self) -> Likelihood:
        """Return the likelihood."""
        return LaplaceLikelihood(self.scale)


LikelihoodSpec = Annotated[
    Bernoulli | GaussianPixels | Mse | Laplace, one_of(Bernoulli, GaussianPixels, Mse, Laplace)
]
