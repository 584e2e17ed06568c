"""Train a recipe: from pictures to a run folder."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from itertools import count
from math import prod
from pathlib import Path
from typing import Any

import lightning
import torch

from distaff.autoencoder import Autoencoder
from distaff.data import Attribute, Dataset
from distaff.data import load as load_data
from distaff.errors import InputError
from distaff.files import remove_leftovers
from distaff.interrupt import Stop, listening
from distaff.model import build, resolve
from distaff.objective import KLTerm, Objective
from distaff.recipe import Recipe, load_recipe
from distaff.run import Run, environment
from distaff.training.batches import TrainBatches, valid_batches
from distaff.training.blocks import by_blocks, shuffle_note
from distaff.training.breakage import advising, keeping_good_weights, refuse_broken
from distaff.training.checkpoint import Checkpointer, CheckpointFiles
from distaff.training.compiling import compile_networks
from distaff.training.devices import MuteRun, Together, agree_on, is_writer, together, trainer_options
from distaff.training.history import History
from distaff.training.interrupt import StopOnSignal
from distaff.training.lock import sole_trainer
from distaff.training.module import Trainee
from distaff.training.patience import Patience
from distaff.training.pictures import TrainingPictures
from distaff.training.precision import lightning_precision
from distaff.training.report import Reporter


def train(
    recipe: str | Path | Recipe,
    *,
    data: str | Dataset | None = None,
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Run:
    """Train a model and return its run folder.

    `recipe` is a shipped name, a YAML file or a Recipe; `data` replaces its source, or is the pictures
    themselves; `settings` sets fields by dotted path (`{"loss.kl.weight": 4}`); `steps` and `seed` are short
    for `train.steps` and `train.seed`. `out` is the run folder, `runs/NAME` when not given. `resume` goes on
    from the folder's last checkpoint, or begins when there is none. Ctrl-C, SIGTERM and SIGHUP end it after
    the step in hand and leave a usable run.

    Raises InputError for anything the caller can mend, before anything is written where possible; and
    KeyboardInterrupt when a signal comes before training begins, or a second Ctrl-C.
    """
    source = data.name if isinstance(data, Dataset) else data
    wanted = wanted_recipe(recipe, source, settings, steps, seed)
    if wanted.train.replicas > 1:
        raise InputError(
            f"train.replicas: {wanted.train.replicas} models are {wanted.train.replicas} runs; "
            "distaff.train_replicas trains them and returns a list"
        )
    folder = None if out is None else Path(out)
    reporter = Reporter(wanted.train.steps, show=progress and is_writer())
    with together(), listening(), nullcontext() if folder is None else sole_trainer(folder):
        if folder is not None and is_begun(folder) and not resume and is_writer():
            raise InputError(f"{out}: already holds a run; resume it (--resume) or choose another --out")
        with reporter.reading():
            dataset = data if isinstance(data, Dataset) else load_data(wanted.data)
        return train_on(dataset, wanted, lambda: folder or new_folder(recipe), reporter)


def train_on(dataset: Dataset, wanted: Recipe, place: Callable[[], Path], reporter: Reporter) -> Run:
    """Train one model on loaded data; what the folder at `place` holds of the same run is gone on from.

    `place` is asked once nothing can be refused any more, so that it may make the folder.

    Raises InputError when the folder holds a run of another recipe or of other data, or the training breaks.
    """
    attributes, shape = dataset.attributes.attributes, dataset.images.shape[1:]
    wanted = resolve(wanted, attributes)
    autoencoder, objective = build(wanted, attributes, shape)
    devices = trainer_options(wanted.train)
    run = (Run if is_writer() else MuteRun)(agree_on(place))
    with sole_trainer(run.path), listening() as stop:
        begun = is_begun(run.path)
        if begun and is_writer():
            check_same(run.path, wanted, attributes, shape)
            refuse_broken(run)
        with stop.deferred(), reporter, advising(run, stop):
            shuffled = shuffle_note(dataset, wanted.train.shuffle)
            for note in [*dataset.notes, *shuffled, *advice(wanted, objective, autoencoder)]:
                reporter.say(note)
            if not begun:
                run.write_setup(wanted, attributes, shape)
            trainee = Trainee(wanted, attributes, autoencoder, objective)
            history, finished = _fit(run, trainee, dataset, reporter, stop, devices)
            if history.collapse is not None:
                reporter.say(history.collapse.sentence)
            told = {"finished": finished, "notes": reporter.notes}
            run.write_json("environment.json", environment() | told)
    return Run.open(run.path) if is_writer() else run


def is_begun(folder: Path) -> bool:
    """Tell whether a folder holds a run, or what is left of one."""
    return any((folder / name).exists() for name in ("recipe.yaml", "checkpoint.ckpt"))


def wanted_recipe(
    recipe: str | Path | Recipe,
    data: str | None,
    settings: Mapping[str, Any] | None,
    steps: int | None,
    seed: int | None,
) -> Recipe:
    """Return the recipe with the changes that a caller asks for."""
    changes: dict[str, Any] = dict(settings or {})
    if data is not None:
        changes["data.source"] = data
    if steps is not None:
        changes["train.steps"] = steps
    if seed is not None:
        changes["train.seed"] = seed
    loaded = load_recipe(recipe)
    return loaded.changed(changes) if changes else loaded


def new_folder(recipe: str | Path | Recipe) -> Path:
    """Make and return the first free folder; making it at once keeps two runs from sharing it."""
    name = "run" if isinstance(recipe, Recipe) else Path(recipe).stem
    for number in count(1):
        folder = Path("runs") / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(
                f"{folder}: cannot be made: {error.strerror}; choose a place with --out"
            ) from None
        return folder
    raise AssertionError("unreachable: count is endless")


def check_same(
    folder: Path, wanted: Recipe, attributes: Sequence[Attribute], shape: tuple[int, int, int]
) -> None:
    """Refuse to resume a run under another recipe or on other data."""
    run = Run.open(folder)
    before, now = run.recipe.to_dict(), wanted.to_dict()
    for machine in ("devices", "nodes"):
        # What the result does not depend on may change.
        now["train"][machine] = before["train"][machine]
    for field in before:
        if before[field] != now[field]:
            where = field
            if isinstance(before[field], dict) and isinstance(now[field], dict):
                inner = [key for key in before[field] if before[field][key] != now[field].get(key)]
                where = ".".join([field, *inner[:1]])
            raise InputError(
                f"{run.path}: was begun with another {where}; resume with the same recipe and settings, "
                "or choose another --out"
            )
    if run.attributes != tuple(attributes) or run.image_shape != shape:
        raise InputError(
            f"{run.path}: the data are no longer what the run was begun on (other attributes or picture "
            "size); restore them, or choose another --out"
        )


def advice(recipe: Recipe, objective: Objective, model: Autoencoder) -> list[str]:
    """Return what should be said before training: weights on both scales, schedules that never end."""
    steps, said = recipe.train.steps, []
    for term in objective:
        if isinstance(term, KLTerm):
            beta = term.schedules[term.name].value(steps, steps)
            latents = sum(block.outputs for block in model.latent if block.name in term.blocks)
            pixels = prod(model.shape)
            if beta != 1:
                said.append(
                    f"{term.name} weight {beta:g} = normalised beta {beta * latents / pixels:.3g} "
                    f"(x {latents} latents / {pixels} pixels)"
                )
    for name, schedule in {**objective.schedules, "train.lr": recipe.train.lr}.items():
        if schedule.last_change(steps) > steps:
            said.append(
                f"warning: the run ends at step {steps}, before the schedule of {name} does "
                f"(step {schedule.last_change(steps)}); it stops at {schedule.value(steps, steps):g}"
            )
    return said


def _fit(
    run: Run,
    trainee: Trainee,
    dataset: Dataset,
    reporter: Reporter,
    stop: Stop,
    devices: dict[str, Any],
) -> tuple[History, bool]:
    """Train to the end, or until stopped; tell also whether it came to the end."""
    options = trainee.recipe.train
    trainee.to(memory_format=torch.channels_last)
    images, labels = dataset.images, dataset.labels
    valid = valid_batches(dataset.splits["valid"], options.batch)
    history = History(run, images, labels, valid, options.valid_every, reporter)
    last_change = max(each.last_change(options.steps) for each in trainee.objective.schedules.values())
    pictures = TrainingPictures(run, dataset, options.pictures_every)
    patience = Patience(history, options.patience, last_change)
    callbacks = [
        history,
        patience,
        StopOnSignal(stop),
        *([pictures] if is_writer() else []),
        Together(),
        Checkpointer(run, options.checkpoint_every, options.checkpoint_minutes),
    ]
    remove_leftovers(run.path)
    checkpoints = CheckpointFiles(run.path, reporter.say)
    with _quiet_lightning(), keeping_good_weights(run, trainee, patience, checkpoints):
        if options.compile:
            compile_networks(trainee.model)
        trainer = lightning.Trainer(
            max_steps=options.steps,
            max_epochs=-1,
            accelerator="auto",
            **devices,
            precision=lightning_precision(options.precision),
            plugins=[checkpoints],
            callbacks=callbacks,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        batches = TrainBatches(
            images,
            labels,
            dataset.splits["train"],
            options.batch,
            options.seed,
            lambda: trainee.global_step,
            options.labelled_share,
            by_blocks=by_blocks(images, options.shuffle),
            rank=trainer.global_rank,
            of=trainer.world_size,
        )
        try:
            trainer.fit(trainee, batches, ckpt_path=checkpoints.latest, weights_only=True)
        except SystemExit:
            # What Lightning makes of a second Ctrl-C.
            raise KeyboardInterrupt from None
    history.finish(trainee)
    if is_writer():
        pictures.finish(trainee)
    patience.keep_best(trainee)
    if trainer.global_step > 0:
        run.write_weights(trainee.model, trainee.objective)
    stopped = trainer.global_step < options.steps and not patience.is_over
    if stopped:
        # The signal may have come to another process of this run.
        stop.wished = True
        reporter.stopped(trainer.global_step, stop.how_to_go_on(run.path))
    return history, not stopped


class _quiet_lightning(warnings.catch_warnings):  # noqa: N801
    """Keeps Lightning's advice on loaders and hardware from people who did not choose either."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*isinstance.treespec.*")
        # PyTorch's compiler warns of what it does itself.
        warnings.filterwarnings("ignore", message=".*torch.jit.script_method")
        warnings.filterwarnings("ignore", message=r"The \.grad attribute of a Tensor that is not a leaf")
        self._loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
        self._levels = [each.level for each in self._loggers]
        for each in self._loggers:
            each.setLevel(logging.ERROR)
        return entered

    def __exit__(self, *details: Any) -> None:
        for each, level in zip(self._loggers, self._levels, strict=True):
            each.setLevel(level)
        super().__exit__(*details)
