"""What the attribute blocks share: one head per attribute, and how a recipe names the attributes.

The head is either categorical (`size` logits, prior uniform) or, as in the original supervised VAE, normal
(`size` means and scales, prior N(0, I)).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from distaff.errors import InputError, nearest
from distaff.latent.block import AttributeBlock, Block, Domain, Penalty, State
from distaff.latent.gaussian import normal_kl, split_head
from distaff.spec import Spec

Head = Literal["categorical", "normal"]


class ClassBlock(AttributeBlock, ABC):
    """An attribute with classes, read from a head of one logit (or one normal) per class."""

    def __init__(self, attribute: str, size: int, head: Head, teach: float) -> None:
        super().__init__()
        self.name = self.attribute = attribute
        self.size, self.head, self.teach = size, head, teach
        self.inputs = size if head == "categorical" else 2 * size
        self.outputs = size

    def state(self, numbers: Tensor, code: Tensor | None = None) -> State:
        """Read the head [b, inputs] into logits (and a normal posterior), with an empty code to fill."""
        if self.head == "categorical":
            logits = numbers.float()
            return State(logits if code is None else code, logits=logits)
        mean, log_variance = split_head(numbers, "exp")
        return State(mean if code is None else code, mean=mean, log_variance=log_variance, logits=mean)

    def kl(self, state: State, penalty: Penalty = "square") -> Tensor:
        """Return nats of a normal head per class [b, size], or KL(q || uniform) of the classes [b, 1]."""
        if state.mean is not None and state.log_variance is not None:
            return normal_kl(state.mean, state.log_variance, penalty)
        assert state.logits is not None
        log_q = state.logits.log_softmax(1)
        return ((log_q.exp() * log_q).sum(1, keepdim=True) + math.log(self.size)).clamp(min=0)

    def supervised_loss(self, state: State, values: Tensor) -> Tensor:
        """Return the cross-entropy of the logits in nats: class indices [b] -> [b]."""
        assert state.logits is not None
        return functional.cross_entropy(state.logits, values.long(), reduction="none")

    def draw_prior(self, count: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
        """Write codes of classes drawn uniformly: [count, outputs]."""
        values = torch.randint(self.size, (count,), generator=generator, device=device)
        return self.write(values.float())


class AttributeSpec(Spec, ABC):
    """One block for each named attribute; `classes`, `continuous` and `all` name them by kind."""

    attributes: tuple[str, ...] | Literal["classes", "continuous", "all"] = "classes"
    teach: float = Field(default=0.0, ge=0, le=1)
    needs_classes: ClassVar[bool] = True

    @abstractmethod
    def block(self, attribute: str, domain: Domain) -> AttributeBlock:
        """Return the block of one attribute."""

    def choose(self, domains: dict[str, Domain]) -> list[str]:
        """Return the names meant by `attributes`, or raise InputError naming the nearest right one."""
        if self.attributes == "all":
            return list(domains)
        if self.attributes == "classes":
            return [name for name, domain in domains.items() if domain.size]
        if self.attributes == "continuous":
            return [name for name, domain in domains.items() if not domain.size]
        for name in self.attributes:
            if name not in domains:
                raise InputError(
                    f"latent.{self.tag}: the data has no attribute {name!r}; {nearest(name, domains)}"
                )
        return list(self.attributes)

    def build(self, domains: dict[str, Domain]) -> list[Block]:
        """Return one block for each chosen attribute, in the order of the table or of the recipe."""
        blocks: list[Block] = []
        for name in self.choose(domains):
            if self.needs_classes and domains[name].size == 0:
                raise InputError(f"latent.{self.tag}: attribute {name!r} has no classes; put it under 'l2'")
            blocks.append(self.block(name, domains[name]))
        return blocks
