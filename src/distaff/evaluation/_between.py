"""Whether values between two neighbours can be generated: an attribute set to i + 1/2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from distaff.attributes import Attribute, AttributeTable
from distaff.errors import InputError
from distaff.evaluation._generated import generate, overlap
from distaff.evaluation._inputs import lacks_sprites
from distaff.evaluation._swap import reference_details, replaced
from distaff.metrics import Score, metric

if TYPE_CHECKING:
    from distaff.analysis import Analysis

SETTINGS = 1000
"""Images generated for each attribute, half way and at its values."""
STEPS = 10
"""Even steps that the range of a continuous attribute is cut into."""
Floats = npt.NDArray[np.float32]


@metric(needs=("attribute_latents", "reference_classifier"), cost="minutes", parts=("at_values", "lowest"))
def interpolation(analysis: Analysis) -> Score:
    """How often an image half way between two values shows one of the two; mean over attributes.

    An ordered attribute is set to i + 1/2, the others as in a real image, and the image is generated: does
    the reference classifier see i or i + 1, and everything else as set? Details: the same at whole values; of
    sprites, the overlap with the better of both true renderings.

    Interpretation:
        Range: 0 to 1.
        Better: higher.
        Weaknesses: A model that jumps from i to i + 1 scores as well as one that moves between. As good as
            the reference classifier, whose accuracy on real images stands in the details.

    Returns:
        Score; details `at_values`, `lowest`, `per_attribute`, `settings`, `reference_accuracy`.

    Raises:
        InputError: no attribute that the model sets and the data label is ordered, or no measured image has
            all the labels of the attributes that the model sets.
    """
    ordered = _ordered(analysis)
    if not ordered:
        raise InputError("none of the attributes that the model sets and the data label is ordered")
    table = analysis.table.select([each.name for each in analysis.set_by_code])
    known = table.rows(np.flatnonzero(~np.isnan(table.values).any(axis=1)))
    if not len(known):
        raise InputError("no measured image has all the labels of the attributes that the model sets")
    found: dict[str, dict[str, float]] = {}
    rng = np.random.default_rng([analysis.seed, 11])
    for attribute in ordered:
        analysis.progress(f"interpolation: between the values of {attribute.name}")
        base = known.rows(rng.integers(len(known), size=SETTINGS))
        low, step = _neighbours(attribute, rng)
        half = _generate_and_read(analysis, attribute, base, low, step / 2)
        whole = _generate_and_read(analysis, attribute, base, low, 0.0)
        found[attribute.name] = half | {f"{part}_at_values": value for part, value in whole.items()}
    return Score(
        float(np.mean([each["right"] for each in found.values()])),
        {
            "at_values": float(np.mean([each["right_at_values"] for each in found.values()])),
            "lowest": min(each["right"] for each in found.values()),
            "per_attribute": found,
            "settings": SETTINGS,
            **reference_details(analysis),
        },
    )


def _generate_and_read(
    analysis: Analysis, attribute: Attribute, base: AttributeTable, low: Floats, above: float
) -> dict[str, float]:
    """Generate `base` with the attribute `above` its values `low` [n], and judge what is read."""
    from distaff.analysis import is_right, symmetry_folds

    asked = replaced(base, attribute.name, low + np.float32(above))
    images = generate(analysis, {each.name: asked.column(each.name) for each in asked.attributes})
    read = analysis.reference_classifier.read(images)
    true = asked.column(attribute.name)
    error = attribute.error(read[attribute.name], true, fold=symmetry_folds(attribute, asked))
    # Half a step away is i or i + 1; a number may be off by as much as elsewhere, which is a step here.
    near = error <= (0.5 if attribute.size else (attribute.high - attribute.low) / STEPS) + 1e-6
    others = [
        is_right(each, read[each.name], asked.column(each.name), symmetry_folds(each, asked)) == 1
        for each in asked.attributes
        if each.name != attribute.name
    ]
    kept = np.all([np.ones(len(asked), dtype=bool), *others], axis=0)
    found = {
        "right": float((near & kept).mean()),
        "attribute": float(near.mean()),
        "others": float(kept.mean()),
    }
    if lacks_sprites(analysis) is None:
        ends = (0, 1) if above else (0,)
        shares = [overlap(images > 0.5, _rendered(replaced(base, attribute.name, low + k))) for k in ends]
        found["iou"] = float(np.max(shares, axis=0).mean())
    return found


def _rendered(table: AttributeTable) -> npt.NDArray[np.bool_]:
    """The true sprites of a table of all five factors: [n, 64, 64]."""
    from distaff.data import sprites

    return sprites.render(table.select([factor.name for factor in sprites.FACTORS]).values) > 0


def _neighbours(attribute: Attribute, rng: np.random.Generator) -> tuple[Floats, float]:
    """Return lower neighbours [n], drawn evenly, and the step from each to its upper one."""
    if not attribute.size:
        step = (attribute.high - attribute.low) / STEPS
        return (attribute.low + step * rng.integers(STEPS, size=SETTINGS)).astype(np.float32), step
    return rng.integers(attribute.size - 1, size=SETTINGS).astype(np.float32), 1.0


def _ordered(analysis: Analysis) -> tuple[Attribute, ...]:
    """The attributes with latents of their own whose values have neighbours; of two, all is between."""
    return tuple(
        each
        for each in analysis.set_by_code
        if each.kind != "categorical" and (each.size > 2 or (not each.size and each.high > each.low))
    )
