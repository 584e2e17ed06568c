"""What every latent gives, and the latent space: blocks side by side, their codes joined into one vector z.

A `Latent` is the part that a recipe names; it builds one `Block` or several. A block says how many numbers it
takes from the encoder (`inputs`) and how many its code has (`outputs`), and has a prior, and rules between
posterior and code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, cast

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from distaff.attributes import Attribute
from distaff.errors import InputError, UnknownAttributeError
from distaff.latents._posteriors import Posterior
from distaff.latents._rules import Batch, Rule
from distaff.latents.priors import PriorModule
from distaff.parts import Part

ImageShape = tuple[int, int, int]
"""Channels, height, width."""
Posteriors = dict[str, Posterior]
"""The posterior of every block by its name."""


class Block(nn.Module, ABC):
    """One piece of the code z.

    Attributes:
        kind: the tag of its latent.
        name: what it is called among the latents.
        attribute: the attribute that it stands for, or None.
        inputs: numbers that it takes from the encoder.
        outputs: numbers of its code.
        prior: what its codes are compared with and drawn from.
        has_kl: whether the prior has a KL divergence of its posterior.
        has_density: whether both have densities, without which there is no bound on log p(x).
        is_normal: whether its code is drawn from a normal posterior.
        rules: applied in training, in this order.
    """

    kind: str
    name: str
    attribute: str | None = None
    inputs: int
    outputs: int
    prior: PriorModule
    has_kl: bool = True
    has_density: bool = True
    is_normal: bool = False
    rules: tuple[Rule, ...] = ()

    @property
    def energy(self) -> float:
        """The expected squared length of a code, which sets the scale of the decoder's first layer."""
        return float(self.outputs)

    @property
    def kl_names(self) -> tuple[str, ...]:
        """What the columns of the KL divergence are called; none without one."""
        if not self.has_kl:
            return ()
        if not self.prior.per_dimension:
            return (self.name,)
        if self.prior.size == 1 and self.attribute is not None:
            return (self.name,)
        return tuple(f"{self.name}{i}" for i in range(self.prior.size))

    @abstractmethod
    def forward(self, numbers: Tensor) -> Posterior:
        """Return the posterior that the encoder's numbers [b, inputs] describe."""

    def nearest(self, code: Tensor) -> Tensor:
        """Return the nearest codes that the latent can have: [b, outputs]; any, if it does not say."""
        return code


class AttributeBlock(Block, ABC):
    """A block that stands for one attribute: it can be read, set and supervised."""

    attribute: str
    size: int

    @abstractmethod
    def supervised_loss(self, posterior: Posterior, values: Tensor, known: Tensor) -> Tensor:
        """Return the loss in nats of attribute values [b] (class indices or numbers): [b].

        Rows that are not `known` (bool [b]) hold 0 in `values`; what is returned for them does not count.
        """

    @abstractmethod
    def read(self, code: Tensor) -> Tensor:
        """Read the attribute from codes [b, outputs]: class indices or numbers, as float [b]."""

    @abstractmethod
    def write(self, values: Tensor) -> Tensor:
        """Write codes for values: float [b] -> [b, outputs]; between classes they interpolate."""

    def probabilities(self, code: Tensor) -> Tensor | None:
        """Return how probable each class is, read from codes: [b, outputs] -> [b, size]; None if unknown."""
        return None


class Latent(Part):
    """One piece of z as the recipe writes it, and the `rules` between its posterior and its code."""

    family: ClassVar[str] = "latent"
    rules: Annotated[Sequence[Rule], AfterValidator(tuple)] = Field(default=(), kw_only=True)

    @abstractmethod
    def build(self, attributes: Mapping[str, Attribute], shape: ImageShape) -> list[Block]:
        """Return the blocks for data with these attributes, for images of `shape` (channels, height, width).

        Raises:
            InputError: the data lack an attribute that the recipe names.
        """


def between_classes(values: Tensor, size: int) -> Tensor:
    """Return one-hot rows for class indices: [b] -> [b, size]; 1.25 is 3/4 of class 1 and 1/4 of class 2.

    >>> between_classes(torch.tensor([1.25]), 3).tolist()
    [[0.0, 0.75, 0.25]]
    """
    values = values.clamp(0, size - 1)
    low = values.floor()
    share = (values - low).unsqueeze(1)
    classes = torch.arange(size, device=values.device)
    lower = (classes == low.unsqueeze(1)).to(values.dtype)
    upper = (classes == low.unsqueeze(1) + 1).to(values.dtype)
    return lower * (1 - share) + upper * share


