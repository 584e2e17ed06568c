"""The points of the maps: codes, attributes, what the model reads in them, and thumbnails."""

from __future__ import annotations

from typing import Any

import numpy as np

from distaff.explorer.atlas import thumbnails
from distaff.explorer.blocks import Blocks
from distaff.explorer.shown import Shown
from distaff.figures.traversals import base_row


def points(shown: Shown, blocks: Blocks) -> dict[str, Any]:
    """Return the pictures that the page shows.

    `total`: how many the split has. `typical`: the row that the page begins with
    and figures traverse, and its exact code, since the codes of all are rounded to float16.
    """
    base = base_row(shown)
    place = {each.name: number for number, each in enumerate(shown.model.attributes)}
    return {
        "count": len(shown.rows),
        "total": len(shown.unseen),
        "split": shown.split,
        "typical": {"row": base, "code": [float(each) for each in shown.codes[base]]},
        "codes": blocks.add("codes", shown.kept.astype(np.float16)),
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


def to_byte(chances: Any) -> Any:
    """Return chances from 0 to 1 as uint8 from 0 to 255."""
    return np.rint(np.clip(chances, 0, 1) * 255).astype(np.uint8)
