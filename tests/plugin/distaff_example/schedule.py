"""A schedule: falls with the square root of the step (https://arxiv.org/abs/1706.03762)."""

from math import sqrt
from typing import ClassVar

from pydantic import Field

from distaff.schedules import Schedule


class InverseSqrt(Schedule):
    """`start` at step 0, half of it at step 3 x `pace`, and never 0."""

    tag: ClassVar[str] = "inverse_sqrt"
    start: float = Field(gt=0)
    pace: int = Field(default=100, ge=1)

    @property
    def levels(self) -> tuple[float, ...]:
        return self.start, 0.0  # it never leaves their range

    def value(self, step: int, total: int) -> float:
        return self.start * sqrt(self.pace / (self.pace + step))
