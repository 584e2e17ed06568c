"""https://arxiv.org/abs/1312.6114: the diagonal normal posterior with a standard normal prior."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distaff.latent.block import Block, Domain, Penalty, State
from distaff.share import normal
from distaff.spec import Spec

Scale = Literal["exp", "softplus"]


def split_head(numbers: Tensor, scale: Scale) -> tuple[Tensor, Tensor]:
    """Split the encoder's numbers [b, 2 d] into the mean and the log-variance, each [b, d].

    exp: sigma = e^(rho / 2); softplus: sigma = log(1 + e^rho).
    """
    mean, rho = numbers.float().chunk(2, dim=1)
    if scale == "exp":
        return mean, rho.clamp(-20, 20)
    return mean, 2 * functional.softplus(rho).clamp(min=1e-6).log()


def reparametrise(mean: Tensor, log_variance: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw mean + sigma epsilon with epsilon ~ N(0, I): [b, d], [b, d] -> [b, d]."""
    noise = normal(mean.shape, generator, device=mean.device, dtype=mean.dtype)
    return mean + torch.exp(0.5 * log_variance) * noise


def normal_kl(mean: Tensor, log_variance: Tensor, penalty: Penalty) -> Tensor:
    """Return KL(N(mean, sigma^2) || N(0, 1)) in nats per dimension: [b, d], [b, d] -> [b, d].

    square: 0.5 (sigma^2 + mean^2 - 1 - log sigma^2), the true divergence. abs: |mean| in place of mean^2,
    which pulls far means in less and near ones more; not a divergence.
    """
    size = mean.square() if penalty == "square" else mean.abs()
    return 0.5 * (log_variance.exp() + size - 1 - log_variance)


class GaussianBlock(Block):
    """q(z | x) = N(mean, diag sigma^2), p(z) = N(0, I)."""

    kind: ClassVar[str] = "gaussian"

    def __init__(self, name: str, size: int, scale: Scale, cut: bool) -> None:
        super().__init__()
        self.name, self.attribute, self.scale, self.cut = name, None, scale, cut
        self.inputs, self.outputs = 2 * size, size

    def forward(self, numbers: Tensor, *, sample: bool, generator: torch.Generator | None) -> State:
        """Read [b, 2 size] numbers into a normal posterior and its code [b, size]."""
        mean, log_variance = split_head(numbers, self.scale)
        code = reparametrise(mean, log_variance, generator) if sample else mean
        return State(code.detach() if self.cut else code, mean=mean, log_variance=log_variance)

    def kl(self, state: State, penalty: Penalty = "square") -> Tensor:
        """Return the KL divergence in nats for each dimension: [b, size]."""
        assert state.mean is not None
        assert state.log_variance is not None
        return normal_kl(state.mean, state.log_variance, penalty)

    def draw_prior(self, count: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
        """Draw from N(0, I): [count, size]."""
        return torch.randn(count, self.outputs, generator=generator, device=device)


class Gaussian(Spec):
    """A block of `size` normal latents; `scale` says how the encoder's number becomes sigma.

    `cut` keeps the decoder's gradient from the encoder, which then learns from the KL alone.
    """

    tag: ClassVar[str] = "gaussian"
    size: int = Field(default=10, ge=1, le=65536)
    scale: Scale = "exp"
    name: str = "z"
    cut: bool = False

    def build(self, domains: dict[str, Domain]) -> list[Block]:
        """Return the block; it needs no attribute."""
        return [GaussianBlock(self.name, self.size, self.scale, self.cut)]
