"""Whether the model draws what it is asked for: against a true rendering, or by the independent reader."""

from __future__ import annotations

from typing import Any

import numpy as np

from distaff.data import Attribute
from distaff.data.sprites import FACTORS, SHAPE, render
from distaff.evaluation.right import folds, is_right, share
from distaff.evaluation.subject import Subject
from distaff.evaluation.swap import reader_details

SETTINGS = 1000
"""Pictures drawn from random settings."""


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
    shares = (drawn & true).sum((1, 2)) / (drawn | true).sum((1, 2))
    worst, median = np.quantile(shares, [0.05, 0.5])
    return {
        "value": float(shares.mean()),
        "median": float(median),
        "lowest_twentieth": float(worst),
        "settings": SETTINGS,
        "threshold": 0.5,
    }


def lacks_condition(subject: Subject) -> str | None:
    """Say why there is no condition to check, or None when there is."""
    if not subject.model.condition:
        return "the model has no condition"
    return None if _conditions(subject) else "the data have no labels of the model's condition"


def condition_fidelity(subject: Subject) -> dict[str, Any]:
    """Return how often the independent reader sees the value that a conditional model was asked to draw."""
    model, reader = subject.model, subject.reader
    rng = np.random.default_rng([subject.seed, 8])
    # Conditions are drawn together from real pictures: not every combination need exist.
    known = subject.test.factors
    rows = rng.integers(len(known), size=SETTINGS)
    asked = known.rows(rows)
    wanted = {name: asked.column(name) for name in model.condition if name in known.names}
    seen = reader.read(model.sample(SETTINGS, seed=subject.seed, **wanted))
    shares = {
        each.name: share(is_right(each, seen[each.name], asked.column(each.name), folds(each, asked)))
        for each in _conditions(subject)
    }
    return {
        "value": float(np.nanmean(list(shares.values()))),
        "per_attribute": shares,
        "pictures": SETTINGS,
        **reader_details(subject),
    }


def _conditions(subject: Subject) -> tuple[Attribute, ...]:
    return tuple(each for each in subject.labelled if each.name in subject.model.condition)
