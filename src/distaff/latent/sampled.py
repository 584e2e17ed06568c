"""The sampled space of the supervised VAE: a normal posterior with one dimension per class."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from distaff.latent.attribute import AttributeSpec, ClassBlock
from distaff.latent.block import AttributeBlock, Domain, State, between_classes
from distaff.latent.gaussian import reparametrise

MEMORY = 0.99


class SampledBlock(ClassBlock):
    """The code is mean + sigma epsilon, its means trained as logits.

    A class has no code of its own here, so the block remembers the average mean of the labelled pictures
    of every class and writes that.
    """

    kind: ClassVar[str] = "sampled"
    prototypes: Tensor

    def __init__(self, attribute: str, size: int, teach: float) -> None:
        super().__init__(attribute, size, "normal", teach)
        self.register_buffer("prototypes", torch.eye(size))

    def forward(self, numbers: Tensor, *, sample: bool, generator: torch.Generator | None) -> State:
        """Read [b, 2 size] numbers into a normal posterior and its code [b, size]."""
        state = self.state(numbers)
        assert state.mean is not None
        assert state.log_variance is not None
        if sample:
            state.code = reparametrise(state.mean, state.log_variance, generator)
        return state

    def supervised_loss(self, state: State, values: Tensor) -> Tensor:
        """Return the cross-entropy of the means in nats: class indices [b] -> [b]."""
        if self.training and state.mean is not None:
            self._remember(state.mean.detach(), values)
        return super().supervised_loss(state, values)

    @torch.no_grad()
    def _remember(self, mean: Tensor, values: Tensor) -> None:
        member = between_classes(values, self.size)
        count = member.sum(0).unsqueeze(1)
        average = (member.T @ mean) / count.clamp(min=1)
        self.prototypes.copy_(
            torch.where(count > 0, MEMORY * self.prototypes + (1 - MEMORY) * average, self.prototypes)
        )

    def read(self, code: Tensor) -> Tensor:
        """Return the class of the largest number: [b, size] -> [b]."""
        return code.argmax(1).float()

    def write(self, values: Tensor) -> Tensor:
        """Return the remembered mean of the class, mixed between neighbours: [b] -> [b, size]."""
        return between_classes(values, self.size) @ self.prototypes

    def probabilities(self, code: Tensor) -> Tensor:
        """Return the softmax of the code: [b, size]."""
        return code.softmax(1)


class Sampled(AttributeSpec):
    """Normal codes with one dimension per class."""

    tag: ClassVar[str] = "sampled"

    def block(self, attribute: str, domain: Domain) -> AttributeBlock:
        """Return the block of one attribute."""
        return SampledBlock(attribute, domain.size, self.teach)
