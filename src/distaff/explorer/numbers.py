"""The numbers of a run: its evaluation, its history, and which latent tells of which attribute."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import numpy as np

from distaff.data.sources import NAMES
from distaff.errors import InputError
from distaff.explorer.blocks import Blocks
from distaff.explorer.shown import Shown
from distaff.metrics import mutual_information
from distaff.run import Run

EVALUATION = "evaluation.json"
BINS = 20
"""Bins of codes and of continuous attributes when their mutual information is counted."""
SPLITS = {"train": 0.0, "valid": 1.0}


def evaluation(run: Run, weights: str) -> dict[str, Any] | None:
    """Return what evaluation.json holds, but for the place of the data; None if of other weights."""
    if not (run.path / EVALUATION).is_file():
        return None
    try:
        found = run.read_json(EVALUATION)
    except InputError:
        return None
    settings = found.get("settings")
    if not isinstance(settings, dict) or settings.get("weights_sha256") != weights:
        return None
    return found | {"settings": settings | {"data": without_place(str(settings.get("data", "")))}}


def history(run: Run, blocks: Blocks) -> dict[str, Any] | None:
    """Return the history as one table of numbers; the split is 0 for training and 1 for validation."""
    try:
        columns = run.history()
    except InputError:
        return None
    if not columns or not len(columns.get("split", ())):
        return None
    numbers = [
        [SPLITS.get(str(each), np.nan) for each in values] if name == "split" else values
        for name, values in columns.items()
    ]
    table = np.array(numbers, dtype=np.float32).T
    return {"columns": list(columns), "data": blocks.add("history", table)}


def importance(shown: Shown, blocks: Blocks) -> dict[str, Any] | None:
    """Return the mutual information in nats of each latent with each attribute that varies: [D, A]."""
    names, columns = [], []
    for attribute in shown.attributes:
        values = shown.table.column(attribute.name)
        known = np.isfinite(values)
        if len(np.unique(values[known])) < 2:
            continue
        score = mutual_information(
            shown.kept[known],
            values[known, None],
            bins=BINS,
            factor_bins=None if attribute.size else BINS,
        )
        names.append(attribute.name)
        columns.append(np.asarray(score.details["mutual_information"])[:, 0])
    if not names:
        return None
    values = np.stack(columns, axis=1).astype(np.float32)
    what = "mutual information in nats"
    return {
        "codes x attributes": {"attributes": names, "values": blocks.add("importance", values), "what": what}
    }


def without_place(source: str) -> str:
    """Return a data source without the place on this machine: a page is mailed, and a path says who made it.

    `mnist:FOLDER` becomes `mnist`, and a path its last part.
    """
    name = source.partition(":")[0]
    return name if name in NAMES else PurePath(source).name
