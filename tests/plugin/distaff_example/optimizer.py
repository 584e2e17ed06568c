"""An optimiser: RMSprop, as PyTorch has it."""

from typing import Any, ClassVar

import torch
from pydantic import Field

from distaff.optimizers import Optimizer


class RMSprop(Optimizer):
    """RMSprop; `alpha` is how much of the running mean of squared gradients is kept."""

    tag: ClassVar[str] = "rmsprop"
    alpha: float = Field(default=0.99, gt=0, lt=1)

    def build(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(groups, alpha=self.alpha)
