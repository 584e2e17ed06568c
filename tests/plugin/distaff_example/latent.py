"""A latent: normal, with means that tanh keeps within a box, so that traversals know where to end."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from distaff.attributes import Attribute
from distaff.latents import Block, ImageShape, Latent, Normal, normal_head
from distaff.latents.priors import Prior, PriorModule, Standard


class BoundedBlock(Block):
    kind = "bounded"
    is_normal = True  # for terms, metrics and figures of normal latents

    def __init__(self, part: "Bounded", prior: PriorModule) -> None:
        super().__init__()
        self.name, self.bound, self.rules = part.name, part.bound, tuple(part.rules)
        self.inputs, self.outputs = 2 * part.size, part.size  # numbers from the encoder, numbers of the code
        self.prior = prior

    def forward(self, numbers: Tensor) -> Normal:
        q = normal_head(numbers, "exp")
        return Normal(self.bound * q.mean.tanh(), q.log_variance)


class Bounded(Latent):
    """`size` normal latents whose means lie between -`bound` and `bound`."""

    tag: ClassVar[str] = "bounded"  # defining it registers the class
    size: int = Field(default=4, ge=1)
    bound: float = Field(default=3.0, gt=0)
    name: str = "box"
    prior: Prior = Standard()

    def build(self, attributes: Mapping[str, Attribute], shape: ImageShape) -> list[Block]:
        return [BoundedBlock(self, self.prior.build(self.size, shape, attributes))]
