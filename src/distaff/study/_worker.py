"""One run of a study: claimed, made or continued, measured, and its outcome kept.

A run is claimed by a lock of its hash, so that any number of processes may work on one study folder. A stop
is a file, which workers everywhere look for: they save their run and end.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from threadpoolctl import threadpool_limits

from distaff.data import Dataset
from distaff.data import load as load_data
from distaff.errors import DivergedError, InputError, WriteError, printable
from distaff.evaluation import evaluate
from distaff.files import atomic_write, sole_writer
from distaff.parts import import_parts
from distaff.recipe import Recipe, parse
from distaff.run import CHECKPOINT, DIVERGED, PREVIOUS, Run
from distaff.study._plan import Entry, Study
from distaff.training import train

Status = Literal["finished", "diverged", "failed", "interrupted", "running", "waiting"]
OUTCOME, RUNS, CLAIMS = "outcome.json", "runs", ".claims"
CHECKPOINTS = (CHECKPOINT, PREVIOUS)
LOOK_EVERY = 0.5
"""Seconds between two looks for a stop."""
TRIES = 3
"""Times that a run may end its process before it counts as failed."""
_log = logging.getLogger("distaff")


@dataclass(frozen=True)
class Outcome:
    """What came of a run; the folder of the run keeps it as outcome.json.

    Attributes:
        status: finished, diverged and failed are final; an interrupted run continues with its next start.
        reason: why it is not finished, in one line.
        seconds: of training.
        asked: the metrics that were asked for; None: those that are measured by default.
        metrics: the value of each metric.
        left_out: why others have none.
        signal: the number of the signal that ended it, or 0.

    An interrupted run with a reason is one whose files the system refused to write.
    """

    status: Status
    reason: str = ""
    seconds: float | None = None
    asked: tuple[str, ...] | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    signal: int = 0

    def answers(self, metrics: Sequence[str] | None) -> bool:
        """Tell whether a run with this outcome needs nothing more for these metrics."""
        if self.status == "diverged":
            return True
        if self.status != "finished":
            return False
        if metrics is None or self.asked is None:
            return metrics is None and self.asked is None
        return set(metrics) <= {*self.asked, *self.metrics, *self.left_out}


@dataclass(frozen=True)
class Task:
    """What a worker needs to know of one run."""

    out: str
    name: str
    digest: str
    recipe: Mapping[str, Any]
    metrics: tuple[str, ...] | None
    threads: int
    keep_checkpoints: bool
    pages: bool
    modules: tuple[str, ...]
    stop: str
    parent: int
    """The process that must live on, or 0 on another machine."""
    device: str | None = None


class _StoppedError(Exception):
    """The study is to end, or its process is gone; raised where a run can be saved."""


class _Watch:
    """Looks, every half second, whether a run is to stop; a callback of the training."""

    def __init__(self, task: Task) -> None:
        self.stop, self.parent, self._next = Path(task.stop), task.parent, 0.0

    def wanted(self) -> bool:
        """Tell whether the study is to stop, or has lost its process."""
        gone = self.parent not in {0, os.getpid()} and os.getppid() != self.parent
        return gone or self.stop.exists()

    def look(self, *_: object) -> None:
        """Raise when the study is to stop."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LOOK_EVERY
            if self.wanted():
                raise _StoppedError

    def on_step(self, *_: object) -> None:
        """Look after a step of the training."""
        self.look()


_loaded: dict[str, Dataset] = {}
"""The images of the latest run of this process, by their options."""


def dataset_of(recipe: Recipe) -> Dataset:
    """Return a recipe's images, read anew only when the options differ from the run before."""
    key = recipe.data.model_dump_json()
    if key not in _loaded:
        _loaded.clear()
        # Training takes the name of a dataset for its source.
        _loaded[key] = replace(load_data(recipe.data), name=recipe.data.source)
    return _loaded[key]


