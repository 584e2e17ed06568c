"""Measures a trained run and writes evaluation.json."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from distaff.data import telling
from distaff.errors import InputError
from distaff.evaluation.subject import Subject
from distaff.evaluation.table import METRICS, check_names, chosen
from distaff.run import Run, environment

SEED = 0
FILE = "evaluation.json"


def evaluate(
    run: Run,
    *,
    metrics: Sequence[str] | None = None,
    data: str | None = None,
    reader_pictures: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Measure a run on the test pictures of its data, and write what was found to its evaluation.json.

    Args:
        run: a trained run.
        metrics: names from `distaff.evaluation.METRICS`; if None, all that fit the model and the data but the
            slow ones.
        data: another source to measure on, cut and resized like the run's own; attributes are matched by name
            and their classes by label.
        reader_pictures: how many pictures the independent reader is shown at most when it is trained; if
            None, as many as the model was, within bounds. It is trained once for some data, when a metric
            needs it, and kept.
        progress: told in a few words what is being done.

    Returns:
        What the file holds: `metrics` (`{name: {"value": float, ...details}}`), `left_out`
        (`{name: reason}`), `settings` and `versions`. What was measured before of the same weights on
        the same pictures is kept.

    Raises:
        InputError: an unknown metric, a run without usable weights, or data that cannot be read.
    """
    check_names(metrics)
    model = run.model
    with telling(progress or (lambda _: None)):
        dataset = run.dataset(data)
    subject = Subject(model, dataset, reader_pictures=reader_pictures, seed=SEED, progress=progress)
    measured: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    for name in chosen(metrics, subject):
        reason = METRICS[name].lacks(subject)
        if reason is not None:
            left_out[name] = reason
            continue
        subject.say(f"measuring {name}")
        try:
            measured[name] = METRICS[name].measure(subject)
        except InputError as error:
            left_out[name] = str(error)
    settings = {
        "data": data or model.recipe.data.source,
        "split": subject.split,
        "train_pictures": len(subject.train_rows),
        "test_pictures": len(subject.test_rows),
        "seed": SEED,
        "weights_sha256": hashlib.sha256((run.path / "model.safetensors").read_bytes()).hexdigest(),
    }
    before = _measured_before(run, settings)
    result = {
        "metrics": {**before["metrics"], **measured},
        "left_out": {
            name: reason
            for name, reason in {**before["left_out"], **left_out}.items()
            if name in left_out or name not in measured
        },
        "settings": settings,
        "versions": environment(),
    }
    run.write_json(FILE, result)
    return result


def _measured_before(run: Run, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the file holds already, if it is of these weights on these pictures by this version."""
    nothing: dict[str, dict[str, Any]] = {"metrics": {}, "left_out": {}}
    if not (run.path / FILE).is_file():
        return nothing
    try:
        before = run.read_json(FILE)
    except InputError:
        return nothing
    same = before.get("settings") == settings and before.get("versions") == environment()
    return {name: before.get(name, {}) for name in nothing} if same else nothing
