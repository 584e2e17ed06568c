"""Whether values between two neighbours can be drawn: an attribute set to i + 1/2, read by the reader."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data import Attribute, AttributeTable
from distaff.data.sprites import FACTORS, render
from distaff.evaluation.drawn import lacks_sprites, overlap
from distaff.evaluation.encoding import Floats
from distaff.evaluation.right import folds, is_right
from distaff.evaluation.subject import Subject
from distaff.evaluation.swap import reader_details, replaced

SETTINGS = 1000
"""Pictures drawn for each attribute, half way and at its values."""
STEPS = 10
"""Even steps that the range of a continuous attribute is cut into."""


def lacks_between(subject: Subject) -> str | None:
    """Say why nothing lies between two values, or None when something does."""
    if not subject.model.network.latent.attribute_blocks:
        return "the model has no attribute latents to set"
    if not _ordered(subject):
        return "none of the attributes that the model sets and the data label is ordered"
    if not len(_settings(subject)):
        return "no measured picture has all the labels of the attributes that the model sets"
    return None


def interpolation(subject: Subject) -> dict[str, Any]:
    """Return how often what is drawn half way from i to i + 1 is read as one of the two, the rest as set.

    The mean over the ordered attributes that the model can set. The other attributes are set as in real
    pictures. Details: the same at the values themselves; of sprites, the overlap with the better of both true
    renderings.
    """
    found: dict[str, dict[str, float]] = {}
    known = _settings(subject)
    rng = np.random.default_rng([subject.seed, 11])
    for attribute in _ordered(subject):
        subject.say(f"interpolation: between the values of {attribute.name}")
        base = known.rows(rng.integers(len(known), size=SETTINGS))
        low, step = _neighbours(attribute, rng)
        half = _draw_and_read(subject, attribute, base, low, step / 2)
        whole = _draw_and_read(subject, attribute, base, low, 0.0)
        found[attribute.name] = half | {f"{part}_at_values": value for part, value in whole.items()}
    return {
        "value": float(np.mean([each["right"] for each in found.values()])),
        "at_values": float(np.mean([each["right_at_values"] for each in found.values()])),
        "lowest": min(each["right"] for each in found.values()),
        "per_attribute": found,
        "settings": SETTINGS,
        **reader_details(subject),
    }


def _draw_and_read(
    subject: Subject, attribute: Attribute, base: AttributeTable, low: Floats, above: float
) -> dict[str, float]:
    """Draw `base` with the attribute `above` its values `low` [n], and judge what the reader sees."""
    asked = replaced(base, attribute.name, low + np.float32(above))
    wanted = {each.name: asked.column(each.name) for each in asked.attributes}
    drawn = subject.model.sample(len(asked), seed=subject.seed, **wanted)
    read = subject.reader.read(drawn)
    error = attribute.error(read[attribute.name], asked.column(attribute.name), fold=folds(attribute, asked))
    # Half a step away is i or i + 1; a number may be off by as much as elsewhere, which is a step here.
    near = error <= (0.5 if attribute.size else (attribute.high - attribute.low) / STEPS) + 1e-6
    others = [
        is_right(each, read[each.name], asked.column(each.name), folds(each, asked)) == 1
        for each in asked.attributes
        if each.name != attribute.name
    ]
    kept = np.all([np.ones(len(asked), dtype=bool), *others], axis=0)
    found = {
        "right": float((near & kept).mean()),
        "attribute": float(near.mean()),
        "others": float(kept.mean()),
    }
    if lacks_sprites(subject) is None:
        ends = (0, 1) if above else (0,)
        shares = [overlap(drawn > 0.5, _rendered(replaced(base, attribute.name, low + k))) for k in ends]
        found["iou"] = float(np.max(shares, axis=0).mean())
    return found


def _rendered(table: AttributeTable) -> npt.NDArray[np.bool_]:
    """The true sprites of a table of all five factors: [n, 64, 64]."""
    return render(table.select([factor.name for factor in FACTORS]).values) > 0


def _neighbours(attribute: Attribute, rng: np.random.Generator) -> tuple[Floats, float]:
    """Return lower neighbours [n], drawn evenly, and the step from each to its upper one."""
    if not attribute.size:
        step = (attribute.high - attribute.low) / STEPS
        return (attribute.low + step * rng.integers(STEPS, size=SETTINGS)).astype(np.float32), step
    return rng.integers(attribute.size - 1, size=SETTINGS).astype(np.float32), 1.0


def _ordered(subject: Subject) -> tuple[Attribute, ...]:
    """The attributes with latents of their own whose values have neighbours; of two, all is between."""
    return tuple(
        each
        for each in subject.set_by_code
        if each.kind != "categorical" and (each.size > 2 or (not each.size and each.high > each.low))
    )


def _settings(subject: Subject) -> AttributeTable:
    """The attributes of measured pictures that the model can set, where all are known."""
    table = subject.table.select([each.name for each in subject.set_by_code]).rows(subject.test_rows)
    return table.rows(np.flatnonzero(~np.isnan(table.values).any(axis=1)))
