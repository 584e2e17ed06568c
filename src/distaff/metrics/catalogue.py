"""What each metric says, in words, and what it needs: read by `distaff metrics` and `distaff evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from distaff.errors import InputError, nearest
from distaff.metrics.score import Score

Need = Literal["codes", "classes", "numbers", "logvar", "grid", "models", "log_weights"]
Direction = Literal["higher", "lower", "none"]


@dataclass(frozen=True)
class Description:
    """One metric, described.

    Attributes:
        name: of the function in `distaff.metrics`, in `--metrics` and in `evaluation.json`.
        measures: what a high value means, for a student.
        span: the range of values.
        chance: what codes without any meaning score.
        direction: which way is better; ``"none"`` where neither is.
        paper: its address.
        weaknesses: what fools it.
        needs: inputs. ``classes`` are factors with countable values, ``numbers`` factors of any kind,
            ``logvar`` the posteriors' log variances, ``grid`` every combination of factors once, ``models``
            several models on the same points, ``log_weights`` importance weights.
        continuous: what it does with continuous factors.
        missing: what it does with missing factors.
        least_codes: fewest codes it can work with.
        least_factors: fewest factors it can work with.
    """

    name: str
    measures: str
    span: str
    chance: str
    direction: Direction
    paper: str
    weaknesses: str
    needs: tuple[Need, ...] = ("codes", "classes")
    continuous: str = "refused: round them first"
    missing: str = "points are left out for the factor they miss"
    least_codes: int = 1
    least_factors: int = 1

    @property
    def function(self) -> Callable[..., Score]:
        """The metric itself."""
        import distaff.metrics

        found: Callable[..., Score] = getattr(distaff.metrics, self.name)
        return found


def describe(name: str) -> Description:
    """The description of a metric; InputError names the nearest when there is none."""
    for entry in catalogue():
        if entry.name == name:
            return entry
    raise InputError(f"there is no metric {name!r}: {nearest(name, [entry.name for entry in catalogue()])}")


def catalogue() -> tuple[Description, ...]:
    """Every metric, in reading order."""
    from distaff.metrics.catalogue_factors import FACTORS
    from distaff.metrics.catalogue_others import OTHERS
    from distaff.metrics.catalogue_tasks import TASKS

    return (*FACTORS, *TASKS, *OTHERS)