def read_outcome(folder: Path) -> Outcome | None:
    """Return what came of a run; None where nothing is known, or it cannot be read."""
    try:
        raw = json.loads((folder / OUTCOME).read_bytes())
        asked = raw["asked"]
        return Outcome(
            raw["status"],
            str(raw["reason"]),
            raw["seconds"],
            None if asked is None else tuple(asked),
            dict(raw["metrics"]),
            dict(raw["left_out"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run_folders(out: Path) -> dict[str, Path]:
    """Return the run folders of a study by the hash that their names end with."""
    try:
        with os.scandir(out / RUNS) as found:
            names = [each.name for each in found]
    except OSError:
        return {}
    return {name.rpartition("-")[2]: out / RUNS / name for name in sorted(names)}


def work(task: Task) -> tuple[str, Outcome]:
    """Make one run, or continue it, here or in a process of its own; return its hash and its outcome."""
    return task.digest, _outcome(task)


def _outcome(task: Task) -> Outcome:
    watch = _Watch(task)
    if os.getpid() != task.parent and threading.current_thread() is threading.main_thread():
        # Ctrl-C on a terminal reaches every process; the first one tells the others.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if watch.wanted():
        return Outcome("waiting")
    for module in task.modules:
        import_parts(module)
    with ExitStack() as stack:
        try:
            stack.enter_context(sole_writer(Path(task.out) / CLAIMS / task.digest, "running"))
        except InputError:
            return Outcome("running")
        folder = Path(task.out) / RUNS / task.name
        if not folder.is_dir():
            # The folder may have been made under another name, when the file was another.
            folder = run_folders(Path(task.out)).get(task.digest, folder)
        before = read_outcome(folder)
        if before is not None and before.answers(task.metrics):
            return before
        stack.enter_context(few_threads(task.threads))
        stack.enter_context(quiet())
        try:
            outcome = _make(task, folder, watch)
            if outcome.status != "interrupted":
                _write_outcome(folder, outcome)
        except WriteError as error:
            return Outcome("interrupted", str(error).partition("; what was saved")[0])
        if outcome.status == "finished" and not task.keep_checkpoints:
            for name in CHECKPOINTS:
                with suppress(OSError):
                    (folder / name).unlink()
        return outcome


def _write_outcome(folder: Path, outcome: Outcome) -> None:
    content = json.dumps(asdict(outcome), ensure_ascii=False, indent=1, allow_nan=False)
    atomic_write(folder / OUTCOME, content.encode())


def _make(task: Task, folder: Path, watch: _Watch) -> Outcome:
    """Train and measure a run; whatever goes wrong with it, but a full disk, is its outcome."""
    asked = task.metrics
    try:
        if (folder / DIVERGED).is_file():
            what = Run(folder).read_json(DIVERGED)
            return Outcome(
                "diverged", f"{what['what']} diverged at step {what['step']}", _seconds(folder), asked
            )
        recipe = parse(task.recipe, where=task.name)
        run = Run(folder, dataset_of(recipe))
        if not run.is_finished:
            if (folder / "recipe.yaml").is_file():
                # What a recipe says of itself may change, and a run is continued under the same words.
                recipe = recipe.model_copy(update={"about": Run.open(folder).recipe.about})
            run = train(
                recipe,
                data=run.data,
                out=folder,
                resume=True,
                progress=False,
                callbacks=[watch],
                device=task.device,
            )
            run = Run(folder, run.data)
        found = evaluate(run, metrics=asked, progress=watch.look)
        if task.pages:
            _write_page(run)
    except DivergedError as error:
        return Outcome("diverged", f"{error.what} diverged at step {error.step}", _seconds(folder), asked)
    except _StoppedError:
        return Outcome("interrupted", "", _seconds(folder), asked)
    except KeyboardInterrupt:
        return Outcome("interrupted", "", _seconds(folder), asked, signal=signal.SIGINT)
    except SystemExit as error:
        number = error.code - 128 if isinstance(error.code, int) and error.code > 128 else signal.SIGTERM
        return Outcome("interrupted", "", _seconds(folder), asked, signal=int(number))
    except WriteError:
        raise
    except Exception as error:  # noqa: BLE001 - one run must not end the study
        return Outcome("failed", one_line(error), _seconds(folder), asked)
    values = {name: each["value"] for name, each in found["metrics"].items()}
    wanted = (
        values
        if asked is None or "all" in asked
        else {each: values[each] for each in asked if each in values}
    )
    left = {name: why for name, why in found["left_out"].items() if asked is None or name in asked}
    return Outcome("finished", "", _seconds(folder), asked, wanted, left)


def _write_page(run: Run) -> None:
    from distaff.explorer import export

    export([run], run.path / "explorer.html")


def one_line(error: BaseException) -> str:
    text = printable(" ".join(str(error).split()))
    return (
        text if isinstance(error, (InputError, DivergedError)) and text else f"{type(error).__name__}: {text}"
    )


def _seconds(folder: Path) -> float | None:
    """Return the seconds of training that the history of a run tells."""
    try:
        return round(float(Run(folder).history()["seconds"].max()), 3)
    except (InputError, KeyError, ValueError):
        return None


@contextmanager
def few_threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def quiet() -> Iterator[None]:
    """Say nothing of what single runs log: their folders keep it."""
    before, handler = _log.level, logging.NullHandler()
    _log.addHandler(handler)
    _log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        _log.removeHandler(handler)
        _log.setLevel(before)


def read_outcomes(out: Path, entries: Sequence[Entry]) -> dict[str, Outcome]:
    """Return what is known of each run, by its hash; one that was begun and has no outcome is interrupted."""
    folders = run_folders(out)
    found = {}
    for digest in {entry.digest for entry in entries} & folders.keys():
        outcome = read_outcome(folders[digest])
        found[digest] = outcome or Outcome("running" if _is_claimed(out, digest) else "interrupted")
    return found


def _is_claimed(out: Path, digest: str) -> bool:
    """Tell whether a process is making a run."""
    claim = out / CLAIMS / digest
    if not claim.exists():
        return False
    try:
        with sole_writer(claim, "running"):
            return False
    except InputError:
        return True
    except WriteError:
        return False


def missing_runs(
    study: Study, unique: Mapping[str, Entry], outcomes: Mapping[str, Outcome], part: tuple[int, int]
) -> list[Entry]:
    """Return the runs of part k of n that have no outcome yet, or one without all metrics."""
    share = list(unique.values())[part[0] - 1 :: part[1]]
    return [
        entry
        for entry in share
        if entry.digest not in outcomes or not outcomes[entry.digest].answers(study.metrics)
    ]


def give_up(task: Task) -> Outcome:
    """Write down that a run has ended its process again and again."""
    reason = f"its process was ended {TRIES} times by the system, perhaps for want of memory"
    outcome = Outcome("failed", reason, None, task.metrics)
    _write_outcome(run_folders(Path(task.out)).get(task.digest, Path(task.out) / RUNS / task.name), outcome)
    return outcome
