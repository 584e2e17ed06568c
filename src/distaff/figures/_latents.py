"""What each latent does: traversals of one latent, everything else kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from distaff.analysis import Analysis, LatentUse
from distaff.errors import InputError
from distaff.figures._images import conditions, main_attribute
from distaff.figures._make import figure
from distaff.figures._page import Page
from distaff.figures._sheet import Row, Sheet
from distaff.figures._text import number, plural
from distaff.figures._values import first_some, name_value, values_to_show
from distaff.model import Floats

LATENTS, SIDE = 10, 5
"""Latents at most, and images on either side of the middle."""
STEPS = 2 * SIDE + 1
CLASSES = 10
ENDS = ["1%", *[""] * (SIDE - 1), "own code", *[""] * (SIDE - 1), "99%"]


def free_latents(analysis: Analysis) -> list[LatentUse]:
    """Return the used latents that stand for no attribute, the most active first.

    Raises:
        InputError: every latent stands for an attribute, or all others are unused.
    """
    found = [each for each in analysis.latents if each.attribute is None]
    if not found:
        raise InputError("every latent stands for an attribute; 'attributes' shows what they do")
    used = [each for each in found if each.used]
    if not used:
        which = "" if len(found) == len(analysis.latents) else " that stand for no attribute"
        raise InputError(f"all {len(found)} latents{which} are unused")
    return sorted(used, key=lambda each: (-(each.kl or 0.0), -each.variance))


def code_path(low: float, middle: float, high: float) -> Floats:
    """Return codes from low to high with `middle` exactly in the middle: float32 [2 SIDE + 1]."""
    low, high = min(low, middle), max(high, middle)
    left, right = np.linspace(low, middle, SIDE + 1), np.linspace(middle, high, SIDE + 1)
    return np.concatenate([left, right[1:]]).astype(np.float32)


def latent_values(analysis: Analysis, latent: LatentUse) -> list[float]:
    """Return the values that a quantised latent takes over the measured images, at most `STEPS` of them."""
    # A code is the sum of two numbers, and so its value but for rounding.
    values = np.unique(analysis.codes[:, latent.index].round(5))
    return first_some(values, STEPS)


def moved(code: Floats, column: int, values: npt.ArrayLike) -> Floats:
    """Return copies of a code [D] with one number set to each value: [k, D]."""
    wanted = np.asarray(values, dtype=np.float32)
    codes = np.repeat(code[None], len(wanted), axis=0)
    codes[:, column] = wanted
    return codes


def decode_one(analysis: Analysis, codes: Floats, place: int) -> Floats:
    """Return the images of codes [k, D] under the condition of one measured image."""
    told = conditions(analysis, np.array([place]))
    return analysis.model.decode(codes, indices={name: values[0] for name, values in told.items()})


@figure()
def traversals(analysis: Analysis) -> Page:
    """What each latent in use does to one image, over the range of its own codes."""
    latents = free_latents(analysis)
    code = analysis.codes[analysis.typical]
    rows: list[Row] = []
    for latent in latents[:LATENTS]:
        own = float(code[latent.index])
        nats = "" if latent.kl is None else f"{latent.kl:.2f} nats, "
        if latent.values is None:
            values = code_path(latent.low, own, latent.high)
            span, heads, marked = "", ENDS, SIDE
        else:
            values = np.array(latent_values(analysis, latent), dtype=np.float32)
            span, heads = f"{latent.values} values, ", [number(float(value)) for value in values]
            marked = int(np.abs(values - own).argmin())
        images = decode_one(analysis, moved(code, latent.index, values), analysis.typical)
        detail = f"{nats}{span}{number(float(values[0]))} to {number(float(values[-1]))}"
        again = bool(rows) and rows[-1].heads in (heads, ()) and latent.values is None
        rows.append(Row(images, latent.label, detail, () if again else heads, [marked]))
    unused = sum(each.attribute is None and not each.used for each in analysis.latents)
    left_out = f" The {LATENTS} most active of {len(latents)}." if len(latents) > LATENTS else ""
    left_out += f" {plural(unused, 'latent')} unused and not shown." if unused else ""
    note = (
        f"One latent in a row, the most active first. Framed: the code of one {analysis.split_name} image. "
        "From it one latent moves to the 1st and 99th percentile of its codes, or over the values that it "
        f"takes; everything else stays.{left_out}"
    )
    return Sheet("Latent traversals", note, rows)


@figure()
def strongest(analysis: Analysis) -> Page:
    """The gaussian latent furthest from zero, over its own range, all others at zero."""
    found = analysis.strongest
    code = analysis.codes[analysis.typical].copy()
    code[analysis.gaussian] = 0
    values = np.linspace(found.low, found.high, STEPS)
    row = Row(
        decode_one(analysis, moved(code, found.index, values), analysis.typical),
        label=found.label,
        detail=f"mean {number(found.mean[found.label])}",
        heads=[number(float(value)) for value in values],
    )
    others = "all other gaussian latents are zero"
    if len(analysis.gaussian) < len(analysis.latents) or analysis.model.condition:
        others += f"; attributes are those of one {analysis.split_name} image"
    return Sheet(
        f"The strongest latent, {found.label}",
        f"The latent with the largest absolute mean over {found.images:,} {analysis.split_name} images moves "
        f"from its least to its largest code there; {others}.",
        [row],
    )


@figure()
def variation(analysis: Analysis) -> Page:
    """What varies within each class: one class a row, the most active latent moved."""
    attribute = main_attribute(analysis)
    if attribute is None or attribute not in analysis.changeable:
        raise InputError("no class can be set while the rest of the code is moved")
    latent = free_latents(analysis)[0]
    if latent.values is None:
        values = np.linspace(latent.low, latent.high, STEPS)
    else:
        values = np.array(latent_values(analysis, latent))
    rows = []
    for value in values_to_show(attribute, CLASSES):
        end = analysis.class_end(attribute, value)
        codes = moved(end.code, latent.index, values)
        rows.append(
            Row(analysis.model.decode(codes, indices=end.condition), label=name_value(attribute, value))
        )
    return Sheet(
        f"Variation within each {attribute.name}",
        f"Each row keeps its {attribute.name}; {latent.label}, the most active latent, goes from "
        f"{number(float(values[0]))} to {number(float(values[-1]))}; everything else stays in the middle.",
        rows,
    )
