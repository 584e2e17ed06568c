"""What training tells people: a live line on a terminal, and sentences worth keeping."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from distaff.data import telling


class Reporter:
    """Shows progress on a terminal, nothing but sentences elsewhere, and keeps the sentences in `notes`."""

    def __init__(self, steps: int, *, show: bool) -> None:
        self.notes: list[str] = []
        self.steps, self.show = steps, show
        self.console = Console(stderr=True)
        self._progress: Progress | None = None
        self._shown = -1

    def __enter__(self) -> Reporter:
        if self.show and self.console.is_terminal:
            self._progress = Progress(
                TextColumn("step {task.completed}/{task.total}"),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}", markup=False),
                console=self.console,
                refresh_per_second=4,
            )
            self._progress.start()
            self._task = self._progress.add_task("", total=self.steps)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Show, on a terminal, how far a long reading of pictures has come."""
        if not (self.show and self.console.is_terminal):
            yield
            return
        with self.console.status("") as status, telling(status.update):
            yield

    def advance(self, step: int, rows: list[dict[str, Any]]) -> None:
        """Move the live line; the latest train and valid rows describe the loss."""
        if self._progress is not None:
            described = self._progress.tasks[self._task].description
            if len(rows) != self._shown:
                described, self._shown = describe(rows), len(rows)
            self._progress.update(self._task, completed=step, description=described)

    def stopped(self, step: int, how_to_go_on: str) -> None:
        """Say that the training was stopped, and how to go on."""
        usable = f"at step {step} of {self.steps}; all is saved, and the model is usable as it is"
        self.say(f"Stopped {usable if step else 'before the first step'}. Go on with: {how_to_go_on}")

    def say(self, sentence: str) -> None:
        """Keep a sentence, and show it."""
        self.notes.append(sentence)
        if self.show:
            self.console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def describe(rows: list[dict[str, Any]]) -> str:
    """Return the latest terms with their weights, and the latest validation loss."""
    latest = {row["split"]: row for row in rows}
    words = []
    if "train" in latest:
        row = latest["train"]
        for name, value in row.items():
            if name in {"step", "seconds", "split", "lr"} or name.startswith("weight."):
                continue
            weight = row.get(f"weight.{name}", row.get(f"weight.{name.partition('.')[0]}"))
            words.append(f"{name} {value:.1f}" + (f" x {weight:.3g}" if weight not in {None, 1.0} else ""))
    if "valid" in latest:
        words.append(f"valid {latest['valid']['loss']:.1f}")
    return "  ".join(words)
