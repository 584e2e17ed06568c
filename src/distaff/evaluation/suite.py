"""The disentanglement metrics of `distaff.metrics` over the shared codes, as far as the data allow."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np

from distaff.data import Attribute
from distaff.evaluation.encoding import draw
from distaff.evaluation.subject import Subject
from distaff.metrics import Description, catalogue

TEST = 5000
"""Test codes given to metrics that fit a model, as in the reference study."""
USUAL = (
    "mig", "sap", "modularity", "explicitness", "infomec", "irs", "mcc", "jemmig", "dcimig",
    "beta_vae_score", "factor_vae_score",
)  # fmt: skip
"""Run without being asked for; the others repeat these in other forms, or take long."""


def suite() -> tuple[Description, ...]:
    """Return the metrics that need codes and labels of one model and no more."""
    return tuple(
        entry for entry in catalogue() if {"codes"} <= {*entry.needs} <= {"codes", "classes", "numbers"}
    )


def lacks_factors(entry: Description) -> Callable[[Subject], str | None]:
    """Return what says why a metric cannot run on a subject (None: it can)."""

    def lacks(subject: Subject) -> str | None:
        codes, factors = len(subject.model.latents), len(_factors(subject, entry))
        if codes < entry.least_codes:
            return f"it needs {entry.least_codes} latents, the model has {codes}"
        least = entry.least_factors if len(entry.needs) > 1 else 0
        if factors < least:
            kind = "attributes" if "numbers" in entry.needs else "attributes with classes"
            return f"it needs {least} {kind} that vary, the data have {factors}"
        return None

    return lacks


def fits(subject: Subject) -> bool:
    """Tell whether to run the suite unasked: two attributes with classes, every label known."""
    attributes = [attribute for attribute in subject.table.attributes if attribute.size]
    rows = np.concatenate([subject.train_rows, subject.test_rows])
    values = subject.table.select([attribute.name for attribute in attributes]).values[rows]
    return len(attributes) > 1 and not np.isnan(values).any()


def measure(entry: Description) -> Callable[[Subject], dict[str, Any]]:
    """Return what runs a metric on a subject's training codes, and test codes where it takes them."""

    def run(subject: Subject) -> dict[str, Any]:
        names = [each.name for each in _factors(subject, entry)] if len(entry.needs) > 1 else []
        train, test = subject.train, subject.test
        given: dict[str, Any] = {"codes": train.codes}
        if names:
            given["factors"] = train.factors.select(names).values
            if "test_codes" in signature(entry.function).parameters:
                part = draw(np.arange(len(test.codes)), TEST, subject.seed)
                given["test_codes"] = test.codes[part]
                given["test_factors"] = test.factors.select(names).values[part]
        score = entry.function(**given)
        return score.as_dict() | {"factors": names, "options": dict(score.settings)}

    return run


def _factors(subject: Subject, entry: Description) -> list[Attribute]:
    """The attributes that vary and that the metric can take: with classes, or any where it takes numbers."""
    train = subject.table.rows(subject.train_rows)
    varying = [each for each in subject.labelled if len(np.unique(_known(train.column(each.name)))) > 1]
    return [each for each in varying if each.size or "numbers" in entry.needs]


def _known(values: Any) -> Any:
    return values[~np.isnan(values)]
