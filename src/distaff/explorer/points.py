"""The points of the maps: codes, attributes, what the model reads in them, and thumbnails."""

from __future__ import annotations

from typing import Any

import numpy as np

from distaff.explorer.atlas import thumbnails
from distaff.explorer.blocks import Blocks, Reference
from distaff.explorer.shown import Shown


def points(shown: Shown, blocks: Blocks) -> dict[str, Any]:
    """Return the pictures that the page shows; `total` is how many the split has."""
    place = {each.name: number for number, each in enumerate(shown.model.attributes)}
    return {
        "count": len(shown.rows),
        "total": len(shown.unseen),
        "split": shown.split,
        "codes": blocks.add("codes", shown.codes.astype(np.float16)),
        "attributes": {
            each.name: blocks.add(f"attributes/{place[each.name]}", shown.table.column(each.name))
            for each in shown.attributes
        },
        "predicted": {
            name: blocks.add(f"predicted/{place[name]}", values.astype(np.float32))
            for name, values in shown.read.items()
        },
        "confidence": {
            name: blocks.add(f"confidence/{place[name]}", to_byte(chances.max(axis=1)))
            for name, chances in shown.chances.items()
        },
        "thumbnails": thumbnails(shown, blocks),
    }


def class_means(shown: Shown, blocks: Blocks) -> dict[str, Reference]:
    """Return the mean code [K, D] of each class of each attribute; NaN for a class without pictures."""
    found = {}
    for number, attribute in enumerate(shown.attributes):
        if not attribute.size:
            continue
        labels = shown.table.column(attribute.name)
        means = np.full((attribute.size, shown.codes.shape[1]), np.nan, dtype=np.float32)
        for index in range(attribute.size):
            members = shown.codes[labels == index]
            if len(members):
                means[index] = members.mean(axis=0)
        found[attribute.name] = blocks.add(f"means/{number}", means)
    return found


def to_byte(chances: Any) -> Any:
    """Return chances from 0 to 1 as uint8 from 0 to 255."""
    return np.rint(np.clip(chances, 0, 1) * 255).astype(np.uint8)