class LatentSpace(nn.Module):
    """The blocks of z in order; block `name` occupies the columns `slices[name]` of a code."""

    def __init__(
        self, latents: Sequence[Latent], attributes: Mapping[str, Attribute], shape: ImageShape
    ) -> None:
        super().__init__()
        built = [block for latent in latents for block in latent.build(attributes, shape)]
        if not built:
            told = "no block fits this data; it has no attribute that the recipe names"
            raise UnknownAttributeError("latent", None, told)
        self._blocks = nn.ModuleList(built)
        self.slices: dict[str, slice] = {}
        start = 0
        for block in built:
            if block.name in self.slices:
                told = f"latent: two blocks are called {block.name!r}; give one another name"
                if block.name in attributes:
                    told += (
                        " than the attribute has (latent.gaussian.name), also in the loss (loss.kl.blocks)"
                    )
                raise InputError(told)
            for rule in block.rules:
                rule.check(block)
            self.slices[block.name] = slice(start, start + block.outputs)
            start += block.outputs
        self.inputs = sum(block.inputs for block in built)
        self.outputs = start

    def __iter__(self) -> Iterator[Block]:
        return (cast("Block", block) for block in self._blocks)

    def __getitem__(self, name: str) -> Block:
        return next(block for block in self if block.name == name)

    @property
    def energy(self) -> float:
        """The expected squared length of a code."""
        return sum(block.energy for block in self)

    @property
    def attribute_blocks(self) -> list[AttributeBlock]:
        """The blocks that stand for an attribute."""
        return [block for block in self if isinstance(block, AttributeBlock)]

    @property
    def has_density(self) -> bool:
        """Whether every block has densities, so that there is a bound on log p(x)."""
        return all(block.has_density for block in self)

    def forward(self, numbers: Tensor) -> Posteriors:
        """Read the encoder's numbers [b, inputs] into a posterior for each block."""
        pieces = torch.split(numbers, [block.inputs for block in self], dim=1)
        return {block.name: block(piece) for block, piece in zip(self, pieces, strict=True)}

    def bind(self, encode: Callable[[Tensor], Posteriors], encoder: nn.Module) -> None:
        """Tell every prior how images are encoded into its block's posterior."""
        for block in self:
            block.prior.bind(lambda images, name=block.name: encode(images)[name], encoder)  # type: ignore[misc]

    def apply_rules(
        self, posteriors: Posteriors, batch: Batch, generator: torch.Generator | None
    ) -> Posteriors:
        """Return the posteriors that codes are drawn from in training."""
        changed = dict(posteriors)
        for block in self:
            for rule in block.rules:
                changed[block.name] = rule(changed[block.name], block, batch, generator)
        return changed

    def rsample(self, posteriors: Posteriors, draws: int, generator: torch.Generator | None) -> Tensor:
        """Draw codes: [draws, b, outputs]."""
        return _join([posteriors[block.name].rsample(draws, generator) for block in self])

    def mode(self, posteriors: Posteriors) -> Tensor:
        """Return the codes when nothing is drawn: [b, outputs]."""
        return _join([posteriors[block.name].mode for block in self])

    def kl(self, posteriors: Posteriors, z: Tensor, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return KL(q(z | x) || p(z)) in nats of every block that has one: [b, columns] each.

        The columns are `kl_names` of the block. Codes z [draws, b, outputs] estimate it where it is not
        exact.
        """
        return {
            block.name: block.prior.kl(posteriors[block.name], z[..., self.slices[block.name]], labels)
            for block in self
            if block.has_kl
        }

    def log_prior(self, z: Tensor, labels: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return log p(z) in nats: [..., b, outputs] -> [..., b]."""
        return sum(
            (block.prior.log_prob(z[..., self.slices[block.name]], labels) for block in self),
            start=torch.zeros(z.shape[:-1], device=z.device),
        )

    def log_posterior(self, posteriors: Posteriors, z: Tensor) -> Tensor:
        """Return log q(z | x) in nats: [..., b, outputs] -> [..., b]; for spaces with densities only."""
        total = torch.zeros(z.shape[:-1], device=z.device)
        for block in self:
            nats = posteriors[block.name].log_prob(z[..., self.slices[block.name]])
            assert nats is not None
            total = total + nats
        return total

    def nearest(self, z: Tensor) -> Tensor:
        """Return the nearest codes that the latents can have: [b, outputs]."""
        return _join([block.nearest(z[:, self.slices[block.name]]) for block in self])

    def sample_prior(
        self,
        count: int,
        generator: torch.Generator | None,
        device: torch.device,
        labels: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Draw codes from the prior of every block: [count, outputs]."""
        return torch.cat([block.prior.sample(count, generator, device, labels) for block in self], dim=1)


def _join(codes: list[Tensor]) -> Tensor:
    """Return codes side by side: [..., d] each."""
    return codes[0] if len(codes) == 1 else torch.cat(codes, dim=-1)
