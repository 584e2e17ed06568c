"""What each number of the code does, and posterior collapse (https://arxiv.org/abs/1511.06349) in a sentence.

The mean KL of a latent to its prior bounds what it tells about the image. Under `UNUSED_BELOW` nats it is
unused, which is normal for some; when all are, the decoder ignores the code and the posterior has collapsed.
A latent that has no KL, such as a quantised one, cannot collapse in this sense: it is described by how many
values of it occur.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from distaff.errors import InputError
from distaff.metrics import strongest
from distaff.model import Floats

if TYPE_CHECKING:
    from distaff.analysis._analysis import Analysis


UNUSED_BELOW = 0.01
"""Nats per image under which a latent counts as unused."""
FEW_STEPS = 1000
"""Training steps under which a collapse may only mean that training has just begun."""
NAMED = 8
"""Unused latents that are named at most."""


@dataclass(frozen=True)
class Collapse:
    """Which latents are in use and which are not, and what it means.

    Attributes:
        verdict: how many latents with a KL are unused: none, some or all.
        used: names of those in use.
        unused: names of the others, constant quantised latents included.
        sentence: the verdict in words.
    """

    verdict: Literal["none", "some", "all"]
    used: tuple[str, ...]
    unused: tuple[str, ...]
    sentence: str


def judge_collapse(
    kl: Mapping[str, float], *, values: Mapping[str, int] | None = None, steps: int | None = None
) -> Collapse:
    """Judge which latents are in use.

    Args:
        kl: mean KL of each latent in nats per image.
        values: of latents without a KL, how many different values occur.
        steps: how long the model was trained, if known; a collapse after few steps is called early.

    >>> judge_collapse({"z0": 1.0, "z1": 0.39}).sentence
    'Both latents are in use (1.39 nats).'
    >>> judge_collapse({"z0": 1.0, "z1": 0.001}).unused
    ('z1',)
    >>> judge_collapse({}, values={"q0": 7, "q1": 1}).sentence
    'Latents without a KL: q0 takes 7 values, q1 takes 1 value (unused).'
    """
    unused = tuple(name for name, nats in kl.items() if nats < UNUSED_BELOW)
    used = tuple(name for name in kl if name not in unused)
    constant = tuple(name for name, count in (values or {}).items() if count < 2)
    moving = tuple(name for name in values or {} if name not in constant)
    verdict: Literal["none", "some", "all"] = "none" if not unused else "some" if used else "all"
    sentences = [_of_kl(kl, used, unused, steps)] if kl else []
    if values:
        sentences.append(_of_values(values, constant))
    if not sentences:
        sentences = ["The model has no latent whose use can be measured."]
    return Collapse(verdict, used + moving, unused + constant, " ".join(sentences))


def _of_kl(kl: Mapping[str, float], used: Sequence[str], unused: Sequence[str], steps: int | None) -> str:
    nats = f"{sum(kl[name] for name in used):.3g} nats"
    if not unused:
        those = {1: "The only latent is", 2: "Both latents are"}.get(len(kl), f"All {len(kl)} latents are")
        return f"{those} in use ({nats})."
    if used:
        names = ", ".join(unused[:NAMED]) + (", ..." if len(unused) > NAMED else "")
        are = "are" if len(unused) > 1 else "is"
        rest = f"the other {len(used)} carry" if len(used) > 1 else "the other carries"
        return (
            f"{len(unused)} of {len(kl)} latents {are} unused, under {UNUSED_BELOW:g} nats ({names}); "
            f"{rest} {nats}. That is normal: a model leaves latents unused that it does not need."
        )
    those = f"all {len(kl)} latents carry" if len(kl) > 1 else "the only latent carries"
    found = f"The posterior has collapsed: {those} less than {UNUSED_BELOW:g} nats, so the decoder ignores "
    found += "them." if len(kl) > 1 else "it."
    if steps is not None and steps < FEW_STEPS:
        return f"{found} The model was trained for only {steps} steps; train longer first."
    return f"{found} Lower beta (the weight of the KL), raise it slowly, or use free bits."


def _of_values(values: Mapping[str, int], constant: Sequence[str]) -> str:
    if len(values) <= NAMED:
        each = [
            f"{name} takes {count} value{'s' if count > 1 else ' (unused)'}" for name, count in values.items()
        ]
        return f"Latents without a KL: {', '.join(each)}."
    counts = [count for count in values.values() if count > 1] or [1]
    some = f"; {len(constant)} are constant and so unused" if constant else ""
    return f"{len(values)} latents without a KL take {min(counts)} to {max(counts)} values each{some}."


MOVES_ABOVE = 0.01
"""Variance of its code over images above which a latent is an active unit (Burda et al. 2016,
https://arxiv.org/abs/1509.00519)."""
STILL = 1e-8
"""Variance under which a deterministic code is constant."""
MOST_VALUES = 256
"""Different values that a quantised latent takes at most."""
LEANING = 1000
"""Images over which the strongest latent is looked for, as the author of the analysis did."""


@dataclass(frozen=True)
class LatentUse:
    """One number of the code over the measured images.

    Attributes:
        index: its column.
        label: its name, such as z3 or shape=heart.
        block: the latent of the recipe that it belongs to.
        kind: the tag of that latent.
        attribute: the attribute that it stands for, if any.
        kl: mean KL to the prior in nats per image; None where only the whole latent's is known, or none.
        used: whether its KL counts; without a KL of its own, whether its code moves from image to image.
        low: the 1st percentile of drawn codes.
        median: of the codes.
        high: the 99th percentile of drawn codes.
        variance: of the code over the images.
        values: how many different values occur, of latents without a KL; None of others, and where the values
            are no countable few.
    """

    index: int
    label: str
    block: str
    kind: str
    attribute: str | None
    kl: float | None
    used: bool
    low: float
    median: float
    high: float
    variance: float
    values: int | None


def latent_uses(analysis: Analysis) -> tuple[LatentUse, ...]:
    """Return one entry for each number of the code, in its order."""
    encoded, model = analysis.encoded, analysis.model
    nats = analysis.kl
    low, high = np.percentile(encoded.drawn, (1, 99), axis=0)
    median = np.median(encoded.codes, axis=0)
    variance = encoded.codes.var(axis=0, dtype=np.float64)
    blocks = {block.name: block for block in model.vae.latents}
    entries = []
    for each in model.latents:
        block = blocks[each.block]
        place = each.index - model.slices[each.block].start
        names = block.kl_names
        own = names[place] if len(names) == block.outputs else None
        kl = nats[own] if own is not None else None
        values = None if names else _count(encoded.codes[:, each.index])
        if kl is not None:
            used = kl >= UNUSED_BELOW
        elif names:
            used = variance[each.index] > MOVES_ABOVE and sum(nats[name] for name in names) >= UNUSED_BELOW
        else:
            used = bool(variance[each.index] > STILL)
        entries.append(
            LatentUse(
                each.index,
                each.label,
                each.block,
                each.kind,
                each.attribute,
                kl,
                bool(used),
                float(low[each.index]),
                float(median[each.index]),
                float(high[each.index]),
                float(variance[each.index]),
                values,
            )
        )
    return tuple(entries)


def _count(codes: Floats) -> int | None:
    """Return how many different values codes [n] take; None when they are not few."""
    count = len(np.unique(codes.round(5)))
    return count if count <= min(MOST_VALUES, max(1, len(codes) // 2)) else None


@dataclass(frozen=True)
class Strongest:
    """The gaussian latent that leans furthest from zero: the one with the largest |mean code|.

    Attributes:
        index: its column of the code.
        label: its name.
        low: its least code over the images looked at.
        high: its largest.
        mean: mean code of every gaussian latent, by its label.
        size: mean |code| of every gaussian latent, the other reading of "absolute mean".
        images: how many were looked at.
    """

    index: int
    label: str
    low: float
    high: float
    mean: dict[str, float]
    size: dict[str, float]
    images: int


def strongest_latent(analysis: Analysis) -> Strongest:
    """Return the strongest latent over the first `LEANING` measured images.

    Raises:
        InputError: the model has no gaussian latents.
    """
    columns = analysis.gaussian
    if not len(columns):
        raise InputError("the model has no gaussian latents")
    codes = analysis.codes[:LEANING, columns]
    found = strongest(codes)
    labels = [analysis.model.latents[column].label for column in columns]
    return Strongest(
        int(columns[found.index]),
        labels[found.index],
        found.low,
        found.high,
        dict(zip(labels, found.mean.tolist(), strict=True)),
        dict(zip(labels, found.size.tolist(), strict=True)),
        len(codes),
    )


def typical_image(analysis: Analysis) -> int:
    """Return the place among the measured images of a typical one.

    Its code lies as far from the middle of all as the median image's does; the one nearest to the middle
    would be the blurred average of all. Distances are in each latent's spread. Where a code stands for
    attributes that have a middle, such as positions, the image is one of the tenth that is nearest to it: not
    something at the edge, where half of what can be moved has nowhere to go.
    """
    codes = analysis.codes
    rows = _central(analysis)
    distances = _distances(codes[:, analysis.free])[rows]
    return int(rows[np.argsort(distances, kind="stable")[len(rows) // 2]])


def _central(analysis: Analysis) -> npt.NDArray[np.int64]:
    """Return the places whose attributes with a middle are nearest to it, in order; all without one."""
    written = {block.attribute for block in analysis.model.vae.latents.attribute_blocks}
    middled = [
        each.name
        for each in analysis.model.attributes
        if each.name in written and each.kind in {"ordinal", "continuous"}
    ]
    if not middled:
        return np.arange(len(analysis.codes))
    distances = _distances(np.stack([analysis.read[name] for name in middled], axis=1))
    kept = np.argsort(distances, kind="stable")[: max(1, len(distances) // 10)]
    return np.asarray(np.sort(kept), dtype=np.int64)


def _distances(values: Floats) -> Floats:
    """Return how far each row lies from the medians, squared, in the spread of each column: [n]."""
    spread = values.std(axis=0) + 1e-6
    distances: Floats = np.square((values - np.median(values, axis=0)) / spread).sum(axis=1)
    return distances
