"""Latents of real numbers: normal ones, and directions on a sphere.

Normal (https://arxiv.org/abs/1312.6114): the encoder gives a mean and a scale for each number.

Sphere: the prior is uniform on the unit sphere in d numbers, and the KL divergence does not depend on the
direction mu, is exact, and belongs to the latent as a whole. The posterior is power spherical
(https://arxiv.org/abs/2006.04437), proportional to (1 + mu . z)^kappa, or von Mises-Fisher
(https://arxiv.org/abs/1804.00891), to exp(kappa mu . z). Their kappas are not the same: compare by the mean
cosine, which is (alpha - beta) / (alpha + beta) of the first and a ratio of Bessel functions of the second.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distaff.attributes import Attribute
from distaff.latents._posteriors import Normal, Posterior
from distaff.latents._space import Block, ImageShape, Latent
from distaff.latents.priors import Prior, PriorModule, Standard

Scale = Literal["exp", "softplus"]
ANGLES = 513
"""Angles of the grid on which the von Mises-Fisher distribution is integrated; odd, for Simpson's rule."""


def normal_head(numbers: Tensor, scale: Scale) -> Normal:
    """Read the encoder's numbers [b, 2 d] into a normal posterior over d numbers.

    exp: the number is log sigma^2 itself; softplus: sigma = softplus(number). Both in float32 and bounded, so
    that neither a wild start nor a low precision gives infinities.
    """
    mean, rho = numbers.float().chunk(2, dim=1)
    if scale == "exp":
        return Normal(mean, rho.clamp(-20, 20))
    return Normal(mean, 2 * functional.softplus(rho).clamp(min=1e-6).log())


class GaussianBlock(Block):
    """q(z | x) = N(mean, diag sigma^2) with the prior of the recipe."""

    kind = "gaussian"
    is_normal = True

    def __init__(self, part: Gaussian, prior: PriorModule) -> None:
        super().__init__()
        self.name, self.scale, self.rules = part.name, part.scale, tuple(part.rules)
        self.inputs, self.outputs = 2 * part.size, part.size
        self.prior = prior

    def forward(self, numbers: Tensor) -> Normal:
        """Read [b, 2 size] numbers into a normal posterior."""
        return normal_head(numbers, self.scale)


class Gaussian(Latent):
    """`size` normal latents; `scale` says how the encoder's number becomes sigma.

    >>> [block.outputs for block in Gaussian(8).build({}, (1, 28, 28))]
    [8]
    """

    tag: ClassVar[str] = "gaussian"
    size: int = Field(default=10, ge=1, le=65536)
    scale: Scale = "exp"
    name: str = "z"
    prior: Prior = Standard()
    renamed: ClassVar[Mapping[str, str]] = {"cut": "rules: [detach]"}

    def build(self, attributes: Mapping[str, Attribute], shape: ImageShape) -> list[Block]:
        """Return the block; raises InputError for an attribute that its prior needs and the data lack."""
        return [GaussianBlock(self, self.prior.build(self.size, shape, attributes))]


class Directional(Posterior):
    """Directions mu [b, d] of length 1, and concentrations kappa [b] over 0 around them."""

    def __init__(self, mu: Tensor, kappa: Tensor) -> None:
        self.mu, self.kappa = mu, kappa

    @property
    def mode(self) -> Tensor:
        """The direction: [b, d]."""
        return self.mu

    @abstractmethod
    def mean_cosine(self) -> Tensor:
        """Return the mean of mu . z: [b]."""

    @abstractmethod
    def entropy(self) -> Tensor:
        """Return the entropy in nats: [b]."""

    @abstractmethod
    def cosines(self, draws: int, generator: torch.Generator | None) -> Tensor:
        """Draw mu . z, with the gradient of kappa: [draws, b]."""

    def rsample(self, draws: int, generator: torch.Generator | None) -> Tensor:
        """Return reparametrised codes: [draws, b, d]."""
        t = self.cosines(draws, generator).unsqueeze(-1)
        shape = (*t.shape[:-1], self.mu.shape[1] - 1)
        tangent = torch.randn(shape, generator=generator, device=t.device, dtype=t.dtype)
        tangent = functional.normalize(tangent, dim=-1)
        z = torch.cat([t, (1 - t.square()).clamp(min=1e-7).sqrt() * tangent], dim=-1)
        # The reflection that takes the first axis to mu.
        first = torch.zeros_like(self.mu)
        first[:, 0] = 1
        normal = functional.normalize(first - self.mu, dim=-1, eps=1e-6)
        return z - 2 * (z * normal).sum(-1, keepdim=True) * normal

    def detach(self) -> Self:
        """Return the same posterior without gradients."""
        return type(self)(self.mu.detach(), self.kappa.detach())


