"""A likelihood: logistic pixels, which forgive outliers more than normal ones do."""

from math import log
from typing import ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus

from distaff.likelihoods import Likelihood, LikelihoodModule


class LogisticModule(LikelihoodModule):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def log_probability(self, output: Tensor, images: Tensor) -> Tensor:
        far = (images - output) / self.scale
        return -(far + 2 * softplus(-far) + log(self.scale)).flatten(1).sum(1)  # nats per image: [b]


class Logistic(Likelihood):
    """Logistic pixels around the decoder's output, with a fixed `scale`."""

    tag: ClassVar[str] = "logistic"
    scale: float = Field(default=0.1, gt=0)

    def build(self) -> LikelihoodModule:
        return LogisticModule(self.scale)
