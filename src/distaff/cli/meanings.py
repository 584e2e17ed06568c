"""What each number of an evaluation says, in a few words."""

from __future__ import annotations

import math

from distaff.cli.model_metrics import MODEL_METRICS

OF_CODES = {
    "active_units": "latents whose mean varies from picture to picture",
    "knn_accuracy": "right by the 10 nearest codes; mean over attributes",
    "linear_probe": "right by a linear model on the codes; mean over attributes",
}
"""Metrics of `distaff.metrics` that an evaluation measures in its own way."""
MEANINGS = OF_CODES | {name: entry.short for name, entry in MODEL_METRICS.items()}


def meaning(name: str) -> str:
    """Return what a metric says; for those of `distaff.metrics`, the start of their description."""
    if name in MEANINGS:
        return MEANINGS[name]
    from distaff.metrics import describe

    entry = describe(name)
    better = f"; {entry.direction} is better" if entry.direction != "none" else ""
    return f"{entry.measures.split('. ')[0].rstrip('.')} ({entry.span}{better})"


COUNTS = frozenset({"active_units"})
"""Metrics whose value is a whole number of things."""


def number(value: float | None, *, whole: bool = False) -> str:
    """Write a value for reading: counts whole, large values with two decimals, others with three."""
    if value is None or math.isnan(value):
        return "undefined"
    if whole:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"
