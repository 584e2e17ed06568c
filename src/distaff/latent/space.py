"""The latent space: blocks side by side, their codes joined into one vector z."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, cast

import torch
from torch import Tensor, nn

from distaff.errors import InputError
from distaff.latent.argmax import Argmax, ArgmaxNorm
from distaff.latent.block import AttributeBlock, Block, Domain, State
from distaff.latent.gaussian import Gaussian
from distaff.latent.l2 import L2
from distaff.latent.sampled import Sampled
from distaff.latent.softmax import Softmax
from distaff.share import uniform
from distaff.spec import one_of

LatentSpec = Annotated[
    Gaussian | Softmax | Sampled | Argmax | ArgmaxNorm | L2,
    one_of(Gaussian, Softmax, Sampled, Argmax, ArgmaxNorm, L2),
]


class LatentSpace(nn.Module):
    """The blocks of z in order; block `name` occupies the columns `slices[name]` of a code."""

    def __init__(self, specs: Sequence[LatentSpec], domains: dict[str, Domain]) -> None:
        super().__init__()
        built = [block for spec in specs for block in spec.build(domains)]
        if not built:
            raise InputError("latent: no block fits this data; it has no attribute that the recipe names")
        self._blocks = nn.ModuleList(built)
        self.slices: dict[str, slice] = {}
        start = 0
        for block in built:
            if block.name in self.slices:
                raise InputError(f"latent: two blocks are called {block.name!r}; give one another name")
            self.slices[block.name] = slice(start, start + block.outputs)
            start += block.outputs
        self.inputs = sum(block.inputs for block in built)
        self.outputs = start

    def __iter__(self) -> Iterator[Block]:
        return (cast("Block", block) for block in self._blocks)

    def __getitem__(self, name: str) -> Block:
        return next(block for block in self if block.name == name)

    @property
    def energy(self) -> float:
        """The expected squared length of a code."""
        return sum(block.energy for block in self)

    @property
    def attribute_blocks(self) -> list[AttributeBlock]:
        """The blocks that stand for an attribute."""
        return [block for block in self if isinstance(block, AttributeBlock)]

    def forward(
        self, numbers: Tensor, *, sample: bool, generator: torch.Generator | None = None
    ) -> dict[str, State]:
        """Read the encoder's numbers [b, inputs] into a state for each block."""
        pieces = torch.split(numbers, [block.inputs for block in self], dim=1)
        return {
            block.name: block(piece, sample=sample, generator=generator)
            for block, piece in zip(self, pieces, strict=True)
        }

    def teach(
        self, states: dict[str, State], labels: dict[str, Tensor], generator: torch.Generator | None
    ) -> None:
        """Replace the codes of a share of the labelled pictures by the codes of their labels.

        The decoder so learns to draw from the codes that people will write. `labels` holds a float [b] for
        each attribute, NaN where missing; each block's own `teach` is the share.
        """
        for block in self.attribute_blocks:
            values = labels.get(block.attribute)
            if not block.teach or values is None:
                continue
            code = states[block.name].code
            drawn = uniform(values.shape, generator, device=values.device) < block.teach
            taught = (drawn & ~values.isnan()).unsqueeze(1)
            states[block.name].code = torch.where(taught, block.write(values.nan_to_num()).to(code), code)

    def join(self, states: dict[str, State]) -> Tensor:
        """Join the codes of all blocks: [b, outputs]."""
        return torch.cat([states[block.name].code for block in self], dim=1)

    def draw_prior(self, count: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
        """Draw codes from the prior of every block: [count, outputs]."""
        return torch.cat([block.draw_prior(count, generator, device) for block in self], dim=1)
