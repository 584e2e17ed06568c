"""The argmax spaces of the supervised VAE: the code is the index of the largest logit, one number.

No gradient passes an argmax, so encoder and decoder train apart: the labels alone teach the encoder.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from distaff.latent.attribute import AttributeSpec, ClassBlock, Head
from distaff.latent.block import AttributeBlock, Domain, State


class ArgmaxBlock(ClassBlock):
    """The index of the class (`argmax`), or the index over its largest value (`argmax_norm`)."""

    def __init__(self, attribute: str, size: int, head: Head, teach: float, normalise: bool) -> None:
        super().__init__(attribute, size, head, teach)
        self.kind = "argmax_norm" if normalise else "argmax"  # type: ignore[misc]
        self.unit = float(max(size - 1, 1)) if normalise else 1.0
        self.outputs = 1

    @property
    def energy(self) -> float:
        """The mean square of the (scaled) index, every class as likely."""
        top = self.size - 1
        return top * (2 * top + 1) / 6 / self.unit**2

    def forward(self, numbers: Tensor, *, sample: bool, generator: torch.Generator | None) -> State:
        """Read [b, inputs] numbers into the index of the largest logit: code [b, 1]."""
        state = self.state(numbers)
        assert state.logits is not None
        state.code = state.logits.argmax(1, keepdim=True).float() / self.unit
        return state

    def read(self, code: Tensor) -> Tensor:
        """Return the nearest class: [b, 1] -> [b]."""
        return (code[:, 0] * self.unit).round().clamp(0, self.size - 1)

    def write(self, values: Tensor) -> Tensor:
        """Return the (scaled) index: [b] -> [b, 1]."""
        return values.clamp(0, self.size - 1).unsqueeze(1) / self.unit


class Argmax(AttributeSpec):
    """The index of the largest logit as the code."""

    tag: ClassVar[str] = "argmax"
    head: Head = "categorical"

    def block(self, attribute: str, domain: Domain) -> AttributeBlock:
        """Return the block of one attribute."""
        return ArgmaxBlock(attribute, domain.size, self.head, self.teach, normalise=False)


class ArgmaxNorm(AttributeSpec):
    """The index of the largest logit over its largest value, so that codes lie in [0, 1]."""

    tag: ClassVar[str] = "argmax_norm"
    head: Head = "categorical"

    def block(self, attribute: str, domain: Domain) -> AttributeBlock:
        """Return the block of one attribute."""
        return ArgmaxBlock(attribute, domain.size, self.head, self.teach, normalise=True)