class PowerSpherical(Directional):
    """The distribution proportional to (1 + mu . z)^kappa.

    >>> q = PowerSpherical(torch.tensor([[1.0, 0.0]]), torch.tensor([4.0]))
    >>> round(q.mean_cosine().item(), 4)
    0.8
    """

    def __init__(self, mu: Tensor, kappa: Tensor) -> None:
        super().__init__(mu, kappa)
        self.beta = torch.full_like(kappa, (mu.shape[1] - 1) / 2)
        self.alpha = self.beta + kappa

    def mean_cosine(self) -> Tensor:
        """Return (alpha - beta) / (alpha + beta): [b]."""
        return (self.alpha - self.beta) / (self.alpha + self.beta)

    def log_normaliser(self) -> Tensor:
        """Return log Z in nats: [b]."""
        return self._log_normaliser().to(self.kappa.dtype)

    def _log_normaliser(self) -> Tensor:
        alpha, beta = _wide(self.alpha), _wide(self.beta)
        gammas = torch.lgamma(alpha) - torch.lgamma(alpha + beta)
        return -((alpha + beta) * math.log(2) + gammas + beta * math.log(math.pi))

    def entropy(self) -> Tensor:
        """Return the entropy in nats: [b]."""
        alpha = _wide(self.alpha)
        digammas = torch.digamma(alpha) - torch.digamma(alpha + self.beta)
        return -(self._log_normaliser() + self.kappa * (math.log(2) + digammas)).to(self.kappa.dtype)

    def cosines(self, draws: int, generator: torch.Generator | None) -> Tensor:
        """Draw 2 Beta(alpha, beta) - 1: [draws, b]."""
        shape = (draws, *self.kappa.shape)
        up = torch._standard_gamma(self.alpha.expand(shape), generator=generator)
        down = torch._standard_gamma(self.beta.expand(shape), generator=generator)
        return 2 * up / (up + down) - 1

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log q(z | x) on the sphere: [..., b, d] -> [..., b]."""
        cosine = _wide((z * self.mu).sum(-1).clamp(-1 + 1e-6, 1))
        return (self._log_normaliser() + self.kappa * torch.log1p(cosine)).to(self.kappa.dtype)


class VonMisesFisher(Directional):
    """The distribution proportional to exp(kappa mu . z).

    Its Bessel functions are integrals over the angle between mu and z, taken on a grid: that runs on any
    device, has gradients, and turns a uniform number into an angle, so that nothing is drawn in vain.

    >>> q = VonMisesFisher(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([10.0]))
    >>> round(q.mean_cosine().item(), 4)  # coth(10) - 1 / 10
    0.9
    """

    @cached_property
    def _grid(self) -> tuple[Tensor, Tensor, Tensor]:
        """Angles, their log density up to a constant, and log weights of Simpson's rule: [b, ANGLES]."""
        kappa, size = self.kappa, self.mu.shape[1]
        with torch.no_grad():
            # Beyond the widest angle there is less than rounding leaves.
            widest = torch.acos(1 - ((size + 60) / kappa).clamp(max=2)).unsqueeze(1)
            share = torch.linspace(0, 1, ANGLES, device=kappa.device, dtype=kappa.dtype)
            simpson = torch.full_like(share, 2.0)
            simpson[1::2] = 4
            simpson[:: ANGLES - 1] = 1
            angle = widest * share
            around = torch.xlogy(torch.full_like(angle, size - 2.0), torch.sin(angle).abs())
            weight = simpson.log() + torch.log(widest / (3 * (ANGLES - 1)))
        return angle, around - kappa.unsqueeze(1) * _away(angle), weight

    @cached_property
    def _log_integral(self) -> Tensor:
        """The log integral of exp(kappa (cosine - 1)) over the angle, less that for kappa 0: [b]."""
        _, density, weight = self._grid
        size = self.mu.shape[1]
        uniform = 0.5 * math.log(math.pi) + math.lgamma((size - 1) / 2) - math.lgamma(size / 2)
        return torch.logsumexp(density + weight, 1) - uniform

    @cached_property
    def _mean_away(self) -> Tensor:
        """1 - the mean cosine: [b]."""
        angle, density, weight = self._grid
        return ((density + weight).softmax(1) * _away(angle)).sum(1)

    def mean_cosine(self) -> Tensor:
        """Return the mean of mu . z: [b]."""
        return 1 - self._mean_away

    def entropy(self) -> Tensor:
        """Return the entropy in nats: [b]."""
        return log_area(self.mu.shape[1]) + self._log_integral + self.kappa * self._mean_away

    def cosines(self, draws: int, generator: torch.Generator | None) -> Tensor:
        """Draw the cosine of an angle, by the inverse of its distribution function: [draws, b]."""
        angle, density, _ = self._grid
        density = torch.exp(density - density.amax(1, keepdim=True))
        pieces = (density[:, 1:] + density[:, :-1]) / 2
        below = functional.pad(pieces.cumsum(1), (1, 0))
        below = below / below[:, -1:]
        shape = (len(self.kappa), draws)
        luck = torch.rand(shape, generator=generator, device=below.device, dtype=below.dtype)
        right = torch.searchsorted(below.detach(), luck).clamp(1, ANGLES - 1)
        first, last = below.gather(1, right - 1), below.gather(1, right)
        place = (luck - first) / (last - first).clamp(min=1e-12)
        start, end = angle.gather(1, right - 1), angle.gather(1, right)
        return torch.cos(start + place * (end - start)).T

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log q(z | x) on the sphere: [..., b, d] -> [..., b]."""
        away = 1 - (z * self.mu).sum(-1)
        return -log_area(self.mu.shape[1]) - self._log_integral - self.kappa * away


def _wide(numbers: Tensor) -> Tensor:
    """Return numbers in double precision, where the device has it.

    Terms as large as kappa log kappa nearly cancel: in single precision they leave 0.01 nats at a kappa of
    10,000.
    """
    return numbers if numbers.device.type == "mps" else numbers.double()


def _away(angle: Tensor) -> Tensor:
    """Return 1 - cosine, exact also near 0."""
    return 2 * torch.sin(angle / 2).square()


def log_area(size: int) -> float:
    """Return the log of the area of the unit sphere in `size` numbers."""
    return math.log(2) + size / 2 * math.log(math.pi) - math.lgamma(size / 2)


class UniformSphere(PriorModule):
    """The uniform distribution on the unit sphere in `size` numbers."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.log_area = log_area(size)

    def kl(self, q: Posterior, z: Tensor, labels: Mapping[str, Tensor]) -> Tensor:
        """Return log area - entropy, exact: [b, 1]."""
        found = q.distribution
        assert isinstance(found, Directional)
        return (self.log_area - found.entropy()).unsqueeze(1)

    def log_prob(self, z: Tensor, labels: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return -log area: [..., b, d] -> [..., b]."""
        return torch.full(z.shape[:-1], -self.log_area, device=z.device)

    def sample(
        self,
        n: int,
        generator: torch.Generator | None,
        device: torch.device,
        labels: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Draw n codes: [n, d]."""
        return functional.normalize(torch.randn(n, self.size, generator=generator, device=device), dim=1)


class SphereBlock(Block):
    """A code on the unit sphere in `size` numbers."""

    kind = "sphere"

    def __init__(self, part: Sphere) -> None:
        super().__init__()
        self.name, self.rules = part.name, tuple(part.rules)
        self.inputs, self.outputs = part.size + 1, part.size
        self.posterior = VonMisesFisher if part.posterior == "vmf" else PowerSpherical
        self.prior = UniformSphere(part.size)

    @property
    def energy(self) -> float:
        """A code has length 1."""
        return 1.0

    def nearest(self, code: Tensor) -> Tensor:
        """Return codes of length 1: [b, size]."""
        return functional.normalize(code, dim=1)

    def forward(self, numbers: Tensor) -> Directional:
        """Read a direction and a concentration from numbers [b, size + 1]."""
        numbers = numbers.float()
        mu = functional.normalize(numbers[:, :-1], dim=1, eps=1e-8)
        return self.posterior(mu, functional.softplus(numbers[:, -1]) + 0.01)


class Sphere(Latent):
    """A latent of `size` numbers on the unit sphere, with `size` - 1 degrees of freedom.

    Its posterior is power spherical (power) or von Mises-Fisher (vmf).

    >>> Sphere(3).build({}, (1, 28, 28))[0].inputs
    4
    """

    tag: ClassVar[str] = "sphere"
    size: int = Field(default=8, ge=2, le=65536)
    name: str = "z"
    posterior: Literal["power", "vmf"] = "power"

    def build(self, attributes: Mapping[str, Attribute], shape: ImageShape) -> list[Block]:
        """Return the block; it needs no attribute."""
        return [SphereBlock(self)]
