"""Which gaussian latents are in use, most active first, and the range of their codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from distaff.figures.material import Material
from distaff.model import judge_collapse
from distaff.model.pixels import Floats


@dataclass(frozen=True)
class Activity:
    """The gaussian latents in columns `columns` [g] of the code.

    `nats` [g]: mean KL per picture. `active` [g]: by the verdict on collapse that training gives too.
    `low`, `high` [g]: the 1st and 99th percentile of codes drawn from the posterior. `order` [g]: by KL.
    """

    columns: npt.NDArray[np.int64]
    labels: list[str]
    nats: Floats
    active: npt.NDArray[np.bool_]
    low: Floats
    high: Floats
    order: npt.NDArray[np.int64]


def mean_kl(material: Material) -> dict[str, float]:
    """Return the mean KL of every dimension in nats per picture."""
    terms = material.posterior
    return dict(zip(terms.dimensions, terms.kl.mean(axis=0).tolist(), strict=True))


def activity(material: Material) -> Activity:
    """Measure every gaussian latent over the material's pictures."""
    terms, kl = material.posterior, mean_kl(material)
    kept = np.flatnonzero(np.isin(terms.columns, material.gaussian))
    columns, mean, variance = terms.columns[kept], terms.mean[:, kept], terms.variance[:, kept]
    noise = np.random.default_rng(0).standard_normal(mean.shape)
    low, high = np.percentile(mean + np.sqrt(variance) * noise, (1, 99), axis=0)
    labels = [material.model.latents[column].label for column in columns]
    nats = np.array([kl[label] for label in labels], dtype=np.float32)
    living = set(judge_collapse(kl).active)
    active = np.array([label in living for label in labels])
    return Activity(columns, labels, nats, active, low, high, np.argsort(-nats, kind="stable"))
