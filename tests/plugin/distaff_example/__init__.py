"""Parts of another package's own: importing it, by --import or by its entry point, registers them."""

from distaff_example import (
    estimator,
    figure,
    latent,
    likelihood,
    metric,
    network,
    optimizer,
    prior,
    rule,
    schedule,
    source,
    term,
)

__all__ = [
    "estimator",
    "figure",
    "latent",
    "likelihood",
    "metric",
    "network",
    "optimizer",
    "prior",
    "rule",
    "schedule",
    "source",
    "term",
]
