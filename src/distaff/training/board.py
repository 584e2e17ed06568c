"""The progress of several models: a line each on a terminal, sentences under their names elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from distaff.training.relay import Ended, Message, Moved, Said, Stopped


class Board:
    """Shows what models tell, and remembers which were stopped and what broke.

    `name` calls a seed; sentences that hold for all models alike, `common`, are shown once.
    """

    def __init__(
        self, name: Callable[[int], str], steps: int, common: Collection[str], *, show: bool
    ) -> None:
        self.name, self.steps, self.common, self.show = name, steps, common, show
        self.stopped: dict[int, int] = {}
        self.broken: dict[int, Ended] = {}
        self.console = Console(stderr=True)
        self._latest: dict[int, Moved] = {}
        self._lines: dict[int, TaskID] = {}
        self._progress: Progress | None = None

    def __enter__(self) -> Board:
        for sentence in self.common:
            self.say(sentence)
        if self.show and self.console.is_terminal:
            self._progress = Progress(
                TextColumn("{task.fields[name]} step {task.completed}/{task.total}", markup=False),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}", markup=False),
                console=self.console,
                refresh_per_second=4,
            )
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def hear(self, message: Message) -> None:
        """Take in what a model tells."""
        seed = message.seed
        match message:
            case Moved():
                self._latest[seed] = message
                self._move(message)
            case Said():
                if message.sentence not in self.common:
                    self.say(f"{self.name(seed)}: {message.sentence}")
            case Stopped():
                self.stopped[seed] = message.step
            case Ended():
                self._end(message)

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        if self.show:
            self.console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def say_stopped(self, unfinished: Collection[int], how_to_go_on: str) -> None:
        """Say how far the models are that the user stopped, and how to go on."""
        parts = []
        for seed in sorted(set(unfinished) - self.broken.keys()):
            step = self.stopped.get(seed, self._latest[seed].step if seed in self._latest else 0)
            parts.append(f"{self.name(seed)} at step {step} of {self.steps}")
        self.say(f"Stopped: {', '.join(parts)}. Go on with: {how_to_go_on}")

    def _move(self, message: Moved) -> None:
        if self._progress is None:
            return
        seed = message.seed
        if seed not in self._lines:
            self._lines[seed] = self._progress.add_task("", total=self.steps, name=self.name(seed))
        self._progress.update(self._lines[seed], completed=message.step, description=message.losses)

    def _end(self, message: Ended) -> None:
        seed = message.seed
        if self._progress is not None and seed in self._lines:
            self._progress.remove_task(self._lines.pop(seed))
        if message.problem is not None:
            self.broken[seed] = message
            self.say(f"{self.name(seed)}: broke: {message.problem}")
        elif seed not in self.stopped and seed in self._latest:
            self.say(f"{self.name(seed)}: done  {self._latest[seed].losses}")
