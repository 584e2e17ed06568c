"""What the page must know of a run: how to name, read and write codes, and what was measured.

The numbers are those of the evaluation, with what its metrics mean, the history and the snapshots.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from torch import nn

from distaff.analysis import Analysis
from distaff.attributes import Attribute
from distaff.data import named_source
from distaff.errors import InputError
from distaff.explorer._bundle import Blocks, Reference
from distaff.latents import AttributeBlock, between_classes
from distaff.metrics import METRICS, mutual_information
from distaff.model import Floats, Model
from distaff.run import Run

MOST_VALUES = 64
"""Different values up to which a slider stops at each."""
SAME = 1e-4
"""Difference up to which the page's arithmetic counts as the model's own."""


def describe_latents(analysis: Analysis) -> list[dict[str, Any]]:
    """Return one entry for each number of the code: its names, its range, its values, its use.

    `low` and `high` are the 1st and 99th percentile of codes drawn from the posterior, as in the figures.
    `values` are those that occur, where they are few and have no KL, as in a quantised latent.
    """
    entries = []
    for use in analysis.latents:
        values = None
        if use.values is not None and use.values <= MOST_VALUES:
            values = _different(np.concatenate([each[:, use.index] for each in _codes(analysis)]))
        entries.append(
            {
                "index": use.index,
                "block": use.block,
                "kind": use.kind,
                "attribute": use.attribute,
                "label": use.label,
                "low": finite(use.low),
                "high": finite(use.high),
                "median": finite(use.median),
                "kl": None if use.kl is None else finite(use.kl),
                "active": use.used,
                "values": values,
            }
        )
    return entries


def _codes(analysis: Analysis) -> tuple[Floats, Floats]:
    return analysis.codes, analysis.train_codes


def _different(codes: Floats) -> list[float]:
    """Return the different values of codes in order; those that rounding alone tells apart are one."""
    ordered = np.unique(codes)
    first = np.concatenate([[True], np.diff(ordered) > 1e-5])
    return [float(each) for each in ordered[first]]


def describe_blocks(model: Model, blocks: Blocks) -> list[dict[str, Any]]:
    """Return the columns of each block of z, and how the page reads and writes its attribute.

    With `unit` and `centre`, the attribute is `code * unit + centre`, rounded to a class where there are
    any. Else the largest number is the class, and `prototypes` [size, size] are the codes of the classes
    (one-hot where there are none), between which values interpolate. `attribute` is None, too, where a block
    of another package reads or writes in yet another way: the page then shows its numbers as they are.
    """
    known = {each.name: each for each in model.attributes}
    entries: list[dict[str, Any]] = []
    for block in model.vae.latents:
        columns = model.slices[block.name]
        entry: dict[str, Any] = {
            "name": block.name,
            "kind": block.kind,
            "attribute": None,
            "start": columns.start,
            "stop": columns.stop,
        }
        if isinstance(block, AttributeBlock):
            entry |= _arithmetic(model, block, known[block.attribute], blocks, f"prototypes/{len(entries)}")
        entries.append(entry)
    return entries


@torch.inference_mode()
def _arithmetic(
    model: Model, block: AttributeBlock, attribute: Attribute, blocks: Blocks, place: str
) -> dict[str, Any]:
    """Return the arithmetic that is the block's own on codes and values drawn at random; empty if none is."""
    size = attribute.size
    low, high = (0.0, size - 1.0) if size else (attribute.low, attribute.high)
    random = np.random.default_rng(0)
    between = torch.from_numpy(random.uniform(low, high, 50).astype(np.float32))
    knots = torch.arange(size, dtype=torch.float32) if size else torch.linspace(low, high, 3)
    pure, written = (block.write(each.to(model.device)).cpu() for each in (knots, between))
    noise = random.normal(0, 0.3 * float(pure.std(unbiased=False)) + 1e-3, written.shape)
    codes = written + torch.from_numpy(noise.astype(np.float32))
    read = block.read(codes.to(model.device)).cpu().numpy()
    found = {"attribute": attribute.name, "size": size}
    if block.outputs == 1:
        step = float(pure[-1, 0] - pure[0, 0])
        unit = float(knots[-1] - knots[0]) / step if step else 1.0
        centre = float(knots[0] - pure[0, 0] * unit)
        number = codes[:, 0].numpy() * unit + centre
        steady = np.abs(number - np.floor(number) - 0.5) > 0.01 if size else np.full(len(number), True)
        expected = np.clip(np.rint(number), 0, size - 1) if size else number
        near = SAME * max(1.0, abs(unit), abs(centre))
        fits = np.allclose(written[:, 0] * unit + centre, between, atol=near)
        if fits and np.allclose(read[steady], expected[steady], atol=near):
            return found | {"unit": unit, "centre": centre}
    elif block.outputs == size:
        fits = torch.allclose(written, between_classes(between, size) @ pure, atol=SAME)
        if fits and np.array_equal(read, codes.argmax(1).numpy()):
            one_hot = torch.equal(pure, torch.eye(size))
            return found | {"prototypes": None if one_hot else blocks.add(place, pure.numpy())}
    return {}


def describe_attributes(model: Model) -> list[dict[str, Any]]:
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
            "settable": each.name in model.settable,
            "readable": each.name in model.readable,
        }
        for each in model.attributes
    ]


def describe_condition(model: Model) -> list[dict[str, Any]]:
    """Return which columns of the condition an attribute takes, and how its value is written there."""
    entries: list[dict[str, Any]] = []
    start = 0
    for attribute in model.vae.condition:
        stop = start + (attribute.size or 1)
        entries.append(
            {"name": attribute.name, "start": start, "stop": stop, "size": attribute.size}
            | {"mean": finite(attribute.mean), "std": finite(attribute.std or 1.0)}
        )
        start = stop
    return entries


