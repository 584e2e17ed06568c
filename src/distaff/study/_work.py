"""The runs of a study are made: each once, by whichever process comes first, and every one has an outcome.

joblib hands them to processes of this machine (loky); on a cluster they are tasks of Ray, which begins those
anew whose worker or machine is lost. A few measured steps of each kind of run tell what all will take.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import secrets
import statistics
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import joblib
import numpy as np
import torch
from joblib.externals.loky.process_executor import BrokenProcessPool

from distaff.errors import DistaffError, DivergedError, InputError, WriteError
from distaff.evaluation import evaluate
from distaff.files import atomic_write, make_folder
from distaff.metrics import METRICS
from distaff.parts import FAMILIES, is_foreign
from distaff.process import GracefulStop
from distaff.recipe import parse
from distaff.run import Run
from distaff.study._page import write_report
from distaff.study._plan import Entry, Study
from distaff.study._report import Results
from distaff.study._statistics import label_free_scores
from distaff.study._worker import (
    CHECKPOINTS,
    CLAIMS,
    LOOK_EVERY,
    RUNS,
    TRIES,
    Outcome,
    Task,
    dataset_of,
    few_threads,
    give_up,
    missing_runs,
    one_line,
    quiet,
    read_outcomes,
    run_folders,
    work,
)
from distaff.training import train

STUDY = "study.yaml"
MEASURED_STEPS = 12
ENDED = frozenset({"finished", "failed", "diverged"})
LOST = 10
"""Times in a row that workers may be lost before any result comes."""
AHEAD = 1000
"""Runs that Ray is told of at a time."""


@dataclass(frozen=True)
class Progress:
    """How far a study is: runs in all, with an outcome, without success, being made, and seconds left."""

    total: int
    done: int
    failed: int
    running: int
    seconds_left: float | None


def run_study(
    study: Study,
    out: str | os.PathLike[str],
    *,
    on: Literal["local", "ray"] = "local",
    address: str | None = None,
    jobs: int | None = None,
    part: tuple[int, int] = (1, 1),
    progress: Callable[[Progress], None] | None = None,
) -> Results:
    """Make every run of a study that is missing in its folder, and return the results of all.

    Finished runs are never run again, interrupted ones continue exactly where they were, failed ones are
    tried again, and diverged ones are left. Any number of processes may work on one folder. Ctrl-C and
    SIGTERM save all runs that are being made and then raise, as in `distaff.train`.

    Args:
        study: the runs.
        out: the study's folder; it gets `study.yaml`, `runs/`, `results.csv`, `study.md` and `study.html`.
        on: local processes, or a Ray cluster.
        address: of the cluster; that of RAY_ADDRESS if None, else a cluster of this machine alone.
        jobs: runs at a time; one for each core, GPU, or processor of the cluster if None.
        part: (k, n): only every n-th run from the k-th on, for n processes elsewhere that share the work.
        progress: told how far the study is, every half second.

    Raises:
        InputError: a study that cannot be planned, or `ray` where it is not installed or not to be reached.
        WriteError: the disk is full, or the folder may not be written; what was saved before is whole.

    >>> settings = {"network": "mlp", "train.steps": 2}
    >>> study = Study(data="digits", settings=settings, over={"seed": "0..1"}, metrics=["active_units"])
    >>> run_study(study, tempfile.mkdtemp(), jobs=1).tally
    '2 finished'
    """
    # Ray's workers have a working folder of their own.
    folder = Path(out).absolute() if on == "ray" else Path(out)
    entries = study.plan()
    ray = _connect(address) if on == "ray" else None
    try:
        make_folder(folder / RUNS)
    except OSError as error:
        raise WriteError(f"{folder}: cannot be made: {error.strerror}; choose another (--out)") from None
    atomic_write(folder / STUDY, study.to_yaml().encode())
    outcomes = read_outcomes(folder, entries)
    unique = {entry.digest: entry for entry in entries}
    missing = missing_runs(study, unique, outcomes, part)
    stop = folder / CLAIMS / f"stop-{secrets.token_hex(8)}"
    modules = _foreign_modules()
    tasks = [
        Task(
            str(folder),
            entry.name,
            entry.digest,
            entry.recipe,
            study.metrics,
            study.threads,
            study.keep_checkpoints,
            study.pages,
            modules,
            str(stop),
            0 if on == "ray" else os.getpid(),
        )
        for entry in missing
    ]
    # Images are read once by each worker where runs of the same images follow one another.
    tasks.sort(key=lambda task: json.dumps(task.recipe["data"], sort_keys=True))
    told = _Told(len(unique), {each: outcomes[each] for each in unique if each in outcomes}, progress)
    try:
        with GracefulStop() as signals:
            signals.defer()
            with told.ticking(signals, stop):
                if ray is None:
                    made = _local_results(tasks, jobs, study.threads, signals, told, stop)
                else:
                    made = _ray_results(ray, tasks, jobs, signals, told)
                _execute(made, signals, told, stop)
            results = report(study, folder, entries)
            if signals.number:
                raise signals.exception()
    finally:
        for remove in (stop.unlink, stop.parent.rmdir):
            with suppress(OSError):
                remove()
    return results


def report(study: Study, out: str | os.PathLike[str], entries: Sequence[Entry] | None = None) -> Results:
    """Return the results that a study's folder has, and write results.csv, study.md and study.html.

    >>> report(Study(over={"seed": "0..4"}), tempfile.mkdtemp()).tally
    '5 waiting'
    """
    folder = Path(out)
    entries = study.plan() if entries is None else entries
    outcomes = read_outcomes(folder, entries)
    scores = label_free_scores(folder, entries, outcomes, study.threads) if study.select else {}
    results = Results.of(study, entries, outcomes, run_folders(folder), scores)
    write_report(results, folder)
    return results


def _foreign_modules() -> tuple[str, ...]:
    """Return the modules that define parts and metrics that are not distaff's own, for workers to import."""
    parts = {cls.__module__ for family in FAMILIES.values() for cls in family.values()}
    parts |= {METRICS[name].function.__module__ for name in METRICS}
    return tuple(sorted(each for each in parts if is_foreign(each) and each != "__main__"))


