"""https://arxiv.org/abs/1509.00519: which latents a model uses, and a plain word on posterior collapse."""

from __future__ import annotations

from typing import Any

from distaff import metrics
from distaff.evaluation.subject import Subject
from distaff.model import Latent

THRESHOLD = 0.01
"""A latent is active when the variance of its posterior mean over the data exceeds this."""
NORMAL = ("gaussian", "sampled", "l2")


def lacks_normal(subject: Subject) -> str | None:
    """Say why there is no posterior to look at, or None when there is."""
    return None if _normal(subject) else "no latent has a normal posterior"


def active_units(subject: Subject) -> dict[str, Any]:
    """Return how many latents are active, the variance of each one's posterior mean, and a verdict."""
    latents = _normal(subject)
    means = subject.test.codes[:, [latent.index for latent in latents]]
    score = metrics.active_units(means, threshold=THRESHOLD)
    labels = [latent.label for latent in latents]
    dead = [label for label, active in zip(labels, score.details["active"], strict=True) if not active]
    return {
        "value": score.value,
        "latents": len(latents),
        "threshold": THRESHOLD,
        "verdict": _verdict(len(latents), dead),
        "collapsed": dead,
        "variance_per_dimension": dict(zip(labels, score.details["variance"].tolist(), strict=True)),
        "pictures": len(means),
    }


def _verdict(count: int, dead: list[str]) -> str:
    if not dead:
        return "no collapse: every latent says something of the picture"
    if len(dead) == count:
        return "the whole posterior collapsed: no latent says anything of the picture"
    return f"{len(dead)} of {count} latents collapsed and say nothing of the picture: {', '.join(dead)}"


def _normal(subject: Subject) -> list[Latent]:
    return [latent for latent in subject.model.latents if latent.kind in NORMAL]
