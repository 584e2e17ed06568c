"""Latents that stand for attributes, one block each: how a recipe names them, class heads, and real values.

A class head is either categorical (`size` logits, prior uniform) or, as in the original supervised VAE,
normal (`size` means and scales, prior N(0, I)). The l2 space of the supervised VAE is one normal latent for
each attribute, whose mean is the attribute's value.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn import functional

from distaff.attributes import Attribute
from distaff.errors import InputError, UnknownAttributeError
from distaff.latents._continuous import normal_head
from distaff.latents._posteriors import Categorical, Coded, Normal, Posterior
from distaff.latents._space import AttributeBlock, Block, ImageShape, Latent
from distaff.latents.priors import ClassPrior, StandardModule

Head = Literal["categorical", "normal"]


class ClassBlock(AttributeBlock, ABC):
    """An attribute with classes, read from a head of one logit (or one normal) per class."""

    has_density = False

    def __init__(self, part: AttributeLatent, attribute: Attribute, head: Head, outputs: int) -> None:
        super().__init__()
        self.kind, self.rules = part.tag, tuple(part.rules)
        self.name = self.attribute = attribute.name
        self.size, self.head = attribute.size, head
        self.inputs = self.size if head == "categorical" else 2 * self.size
        self.outputs = outputs
        self.prior = ClassPrior(self.size, self.size if head == "normal" else outputs, head, self.write)

    @abstractmethod
    def code(self, logits: Tensor) -> Tensor:
        """Return the code that logits [b, size] give: [b, outputs]."""

    @property
    def kl_names(self) -> tuple[str, ...]:
        """One column for a categorical head, one for each class of a normal one."""
        return super().kl_names if self.head == "normal" else (self.name,)

    def forward(self, numbers: Tensor) -> Posterior:
        """Read the head [b, inputs] into a code and the distribution it was made of."""
        if self.head == "categorical":
            head: Posterior = Categorical(numbers.float())
            return Coded(self.code(numbers.float()), head)
        normal = normal_head(numbers, "exp")
        return Coded(self.code(normal.mean), normal)

    def supervised_loss(self, posterior: Posterior, values: Tensor, known: Tensor) -> Tensor:
        """Return the cross-entropy of the logits in nats: class indices [b] -> [b]."""
        return functional.cross_entropy(logits_of(posterior), values.long(), reduction="none")


def logits_of(posterior: Posterior) -> Tensor:
    """Return the logits [b, size] of a categorical head, or the means of a normal one."""
    head = posterior.distribution
    if isinstance(head, Normal):
        return head.mean
    assert isinstance(head, Categorical)
    return head.logits


class AttributeLatent(Latent):
    """One block for each named attribute; `classes`, `continuous` and `all` name them by kind."""

    attributes: tuple[str, ...] | Literal["classes", "continuous", "all"] = "classes"
    needs_classes: ClassVar[bool] = True
    renamed: ClassVar[Mapping[str, str]] = {"teach": "rules: [{teacher_forcing: {share: ...}}]"}

    @abstractmethod
    def block(self, attribute: Attribute) -> AttributeBlock:
        """Return the block of one attribute."""

    def choose(self, attributes: Mapping[str, Attribute]) -> list[str]:
        """Return the names meant by `attributes`; raises InputError naming the nearest right one."""
        if self.attributes == "all":
            return list(attributes)
        if self.attributes == "classes":
            return [name for name, attribute in attributes.items() if attribute.size]
        if self.attributes == "continuous":
            return [name for name, attribute in attributes.items() if not attribute.size]
        for name in self.attributes:
            if name not in attributes:
                raise UnknownAttributeError(f"latent.{self.tag}", name, attributes)
        return list(self.attributes)

    def build(self, attributes: Mapping[str, Attribute], shape: ImageShape) -> list[Block]:
        """Return one block for each chosen attribute, in the order of the table or of the recipe."""
        blocks: list[Block] = []
        for name in self.choose(attributes):
            if self.needs_classes and not attributes[name].size:
                raise InputError(f"latent.{self.tag}: attribute {name!r} has no classes; put it under 'l2'")
            blocks.append(self.block(attributes[name]))
        return blocks


class L2Block(AttributeBlock):
    """code = (value - centre) / unit; the standardised value, or the value itself as in the original."""

    kind = "l2"
    is_normal = True

    def __init__(self, part: L2, attribute: Attribute, centre: float, unit: float) -> None:
        super().__init__()
        self.name = self.attribute = attribute.name
        self.size, self.centre, self.unit = attribute.size, centre, unit
        self.rules = tuple(part.rules)
        self.inputs, self.outputs = 2, 1
        self.prior = StandardModule(1)

    def forward(self, numbers: Tensor) -> Normal:
        """Read [b, 2] numbers into a normal posterior of one number."""
        return normal_head(numbers, "exp")

    def supervised_loss(self, posterior: Posterior, values: Tensor, known: Tensor) -> Tensor:
        """Return the squared distance of the mean to the value's code: [b] -> [b]."""
        normal = posterior.distribution
        assert isinstance(normal, Normal)
        return (normal.mean - self.write(values)).square().sum(1)

    def read(self, code: Tensor) -> Tensor:
        """Return the value, rounded to the nearest class where there are classes: [b, 1] -> [b]."""
        value = code[:, 0] * self.unit + self.centre
        return value.round().clamp(0, self.size - 1) if self.size else value

    def write(self, values: Tensor) -> Tensor:
        """Return the code of the value: [b] -> [b, 1]."""
        return ((values - self.centre) / self.unit).unsqueeze(1)


class L2(AttributeLatent):
    """One real-valued latent per attribute; `standardise` puts its values on the prior's scale.

    >>> L2(attributes="continuous").standardise
    True
    """

    tag: ClassVar[str] = "l2"
    standardise: bool = True
    needs_classes: ClassVar[bool] = False

    def block(self, attribute: Attribute) -> AttributeBlock:
        """Return the block of one attribute."""
        if not self.standardise:
            return L2Block(self, attribute, 0.0, 1.0)
        if attribute.size:
            spread = math.sqrt((attribute.size**2 - 1) / 12) or 1.0
            return L2Block(self, attribute, (attribute.size - 1) / 2, spread)
        return L2Block(self, attribute, attribute.mean, attribute.std or 1.0)