def _connect(address: str | None) -> Any:
    """Return the module of Ray, connected; before signals are heard, of which it wants some."""
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError:
        raise InputError("--on ray: Ray is not installed; run: pip install 'distaff[ray]'") from None
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(f"--on ray: {address or 'no cluster'}: {one_line(error)}") from None
    return ray


class _Told:
    """What a study tells of its progress."""

    def __init__(
        self, total: int, known: Mapping[str, Outcome], progress: Callable[[Progress], None] | None
    ) -> None:
        self.total, self.progress = total, progress
        self.outcomes = {
            each: known[each] for each in known if known[each].status in {"finished", "diverged"}
        }
        self.running, self._begin, self._made, self._left = 0, time.monotonic(), 0, 0

    def now(self) -> Progress:
        """Return how far the study is."""
        done = list(self.outcomes.values())
        failed = sum(each.status in {"failed", "diverged"} for each in done)
        passed = time.monotonic() - self._begin
        left = passed / self._made * self._left if self._made else None
        return Progress(self.total, len(done), failed, min(self.running, self._left), left)

    def begin(self, left: int, running: int) -> None:
        """Note how many runs are left to make, and how many are made at a time."""
        self._left, self.running = left, running

    def hear(self, digest: str, outcome: Outcome) -> None:
        """Note a run that has ended."""
        self._left -= 1
        if outcome.status in ENDED:
            self._made += 1
            self.outcomes[digest] = outcome

    @contextmanager
    def ticking(self, signals: GracefulStop, stop: Path) -> Iterator[None]:
        """Tell of the progress every half second, and pass a signal on to the workers."""
        ended = threading.Event()

        def tick() -> None:
            while True:
                if signals.number:
                    wish(stop)
                if self.progress is not None:
                    self.progress(self.now())
                if ended.wait(LOOK_EVERY):
                    return

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            if self.progress is not None:
                self.progress(self.now())


def wish(stop: Path) -> None:
    """Make the file that ends all workers of a study."""
    with suppress(OSError):
        stop.parent.mkdir(exist_ok=True)
        stop.touch()


