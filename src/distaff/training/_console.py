"""What training shows: progress, what distaff logs, and a sheet of the same images as the model learns them.

Progress is a live line on a terminal and a line every 5% elsewhere. Images are drawn at early steps, which
change most, and later.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from PIL import Image
from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from distaff.analysis import model_sheet, to_gif
from distaff.data import Dataset, telling
from distaff.errors import printable
from distaff.files import atomic_write
from distaff.losses import KLTerm
from distaff.model import Model
from distaff.process import NotebookLine
from distaff.run import Run
from distaff.training._batches import evenly_spread
from distaff.training._history import TOTAL, Row

if TYPE_CHECKING:
    from distaff.training._loop import Loop


EARLY = frozenset({0, 1, 3, 7, 10, 16, 30, 100, 300, 1000})
SHOWN, EACH, LAST = 8, 400, 2500
"""Images in a row, and the milliseconds that a frame of the GIF stands."""
PARTS = 20
"""Lines that tell of the progress where there is no terminal."""
_log = logging.getLogger("distaff")


class TrainingImages:
    """Writes figures/training/step-*.png while a model trains, and figures/training.gif at the end.

    Nothing random of the training is touched: a run draws the same numbers with and without it. `model` gives
    the model as it stands.
    """

    def __init__(self, run: Run, dataset: Dataset, every: int | None, model: Callable[[], Model]) -> None:
        self.folder, self.every, self.model = run.path / "figures" / "training", every, model
        rows = dataset.splits["valid"] if len(dataset.splits["valid"]) else dataset.splits["train"]
        rows = evenly_spread(rows, SHOWN)
        self.images, self.labels = dataset.images.take(rows), dataset.labels.rows(rows)

    def path(self, step: int) -> Path:
        """Return the file of a step's images."""
        return self.folder / f"step-{step:08d}.png"

    def draw(self, step: int, *, last: bool = False) -> bool:
        """Draw the model at an early step, every so many, and at the last; tell whether it was drawn."""
        if self.every is None or not (last or step in EARLY or step % self.every == 0):
            return False
        path = self.path(step)
        new = not path.is_file()
        if new:
            model = self.model()
            known = {name: self.labels.column(name) for name in model.condition}
            # A training that has diverged is named by the history; its images are merely grey.
            with np.errstate(invalid="ignore", over="ignore"):
                atomic_write(path, model_sheet(model, self.images, known, f"step {step:,}"))
        if last:
            frames = [
                Image.open(io.BytesIO(each.read_bytes())) for each in sorted(self.folder.glob("step-*.png"))
            ]
            if len({frame.size for frame in frames}) == 1:
                gif = to_gif(frames, [EACH] * (len(frames) - 1) + [LAST])
                atomic_write(self.folder.with_suffix(".gif"), gif)
        return new


