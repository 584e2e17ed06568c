"""Latents of a few values: classes drawn as relaxed one-hot codes, and numbers rounded to a codebook.

Gumbel-softmax (https://arxiv.org/abs/1611.01144): in training the code is softmax((log a + Gumbel noise) /
temperature), in evaluation the one-hot code of the likeliest class. The KL divergence to equal classes,
log K + sum a log a, is exact and of the classes, not of the relaxed code, so the objective is no bound on
log p(x) (JointVAE, https://arxiv.org/abs/1804.00104).

Quantised (https://arxiv.org/abs/2305.18378): every latent has a codebook of its own. The code is the value
nearest to the encoder's number; the gradient passes as if nothing had been rounded. A learned codebook has a
gradient from the term `quantise` alone. Fixed values with a tanh before them are finite scalar quantisation
(https://arxiv.org/abs/2309.15505).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distaff.attributes import Attribute
from distaff.latents._posteriors import Categorical, Posterior
from distaff.latents._space import Block, ImageShape, Latent, between_classes
from distaff.latents.priors import ClassPrior, PriorModule


class Relaxed(Posterior):
    """Classes with logits [b, k], whose drawn codes are relaxed one-hot vectors."""

    def __init__(self, logits: Tensor, temperature: float) -> None:
        self.logits, self.temperature = logits, temperature

    @property
    def mode(self) -> Tensor:
        """The one-hot code of the likeliest class: [b, k]."""
        return functional.one_hot(self.logits.argmax(1), self.logits.shape[1]).to(self.logits)

    @property
    def distribution(self) -> Posterior:
        """The classes."""
        return Categorical(self.logits)

    def rsample(self, draws: int, generator: torch.Generator | None) -> Tensor:
        """Return relaxed one-hot codes: [draws, b, k]."""
        shape, device = (draws, *self.logits.shape), self.logits.device
        uniform = torch.rand(shape, generator=generator, device=device).clamp(1e-12, 1 - 1e-7)
        noise = -(-uniform.log()).log()
        return ((self.logits.log_softmax(1) + noise) / self.temperature).softmax(-1)

    def detach(self) -> Relaxed:
        """Return the same posterior without gradients."""
        return Relaxed(self.logits.detach(), self.temperature)


class GumbelBlock(Block):
    """One latent of `classes` classes."""

    kind = "gumbel"
    has_density = False

    def __init__(self, part: Gumbel) -> None:
        super().__init__()
        self.name, self.rules, self.temperature = part.name, tuple(part.rules), part.temperature
        self.inputs = self.outputs = part.classes
        self.prior = ClassPrior(
            part.classes, part.classes, "categorical", lambda values: between_classes(values, part.classes)
        )

    @property
    def energy(self) -> float:
        """A one-hot code has length 1."""
        return 1.0

    def nearest(self, code: Tensor) -> Tensor:
        """Return one-hot codes: [b, classes]."""
        return Relaxed(code, self.temperature).mode

    def forward(self, numbers: Tensor) -> Relaxed:
        """Read logits [b, classes]."""
        return Relaxed(numbers.float(), self.temperature)


class Gumbel(Latent):
    """A latent of `classes` classes that no label names; `temperature` says how far codes are from one-hot.

    >>> Gumbel(10).build({}, (1, 28, 28))[0].outputs
    10
    """

    tag: ClassVar[str] = "gumbel"
    classes: int = Field(default=10, ge=2, le=65536)
    temperature: float = Field(default=0.67, gt=0)
    name: str = "class"

    def build(self, attributes: Mapping[str, Attribute], shape: ImageShape) -> list[Block]:
        """Return the block; it needs no attribute."""
        return [GumbelBlock(self)]


class Quantised(Posterior):
    """Numbers `continuous` [b, d] and the values `nearest` [b, d] of the codebook that stand for them."""

    def __init__(self, continuous: Tensor, nearest: Tensor) -> None:
        self.continuous, self.nearest = continuous, nearest

    @property
    def mode(self) -> Tensor:
        """The values, through which the gradient passes unchanged: [b, d]."""
        return self.continuous + (self.nearest - self.continuous).detach()

    def detach(self) -> Quantised:
        """Return the same posterior without gradients."""
        return Quantised(self.continuous.detach(), self.nearest.detach())


class ValuePrior(PriorModule):
    """Every value as likely, in each dimension apart: there is no prior to diverge from."""

    codebook: Tensor

    def __init__(self, size: int, values: int, limit: float, learned: bool) -> None:
        super().__init__()
        self.size = size
        codebook = torch.linspace(-limit, limit, values).repeat(size, 1)
        if learned:
            self.codebook = nn.Parameter(codebook)
        else:
            self.register_buffer("codebook", codebook)

    def log_prob(self, z: Tensor, labels: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return -d log(values), the log-probability of every code: [..., b, d] -> [..., b]."""
        nats = -self.size * math.log(self.codebook.shape[1])
        return torch.full(z.shape[:-1], nats, device=z.device)

    def sample(
        self,
        n: int,
        generator: torch.Generator | None,
        device: torch.device,
        labels: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Draw a value of each dimension: [n, d]."""
        values = self.codebook.shape[1]
        index = torch.randint(values, (n, self.size), generator=generator, device=device)
        return self.codebook.gather(1, index.T).T


class QuantisedBlock(Block):
    """`size` latents that take one of their own values each; nothing is drawn."""

    kind = "quantised"
    has_kl = False
    has_density = False
    prior: ValuePrior

    def __init__(self, part: QuantisedLatent) -> None:
        super().__init__()
        self.name, self.rules, self.bounded = part.name, tuple(part.rules), not part.learned
        self.inputs = self.outputs = part.size
        self.prior = ValuePrior(part.size, part.values, 0.5 if part.learned else 1.0, part.learned)

    @property
    def energy(self) -> float:
        """The mean square of the values, all as likely, summed over the latents."""
        return float(self.prior.codebook.detach().square().mean()) * self.outputs

    def forward(self, numbers: Tensor) -> Quantised:
        """Read [b, size] numbers into the values nearest to them; of two as near the lower."""
        continuous = numbers.float().tanh() if self.bounded else numbers.float()
        return Quantised(continuous, self.nearest(continuous))

    def nearest(self, code: Tensor) -> Tensor:
        """Return the values nearest to codes, of two as near the lower: [b, size]."""
        codebook, _ = self.prior.codebook.sort(dim=1)
        index = (code.unsqueeze(2) - codebook).abs().argmin(dim=2)
        return codebook.gather(1, index.T).T


class QuantisedLatent(Latent):
    """`size` latents of `values` values each, `learned` or fixed at equal distances from -1 to 1.

    >>> QuantisedLatent(12).values
    10
    """

    tag: ClassVar[str] = "quantised"
    size: int = Field(default=10, ge=1, le=65536)
    values: int = Field(default=10, ge=2, le=65536)
    learned: bool = True
    name: str = "z"

    def build(self, attributes: Mapping[str, Attribute], shape: ImageShape) -> list[Block]:
        """Return the block; it needs no attribute."""
        return [QuantisedBlock(self)]
