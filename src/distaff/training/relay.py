"""What a model in training tells those who watch several at once, from its own process or from this one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from distaff.training.report import Reporter, describe

OFTEN = 0.25
"""Seconds between two messages of progress."""


@dataclass(frozen=True)
class Moved:
    """The model of a seed is at a step; its losses in words."""

    seed: int
    step: int
    losses: str


@dataclass(frozen=True)
class Said:
    """The model of a seed has something to say."""

    seed: int
    sentence: str


@dataclass(frozen=True)
class Stopped:
    """The model of a seed was stopped at a step, and saved."""

    seed: int
    step: int


@dataclass(frozen=True)
class Ended:
    """Nothing more comes of a seed; `problem` says in one line what broke, if anything, `trace` where."""

    seed: int
    problem: str | None = None
    trace: str | None = None


Message = Moved | Said | Stopped | Ended


class Relay(Reporter):
    """Passes on what one model tells, and ends its training when the process that asked for it is gone."""

    def __init__(self, steps: int, seed: int, tell: Callable[[Message], None]) -> None:
        super().__init__(steps, show=False)
        self.seed, self.tell = seed, tell
        self._parent, self._told = os.getppid(), 0.0

    def advance(self, step: int, rows: list[dict[str, Any]]) -> None:
        """Tell the step, a few times a second."""
        now = time.monotonic()
        if now - self._told < OFTEN and step != self.steps:
            return
        self._told = now
        if os.getppid() != self._parent:
            # As a closed terminal would: the callback for signals saves the run.
            signal.raise_signal(signal.SIGTERM)
            return
        self.tell(Moved(self.seed, step, describe(rows)))

    def stopped(self, step: int, how_to_go_on: str) -> None:
        """Tell that the training was stopped; how to go on is said once for all."""
        self.notes.append(f"Stopped at step {step} of {self.steps}.")
        self.tell(Stopped(self.seed, step))

    def say(self, sentence: str) -> None:
        """Keep a sentence, and pass it on."""
        self.notes.append(sentence)
        self.tell(Said(self.seed, sentence))
