"""Whether a model that is asked for a class draws it in as many ways as real pictures show it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data import Attribute, AttributeTable
from distaff.evaluation.right import folds, is_right, share
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

    Distances are Euclidean, over pixels. Details: the same over the independent reader's features, and among
    the drawn pictures that the reader reads as asked, without which a wrong class would pass for variation.
    """
    per_class: dict[str, dict[str, dict[str, float]]] = {}
    for attribute in _attributes(subject):
        subject.say(f"diversity: drawing the classes of {attribute.name}")
        per_class[attribute.name] = {
            str(attribute.label(value)): _compare(subject, attribute, value, rows)
            for value, rows in _members(subject, attribute).items()
        }
    verdicts = [verdict for classes in per_class.values() for verdict in classes.values()]

    def mean(part: str) -> float:
        return share(np.array([each[part] for each in verdicts]))

    return {
        "value": mean("pixels"),
        "lowest": float(np.nanmin([each["pixels"] for each in verdicts])),
        "in_reader_features": mean("features"),
        "of_right_pictures": mean("pixels_of_right"),
        "right": mean("right"),
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
    given = subject.dataset.images.take(rows)
    pixels, real = _pixels(subject, drawn), _pixels(subject, given)
    reader = subject.reader
    read = reader.read(drawn)
    seen = AttributeTable(
        reader.attributes, np.stack([read[each.name] for each in reader.attributes], axis=1)
    )
    right = is_right(attribute, read[attribute.name], wanted, folds(attribute, seen)) == 1
    return {
        "pixels": relative(pixels, real),
        "features": relative(reader.features(drawn), reader.features(given)),
        # Pictures of other classes would pass for variation.
        "pixels_of_right": relative(pixels[right], real) if right.sum() > 1 else float(np.nan),
        "right": float(right.mean()),
    }


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
