"""The l2 space of the supervised VAE: one normal latent per attribute whose mean is the attribute's value."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from distaff.latent.attribute import AttributeSpec
from distaff.latent.block import AttributeBlock, Domain, Penalty, State
from distaff.latent.gaussian import normal_kl, reparametrise, split_head


class L2Block(AttributeBlock):
    """code = (value - centre) / unit; the standardised value, or the value itself as in the original."""

    kind: ClassVar[str] = "l2"

    def __init__(self, attribute: str, size: int, centre: float, unit: float, teach: float) -> None:
        super().__init__()
        self.name = self.attribute = attribute
        self.size, self.centre, self.unit, self.teach = size, centre, unit, teach
        self.inputs, self.outputs = 2, 1

    def forward(self, numbers: Tensor, *, sample: bool, generator: torch.Generator | None) -> State:
        """Read [b, 2] numbers into a normal posterior and its code [b, 1]."""
        mean, log_variance = split_head(numbers, "exp")
        code = reparametrise(mean, log_variance, generator) if sample else mean
        return State(code, mean=mean, log_variance=log_variance)

    def kl(self, state: State, penalty: Penalty = "square") -> Tensor:
        """Return the KL divergence to N(0, 1) in nats: [b, 1]."""
        assert state.mean is not None
        assert state.log_variance is not None
        return normal_kl(state.mean, state.log_variance, penalty)

    def supervised_loss(self, state: State, values: Tensor) -> Tensor:
        """Return the squared distance of the mean to the value's code: [b] -> [b]."""
        assert state.mean is not None
        return (state.mean - self.write(values)).square().sum(1)

    def read(self, code: Tensor) -> Tensor:
        """Return the value, rounded to the nearest class where there are classes: [b, 1] -> [b]."""
        value = code[:, 0] * self.unit + self.centre
        return value.round().clamp(0, self.size - 1) if self.size else value

    def write(self, values: Tensor) -> Tensor:
        """Return the code of the value: [b] -> [b, 1]."""
        return ((values - self.centre) / self.unit).unsqueeze(1)

    def draw_prior(self, count: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
        """Draw from N(0, 1): [count, 1]."""
        return torch.randn(count, 1, generator=generator, device=device)


class L2(AttributeSpec):
    """One real-valued latent per attribute; `standardise` puts its values on the prior's scale."""

    tag: ClassVar[str] = "l2"
    standardise: bool = True
    needs_classes: ClassVar[bool] = False

    def block(self, attribute: str, domain: Domain) -> AttributeBlock:
        """Return the block of one attribute."""
        if not self.standardise:
            return L2Block(attribute, domain.size, 0.0, 1.0, self.teach)
        if domain.size:
            spread = math.sqrt((domain.size**2 - 1) / 12) or 1.0
            return L2Block(attribute, domain.size, (domain.size - 1) / 2, spread, self.teach)
        return L2Block(attribute, 0, domain.mean, domain.std or 1.0, self.teach)