def _execute(results: Iterator[tuple[str, Outcome]], signals: GracefulStop, told: _Told, stop: Path) -> None:
    """Hear of every run that ends; a signal or a full disk that one met ends all."""
    refused = ""
    try:
        for digest, outcome in results:
            told.hear(digest, outcome)
            if outcome.signal and not signals.number:
                signals.number = outcome.signal
            if outcome.status == "interrupted" and outcome.reason:
                wish(stop)
                refused = refused or outcome.reason
    except BaseException:
        wish(stop)
        raise
    if refused:
        told_room = "what was saved before is whole. When there is room again, the same command continues"
        raise WriteError(f"{refused}; {told_room}")


def _local_results(
    tasks: Sequence[Task], jobs: int | None, threads: int, signals: GracefulStop, told: _Told, stop: Path
) -> Iterator[tuple[str, Outcome]]:
    """Yield the outcomes of tasks as they come; a process that dies takes no other run with it."""
    gpus = torch.cuda.device_count()
    jobs = jobs or gpus or max(1, joblib.cpu_count() // threads)
    if gpus:
        tasks = [replace(task, device=f"cuda:{i % gpus}") for i, task in enumerate(tasks)]
    left = {task.digest: task for task in tasks}
    tries, lost = Counter[str](), 0
    while left and not (signals.number or stop.exists()):
        width = min(jobs, len(left))
        told.begin(len(left), width)
        # None is begun after a signal.
        feed = (task for task in list(left.values()) if not signals.number)
        try:
            if width == 1:
                pool = map(work, feed)
            else:
                with joblib.parallel_config(backend="loky", inner_max_num_threads=threads):
                    parallel = joblib.Parallel(width, return_as="generator_unordered", batch_size=1)
                    pool = parallel(joblib.delayed(work)(task) for task in feed)
            for digest, outcome in pool:
                lost = 0
                left.pop(digest)
                yield digest, outcome
        except BrokenProcessPool as error:
            lost += 1
            if lost > LOST:
                raise DistaffError(f"worker processes end without a result: {one_line(error)}") from error
            # The system gives the locks of a process that is gone back, and the folders of its claims stay.
            for digest in [each for each in left if (stop.parent / each).exists()]:
                tries[digest] += 1
                if tries[digest] == TRIES:
                    yield digest, give_up(left.pop(digest))


def _ray_results(
    ray: Any, tasks: Sequence[Task], jobs: int | None, signals: GracefulStop, told: _Told
) -> Iterator[tuple[str, Outcome]]:
    """Yield the outcomes of tasks as they come; Ray begins those anew whose worker or machine is gone.

    joblib could hand them to Ray too, but returns results together, and a lost worker would end them all.
    """
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    threads = tasks[0].threads if tasks else 1
    fit = gpus or int(resources.get("CPU", 1) // threads)
    remote = ray.remote(num_cpus=threads, num_gpus=1 if gpus else 0, max_retries=TRIES - 1)(work)
    queue, again, made = deque(tasks), Counter[str](), dict[Any, Task]()
    told.begin(len(tasks), min(jobs or fit, len(tasks)))
    while made or (queue and not signals.number):
        while queue and len(made) < (jobs or AHEAD) and not signals.number:
            task = queue.popleft()
            made[remote.remote(task)] = task
        for each in ray.wait(list(made), timeout=LOOK_EVERY)[0]:
            task = made.pop(each)
            try:
                digest, outcome = ray.get(each)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
                digest, outcome = task.digest, give_up(task)
            # A worker that has lost its machine may keep its claim a little longer than Ray waits, and one
            # that is told to end is no reason to end the others.
            early = outcome.status == "running" or outcome.signal
            if early and not signals.number and again[digest] < LOST:
                again[digest] += 1
                queue.append(task)
                time.sleep(LOOK_EVERY)
                continue
            yield digest, replace(outcome, signal=0)


@dataclass(frozen=True)
class Estimate:
    """What a study takes.

    Attributes:
        total: runs in all.
        missing: those that are to be made.
        seconds: of the missing ones on this machine, from a measured step; None if none could be measured.
        bytes: on disk, of the missing ones.
        jobs: runs at a time.
        measured: what was measured: a line for each kind of run.
        problems: why others could not be measured.
    """

    total: int
    missing: int
    seconds: float | None
    bytes: int
    jobs: int
    measured: tuple[str, ...]
    problems: tuple[str, ...]


def estimate(
    study: Study,
    out: str | os.PathLike[str],
    *,
    jobs: int | None = None,
    part: tuple[int, int] = (1, 1),
    progress: Callable[[str], None] | None = None,
) -> Estimate:
    """Return how many runs, how long and how much disk a study takes, from a few steps of each kind of run.

    Runs of the same network, latents and terms take as long as each other; their images are taken to. Nothing
    is written into the study's folder.
    """
    entries = study.plan()
    outcomes = read_outcomes(Path(out), entries)
    unique = {entry.digest: entry for entry in entries}
    missing = missing_runs(study, unique, outcomes, part)
    width = max(
        1, min(jobs or torch.cuda.device_count() or joblib.cpu_count() // study.threads, len(missing))
    )
    kinds: dict[str, list[Entry]] = {}
    for entry in missing:
        kinds.setdefault(_kind(entry.recipe), []).append(entry)
    seconds, size, known, measured, problems = 0.0, 0, 0, list[str](), list[str]()
    for members in kinds.values():
        found = None
        # The first images that are there will do.
        for entry in {
            json.dumps(each.recipe["data"], sort_keys=True): each for each in reversed(members)
        }.values():
            try:
                found = _measure(study, entry, progress or (lambda _: None))
                break
            except (InputError, DivergedError) as error:
                problems.append(one_line(error))
        if found is None:
            continue
        step, more, start, per_step = found
        steps = sum(each.recipe["train"]["steps"] for each in members)
        known += len(members)
        seconds += steps * step + len(members) * more
        size += int(len(members) * start + steps * per_step)
        source = entry.recipe["data"]["source"]
        where = ", ".join(
            f"{axis}={label}" for axis, label in entry.levels.items() if axis not in {"seed", "data"}
        )
        told = f"{step * 1000:.1f} ms a step, {more:.1f} s beside, {len(members):,} runs"
        measured.append(f"{where or 'a run'} on {source}: {told}")
    # Runs that could not be measured are taken for the mean of those that could.
    scale = len(missing) / known if known else 0.0
    total = seconds * scale / width if known or not missing else None
    unmeasured = tuple(dict.fromkeys(problems))
    return Estimate(len(unique), len(missing), total, int(size * scale), width, tuple(measured), unmeasured)


def _kind(recipe: Mapping[str, Any]) -> str:
    """Return what the time of a step depends on: all but images, the length of the training, and numbers."""
    parts = {name: recipe[name] for name in ("network", "latent", "likelihood", "condition", "loss")}
    numberless = re.sub(r"(?<=[ :\[])-?\d+\.?\d*(e-?\d+)?", "0", json.dumps([parts["latent"], parts["loss"]]))
    return json.dumps([parts["network"], parts["likelihood"], recipe["train"]["batch"], numberless])


def _measure(study: Study, entry: Entry, say: Callable[[str], None]) -> tuple[float, float, float, float]:
    """Return seconds of a step and of all else, and bytes of a run without its steps and of each step."""
    times: list[float] = []

    class Clock:
        def on_step(self, *_: object) -> None:
            times.append(time.perf_counter())

    say(f"measuring {entry.name}")
    recipe = parse(entry.recipe, where=entry.name)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as name, few_threads(study.threads), quiet():
        out = Path(name) / "run"
        dataset = dataset_of(recipe)
        read = time.perf_counter() - begin
        short = recipe.changed({"train.steps": min(MEASURED_STEPS, recipe.train.steps)})
        run = train(short, data=dataset, out=out, progress=False, callbacks=[Clock()])
        evaluate(Run(run.path, dataset), metrics=study.metrics, progress=say)
        took = time.perf_counter() - begin - read
        steps = np.diff(times[1:]) if len(times) > 3 else np.diff([begin + read, *times])
        step = statistics.median(float(each) for each in steps)
        sizes = {each.name: each.stat().st_size for each in out.rglob("*") if each.is_file()}
    kept = sum(size for file, size in sizes.items() if study.keep_checkpoints or file not in CHECKPOINTS)
    row = sizes.get("history.csv", 0) / max(1, len(times) // 50 + 2)
    images = [size for file, size in sizes.items() if file.startswith("step-")]
    image = statistics.mean(images) if images else 0.0
    growth = row / 50 + image / (recipe.train.images_every or float("inf"))
    return step, max(0.0, took - step * len(times)), kept, growth
