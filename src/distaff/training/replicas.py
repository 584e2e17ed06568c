"""One recipe from several seeds: as many runs, trained side by side where that is faster."""

from __future__ import annotations

import os
import traceback
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from distaff.data import Dataset
from distaff.data import load as load_data
from distaff.errors import InputError
from distaff.interrupt import listening
from distaff.model import build, resolve
from distaff.recipe import Recipe
from distaff.run import Run
from distaff.training.board import Board
from distaff.training.devices import from_torchrun
from distaff.training.lanes import Tell, lanes, train_all
from distaff.training.lock import sole_trainer
from distaff.training.pace import are_faster, lanes_for, seconds_a_step
from distaff.training.relay import Ended, Relay
from distaff.training.train import advice, check_same, is_begun, new_folder, train_on, wanted_recipe


class ReplicaError(InputError):
    """Some of several models broke; `runs` are those that did not."""

    def __init__(self, message: str, runs: list[Run]) -> None:
        super().__init__(message)
        self.runs = runs


def train_replicas(
    recipe: str | Path | Recipe,
    *,
    data: str | Dataset | None = None,
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
) -> list[Run]:
    """Train `train.replicas` models of one recipe, whose seeds count up from `train.seed`.

    Each is a run of its own in `out`, seed-0, seed-1, ...: its recipe has that seed and one replica, so that
    it can be resumed, measured and repeated alone. A short measurement decides whether they train side by
    side, each on one core, or one after another; side by side, a run has the weights, to the bit, of the
    same seed trained alone with one thread. `resume` goes on with those that have not come to their end,
    begins those that are missing and leaves the rest as they are. The other arguments are those of `train`.

    Returns the runs that have weights, in the order of their seeds: all, unless the user stopped it.

    Raises InputError for anything the caller can mend, before anything is trained; ReplicaError, when all
    others are done, if some broke.
    """
    source = data.name if isinstance(data, Dataset) else data
    wanted = wanted_recipe(recipe, source, settings, steps, seed)
    if from_torchrun():
        raise InputError("train.replicas: torchrun shares one model among processes; start without it")
    replicas = Replicas(wanted, None if out is None else Path(out))
    if not resume:
        replicas.refuse_begun()
    with listening() as stop, ExitStack() as held:
        if replicas.folder is not None:
            held.enter_context(sole_trainer(replicas.folder))
        dataset = data if isinstance(data, Dataset) else load_data(wanted.data)
        common = replicas.check(dataset)
        if replicas.folder is None:
            replicas.folder = new_folder(recipe)
            held.enter_context(sole_trainer(replicas.folder))
        board = Board(name, wanted.train.steps, common, show=progress)
        if replicas.train(dataset, board):
            board.say_stopped(replicas.unfinished(), stop.how_to_go_on(replicas.folder))
    if board.broken:
        raise _broken(wanted.train.replicas, board.broken.values(), replicas.runs())
    return replicas.runs()


class Replicas:
    """The runs of one recipe by seed, in one folder."""

    def __init__(self, wanted: Recipe, folder: Path | None) -> None:
        self.folder = folder
        first = wanted.train.seed
        self.recipes = {
            seed: wanted.changed({"train.seed": seed, "train.replicas": 1})
            for seed in range(first, first + wanted.train.replicas)
        }

    def path(self, seed: int) -> Path:
        """Return the run folder of a seed."""
        assert self.folder is not None
        return self.folder / name(seed)

    def begun(self) -> list[int]:
        """Return the seeds whose folder holds a run."""
        return [] if self.folder is None else [seed for seed in self.recipes if is_begun(self.path(seed))]

    def refuse_begun(self) -> None:
        """Refuse a folder that holds any of the runs already."""
        for seed in self.begun():
            raise InputError(
                f"{self.folder}: already holds {name(seed)}; resume (--resume) or choose another --out"
            )

    def check(self, dataset: Dataset) -> list[str]:
        """Refuse what cannot be trained or gone on with; return what holds for all models alike."""
        if self.folder is not None and is_begun(self.folder):
            raise InputError(f"{self.folder}: is the run of one model; choose another --out for several")
        attributes, shape = dataset.attributes.attributes, dataset.images.shape[1:]
        resolved = {seed: resolve(each, attributes) for seed, each in self.recipes.items()}
        for seed in self.begun():
            check_same(self.path(seed), resolved[seed], attributes, shape)
        any_one = next(iter(resolved.values()))
        autoencoder, objective = build(any_one, attributes, shape)
        return [*dataset.notes, *advice(any_one, objective, autoencoder)]

    def unfinished(self) -> list[int]:
        """Return the seeds whose run has not come to its end."""
        return [seed for seed in self.recipes if not Run(self.path(seed)).is_finished]

    def threads(self) -> int | None:
        """Return with how many threads the unfinished were begun; only with as many do they go on exactly."""
        runs = [Run(self.path(seed)) for seed in self.unfinished() if is_begun(self.path(seed))]
        written = [run.read_json("environment.json") for run in runs]
        return max((int(each["threads"]) for each in written if "threads" in each), default=None)

    def runs(self) -> list[Run]:
        """Return the runs that have weights, in the order of their seeds."""
        return [run for run in (Run(self.path(seed)) for seed in self.recipes) if run.is_trained]

    def train(self, dataset: Dataset, board: Board) -> bool:
        """Train the runs that have not come to their end; return whether the user stopped it."""
        seeds = self.unfinished()
        if not seeds:
            return False

        def work(seed: int, tell: Tell) -> None:
            recipe = self.recipes[seed]
            try:
                train_on(dataset, recipe, lambda: self.path(seed), Relay(recipe.train.steps, seed, tell))
            except InputError as error:
                tell(Ended(seed, " ".join(str(error).split())))
            except Exception as error:  # noqa: BLE001 - the other models go on
                problem = " ".join(f"unexpected {type(error).__name__}: {error}".split())
                tell(Ended(seed, problem, traceback.format_exc()))
            else:
                tell(Ended(seed))

        def measure() -> float:
            return seconds_a_step(self.recipes[seeds[0]], dataset)

        # Forked before anything is shown: a live display has a thread, whose locks a fork would copy.
        with lanes(lanes_for(len(seeds), self.threads(), board.say), work, measure) as opened:
            if opened and (self.threads() == 1 or are_faster(opened, len(seeds), measure, board.say)):
                with board:
                    return train_all(opened, seeds, board.hear)
        with board, listening() as stop:
            for seed in seeds:
                try:
                    work(seed, board.hear)
                except KeyboardInterrupt:
                    if stop.insisted:
                        raise
                if stop.wished:
                    return True
        return False


def _broken(models: int, ended: Collection[Ended], runs: list[Run]) -> ReplicaError:
    """Return the error that says which models broke, and how; traces of our own faults are its notes."""
    told = "; ".join(f"{name(each.seed)}: {each.problem}" for each in ended)
    error = ReplicaError(f"{len(ended)} of the {models} models broke: {told}", runs)
    for each in ended:
        if each.trace:
            error.add_note(each.trace)
    return error


def name(seed: int) -> str:
    """Return what the run of a seed is called."""
    return f"seed-{seed}"