class Console(logging.Handler):
    """Shows the log of distaff and the progress of one training.

    Attributes:
        notes: the sentences so far, which the run folder keeps.
    """

    def __init__(self, *, show: bool) -> None:
        super().__init__(logging.INFO)
        self.show, self.notes = show, list[str]()
        self.rich = RichConsole(stderr=True)
        self._progress: Progress | None = None
        self._level, self._shown = logging.NOTSET, -1
        self._start, self._first = time.monotonic(), 0
        self._line = NotebookLine() if self.rich.is_jupyter else None

    def __enter__(self) -> Self:
        self._level = _log.level
        _log.setLevel(min(_log.getEffectiveLevel(), logging.INFO))
        _log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
        _log.removeHandler(self)
        _log.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        """Show a sentence, and keep it."""
        said = record.getMessage()
        self.notes.append(said)
        self._print(f"warning: {said}" if record.levelno == logging.WARNING else said, record.levelno)

    def _print(self, what: str | Table, level: int = logging.INFO) -> None:
        if self.show or level >= logging.ERROR:
            said = printable(what) if isinstance(what, str) else what
            self.rich.print(said, highlight=False, markup=False, soft_wrap=True)

    def reading(self, read: Callable[[], Dataset]) -> Dataset:
        """Read images, and show on a terminal how far that has come."""
        if not (self.show and self.rich.is_terminal):
            return read()
        with self.rich.status("") as status, telling(status.update):
            return read()

    def begin(self, loop: Loop) -> None:
        """Begin to show progress."""
        self._start, self._first = time.monotonic(), loop.step
        if self.show and self.rich.is_terminal:
            times = (TimeElapsedColumn(), TimeRemainingColumn())
            words = TextColumn("{task.description}", markup=False)
            counter = TextColumn("step {task.completed}/{task.total}")
            self._progress = Progress(
                counter, BarColumn(24), *times, words, console=self.rich, refresh_per_second=4
            )
            self._progress.start()
            self._progress.add_task("", total=loop.options.steps, completed=loop.step)

    def advance(self, loop: Loop) -> None:
        """Show how far the training has come; the latest rows describe the loss."""
        step, steps, rows = loop.step, loop.options.steps, len(loop.history.rows)
        if self._progress is not None:
            task = self._progress.tasks[0]
            words = task.description if rows == self._shown else describe(loop)
            self._shown = rows
            self._progress.update(task.id, completed=step, description=words)
        elif self.show and (step * PARTS // steps != (step - 1) * PARTS // steps or self._line):
            seconds = (time.monotonic() - self._start) / (step - self._first) * (steps - step)
            left = f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{seconds:.0f} s"
            line = f"step {step:,} of {steps:,} ({step / steps:.0%}), {left} left  {describe(loop)}"
            (self._line.replace if self._line else self._print)(line)

    def end(self, loop: Loop) -> None:
        """Show the loss as a table of its terms, which add up to it."""
        if self._progress is not None:
            self._progress.stop()
        if not loop.history.contributions:
            return
        row = loop.history.rows[-1]
        split = {"valid": "validation", "train": "training"}[row["split"]]
        table = Table("term", title=f"Loss of {split} images at step {row['step']:,}, nats per image")
        for name in ("value", "x weight", "= contribution"):
            table.add_column(name, justify="right")
        for name in loop.module.objective.columns:
            cells = (row[name], loop.history.contributions.get(name))
            value, added = ("" if each is None else f"{each:,.2f}" for each in cells)
            table.add_row(Text(printable(name)), value, _weight(row, name), added)
        table.add_section()
        table.add_row(TOTAL, "", "", f"{row[TOTAL]:,.2f}")
        self._print(table)


def first_line(name: str, loop: Loop) -> str:
    """Return what is trained on what."""
    options, dataset, fabric, batches = loop.options, loop.dataset, loop.fabric, loop.batches
    images = ", ".join(f"{len(rows):,} {split}" for split, rows in dataset.splits.items())
    size = " x ".join(str(side) for side in dataset.images.shape[1:])
    parameters = f"{sum(each.numel() for each in loop.module.parameters()):,} parameters"
    where = str(fabric.device)
    where += f" ({torch.get_num_threads()} threads)" if where == "cpu" else ""
    where += f", {fabric.world_size} processes" if fabric.world_size > 1 else ""
    precision = "bfloat16" if loop.precision == "bf16-mixed" else "float32"
    batch = f"{batches.size} {'pairs' if dataset.pairs else 'images'}"
    epochs = options.steps * batches.size * fabric.world_size / batches.images
    about = f"{images} images of {size}; {parameters}; {where}, {precision}; {options.steps:,} steps of"
    return f"Training {name} on {dataset.name}: {about} {batch} = {epochs:.1f} epochs"


def advise(loop: Loop) -> None:
    """Say what should be heard before training: weights on both scales, schedules that the run cuts short."""
    steps, model, objective = loop.options.steps, loop.module.vae, loop.module.objective
    for term in objective:
        if isinstance(term, KLTerm):
            beta = term.schedules[term.name].value(steps, steps)
            latents = sum(model.latents[name].outputs for name in term.blocks)
            if beta != 1:
                normalised = beta * latents / prod(model.shape)
                _log.info("%s: beta = %g (%.2g normalised, Higgins et al. 2017)", term.name, beta, normalised)
    for name, schedule in (objective.schedules | dict(loop.rates)).items():
        end = schedule.last_change(steps)
        if end > steps:
            cut = f"the run ends at step {steps}, before the schedule of {name} does (step {end})"
            _log.warning("%s; it stops at %g", cut, schedule.value(steps, steps))


def describe(loop: Loop) -> str:
    """Return the latest terms with their weights, and the latest validation loss."""
    words, row, valid = [], loop.history.latest("train"), loop.history.latest("valid")
    for name in (TOTAL, *loop.module.objective.columns):
        if row is not None and row[name] is not None:
            weight = _weight(row, name)
            words.append(
                f"{printable(name)} {row[name]:.1f}" + (f" x {weight}" if weight not in {"", "1"} else "")
            )
    return "  ".join(words) + (f"  valid {valid[TOTAL]:.1f}" if valid is not None else "")


def _weight(row: Row, name: str) -> str:
    weight = row.get(f"weight.{name}", row.get(f"weight.{name.partition('.')[0]}"))
    return "" if weight is None else f"{weight:.3g}"
