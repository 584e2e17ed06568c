"""Where a way from class to class begins and ends: the same codes as `distaff mix` takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from distaff.data import Attribute
from distaff.explorer.blocks import Blocks
from distaff.explorer.shown import Shown
from distaff.figures.mixes import class_end, mixed_attribute
from distaff.model.pixels import Floats

MOST_CLASSES = 200
"""Classes at most that the page offers as an end."""


def class_ends(shown: Shown, blocks: Blocks) -> dict[str, Any]:
    """Return `codes`: the code [K, D] of each class by attribute, and `first`: the attribute to begin with.

    The code of a class that no training picture shows is NaN. An attribute of the condition has the code 0
    for all its classes: they differ by the condition alone.
    """
    chosen = mixed_attribute(shown)
    names = {each.name: number for number, each in enumerate(shown.model.attributes)}
    fitting = [
        each
        for each in shown.trained.factors.attributes
        if 1 < each.size <= MOST_CLASSES and each.name in names
    ]
    return {
        "first": chosen.name if chosen in fitting and chosen is not None else None,
        "codes": {each.name: blocks.add(f"ends/{names[each.name]}", codes(shown, each)) for each in fitting},
    }


def codes(shown: Shown, attribute: Attribute) -> Floats:
    """Return where each class of an attribute begins: float32 [K, D]."""
    found = np.full((attribute.size, len(shown.model.latents)), np.nan, dtype=np.float32)
    free = attribute.name in shown.model.settable
    labels = shown.trained.factors.column(attribute.name)
    for index in range(attribute.size):
        if free or (labels == index).any():
            found[index] = class_end(shown, attribute, float(index)).code
    return found
