"""https://arxiv.org/abs/1509.00519: which latents a model uses, and a plain word on posterior collapse."""

from __future__ import annotations

from typing import Any

import numpy as np

from distaff import metrics
from distaff.evaluation.subject import Subject
from distaff.model import Latent, judge_collapse
from distaff.model.collapse import DEAD_BELOW

THRESHOLD = 0.01
"""A latent is an active unit when the variance of its posterior mean over the data exceeds this."""
NORMAL = ("gaussian", "sampled", "l2")


def lacks_normal(subject: Subject) -> str | None:
    """Say why there is no posterior to look at, or None when there is."""
    return None if _normal(subject) else "no latent has a normal posterior"


def active_units(subject: Subject) -> dict[str, Any]:
    """Return how many latents are active, and the variance of each one's posterior mean."""
    latents = _normal(subject)
    means = subject.test.codes[:, [latent.index for latent in latents]]
    score = metrics.active_units(means, threshold=THRESHOLD)
    labels = [latent.label for latent in latents]
    return {
        "value": score.value,
        "latents": len(latents),
        "threshold": THRESHOLD,
        "variance_per_dimension": dict(zip(labels, score.details["variance"].tolist(), strict=True)),
        "pictures": len(means),
    }


def collapse(subject: Subject) -> dict[str, Any]:
    """Return the share of latents that carry less than 0.01 nats, and the verdict in words.

    The rule is that of training: the mean KL of each latent to its prior. The variance of each posterior
    mean, by which active units are counted, stands beside it.
    """
    bound = subject.bound
    kl = dict(zip(bound.dimensions, bound.kl.astype(np.float64).mean(0).tolist(), strict=True))
    drawn = {block.name for block in subject.model.network.latent if block.kind in NORMAL}
    others = {block.name for block in subject.model.network.latent} - drawn
    names = [name for name in bound.dimensions if name not in others]
    variance = dict(zip(names, bound.mean.astype(np.float64).var(axis=0, ddof=1).tolist(), strict=True))
    verdict = judge_collapse(kl)
    still = [name for name in verdict.active if variance.get(name, np.inf) <= THRESHOLD]
    found = {
        "value": len(verdict.dead) / len(kl),
        "verdict": verdict.verdict,
        "sentence": verdict.sentence,
        "unused": list(verdict.dead),
        "latents": len(kl),
        "unused_below_nats": DEAD_BELOW,
        "kl_per_latent": kl,
        "variance_of_mean_per_latent": variance,
        "pictures": len(bound.kl),
    }
    note = (
        f"{', '.join(still)}: the KL is above {DEAD_BELOW:g} nats, yet the mean hardly moves from picture to "
        f"picture (its variance is at most {THRESHOLD:g}); it may tell less than it costs"
    )
    return found | ({"note": note} if still else {})


def _normal(subject: Subject) -> list[Latent]:
    return [latent for latent in subject.model.latents if latent.kind in NORMAL]
