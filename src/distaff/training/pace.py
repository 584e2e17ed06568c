"""Whether models trained side by side are done sooner than one after another: measured on bare steps."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Sequence

import torch

from distaff.data import Dataset
from distaff.model import build, resolve
from distaff.recipe import Recipe
from distaff.training.batches import TrainBatches
from distaff.training.lanes import Lane, measure_all
from distaff.training.module import Trainee
from distaff.training.precision import lightning_precision

WARM, FEWEST, LONG = 2, 3, 0.25
"""Steps that are not counted, the fewest that are, and the seconds after which counting ends."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def obstacle() -> str | None:
    """Return why models cannot be trained side by side here, or None."""
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        return "they share one GPU"
    if sys.platform != "linux":
        return "only on Linux can processes share the pictures in memory"
    return "there is one core" if cores() < 2 else None


def seconds_a_step(recipe: Recipe, dataset: Dataset) -> float:
    """Return how long a step of training takes with the present number of threads, seconds."""
    attributes = dataset.attributes.attributes
    resolved = resolve(recipe, attributes)
    trainee = Trainee(resolved, attributes, *build(resolved, attributes, dataset.images.shape[1:]))
    trainee.to(memory_format=torch.channels_last)
    trainee.train()
    optimizer = trainee.configure_optimizers()
    batches = iter(
        TrainBatches(
            dataset.images, dataset.labels, dataset.splits["train"], recipe.train.batch, 0, lambda: 0
        )
    )
    low = lightning_precision(recipe.train.precision) == "bf16-mixed"
    counted, start = -WARM, time.perf_counter()
    while counted < FEWEST or time.perf_counter() - start < LONG:
        if counted == 0:
            start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss, _ = trainee.evaluate(next(batches))
        optimizer.zero_grad()
        loss.total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        counted += 1
    return (time.perf_counter() - start) / counted


def lanes_for(models: int, threads: int | None, say: Callable[[str], None]) -> int:
    """Return how many models may train side by side: one a core, or 0 where they cannot, which is said.

    `threads` is with how many each was begun, if any was.
    """
    if models == 1 and threads != 1:
        return 0
    hindrance = obstacle()
    if hindrance is None and (threads or 1) > 1:
        hindrance = f"they were begun with {threads} threads each"
    if hindrance is not None:
        say(f"The {models} models train one after another: {hindrance}.")
        return 0
    return min(cores(), models)


def are_faster(
    opened: Sequence[Lane], models: int, measure: Callable[[], float], say: Callable[[str], None]
) -> bool:
    """Measure whether the models are done sooner side by side, and say what will be done."""
    alone, beside = measure(), measure_all(opened)
    gain = models * alone / (math.ceil(models / len(opened)) * beside)
    times = f"{gain:.1f} times as fast as one after another"
    if gain <= 1:
        say(
            f"The {models} models train one after another: side by side would be {times} "
            f"({1000 * beside:.1f} ms a step on one core each, {1000 * alone:.1f} ms on all cores)."
        )
        return False
    say(f"The {models} models train {len(opened)} side by side on one core each, about {times}.")
    return True
