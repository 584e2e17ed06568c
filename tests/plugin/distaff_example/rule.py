"""A rule: widens the posterior in training, so that the decoder stays smooth around every code."""

from typing import ClassVar

import torch
from pydantic import Field

from distaff.errors import InputError
from distaff.latents import Batch, Block, Normal, Posterior, Rule


class Widen(Rule):
    """Adds `by` to the standard deviation that codes are drawn with."""

    tag: ClassVar[str] = "widen"
    by: float = Field(default=0.1, ge=0)

    def check(self, block: Block) -> None:
        if not block.is_normal:
            raise InputError(f"latent {block.name!r}: widen needs a latent with a normal posterior")

    def __call__(
        self, posterior: Posterior, block: Block, batch: Batch, generator: torch.Generator | None
    ) -> Posterior:
        assert isinstance(posterior, Normal)
        deviation = (0.5 * posterior.log_variance).exp() + self.by
        return Normal(posterior.mean, 2 * deviation.log())
