"""The four spaces of the supervised VAE for attributes with classes: how logits become a code.

softmax: a vector of probabilities. argmax: the index of the largest logit, one number; argmax_norm: the index
over its largest value. sampled: a normal posterior with one dimension for each class, its means trained as
logits. No gradient passes an argmax, so encoder and decoder train apart there: the labels alone train the
encoder.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from distaff.attributes import Attribute
from distaff.latents._attributes import AttributeLatent, ClassBlock, Head, logits_of
from distaff.latents._continuous import normal_head
from distaff.latents._posteriors import Normal, Posterior
from distaff.latents._space import AttributeBlock, between_classes


class SoftmaxBlock(ClassBlock):
    """One number per class, positive, summing to 1; a pure class is a one-hot code."""

    def __init__(self, part: Softmax, attribute: Attribute) -> None:
        super().__init__(part, attribute, part.head, outputs=attribute.size)

    @property
    def energy(self) -> float:
        """A pure code has length 1."""
        return 1.0

    def code(self, logits: Tensor) -> Tensor:
        """Return the probabilities: [b, size] -> [b, size]."""
        return logits.softmax(1)

    def read(self, code: Tensor) -> Tensor:
        """Return the class of the largest number: [b, size] -> [b]."""
        return code.argmax(1).float()

    def write(self, values: Tensor) -> Tensor:
        """Return one-hot codes, mixed between neighbours for values between classes: [b] -> [b, size]."""
        return between_classes(values, self.size)

    def nearest(self, code: Tensor) -> Tensor:
        """Return positive numbers that sum to 1: [b, size]."""
        positive = code.clamp(min=1e-6)
        return positive / positive.sum(1, keepdim=True)

    def probabilities(self, code: Tensor) -> Tensor:
        """Return the code itself: [b, size]."""
        return code


class Softmax(AttributeLatent):
    """Softmax codes: the probabilities of the classes.

    >>> Softmax().attributes
    'classes'
    """

    tag: ClassVar[str] = "softmax"
    head: Head = "categorical"

    def block(self, attribute: Attribute) -> AttributeBlock:
        """Return the block of one attribute."""
        return SoftmaxBlock(self, attribute)


class ArgmaxBlock(ClassBlock):
    """The index of the class, over `unit`."""

    def __init__(self, part: Argmax | ArgmaxNorm, attribute: Attribute, unit: float) -> None:
        self.unit = unit
        super().__init__(part, attribute, part.head, outputs=1)

    @property
    def energy(self) -> float:
        """The mean square of the (scaled) index, every class as likely."""
        top = self.size - 1
        return top * (2 * top + 1) / 6 / self.unit**2

    def code(self, logits: Tensor) -> Tensor:
        """Return the (scaled) index of the largest logit: [b, size] -> [b, 1]."""
        return logits.argmax(1, keepdim=True).float() / self.unit

    def read(self, code: Tensor) -> Tensor:
        """Return the nearest class: [b, 1] -> [b]."""
        return (code[:, 0] * self.unit).round().clamp(0, self.size - 1)

    def nearest(self, code: Tensor) -> Tensor:
        """Return the (scaled) index of the nearest class: [b, 1]."""
        return self.write(self.read(code))

    def write(self, values: Tensor) -> Tensor:
        """Return the (scaled) index: [b] -> [b, 1]."""
        return values.clamp(0, self.size - 1).unsqueeze(1) / self.unit


class Argmax(AttributeLatent):
    """The index of the largest logit as the code.

    >>> Argmax(attributes=("digit",)).head
    'categorical'
    """

    tag: ClassVar[str] = "argmax"
    head: Head = "categorical"

    def block(self, attribute: Attribute) -> AttributeBlock:
        """Return the block of one attribute."""
        return ArgmaxBlock(self, attribute, 1.0)


class ArgmaxNorm(AttributeLatent):
    """The index of the largest logit over its largest value, so that codes lie in [0, 1].

    >>> ArgmaxNorm().head
    'categorical'
    """

    tag: ClassVar[str] = "argmax_norm"
    head: Head = "categorical"

    def block(self, attribute: Attribute) -> AttributeBlock:
        """Return the block of one attribute."""
        return ArgmaxBlock(self, attribute, float(max(attribute.size - 1, 1)))


class SampledBlock(ClassBlock):
    """The code is mean + sigma epsilon, its means trained as logits.

    A class has no code of its own here, so the block keeps the average mean of the labelled images of every
    class and writes that.
    """

    has_density = True
    is_normal = True
    prototypes: Tensor

    def __init__(self, part: Sampled, attribute: Attribute) -> None:
        super().__init__(part, attribute, "normal", outputs=attribute.size)
        self.memory = part.memory
        self.register_buffer("prototypes", torch.eye(self.size))

    def code(self, logits: Tensor) -> Tensor:
        """Return the means themselves: [b, size]."""
        return logits

    def forward(self, numbers: Tensor) -> Normal:
        """Read [b, 2 size] numbers into a normal posterior."""
        return normal_head(numbers, "exp")

    def supervised_loss(self, posterior: Posterior, values: Tensor, known: Tensor) -> Tensor:
        """Return the cross-entropy of the means in nats: class indices [b] -> [b]."""
        if self.training:
            self._remember(logits_of(posterior).detach(), values, known)
        return super().supervised_loss(posterior, values, known)

    @torch.no_grad()
    def _remember(self, mean: Tensor, values: Tensor, known: Tensor) -> None:
        member = between_classes(values, self.size) * known.unsqueeze(1)
        count = member.sum(0).unsqueeze(1)
        average = (member.T @ mean) / count.clamp(min=1)
        moved = self.memory * self.prototypes + (1 - self.memory) * average
        self.prototypes.copy_(torch.where(count > 0, moved, self.prototypes))

    def read(self, code: Tensor) -> Tensor:
        """Return the class of the largest number: [b, size] -> [b]."""
        return code.argmax(1).float()

    def write(self, values: Tensor) -> Tensor:
        """Return the average mean of the class, mixed between neighbours: [b] -> [b, size]."""
        return between_classes(values, self.size) @ self.prototypes

    def probabilities(self, code: Tensor) -> Tensor:
        """Return the softmax of the code: [b, size]."""
        return code.softmax(1)


class Sampled(AttributeLatent):
    """Normal codes with one dimension per class.

    `memory` is how much of a class's average mean is kept from step to step.

    >>> Sampled().memory
    0.99
    """

    tag: ClassVar[str] = "sampled"
    memory: float = Field(default=0.99, ge=0, lt=1)

    def block(self, attribute: Attribute) -> AttributeBlock:
        """Return the block of one attribute."""
        return SampledBlock(self, attribute)
