"""https://arxiv.org/abs/1511.06349: collapse of the posterior, said in a sentence.

The mean KL of a latent to its prior bounds what it tells about the picture. Under `DEAD_BELOW` nats it is
unused, which is normal for some; when all are, the decoder ignores the code and the model has collapsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

DEAD_BELOW = 0.01
"""Nats per image under which a latent counts as unused."""
NAMED = 8
"""Unused latents named at most."""
NORMAL = "That is normal: a model leaves latents unused that it does not need."
REMEDY = "Lower beta (the weight of the KL), let it rise slowly, or use free bits."


@dataclass(frozen=True)
class Collapse:
    """Which latents are in use and which are not, and what it means."""

    verdict: Literal["none", "some", "all"]
    active: tuple[str, ...]
    dead: tuple[str, ...]
    sentence: str


def judge_collapse(kl: Mapping[str, float]) -> Collapse:
    """Judge by the mean KL of each latent in nats per image."""
    dead = tuple(name for name, nats in kl.items() if nats < DEAD_BELOW)
    active = tuple(name for name in kl if name not in dead)
    if not kl:
        return Collapse("none", (), (), "The model has no latent with a prior.")
    if not dead:
        those = f"all {len(kl)} latents tell" if len(kl) > 1 else "the only latent tells"
        sentence = f"No collapse: {those} something of the picture ({_nats(kl, active)} nats in all)."
        return Collapse("none", active, dead, sentence)
    if active:
        names = ", ".join(dead[:NAMED]) + (", ..." if len(dead) > NAMED else "")
        plural = "are" if len(dead) > 1 else "is"
        rest = f"the other {len(active)} carry" if len(active) > 1 else "the other carries"
        sentence = (
            f"{len(dead)} of {len(kl)} latents {plural} unused, under {DEAD_BELOW:g} nats ({names}); "
            f"{rest} {_nats(kl, active)} nats. {NORMAL}"
        )
        return Collapse("some", active, dead, sentence)
    those = f"all {len(kl)} latents carry" if len(kl) > 1 else "the only latent carries"
    sentence = (
        f"The posterior has collapsed: {those} less than {DEAD_BELOW:g} nats; "
        f"the decoder ignores the code. {REMEDY}"
    )
    return Collapse("all", active, dead, sentence)


def _nats(kl: Mapping[str, float], names: tuple[str, ...]) -> str:
    return f"{sum(kl[name] for name in names):.3g}"
