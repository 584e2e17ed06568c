"""A prior: Laplace, for sparse codes (Barello et al. 2018, https://doi.org/10.1101/399246)."""

from collections.abc import Mapping
from math import log
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from distaff.latents.priors import Attributes, Prior, PriorModule


class SparsePrior(PriorModule):
    def __init__(self, size: int, scale: float) -> None:
        super().__init__()
        self.size, self.scale = size, scale

    def log_prob(self, z: Tensor, labels: Mapping[str, Tensor] | None = None) -> Tensor:
        return -(z.abs() / self.scale + log(2 * self.scale)).sum(-1)  # nats; the KL is estimated from it

    def sample(
        self,
        n: int,
        generator: torch.Generator | None,
        device: torch.device,
        labels: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        uniform = torch.rand(n, self.size, generator=generator, device=device) - 0.5
        return -self.scale * uniform.sign() * (1 - 2 * uniform.abs()).log()


class Sparse(Prior):
    """Laplace(0, `scale`) for each number of the code."""

    tag: ClassVar[str] = "sparse"
    scale: float = Field(default=1.0, gt=0)

    def build(self, size: int, shape: tuple[int, int, int], attributes: Attributes) -> PriorModule:
        return SparsePrior(size, self.scale)
