"""Train a recipe: from images to a run folder."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import Logger

from distaff.data import ARRAYS, Data, name_of
from distaff.data import load as load_data
from distaff.errors import WriteError
from distaff.files import sole_writer
from distaff.networks import compile_in_training
from distaff.process import GracefulStop, keep_freed_memory
from distaff.recipe import Recipe, load_recipe
from distaff.run import Run, environment, foreign_parts
from distaff.training._batches import ModelWithLoss, shuffle_note
from distaff.training._callbacks import Listeners
from distaff.training._console import Console, advise, first_line
from distaff.training._devices import ending_together, is_writer, make_fabric
from distaff.training._folder import MuteRun, latest_checkpoint, new_folder, open_folder, refuse_begun
from distaff.training._loop import Loop

_log = logging.getLogger("distaff")


def train(
    recipe: str | Path | Recipe,
    *,
    data: Data = None,
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    device: str | None = None,
    callbacks: Sequence[object] = (),
    logger: str | Logger | None = None,
) -> Run:
    """Train a model and return its run folder.

    Ctrl-C, SIGTERM and SIGHUP end a training after the current step: the run is saved and its model usable,
    and then KeyboardInterrupt or SystemExit(128 + number) is raised, so that a script does not continue with
    a half-trained model. A second Ctrl-C ends it at once.

    Args:
        recipe: a shipped name, a YAML file or a Recipe.
        data: replaces the recipe's source: a name or a path, arrays (`distaff.data.Data` lists what may be
            given), or a Dataset. What is given in Python is not kept with the run.
        settings: fields of the recipe by dotted path: `{"loss.kl.weight": 4}`.
        steps: short for `train.steps`.
        seed: short for `train.seed`.
        out: the run folder; `runs/NAME` when not given.
        resume: continue from the folder's last checkpoint, or begin when there is none. A run may be given
            more `train.steps` than it had; anything else must be as it was.
        progress: whether to show what is being done, on stderr.
        device: cpu, cuda, cuda:1, mps; the best that there is when not given.
        callbacks: objects with some of the methods of `Callback`.
        logger: a logger of Lightning, or tensorboard, wandb or mlflow.

    Raises:
        InputError: anything the caller can mend, before anything is written where possible.
        WriteError: the disk is full, or the folder may not be written; what was saved before is whole.
        DivergedError: the loss is no longer finite.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> run = train("vae", data="digits", steps=2, out=f"{folder}/run", progress=False)
    >>> run.model.sample(3).shape
    (3, 8, 8)
    """
    keep_freed_memory()
    short = {"data.source": name_of(data), "train.steps": steps, "train.seed": seed}
    changes = dict(settings or {}) | {field: value for field, value in short.items() if value is not None}
    wanted = load_recipe(recipe).changed(changes)
    fabric, writer = make_fabric(wanted.train, device), is_writer()
    name = "run" if isinstance(recipe, Recipe) else Path(recipe).stem
    if out is not None and not resume and writer:
        refuse_begun(Path(out))
    with GracefulStop() as stop, Console(show=progress and writer) as console:
        dataset = console.reading(lambda: load_data(wanted.data, given=data))
        attributes, images = dataset.attributes.attributes, len(dataset.splits["train"])
        with dataset.explaining():
            wanted = wanted.resolved({each.name: each for each in attributes})
            vae, objective = wanted.build(attributes, dataset.images.shape[1:], images)
        if wanted.train.compile:
            compile_in_training(vae.encoder, vae.decoder)
        folder = Path(out) if out is not None else new_folder(name) if writer else Path()
        with sole_writer(folder, "training") if writer else nullcontext():
            run = (Run if writer else MuteRun)(folder)
            listeners = Listeners(run, *((callbacks, logger) if writer else ((), None)))
            try:
                notes = [*dataset.notes, *shuffle_note(dataset, wanted.train.shuffle)]
                if writer:
                    notes += open_folder(run, wanted, dataset, vae, objective.schedules, resume=resume)
                fabric.launch()
                with ending_together(fabric):
                    run.path = fabric.broadcast(folder)
                    module = ModelWithLoss(vae, objective, wanted, dataset, fabric.global_rank)
                    loop = Loop(run, dataset, module, fabric, listeners)
                    stop.defer()
                    _fit(loop, name, notes, stop, console)
            except WriteError as error:
                told = f"{error}; what was saved before is whole. When there is room again"
                raise WriteError(f"{told}, {_resume(folder, wanted)}") from error
    return Run(folder, None if data is None or isinstance(data, (str, os.PathLike)) else dataset)


def _fit(loop: Loop, name: str, notes: Sequence[str], stop: GracefulStop, console: Console) -> None:
    """Train, save, and raise what ended the training before its end."""
    _log.info("%s", first_line(name, loop))
    for note in notes:
        _log.info("note: %s", note)
    advise(loop)
    with loop.fabric.rank_zero_first():
        loop.start(latest_checkpoint(loop.run.path))
    console.begin(loop)
    stop.number = stop.number or loop.fit(stop, console)
    loop.finish()
    console.end(loop)
    if not loop.is_over:
        at = f"Stopped at step {loop.step:,} of {loop.options.steps:,}"
        _log.info(
            "%s; the run is saved, its model can be used; %s", at, _resume(loop.run.path, loop.run.recipe)
        )
    told = {"finished": loop.is_over, "notes": console.notes, "precision": loop.precision}
    loop.run.write_json("environment.json", environment() | told)
    if loop.is_over and loop.module.recipe.sampler is not None and loop.fabric.is_global_zero:
        loop.run.fit_sampler(dataset=loop.dataset)
    loop.listeners.end()
    if loop.listeners.failure is not None:
        raise loop.listeners.failure
    if stop.number:
        raise stop.exception()


def _resume(folder: Path, recipe: Recipe) -> str:
    """Say how a run is continued; its own recipe holds all that it was begun with."""
    if recipe.data.source == ARRAYS:
        return "continue with the same data, out and resume=True"
    words = ["distaff", "train", str(folder / "recipe.yaml"), "--out", str(folder), "--resume"]
    words += [f"--import={name}" for name in sorted({str(each["module"]) for each in foreign_parts(recipe)})]
    return f"continue with: {shlex.join(words)}"
