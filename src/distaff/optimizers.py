"""Optimisers: how gradients move the weights.

Every group of weights may have a learning rate, betas and a weight decay of its own; what a group leaves out
is the optimiser's.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field

from distaff.parts import Part

__all__ = ["Adam", "AdamW", "Optimizer"]

Decay = Annotated[float, Field(ge=0, lt=1)]
"""How much of a running mean is kept from step to step."""
Group = dict[str, Any]
"""`params` (a list of weights), `lr`, whether they are `loose`, of no layer, and what else the group sets."""


class Optimizer(Part):
    """The optimiser, as the recipe writes it."""

    family: ClassVar[str] = "optimizer"

    @abstractmethod
    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        """Return the optimiser of some groups of weights."""


class Adam(Optimizer):
    """Adam (https://arxiv.org/abs/1412.6980).

    >>> weight = nn.Parameter(torch.zeros(2))
    >>> Adam(betas=(0.5, 0.9)).build([{"params": [weight], "lr": 1e-3}]).param_groups[0]["betas"]
    (0.5, 0.9)
    """

    tag: ClassVar[str] = "adam"
    betas: tuple[Decay, Decay] = (0.9, 0.999)

    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        """Return Adam in its fused form."""
        return torch.optim.Adam(groups, betas=self.betas, fused=True)


class AdamW(Optimizer):
    """Adam with weight decay apart from the gradient (https://arxiv.org/abs/1711.05101).

    `decay` says which weights decay: kernels (of two dimensions and more, in layers: no codebook, no means of
    a prior) or all.

    >>> kernel, bias = nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(2))
    >>> optimizer = AdamW(weight_decay=0.1).build([{"params": [kernel, bias], "lr": 1e-3}])
    >>> [group["weight_decay"] for group in optimizer.param_groups]
    [0.1, 0.0]
    """

    tag: ClassVar[str] = "adamw"
    weight_decay: float = Field(default=0.01, ge=0)
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    decay: Literal["kernels", "all"] = "kernels"

    def build(self, groups: list[Group]) -> torch.optim.Optimizer:
        """Return AdamW in its fused form, the weights that do not decay in groups of their own."""
        apart: list[Group] = []
        for group in groups:
            strength = group.get("weight_decay", self.weight_decay)
            kernels = not group.get("loose", False)
            decays = [self.decay == "all" or (kernels and each.ndim > 1) for each in group["params"]]
            for wanted, value in ((True, strength), (False, 0.0)):
                chosen = [each for each, does in zip(group["params"], decays, strict=True) if does is wanted]
                if chosen:
                    apart.append({**group, "params": chosen, "weight_decay": value})
        return torch.optim.AdamW(apart, betas=self.betas, fused=True)
