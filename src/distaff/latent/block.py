"""What every latent block gives: a posterior, a sample, a mean code and its KL divergence.

A block says how many numbers it takes from the encoder (`inputs`) and gives to the decoder (`outputs`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

Penalty = Literal["square", "abs"]


@dataclass(frozen=True)
class Domain:
    """What an attribute block must know of its attribute: classes (0 = continuous), mean and deviation."""

    size: int
    mean: float = 0.0
    std: float = 1.0


@dataclass
class State:
    """What a block made of the encoder's numbers for a batch.

    `code` [b, outputs] goes to the decoder: a sample in training, the mean code otherwise.
    `mean`, `log_variance` [b, d] describe a normal posterior, `logits` [b, k] a categorical one.
    """

    code: Tensor
    mean: Tensor | None = None
    log_variance: Tensor | None = None
    logits: Tensor | None = None

    def rows(self, rows: Tensor) -> State:
        """Return the state of the pictures `rows` [r] of the batch."""
        return State(
            self.code[rows],
            mean=None if self.mean is None else self.mean[rows],
            log_variance=None if self.log_variance is None else self.log_variance[rows],
            logits=None if self.logits is None else self.logits[rows],
        )


class Block(nn.Module, ABC):
    """One piece of the code z."""

    kind: ClassVar[str]
    name: str
    attribute: str | None
    inputs: int
    outputs: int

    @property
    def energy(self) -> float:
        """The expected squared length of a code, which sets the scale of the decoder's first layer."""
        return float(self.outputs)

    @abstractmethod
    def forward(self, numbers: Tensor, *, sample: bool, generator: torch.Generator | None) -> State:
        """Read the encoder's numbers [b, inputs]; draw the code when `sample`, else take its mean."""

    @abstractmethod
    def kl(self, state: State, penalty: Penalty = "square") -> Tensor:
        """Return KL(q(z | x) || p(z)) in nats for each dimension: [b, d]."""

    @abstractmethod
    def draw_prior(self, count: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
        """Draw `count` codes from the prior: [count, outputs]."""


class AttributeBlock(Block, ABC):
    """A block that stands for one attribute: it can be read, set and taught."""

    attribute: str
    size: int
    teach: float

    @abstractmethod
    def supervised_loss(self, state: State, values: Tensor) -> Tensor:
        """Return the loss in nats of known attribute values [b] (class indices or numbers): [b]."""

    @abstractmethod
    def read(self, code: Tensor) -> Tensor:
        """Read the attribute from codes [b, outputs]: class indices or numbers, as float [b]."""

    @abstractmethod
    def write(self, values: Tensor) -> Tensor:
        """Write codes for values: float [b] -> [b, outputs]; between classes they interpolate."""

    def probabilities(self, code: Tensor) -> Tensor | None:
        """Return how probable each class is, read from codes: [b, outputs] -> [b, size]; None if unknown."""
        return None


def between_classes(values: Tensor, size: int) -> Tensor:
    """Return one-hot rows for class indices: [b] -> [b, size]; 1.25 is 3/4 of class 1 and 1/4 of class 2."""
    values = values.clamp(0, size - 1)
    low = values.floor()
    share = (values - low).unsqueeze(1)
    classes = torch.arange(size, device=values.device)
    lower = (classes == low.unsqueeze(1)).to(values.dtype)
    upper = (classes == low.unsqueeze(1) + 1).to(values.dtype)
    return lower * (1 - share) + upper * share
