"""Which gaussian latent leans furthest from zero over 1,000 pictures, and how far it goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from distaff.evaluation.encoding import draw
from distaff.evaluation.subject import Subject
from distaff.metrics.strongest import strongest

PICTURES = 1000
"""Pictures looked at, as the author of the analysis did."""


def lacks_gaussian(subject: Subject) -> str | None:
    """Say why there is no such latent, or None when there is."""
    return None if _columns(subject) else "the model has no gaussian latents"


def strongest_latent(subject: Subject) -> dict[str, Any]:
    """Return the largest |mean| of a gaussian latent over 1,000 pictures; details name it and give its range.

    `strongest_by_size` is the latent with the largest mean of |code|: the other reading of "absolute mean".
    """
    columns = _columns(subject)
    labels = [subject.model.latents[column].label for column in columns]
    rows = draw(np.arange(len(subject.test.codes)), PICTURES, subject.seed)
    found = strongest(subject.test.codes[rows][:, columns])
    return {
        "value": float(abs(found.mean[found.index])),
        "latent": labels[found.index],
        "low": found.low,
        "high": found.high,
        "strongest_by_size": labels[int(found.size.argmax())],
        "mean_per_latent": dict(zip(labels, found.mean.tolist(), strict=True)),
        "mean_size_per_latent": dict(zip(labels, found.size.tolist(), strict=True)),
        "pictures": len(rows),
    }


def _columns(subject: Subject) -> list[int]:
    return [latent.index for latent in subject.model.latents if latent.kind == "gaussian"]
