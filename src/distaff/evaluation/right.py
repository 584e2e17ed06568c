"""When a value that was read counts as right: as it is, within a step, or up to a picture's symmetry."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data import Attribute, AttributeTable

Floats = npt.NDArray[np.floating[Any]]

NEAR = 0.1
"""A continuous value is right within this share of its range."""
SYMMETRY = (
    "circular attributes are compared up to the rotational symmetry of the picture's true {by}; exact means "
    "within half a step"
)


def folds(attribute: Attribute, table: AttributeTable) -> Floats:
    """Return how often each picture repeats in one turn, by its true class: [n], 1 where that is unknown."""
    if attribute.folds is None or attribute.folds.by not in table.names:
        return np.ones(len(table))
    by = table.column(attribute.folds.by)
    counts = np.array(attribute.folds.counts, dtype=np.float64)
    known = ~np.isnan(by)
    return np.where(known, counts[np.where(known, by, 0).astype(int)], 1.0)


def tolerance(attribute: Attribute) -> float:
    """Return the error that still counts as right: a step round a circle, a tenth of a range."""
    if attribute.kind == "continuous":
        return NEAR * (attribute.high - attribute.low)
    return 1.0 if attribute.kind == "circular" else 0.0


def is_right(attribute: Attribute, read: Floats, true: Floats, fold: Floats) -> Floats:
    """Return 1 where `read` is `true` within the tolerance, else 0; NaN where either is missing: [n]."""
    error = attribute.error(read, true, fold=fold)
    return np.where(np.isnan(error), np.nan, error <= tolerance(attribute) + 1e-6)


def judge(attribute: Attribute, read: Floats, true: Floats, fold: Floats) -> dict[str, Any]:
    """Return how well `read` [n] agrees with `true` [n], over the pictures where both are known.

    With classes: `accuracy`, `mean_absolute_error` and `within_one` (both in steps, but not for categorical
    attributes, which have none). Continuous: `r2` and `mean_absolute_error` in the attribute's unit.
    """
    error = attribute.error(read, true, fold=fold)
    known = ~np.isnan(error)
    error, true = error[known], true[known]
    verdict: dict[str, Any] = {"pictures": int(known.sum())}
    if not len(error):
        return verdict
    if attribute.kind == "continuous":
        spread = float(np.square(true - true.mean()).mean())
        verdict["r2"] = 1 - float(np.square(error).mean()) / spread if spread else 0.0
        return verdict | {"mean_absolute_error": float(error.mean())}
    verdict["accuracy"] = float((error <= 0.5).mean())
    if attribute.kind != "categorical":
        verdict["mean_absolute_error"] = float(error.mean())
        verdict["within_one"] = float((error <= 1 + 1e-6).mean())
    return verdict


def share(judged: Floats) -> float:
    """Return the mean of the values that are known; NaN when none is."""
    known = judged[~np.isnan(judged)]
    return float(known.mean()) if len(known) else float("nan")


def headline(verdicts: dict[str, dict[str, Any]]) -> float:
    """Return the mean accuracy of the attributes with classes; of R^2 when all are continuous."""
    for part in ("accuracy", "r2"):
        values = [verdict[part] for verdict in verdicts.values() if part in verdict]
        if values:
            return float(np.mean(values))
    return float("nan")


def symmetry_note(attributes: tuple[Attribute, ...]) -> dict[str, str]:
    """Return `{"note": ...}` that states how symmetry was counted; empty where no attribute has any."""
    by = sorted({each.folds.by for each in attributes if each.folds is not None})
    return {"note": SYMMETRY.format(by=", ".join(by))} if by else {}
