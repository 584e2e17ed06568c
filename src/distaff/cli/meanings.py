"""What each number of an evaluation says, in a few words."""

from __future__ import annotations

import math

MEANINGS = {
    "elbo": "evidence lower bound in nats per image; higher is better",
    "reconstruction": "-log p(x | z) in nats per image; lower is better",
    "kl": "what the code says beyond its prior, in nats per image",
    "nll": "importance-weighted upper bound of -log p(x), in nats per image; lower is better",
    "active_units": "latents that carry information about the picture",
    "knn_accuracy": "right by the 10 nearest codes; mean over attributes",
    "linear_probe": "right by a linear model on the codes; mean over attributes",
    "attribute_accuracy": "attributes read from the code right; mean over attributes",
    "swap_test": "set one attribute: it changes, the others stay; the worst pair, 1 is best",
    "drawn_iou": "overlap of drawn sprites with true ones, for random settings; 1 is best",
    "condition_fidelity": "drawn pictures that show what was asked for; 1 is best",
    "diversity": "how much drawn pictures of a class differ, over how much real ones do; 1 is as real",
    "interpolation": "drawn half way from a value to the next: one of the two is seen; 1 is best",
    "borders": "path from class to class that shows one of the two and no third; 1 is best",
}


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
