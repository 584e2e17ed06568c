"""Measures a trained run and writes evaluation.json."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from distaff.data import Data, fingerprint, name_of
from distaff.errors import InputError
from distaff.evaluation._inputs import RunInputs
from distaff.metrics import METRICS, Results, Score
from distaff.metrics import run as run_metrics

if TYPE_CHECKING:
    from distaff.analysis import Analysis
    from distaff.run import Run

SEED = 0


def evaluate(
    run: Run,
    metrics: Sequence[str] | str | None = None,
    data: Data = None,
    *,
    resize: bool = False,
    classifier_images: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Measure a run on images that it was not trained on, and write what was found to its evaluation.json.

    Args:
        run: a trained run.
        metrics: names from `distaff.metrics.METRICS`, or ``"all"``; if None, those that run by default.
        data: another source to measure on, or images in Python (`distaff.data.Data`), whole unless it has a
            published split; attributes are matched by name and their classes by label. Images that training
            saw are never measured. What is found is written to evaluation-NAME.json. A run that was trained
            on images in Python takes images for its own if it knows some of them.
        resize: whether images of another size or number of channels are changed to the model's.
        classifier_images: images that the reference classifier is shown at most when it is trained; if None,
            as many as the model was, within bounds. It is trained once for some data, when a metric needs it,
            and kept.
        progress: told in a few words what is being done.

    Returns:
        What the file holds: `metrics` (`{name: {"value": float, ...details}}`), `left_out` and
        `factors_left_out` (`{name: reason}`), `settings` and `versions`. What was measured before of the same
        weights on the same images is kept.

    Raises:
        InputError: an unknown metric, a run without usable weights, data that cannot be read, or images of
            another size.
    """
    from distaff.analysis import Analysis
    from distaff.run import environment

    _check_names(metrics)
    analysis = Analysis.of(
        run, data, resize=resize, seed=SEED, progress=progress, classifier_images=classifier_images
    )
    inputs = RunInputs(analysis)
    results = run_metrics(inputs, _asked(metrics, analysis), progress=progress)
    measured, left_out = _split_undefined(results)
    named = name_of(data) if analysis.other_data else None
    settings = _settings(run, analysis, named)
    name = file_name(named)
    before = _measured_before(run, name, settings, environment())
    result = {
        "metrics": {**before["metrics"], **measured},
        "left_out": {
            metric: reason
            for metric, reason in {**before["left_out"], **left_out}.items()
            if metric in left_out or metric not in measured
        },
        "factors_left_out": dict(results.factors_left_out),
        "settings": settings,
        "versions": environment(),
    }
    run.write_json(name, result)
    return result


def file_name(data: str | None) -> str:
    """Return the file of the run folder that holds what is measured on some data.

    >>> file_name(None), file_name("mnist:/data/mnist"), file_name("photos/half.npz")
    ('evaluation.json', 'evaluation-mnist.json', 'evaluation-half.json')
    """
    if data is None:
        return "evaluation.json"
    head, colon, place = data.partition(":")
    name = place if head == "hf" else head if colon and head.isidentifier() else PurePath(data).name
    suffix = PurePath(name).suffix
    name = name.removesuffix(suffix) if suffix in {".npz", ".npy", ".h5", ".hdf5"} else name
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    return f"evaluation-{plain or 'data'}.json"


def _check_names(names: Sequence[str] | str | None) -> None:
    """Raise InputError for a metric that does not exist, before anything is loaded."""
    for name in [names] if isinstance(names, str) else names or ():
        if name != "all":
            METRICS[name]


def _asked(names: Sequence[str] | str | None, analysis: Analysis) -> Sequence[str] | str | None:
    """The metrics to run: those named, else the default ones, and borders where classes shaped the code."""
    if names is not None:
        return names
    model = analysis.model
    by_classes = bool(model.classifiers) or any(block.prior.attribute for block in model.vae.latents)
    shaped = "borders" in METRICS and by_classes
    return [name for name in METRICS if METRICS[name].default or (shaped and name == "borders")]


def _split_undefined(results: Results) -> tuple[dict[str, Any], dict[str, str]]:
    """What was measured, ready for JSON, and what was left out; a value that is no number is left out."""
    measured: dict[str, Any] = {}
    left_out = dict(results.left_out)
    for name, score in results.scores.items():
        if not np.isfinite(score.value):
            left_out[name] = f"its value is {score.value:g} for these data"
            continue
        measured[name] = score.as_dict() | _per_attribute(score, results.factors.get(name, ()))
    return measured, left_out


def _per_attribute(score: Score, names: Sequence[str]) -> dict[str, Any]:
    """Which attributes a metric of codes was measured against, its value for each, and its options."""
    found: dict[str, Any] = {"options": dict(score.settings)} if score.settings else {}
    if not names:
        return found
    found["factors"] = list(names)
    details: Mapping[str, Any] = score.details
    own = details.get("test_per_factor", details.get("per_factor"))
    if own is not None and len(own) == len(names) and "per_attribute" not in details:
        parts = {"value": own} | ({"chance": details["chance"]} if "chance" in details else {})
        found["per_attribute"] = {
            name: {part: float(values[k]) for part, values in parts.items()} for k, name in enumerate(names)
        }
    return found


def _settings(run: Run, analysis: Analysis, data: str | None) -> dict[str, Any]:
    """What the numbers depend on beside the versions."""
    return {
        "data": data or analysis.model.recipe.data.source,
        "split": analysis.split_name,
        "train_images": len(analysis.train_rows),
        "test_images": len(analysis.rows),
        "images_of_split": len(analysis.dataset.splits[analysis.split]),
        "images_sha256": _digest(analysis),
        "seed": SEED,
        "weights_sha256": hashlib.sha256((run.path / "model.safetensors").read_bytes()).hexdigest(),
    }


def _digest(analysis: Analysis) -> str:
    """Return a digest of the images, their splits and their labels: mended labels make other numbers."""
    known = fingerprint(analysis.dataset)
    attributes = [(each.name, each.kind, each.values) for each in analysis.dataset.attributes.attributes]
    digest = hashlib.sha256(repr(attributes).encode("utf-8", "surrogateescape"))
    for array in (known.digests, known.splits, known.labels):
        digest.update(array.tobytes())
    return digest.hexdigest()


def _measured_before(
    run: Run, name: str, settings: Mapping[str, Any], versions: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return what the file holds already, if it is of these weights on these images by this version."""
    nothing: dict[str, dict[str, Any]] = {"metrics": {}, "left_out": {}}
    if not (run.path / name).is_file():
        return nothing
    try:
        before = run.read_json(name)
    except InputError:
        return nothing
    same = before.get("settings") == settings and before.get("versions") == versions
    return {part: before.get(part, {}) for part in nothing} if same else nothing
