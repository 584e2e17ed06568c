"""Every metric of a run by name: how it is measured, and what says why it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from distaff.errors import InputError, nearest
from distaff.evaluation import (
    borders,
    bound,
    collapse,
    diversity,
    drawn,
    interpolation,
    linear_factor,
    probes,
    reading,
    strongest,
    suite,
    swap,
)
from distaff.evaluation.subject import Subject


@dataclass(frozen=True)
class Metric:
    """One metric of a run.

    Attributes:
        measure: returns its `value` and details for evaluation.json.
        lacks: says in words why it cannot be measured on a subject; None when it can.
        unasked: tells whether to measure it when no metric is named.
    """

    measure: Callable[[Subject], dict[str, Any]]
    lacks: Callable[[Subject], str | None] = lambda _: None
    unasked: Callable[[Subject], bool] = lambda _: True


METRICS: dict[str, Metric] = {
    "elbo": Metric(bound.elbo, bound.lacks_bound),
    "reconstruction": Metric(bound.reconstruction),
    "kl": Metric(bound.kl),
    "nll": Metric(bound.nll, bound.lacks_bound),
    "collapse": Metric(collapse.collapse),
    "active_units": Metric(collapse.active_units, collapse.lacks_normal),
    "strongest_latent": Metric(strongest.strongest_latent, strongest.lacks_gaussian),
    "knn_accuracy": Metric(probes.knn_accuracy, probes.lacks_classes),
    "linear_probe": Metric(probes.linear_probe, probes.lacks_labels),
    "linear_factor": Metric(linear_factor.linear_factor, probes.lacks_labels),
    "attribute_accuracy": Metric(reading.attribute_accuracy, reading.lacks_reading),
    "swap_test": Metric(swap.swap_test, swap.lacks_swap),
    "drawn_iou": Metric(drawn.drawn_iou, drawn.lacks_sprites),
    "condition_fidelity": Metric(drawn.condition_fidelity, drawn.lacks_condition),
    "diversity": Metric(diversity.diversity, diversity.lacks_diversity),
    "interpolation": Metric(interpolation.interpolation, interpolation.lacks_between),
    "borders": Metric(borders.borders, borders.lacks_borders, borders.shaped),
}
METRICS |= {
    entry.name: Metric(
        suite.measure(entry),
        suite.lacks_factors(entry),
        suite.fits if entry.name in suite.USUAL else lambda _: False,
    )
    for entry in suite.suite()
    if entry.name not in METRICS
}


def chosen(names: Sequence[str] | None, subject: Subject) -> list[str]:
    """Return the metrics to measure: those named, or all that are measured unasked.

    Raises InputError for an unknown name, naming the nearest right one.
    """
    check_names(names)
    return list(names or (name for name, metric in METRICS.items() if metric.unasked(subject)))


def check_names(names: Sequence[str] | None) -> None:
    """Raise InputError for a metric that does not exist, naming the nearest right one."""
    for name in names or ():
        if name not in METRICS:
            raise InputError(f"metrics: there is no {name!r}; {nearest(name, METRICS)}")
