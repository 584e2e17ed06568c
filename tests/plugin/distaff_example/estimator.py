"""An estimator of the total correlation, for the term `tc`: that of a normal distribution fitted to z."""

from typing import ClassVar

import torch

from distaff.losses import Column, Context, Step, TCEstimator, TermModule, Values
from distaff.schedules import Weight, as_schedule


class NormalTC(TermModule):
    def __init__(self, weight: Weight) -> None:
        super().__init__()
        self.weight = weight
        self.columns = {"tc": "total correlation of a normal distribution fitted to z, nats"}
        self.schedules = {"tc": as_schedule(weight)}

    def forward(self, step: Step) -> Values:
        _, z = step.normal_posterior()
        covariance = torch.cov(z.T) + 1e-4 * torch.eye(z.shape[1], device=z.device)
        tc = 0.5 * (covariance.diagonal().log().sum() - torch.logdet(covariance))
        return Values(step.value(self.weight) * tc, {"tc": Column(tc)})  # one number for the whole batch


class Fitted(TCEstimator):
    """The total correlation of a normal distribution fitted to the codes of the batch."""

    tag: ClassVar[str] = "fitted"

    def build(self, weight: Weight, size: int, context: Context) -> TermModule:
        return NormalTC(weight)
