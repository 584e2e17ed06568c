"""What the page must know of a model to name, read and write its code."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import nn

from distaff.data import Attribute
from distaff.explorer.blocks import Blocks, Reference
from distaff.explorer.graphs import condition_width
from distaff.explorer.shown import Shown
from distaff.figures.activity import activity
from distaff.latent import AttributeBlock
from distaff.latent.argmax import ArgmaxBlock
from distaff.latent.l2 import L2Block
from distaff.latent.sampled import SampledBlock
from distaff.model import Model, judge_collapse

SPREAD = 1e-4
"""A latent without a prior is in use when its codes vary by more than this."""


def image(shown: Shown) -> dict[str, int | None]:
    """Return the size of the pictures, and the centre square that is cut from a picture first."""
    channels, height, width = shown.model.image_shape
    return {"height": height, "width": width, "channels": channels, "crop": shown.run.recipe.data.crop}


def latents(shown: Shown) -> list[dict[str, Any]]:
    """Return one entry for each number of the code: its names, its range, its use.

    The range goes from the 1st to the 99th percentile: of codes drawn from the posterior where there is one,
    as in the figures, else of the codes of training pictures.
    """
    codes = shown.trained.codes
    low, middle, high = np.percentile(codes, (1, 50, 99), axis=0)
    drawn_codes = activity(shown)
    low[drawn_codes.columns], high[drawn_codes.columns] = drawn_codes.low, drawn_codes.high
    spread = codes.std(axis=0)
    terms = shown.posterior
    nats = dict(zip(terms.dimensions, terms.kl.mean(axis=0).tolist(), strict=True))
    living = set(judge_collapse(nats).active)
    columns = set(terms.columns.tolist())
    entries = []
    for each in shown.model.latents:
        place = each.index - shown.model.slices[each.block].start
        dimension = next((name for name in (f"{each.block}{place}", each.block) if name in nats), None)
        drawn = each.index in columns and dimension is not None
        entries.append(
            {
                "index": each.index,
                "block": each.block,
                "kind": each.kind,
                "attribute": each.attribute,
                "label": each.label,
                "low": float(low[each.index]),
                "high": float(high[each.index]),
                "median": float(middle[each.index]),
                "kl": finite(nats[dimension]) if drawn and dimension is not None else None,
                "active": dimension in living if drawn else bool(spread[each.index] > SPREAD),
            }
        )
    return entries


def blocks_of_z(model: Model, blocks: Blocks) -> list[dict[str, Any]]:
    """Return what reads and writes an attribute in each block as the model does."""
    entries: list[dict[str, Any]] = []
    for block in model.network.latent:
        columns = model.slices[block.name]
        entry: dict[str, Any] = {
            "name": block.name,
            "kind": block.kind,
            "attribute": block.attribute,
            "start": columns.start,
            "stop": columns.stop,
        }
        if isinstance(block, AttributeBlock):
            entry["size"] = block.size
        if isinstance(block, (ArgmaxBlock, L2Block)):
            entry["unit"] = float(block.unit)
        if isinstance(block, L2Block):
            entry["centre"] = float(block.centre)
        if isinstance(block, SampledBlock):
            prototypes = block.prototypes.detach().cpu().numpy()
            entry["prototypes"] = blocks.add(f"prototypes/{len(entries)}", prototypes)
        entries.append(entry)
    return entries


def attributes(shown: Shown) -> list[dict[str, Any]]:
    """Return the attributes: labels as words, the range of continuous ones, the turn of circular ones."""
    return [
        {
            "name": each.name,
            "kind": each.kind,
            "values": [str(value) for value in each.values] or None,
            "size": each.size,
            "period": each.period,
            "min": 0.0 if each.size else finite(each.low),
            "max": each.size - 1.0 if each.size else finite(each.high),
            "mean": finite(each.mean),
            "std": finite(each.std),
            "settable": each.name in shown.model.settable,
            "readable": each.name in shown.model.readable,
        }
        for each in shown.model.attributes
    ]


def condition_blocks(model: Model) -> list[dict[str, Any]]:
    """Return which columns of the condition an attribute takes, and how its value is written there."""
    known = {each.name: each for each in model.attributes}
    entries: list[dict[str, Any]] = []
    start = 0
    for name in model.condition:
        attribute = known[name]
        stop = start + (attribute.size or 1)
        entries.append(
            {"name": name, "start": start, "stop": stop, "size": attribute.size}
            | {"mean": finite(attribute.mean), "std": finite(attribute.std or 1.0)}
        )
        start = stop
    assert start == condition_width(model)
    return entries


def classifier(model: Model, blocks: Blocks) -> dict[str, Any] | None:
    """Return the layers of the latent classifier of the first attribute that has one; None without any.

    The layers are affine, with a ReLU between every two.
    """
    found = classified(model)
    if found is None:
        return None
    layers: list[dict[str, Reference]] = []
    for layer in model.classifiers[found.name].classifier.modules():
        if isinstance(layer, nn.Linear):
            weight, bias = (each.detach().cpu().numpy() for each in (layer.weight, layer.bias))
            place = f"classifier/{len(layers)}"
            layers.append(
                {"weight": blocks.add(f"{place}/weight", weight), "bias": blocks.add(f"{place}/bias", bias)}
            )
    return {"attribute": found.name, "layers": layers}


def classified(model: Model) -> Attribute | None:
    """Return the first attribute that a latent classifier reads, if any."""
    return next((each for each in model.attributes if each.name in model.classifiers), None)


def finite(value: float) -> float | None:
    """Return a number that JSON can hold."""
    return float(value) if math.isfinite(value) else None
