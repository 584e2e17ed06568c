"""What an encoder says of a batch: one posterior for each latent of the recipe.

A posterior gives the code that goes to the decoder: `mode` [b, d] where nothing is drawn, `rsample`
[draws, b, d] where it is. `log_prob` is None where the code is a function of the image; there is then no
bound on log p(x).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

NEGLIGIBLE = 30.0
"""Nats below the largest of some logarithms, beyond which float32 does not see a summand."""


class Posterior(ABC):
    """q(z | x) of one latent for a batch of b images."""

    @property
    @abstractmethod
    def mode(self) -> Tensor:
        """The code when nothing is drawn: [b, d]."""

    @property
    def distribution(self) -> Posterior:
        """The distribution that a KL divergence is taken of, also where the code is a function of it."""
        return self

    def rsample(self, draws: int, generator: torch.Generator | None) -> Tensor:
        """Return reparametrised codes: [draws, b, d]. A deterministic code is repeated."""
        return self.mode.expand(draws, *self.mode.shape)

    def log_prob(self, z: Tensor) -> Tensor | None:
        """Return log q(z | x) in nats: [..., b, d] -> [..., b]; None where nothing is drawn."""
        return None

    @abstractmethod
    def detach(self) -> Posterior:
        """Return the same posterior without gradients to the encoder."""


class Normal(Posterior):
    """N(mean, diag exp(log_variance)), both [b, d].

    >>> q = Normal(torch.zeros(1, 2), torch.zeros(1, 2))
    >>> round(q.log_prob(torch.zeros(1, 2)).item(), 4)  # -log(2 pi)
    -1.8379
    """

    def __init__(self, mean: Tensor, log_variance: Tensor) -> None:
        self.mean, self.log_variance = mean, log_variance

    @property
    def mode(self) -> Tensor:
        """The mean: [b, d]."""
        return self.mean

    def rsample(self, draws: int, generator: torch.Generator | None) -> Tensor:
        """Return mean + sigma epsilon with epsilon ~ N(0, I): [draws, b, d]."""
        shape, device, dtype = (draws, *self.mean.shape), self.mean.device, self.mean.dtype
        noise = torch.randn(shape, generator=generator, device=device, dtype=dtype)
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log N(z; mean, variance): [..., b, d] -> [..., b]."""
        return log_normal(z, self.mean, self.log_variance).sum(-1)

    def detach(self) -> Normal:
        """Return the same posterior without gradients."""
        return Normal(self.mean.detach(), self.log_variance.detach())


class Categorical(Posterior):
    """One of k classes, from logits [b, k]; the mode is the vector of probabilities."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    @property
    def mode(self) -> Tensor:
        """The probability of each class: [b, k]."""
        return self.logits.softmax(-1)

    def detach(self) -> Categorical:
        """Return the same posterior without gradients."""
        return Categorical(self.logits.detach())


class Coded(Posterior):
    """A code [b, d] that is a function of the image, beside the distribution `head` that it was made of."""

    def __init__(self, code: Tensor, head: Posterior) -> None:
        self._code, self._head = code, head

    @property
    def mode(self) -> Tensor:
        """The code: [b, d]."""
        return self._code

    @property
    def distribution(self) -> Posterior:
        """The distribution that the code was made of."""
        return self._head

    def detach(self) -> Coded:
        """Return the same posterior without gradients."""
        return Coded(self._code.detach(), self._head.detach())


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return log N(z; mean, exp(log_variance)) of each dimension in nats: [..., d] -> [..., d]."""
    return -0.5 * ((z - mean).square() * torch.exp(-log_variance) + log_variance + math.log(2 * math.pi))


def log_standard_normal(z: Tensor) -> Tensor:
    """Return log N(z; 0, I) in nats: [..., d] -> [...]."""
    zero = torch.zeros((), device=z.device, dtype=z.dtype)
    return log_normal(z, zero, zero).sum(-1)


def normal_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, sigma^2) || N(0, 1)) = 0.5 (sigma^2 + mean^2 - 1 - log sigma^2): [b, d] -> [b, d].

    >>> round(normal_kl(torch.tensor([[1.0]]), torch.tensor([[0.0]])).item(), 4)
    0.5
    """
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance)


def without_negligible(logs: Tensor, dim: int) -> Tensor:
    """Return logarithms of summands with -inf for those that do not count in their sum.

    Their gradient is 0, where it was 1e-30 and less. Such numbers become denormal on the way
    back through a network, and a processor takes up to a hundred times as long for those.
    """
    return logs.masked_fill(logs < logs.detach().amax(dim, keepdim=True) - NEGLIGIBLE, -torch.inf)
