"""Whether the model draws what it is asked for: against a true rendering, or by the independent reader."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data import Attribute, AttributeTable
from distaff.data.sprites import FACTORS, SHAPE, render
from distaff.evaluation.right import folds, is_right, share
from distaff.evaluation.subject import Subject
from distaff.evaluation.swap import reader_details

SETTINGS = 1000
"""Pictures drawn from random settings."""
Masks = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.floating[Any]]


def lacks_sprites(subject: Subject) -> str | None:
    """Say why there is no true rendering to compare with, or None when there is."""
    model = subject.model
    if subject.dataset.name != "sprites" or model.image_shape != SHAPE:
        return "the data are not sprites of 64 x 64, which alone can be rendered"
    missing = [factor.name for factor in FACTORS if factor.name not in model.settable]
    return f"the model cannot set {', '.join(missing)}" if missing else None


def drawn_iou(subject: Subject) -> dict[str, Any]:
    """Return the mean intersection over union of drawn and truly rendered sprites.

    1,000 random settings of all five attributes; drawn pixels count from 1/2 on.
    """
    rng = np.random.default_rng([subject.seed, 7])
    factors = np.stack([rng.integers(factor.size, size=SETTINGS) for factor in FACTORS], axis=1)
    wanted = {factor.name: factors[:, k].astype(np.float32) for k, factor in enumerate(FACTORS)}
    drawn = subject.model.sample(SETTINGS, seed=subject.seed, **wanted) > 0.5
    true = render(factors) > 0
    shares = overlap(drawn, true)
    worst, median = np.quantile(shares, [0.05, 0.5])
    return {
        "value": float(shares.mean()),
        "median": float(median),
        "lowest_twentieth": float(worst),
        "settings": SETTINGS,
        "threshold": 0.5,
    }


def overlap(drawn: Masks, true: Masks) -> npt.NDArray[np.float64]:
    """Return the intersection over union of masks: bool [n, h, w] each -> [n]."""
    return np.asarray((drawn & true).sum((1, 2)) / (drawn | true).sum((1, 2)))


def lacks_condition(subject: Subject) -> str | None:
    """Say why nothing can be asked for and checked, or None when something can."""
    if not subject.model.settable:
        return "no attribute of this model can be set"
    if not _conditions(subject):
        return "the data have no labels of what the model can set"
    return None if len(_asked(subject)) else "no measured picture has all the labels that the model can set"


def condition_fidelity(subject: Subject) -> dict[str, Any]:
    """Return how often the independent reader sees the value that a model was asked to draw.

    Asked are the condition of a conditional model, and every other attribute that can be set.
    """
    model, reader, conditions = subject.model, subject.reader, _conditions(subject)
    rng = np.random.default_rng([subject.seed, 8])
    # Conditions are drawn together from real pictures: not every combination need exist.
    known = _asked(subject)
    asked = known.rows(rng.integers(len(known), size=SETTINGS))
    wanted = {each.name: asked.column(each.name) for each in conditions}
    seen = reader.read(model.sample(SETTINGS, seed=subject.seed, **wanted))
    right = {
        each.name: is_right(each, seen[each.name], asked.column(each.name), folds(each, asked))
        for each in conditions
    }
    shares = {name: share(each) for name, each in right.items()}
    return {
        "value": float(np.nanmean(list(shares.values()))),
        "per_attribute": shares,
        "per_class": {
            each.name: by_class(each, right[each.name], asked.column(each.name))
            for each in conditions
            if each.size
        },
        "pictures": SETTINGS,
        **reader_details(subject),
    }


def by_class(attribute: Attribute, right: Numbers, asked: Numbers) -> dict[str, float]:
    """Return the mean of `right` [n] over the pictures asked to be of each class, by its label."""
    return {
        str(attribute.label(value)): share(right[asked == value])
        for value in np.unique(asked[~np.isnan(asked)])
    }


def _asked(subject: Subject) -> AttributeTable:
    """The labels of the measured pictures that have all the labels the model can set."""
    table = subject.table.rows(subject.test_rows)
    settable = table.select([each.name for each in _conditions(subject)]).values
    return table.rows(np.flatnonzero(~np.isnan(settable).any(axis=1)))


def _conditions(subject: Subject) -> tuple[Attribute, ...]:
    return tuple(each for each in subject.labelled if each.name in subject.model.settable)
