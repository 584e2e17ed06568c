"""Schedules: pure functions of the step that move a weight, a capacity or the learning rate.

A schedule runs from step `since` to step `until`, each given in steps or as a percentage of the run, and
holds its first value before and its last value after.

>>> Linear(0, 4, until="50%").value(25, total=100)
2.0
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, model_validator

from distaff.parts import Part

__all__ = [
    "Constant",
    "Cosine",
    "Cyclical",
    "Delay",
    "Exponential",
    "Linear",
    "Moment",
    "Ramp",
    "Schedule",
    "Sigmoid",
    "Steps",
    "Warmup",
    "Weight",
    "as_schedule",
]


def _check_moment(value: int | str) -> int | str:
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"a step cannot be negative, got {value}")
        return value
    number = value.strip().removesuffix("%")
    try:
        share = float(number)
    except ValueError:
        raise ValueError(f"expected steps (4000) or a percentage ('60%'), got {value!r}") from None
    if not value.strip().endswith("%") and math.isfinite(share):
        return _check_moment(int(share))
    if not 0 <= share <= 100:
        raise ValueError(f"a percentage of the run lies between 0% and 100%, got {value!r}")
    return value.strip()


Moment = Annotated[int | str, AfterValidator(_check_moment)]
"""A point of the run: a number of steps, or a percentage such as `60%`."""
Level = Annotated[float, Field(allow_inf_nan=False)]
"""A value of a schedule: any finite number."""


def moment_to_step(moment: int | str, total: int) -> int:
    """Return the step that `moment` means in a run of `total` steps."""
    if isinstance(moment, int):
        return moment
    return round(float(moment.removesuffix("%")) / 100 * total)


class Schedule(Part):
    """A value that moves with the step."""

    family: ClassVar[str] = "schedule"

    @abstractmethod
    def value(self, step: int, total: int) -> float:
        """Return the value at `step` (counted from 0) of a run of `total` steps."""

    @property
    @abstractmethod
    def levels(self) -> tuple[float, ...]:
        """The values between which the schedule moves; it never leaves their range."""

    def last_change(self, total: int) -> int:
        """Return the step from which the value no longer moves."""
        return total


class Ramp(Schedule):
    """A schedule from one value to another; subclasses give its shape on [0, 1]."""

    start: Level = Field(alias="from")
    to: Level
    until: Moment = "100%"
    since: Moment = 0

    @model_validator(mode="after")
    def _run_forwards(self) -> Self:
        # Steps and percentages can only be compared once the length of the run is known.
        if type(self.since) is type(self.until) and moment_to_step(self.since, 10**6) > moment_to_step(
            self.until, 10**6
        ):
            raise ValueError(f"since {self.since} comes after until {self.until}; a schedule runs forwards")
        return self

    @property
    def levels(self) -> tuple[float, ...]:
        """The first and the last value."""
        return self.start, self.to

    @abstractmethod
    def shape(self, progress: float) -> float:
        """Return the share of the way gone at `progress` in [0, 1]; 0 at 0 and 1 at 1."""

    def value(self, step: int, total: int) -> float:
        """Return the value at `step` of a run of `total` steps."""
        first, last = moment_to_step(self.since, total), moment_to_step(self.until, total)
        if step >= last:
            return self.to
        if step <= first:
            return self.start
        return self.start + (self.to - self.start) * self.shape((step - first) / (last - first))

    def last_change(self, total: int) -> int:
        """Return the step at which the ramp ends."""
        return moment_to_step(self.until, total)


class Constant(Schedule):
    """The same value throughout; a plain number in a recipe means this."""

    tag: ClassVar[str] = "constant"
    at: Level

    @property
    def levels(self) -> tuple[float, ...]:
        """The one value."""
        return (self.at,)

    def value(self, step: int, total: int) -> float:
        """Return the value, whatever the step."""
        return self.at

    def last_change(self, total: int) -> int:
        """Return 0: a constant never moves."""
        return 0


class Linear(Ramp):
    """A straight line."""

    tag: ClassVar[str] = "linear"

    def shape(self, progress: float) -> float:
        """Return `progress`."""
        return progress


class Cosine(Ramp):
    """Half a cosine wave: slow at both ends."""

    tag: ClassVar[str] = "cosine"

    def shape(self, progress: float) -> float:
        """Return (1 - cos(pi progress)) / 2."""
        return 0.5 * (1 - math.cos(math.pi * progress))


class Exponential(Ramp):
    """A constant factor per step; both ends must have the same sign and not be 0."""

    tag: ClassVar[str] = "exponential"

    def model_post_init(self, context: Any, /) -> None:
        """Refuse ends between which no constant factor leads."""
        if self.start * self.to <= 0:
            raise ValueError(
                f"an exponential schedule cannot lead from {self.start:g} to {self.to:g}: "
                "both ends need the same sign and neither may be 0"
            )

    def shape(self, progress: float) -> float:
        """Return the share of the way gone when the logarithm moves linearly."""
        ratio = self.to / self.start
        return progress if math.isclose(ratio, 1) else (ratio**progress - 1) / (ratio - 1)


class Sigmoid(Ramp):
    """A logistic curve, stretched so that it meets both ends exactly."""

    tag: ClassVar[str] = "sigmoid"
    steepness: float = Field(default=10.0, ge=0.01, le=100)

    def shape(self, progress: float) -> float:
        """Return the logistic function of steepness (progress - 1/2), rescaled to [0, 1]."""
        low = 1 / (1 + math.exp(self.steepness / 2))
        here = 1 / (1 + math.exp(-self.steepness * (progress - 0.5)))
        return (here - low) / (1 - 2 * low)


class Cyclical(Schedule):
    """Repeated linear ramps, each followed by a plateau (Fu et al. 2019, https://arxiv.org/abs/1903.10145)."""

    tag: ClassVar[str] = "cyclical"
    start: Level = Field(alias="from")
    to: Level
    cycles: int = Field(default=4, ge=1)
    rising: float = Field(default=0.5, gt=0, le=1)

    @property
    def levels(self) -> tuple[float, ...]:
        """The foot and the top of each ramp."""
        return self.start, self.to

    def value(self, step: int, total: int) -> float:
        """Return the value at `step` of a run of `total` steps."""
        # Whole numbers first: a product of rounded quotients misses the foot of some ramps.
        position = (step * self.cycles % total) / total if step < total else 1.0
        return self.start + (self.to - self.start) * min(1.0, position / self.rising)


class Steps(Schedule):
    """A staircase: `at` maps moments to the value held from there on."""

    tag: ClassVar[str] = "steps"
    at: dict[Moment, Level] = Field(min_length=1)

    @property
    def levels(self) -> tuple[float, ...]:
        """The value of every stair."""
        return tuple(self.at.values())

    def value(self, step: int, total: int) -> float:
        """Return the value of the last stair begun; before the first stair, that stair's value."""
        stairs = sorted((moment_to_step(moment, total), value) for moment, value in self.at.items())
        return next((value for begin, value in reversed(stairs) if begin <= step), stairs[0][1])

    def last_change(self, total: int) -> int:
        """Return the step at which the last stair begins."""
        return max(moment_to_step(moment, total) for moment in self.at)


def _number_or_schedule(value: Any) -> float | Schedule:
    if isinstance(value, str):
        try:
            # YAML reads 1e-3 as a word.
            value = float(value)
        except ValueError:
            return Schedule.read(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Schedule.read(value)
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number or a schedule, got {value}")
    return float(value)


def _write(value: float | Schedule) -> Any:
    return value if isinstance(value, float) else value.model_dump(mode="json", by_alias=True)


Weight = Annotated[float | Schedule, PlainValidator(_number_or_schedule), PlainSerializer(_write)]
"""A number that stays, or a schedule."""


def as_schedule(weight: float | Schedule) -> Schedule:
    """Return a number as the schedule that never moves.

    >>> as_schedule(2).value(0, total=10)
    2.0
    """
    return weight if isinstance(weight, Schedule) else Constant(float(weight))


class Entry(Schedule):
    """Another schedule on the same clock, whose beginning, up to step `until`, is changed."""

    until: Moment
    then: Weight

    @property
    def levels(self) -> tuple[float, ...]:
        """0 and the levels of the other schedule."""
        return (0.0, *as_schedule(self.then).levels)

    def last_change(self, total: int) -> int:
        """Return when the beginning is over and the other schedule no longer moves."""
        return max(moment_to_step(self.until, total), as_schedule(self.then).last_change(total))


class Delay(Entry):
    """Another schedule, held at 0 before step `until`."""

    tag: ClassVar[str] = "delay"

    def value(self, step: int, total: int) -> float:
        """Return 0 before `until`, then the value of the schedule that follows at the same step."""
        return as_schedule(self.then).value(step, total) if step >= moment_to_step(self.until, total) else 0.0


class Warmup(Entry):
    """Another schedule times a straight ramp that reaches 1 at step `until`.

    The first steps of Adam move every weight by the whole learning rate, all of a unit's to the same side: a
    large rate pushes many units of a wide layer to where a ReLU passes nothing, for good.
    """

    tag: ClassVar[str] = "warmup"

    def value(self, step: int, total: int) -> float:
        """Return the other schedule's value at the same step, times the ramp, which is not 0 at step 0."""
        ramp = min(1.0, (step + 1) / (moment_to_step(self.until, total) + 1))
        return ramp * as_schedule(self.then).value(step, total)
