"""How well the model itself reads the attributes of test pictures from their codes."""

from __future__ import annotations

from typing import Any

from distaff.data import Attribute
from distaff.evaluation.right import folds, headline, judge, symmetry_note
from distaff.evaluation.subject import Subject


def lacks_reading(subject: Subject) -> str | None:
    """Say why the model reads no attribute that could be checked, or None when it does."""
    if not subject.model.readable:
        return "the model reads no attribute: it has no attribute latents and no latent classifier"
    return None if _chosen(subject) else "the data have no labels of the attributes that the model reads"


def attribute_accuracy(subject: Subject) -> dict[str, Any]:
    """Return how often the attributes read from the codes of test pictures are right."""
    attributes = _chosen(subject)
    factors = subject.test.factors
    read = subject.model.read(subject.test.codes)
    verdicts = {
        each.name: judge(each, read[each.name], factors.column(each.name), folds(each, factors))
        for each in attributes
    }
    return {"value": headline(verdicts), "per_attribute": verdicts, **symmetry_note(attributes)}


def _chosen(subject: Subject) -> tuple[Attribute, ...]:
    return tuple(each for each in subject.labelled if each.name in subject.model.readable)
