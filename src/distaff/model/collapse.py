"""Collapse of the posterior, said in a sentence.

A dimension whose KL to the prior is (almost) 0 nats for every picture carries nothing: it has died. When all
have, the decoder ignores z and the model has collapsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

DEAD_BELOW = 0.01
"""Nats per image under which a dimension counts as dead."""


@dataclass(frozen=True)
class Collapse:
    """Which dimensions live and which are dead, and what it means."""

    verdict: Literal["none", "some", "all"]
    active: tuple[str, ...]
    dead: tuple[str, ...]
    sentence: str


def judge_collapse(kl: Mapping[str, float]) -> Collapse:
    """Judge by the mean KL of each dimension in nats per image."""
    dead = tuple(name for name, nats in kl.items() if nats < DEAD_BELOW)
    active = tuple(name for name in kl if name not in dead)
    if not kl:
        return Collapse("none", (), (), "The model has no latent with a prior.")
    if not dead:
        return Collapse("none", active, dead, f"No collapse: all {len(active)} latents carry information.")
    if active:
        names = ", ".join(dead[:8]) + (", ..." if len(dead) > 8 else "")
        plural = "latents carry" if len(dead) > 1 else "latent carries"
        sentence = f"{len(dead)} of {len(kl)} {plural} nothing ({names}); {len(active)} are active."
        return Collapse("some", active, dead, sentence)
    sentence = (
        f"The whole posterior has collapsed: none of the {len(kl)} latents carries information, and the "
        "decoder draws the same picture for all. Lower the KL weight, let it rise slowly, or use free bits."
    )
    return Collapse("all", active, dead, sentence)
