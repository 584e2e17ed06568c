"""The softmax space of the supervised VAE: the code of an attribute is the softmax of its logits."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from distaff.latent.attribute import AttributeSpec, ClassBlock, Head
from distaff.latent.block import AttributeBlock, Domain, State, between_classes


class SoftmaxBlock(ClassBlock):
    """One number per class, positive, summing to 1; a pure class is a one-hot code."""

    kind: ClassVar[str] = "softmax"

    @property
    def energy(self) -> float:
        """A pure code has length 1."""
        return 1.0

    def forward(self, numbers: Tensor, *, sample: bool, generator: torch.Generator | None) -> State:
        """Read [b, inputs] numbers into the softmax of the logits: code [b, size]."""
        state = self.state(numbers)
        assert state.logits is not None
        state.code = state.logits.softmax(1)
        return state

    def read(self, code: Tensor) -> Tensor:
        """Return the class of the largest number: [b, size] -> [b]."""
        return code.argmax(1).float()

    def write(self, values: Tensor) -> Tensor:
        """Return one-hot codes, mixed between neighbours for values between classes: [b] -> [b, size]."""
        return between_classes(values, self.size)

    def probabilities(self, code: Tensor) -> Tensor:
        """Return the code itself: [b, size]."""
        return code


class Softmax(AttributeSpec):
    """Softmax codes; `teach` is the share of labelled pictures drawn from their label's pure code."""

    tag: ClassVar[str] = "softmax"
    head: Head = "categorical"

    def block(self, attribute: str, domain: Domain) -> AttributeBlock:
        """Return the block of one attribute."""
        return SoftmaxBlock(attribute, domain.size, self.head, self.teach)
