"""The metrics that a table of codes and factors allows, and how each is measured on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import Parameter, signature
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.cli.score_input import Factor
from distaff.errors import InputError, nearest
from distaff.metrics import Description, Information, catalogue, information

SLOW = (
    "beta_vae_score", "factor_vae_score", "linear_probe", "explicitness", "knn_accuracy", "infomec", "dci",
)  # fmt: skip
"""Measured last, the slowest at the end."""
ASKED = ("downstream", "reduced_downstream", "strong_downstream", "fairness")
"""Measured when they are named: they fit trees over and over, which takes minutes."""
BESIDE = {
    "logvar": "the posteriors' log variances",
    "models": "several models",
    "log_weights": "importance weights",
}
"""Inputs that no table of codes and factors holds."""


def chosen(names: Sequence[str] | None) -> list[Description]:
    """Return the metrics named, or all; fast ones first.

    Raises InputError for an unknown name, naming the nearest right one.
    """
    entries = {entry.name: entry for entry in catalogue()}
    for name in names or ():
        if name not in entries:
            raise InputError(f"metrics: there is no {name!r}; {nearest(name, entries)}")
    places = {name: place for place, name in enumerate(SLOW, start=1)}
    return sorted((entries[name] for name in names or entries), key=lambda each: places.get(each.name, 0))


@dataclass(frozen=True)
class Scored:
    """A table beside the metrics.

    Attributes:
        codes: [n, D].
        factors: the columns of factors.
        seed: of every metric that has one.
        say: told what is being done.
    """

    codes: npt.NDArray[Any]
    factors: Sequence[Factor]
    seed: int
    say: Callable[[str], None]

    def lacks(self, entry: Description) -> str | None:
        """Say why the table does not allow a metric; None when it does."""
        beside = [words for need, words in BESIDE.items() if need in entry.needs]
        if beside:
            return f"it needs {' and '.join(beside)}: call distaff.metrics.{entry.name}"
        if self.codes.shape[1] < entry.least_codes:
            return f"it needs {entry.least_codes} codes, the table has {self.codes.shape[1]}"
        least, found = entry.least_factors, len(self.taken(entry))
        if _compares(entry) and found < least:
            kind = "factors that are numbers" if "numbers" in entry.needs else "factors with classes"
            return f"it needs {least} {kind}, the table has {found}"
        return None

    def taken(self, entry: Description) -> list[Factor]:
        """The factors that a metric takes: texts have no order, so they are no numbers."""
        if not _compares(entry):
            return []
        if "numbers" in entry.needs:
            return [each for each in self.factors if each.kind != "texts"]
        return [each for each in self.factors if each.kind != "continuous" or _bins_factors(entry)]

    def measure(self, entry: Description) -> dict[str, Any]:
        """Return a metric's value, its details, the factors it took and its options.

        Raises InputError when the metric finds that it cannot be measured after all.
        """
        self.say(f"measuring {entry.name}")
        parameters = signature(entry.function).parameters
        taken = self.taken(entry)
        given: dict[str, Any] = {}
        if taken:
            given["factors"] = np.column_stack([each.values for each in taken])
        if "seed" in parameters:
            given["seed"] = self.seed
        if "shared" in parameters:
            given["shared"] = self._information
        if "progress" in parameters:
            given["progress"] = lambda done, of: self.say(f"measuring {entry.name}: {done:,} of {of:,} steps")
        score = entry.function(self.codes, **given)
        names = [each.name for each in taken]
        return score.as_dict() | {"factors": names, "options": dict(score.settings)}

    @cached_property
    def _information(self) -> Information:
        """One count of binned codes against classes, for every metric that reads it."""
        classes = [each.values for each in self.factors if each.kind != "continuous"]
        return information(self.codes, np.column_stack(classes))


def _compares(entry: Description) -> bool:
    return not {"classes", "numbers"}.isdisjoint(entry.needs)


def _bins_factors(entry: Description) -> bool:
    """Whether a metric bins the factors unless told otherwise, and so takes continuous ones."""
    bins = signature(entry.function).parameters.get("factor_bins")
    return bins is not None and bins.default not in (None, Parameter.empty)
