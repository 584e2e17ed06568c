"""Whether a model that is asked for a class draws it in as many ways as real pictures show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data import Attribute
from distaff.evaluation.subject import Subject
from distaff.evaluation.swap import reader_details
from distaff.metrics.diversity import diversity as relative
from distaff.model import read_pictures

PICTURES = 200
"""Pictures drawn of each class, and real ones of it at most."""
LEAST = 10
"""A class with fewer real pictures has no variation to compare with."""


def lacks_diversity(subject: Subject) -> str | None:
    """Say why no class can be asked for, or None when one can."""
    if not subject.model.settable:
        return "no attribute of this model can be set"
    if any(_members(subject, each) for each in _attributes(subject)):
        return None
    return f"the data have no class that the model can set with {LEAST} measured pictures"


def diversity(subject: Subject) -> dict[str, Any]:
    """Return how far drawn pictures of a class lie apart, over how far real ones do; the mean over classes.

    Distances are Euclidean, over pixels; in the details also over the independent reader's features.
    """
    per_class: dict[str, dict[str, dict[str, float]]] = {}
    for attribute in _attributes(subject):
        subject.say(f"diversity: drawing the classes of {attribute.name}")
        per_class[attribute.name] = {
            str(attribute.label(value)): _compare(subject, attribute, value, rows)
            for value, rows in _members(subject, attribute).items()
        }
    verdicts = [verdict for classes in per_class.values() for verdict in classes.values()]
    means = {part: float(np.nanmean([each[part] for each in verdicts])) for part in ("pixels", "features")}
    return {
        "value": means["pixels"],
        "in_reader_features": means["features"],
        "lowest": float(np.nanmin([each["pixels"] for each in verdicts])),
        "per_class": per_class,
        "pictures_per_class": PICTURES,
        **reader_details(subject),
    }


def _compare(
    subject: Subject, attribute: Attribute, value: int, rows: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Draw one class and compare with its real pictures, by pixels and by features."""
    wanted = np.full(PICTURES, value, dtype=np.float32)
    drawn = subject.model.sample(PICTURES, seed=subject.seed + value, **{attribute.name: wanted})
    real = subject.dataset.images.take(rows)
    views: dict[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
        "pixels": lambda pictures: _pixels(subject, pictures),
        "features": subject.reader.features,
    }
    return {name: relative(view(drawn), view(real)) for name, view in views.items()}


def _pixels(subject: Subject, pictures: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Pictures as rows of pixels from 0 to 1: [n, pixels]."""
    array = read_pictures(pictures, subject.model.image_shape)
    return array.reshape(len(array), -1) / (255.0 if array.dtype == np.uint8 else 1.0)


def _attributes(subject: Subject) -> tuple[Attribute, ...]:
    return tuple(each for each in subject.labelled if each.size and each.name in subject.model.settable)


def _members(subject: Subject, attribute: Attribute) -> dict[int, npt.NDArray[np.int64]]:
    """The rows of some measured pictures of each class that has enough of them."""
    values = subject.table.column(attribute.name)[subject.test_rows]
    found = {}
    for value in range(attribute.size):
        rows = subject.test_rows[values == value]
        if len(rows) >= LEAST:
            found[value] = np.sort(np.random.default_rng([subject.seed, 10]).permutation(rows)[:PICTURES])
    return found