def describe_classifier(model: Model, blocks: Blocks) -> dict[str, Any] | None:
    """Return the layers of the latent classifier of the first attribute that has one; None without any.

    The layers are affine, with a ReLU between every two.
    """
    for attribute in model.attributes:
        if attribute.name not in model.classifiers:
            continue
        layers: list[dict[str, Reference]] = []
        for layer in model.classifiers[attribute.name].classifier.modules():
            if isinstance(layer, nn.Linear):
                weight, bias = (each.detach().cpu().numpy() for each in (layer.weight, layer.bias))
                place = f"classifier/{len(layers)}"
                layers.append(
                    {
                        "weight": blocks.add(f"{place}/weight", weight),
                        "bias": blocks.add(f"{place}/bias", bias),
                    }
                )
        return {"attribute": attribute.name, "layers": layers}
    return None


def finite(value: float) -> float | None:
    """Return a number that JSON can hold."""
    return float(value) if math.isfinite(value) else None


EVALUATION = "evaluation.json"
BINS = 20
"""Bins of codes and of continuous attributes when their mutual information is counted."""
SPLITS = {"train": 0.0, "valid": 1.0}
MOST_SNAPSHOTS = 16
QUALITY = 75
"""Of the snapshots, from 0 to 100."""


def read_evaluation(run: Run, weights: str) -> dict[str, Any] | None:
    """Return what evaluation.json holds, but for the place of the data; None if of other weights."""
    if not (run.path / EVALUATION).is_file():
        return None
    try:
        found = run.read_json(EVALUATION)
    except InputError:
        return None
    settings = found.get("settings")
    if not isinstance(settings, dict) or settings.get("weights_sha256") != weights:
        return None
    return found | {"settings": settings | {"data": without_place(str(settings.get("data", "")))}}


def describe_metrics(evaluations: list[dict[str, Any] | None]) -> dict[str, dict[str, str]]:
    """Return what the metrics of some evaluations say about themselves in their docstrings, by name."""
    names = {name for each in evaluations if each is not None for name in _metrics(each)}
    return {
        name: {
            "summary": metric.summary,
            "range": metric.span,
            "chance": metric.chance,
            "better": metric.better,
            "weaknesses": metric.weaknesses,
            "paper": metric.paper,
        }
        for name, metric in METRICS.items()
        if name in names
    }


def _metrics(evaluation: Mapping[str, Any]) -> set[str]:
    """Return the names of the metrics that were measured or left out."""
    return {
        str(name)
        for part in ("metrics", "left_out")
        if isinstance(evaluation.get(part), dict)
        for name in evaluation[part]
    }


def describe_history(run: Run, blocks: Blocks) -> dict[str, Any] | None:
    """Return the history as one table of numbers; the split is 0 for training and 1 for validation."""
    try:
        columns = run.history()
    except InputError:
        return None
    if not columns or not len(columns.get("split", ())):
        return None
    numbers = [
        [SPLITS.get(str(each), np.nan) for each in values] if name == "split" else values
        for name, values in columns.items()
    ]
    table = np.array(numbers, dtype=np.float32).T
    return {"columns": list(columns), "data": blocks.add("history", table)}


def describe_snapshots(run: Run, blocks: Blocks) -> list[dict[str, Any]]:
    """Return the steps at which training drew what the model made of the same images, each with its WebP."""
    from PIL import Image

    paths = sorted((run.path / "figures" / "training").glob("step-*.png"))
    kept = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), MOST_SNAPSHOTS)).round().astype(int))
    found: list[dict[str, Any]] = []
    for path in (paths[place] for place in kept):
        step, file = _step(path), io.BytesIO()
        try:
            image = Image.open(path)
            image.save(file, format="WEBP", quality=QUALITY, method=6)
        except OSError:
            # A figure is no part of what a run promises: damaged, it is missing.
            continue
        if step is not None:
            width, height = image.size
            found.append(
                {
                    "step": step,
                    "width": width,
                    "height": height,
                    "image": blocks.add_bytes(f"snapshots/{len(found)}", file.getvalue()),
                }
            )
    return found


def _step(path: Path) -> int | None:
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else None


def describe_importance(analysis: Analysis, blocks: Blocks) -> dict[str, Any] | None:
    """Return the mutual information in nats of each latent with each attribute that varies: [D, A]."""
    names, columns = [], []
    for attribute in analysis.model.attributes:
        if attribute.name not in analysis.table.names:
            continue
        values = analysis.table.column(attribute.name)
        known = np.isfinite(values)
        if len(np.unique(values[known])) < 2:
            continue
        score = mutual_information(
            analysis.codes[known],
            values[known, None],
            bins=BINS,
            factor_bins=None if attribute.size else BINS,
        )
        names.append(attribute.name)
        columns.append(np.asarray(score.details["mutual_information"])[:, 0])
    if not names:
        return None
    values = np.stack(columns, axis=1).astype(np.float32)
    what = "mutual information in nats"
    return {
        "codes x attributes": {"attributes": names, "values": blocks.add("importance", values), "what": what}
    }


def without_place(source: str) -> str:
    """Return a data source without the place on this machine: a page is mailed, and a path says who made it.

    `mnist:FOLDER` becomes `mnist`, and a path its last part.
    """
    return named_source(source) or PurePath(source).name or Path(source).resolve().name or "/"
