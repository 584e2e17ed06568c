"""Models side by side: as many processes as cores, each training one model after another on one core.

The processes are forked, so that they begin at once and share the pictures in memory. A forked process must
not use OpenMP's threads, which did not survive the fork; each keeps to one thread, which also makes a model's
numbers independent of how many others were trained beside it.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

import torch

from distaff.interrupt import SIGNALS
from distaff.training.relay import Ended, Message, Said

Tell = Callable[[Message], None]
Work = Callable[[int, Tell], None]
"""Trains the model of a seed and tells of it, `Ended` last; raises nothing that can be told."""
PATIENCE = 60.0
"""Seconds that a process has to save its model and end."""


class Lane:
    """A process that trains the models it is given, one after another."""

    def __init__(self, work: Work, measure: Callable[[], float], before: Sequence[Lane]) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.seed: int | None = None
        # Copies of our ends that stayed open in a fork would keep it from seeing that we closed them.
        inherited = [self.pipe, *(lane.pipe for lane in before)]
        self.process = context.Process(target=_serve, args=(theirs, inherited, work, measure), daemon=True)
        with warnings.catch_warnings():
            # Python warns of forks beside any thread, even numpy's sleeping ones.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()
        theirs.close()

    def train(self, seed: int) -> None:
        """Begin with the model of a seed; what it tells comes through the pipe."""
        self.seed = seed
        self.pipe.send(seed)

    def signal(self, number: int) -> None:
        """Send the process a signal, if it still runs."""
        if self.process.is_alive() and self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def join(self) -> None:
        """Wait for the process to end; end it by force if it does not."""
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


@contextlib.contextmanager
def lanes(count: int, work: Work, measure: Callable[[], float]) -> Iterator[list[Lane]]:
    """Give `count` processes; at the end of the block those that still train are told to save and end."""
    opened: list[Lane] = []
    try:
        for _ in range(count):
            opened.append(Lane(work, measure, opened))
        yield opened
    finally:
        for lane in opened:
            lane.pipe.close()
            if lane.seed is not None:
                lane.signal(signal.SIGTERM)
        for lane in opened:
            lane.join()


def measure_all(opened: Sequence[Lane]) -> float:
    """Return the mean of what the processes measure, all at the same time; infinity when one dies of it."""
    try:
        for lane in opened:
            lane.pipe.send(None)
        return sum(float(lane.pipe.recv()) for lane in opened) / len(opened)
    except (EOFError, OSError):
        return math.inf


def train_all(opened: Sequence[Lane], seeds: Sequence[int], tell: Tell) -> bool:
    """Train the models of all seeds; return whether the user stopped it.

    A process that dies takes only its own model with it: the others go on, and with the seeds that wait.
    """
    waiting = list(seeds)
    with _Stop(opened) as stop:
        busy = {lane.pipe: lane for lane in opened}
        for lane in opened:
            _next(lane, waiting, busy)
        while busy:
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                lane = busy[pipe]
                try:
                    message: Message = pipe.recv()
                except (EOFError, OSError):
                    del busy[pipe]
                    _bury(lane, tell, stopped=stop.asked)
                    continue
                tell(message)
                if isinstance(message, Ended):
                    _next(lane, [] if stop.asked else waiting, busy)
        for seed in [] if stop.asked else waiting:
            tell(Ended(seed, "not begun, since every process that trained has died"))
    return stop.asked


def _next(lane: Lane, waiting: list[int], busy: dict[Connection, Lane]) -> None:
    """Give a process the next seed, or let it go when none waits."""
    lane.seed = None
    if not waiting:
        del busy[lane.pipe]
        return
    seed = waiting.pop(0)
    try:
        lane.train(seed)
    except OSError:
        # It died between two models; its end is seen at the pipe.
        lane.seed = None
        waiting.insert(0, seed)


def _bury(lane: Lane, tell: Tell, *, stopped: bool) -> None:
    """Tell what became of the model of a process that has died."""
    lane.process.join()
    code = lane.process.exitcode or 0
    seed, lane.seed = lane.seed, None
    if seed is None:
        return
    if stopped and code == -signal.SIGTERM:
        # It had not begun its first step.
        tell(Ended(seed))
        return
    reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    tell(Ended(seed, f"its process died ({reason}); --resume goes on from its last checkpoint"))


class _Stop:
    """Ctrl-C and the like let every process save its model; a second Ctrl-C ends them at once."""

    def __init__(self, opened: Sequence[Lane]) -> None:
        self.opened, self.asked = opened, False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> _Stop:
        if threading.current_thread() is threading.main_thread():
            self._previous = {each: signal.signal(each, self._ask) for each in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._previous.items():
            signal.signal(each, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        again = self.asked and number == signal.SIGINT
        self.asked = True
        for lane in self.opened:
            lane.signal(signal.SIGKILL if again else signal.SIGTERM)
        if again:
            raise KeyboardInterrupt


def _serve(
    pipe: Connection, inherited: Sequence[Connection], work: Work, measure: Callable[[], float]
) -> None:
    """Do what comes through the pipe until it is closed."""
    for each in inherited:
        each.close()
    # A group of its own: Ctrl-C reaches the first process alone, which passes it on once.
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)

    def tell(message: Message) -> None:
        # When nobody listens any more, the model is still to be saved.
        with contextlib.suppress(OSError):
            pipe.send(message)

    with contextlib.suppress(EOFError, OSError):
        while True:
            seed: int | None = pipe.recv()
            if seed is None:
                pipe.send(measure())
                continue
            warnings.showwarning = _teller(seed, tell)
            try:
                work(seed, tell)
            except KeyboardInterrupt:
                # Told to end before its first step.
                tell(Ended(seed))
                return


def _teller(seed: int, tell: Tell) -> Callable[..., None]:
    """Return what shows a warning of Python's by telling it."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        tell(Said(seed, f"warning: {' '.join(str(message).split())}"))

    return show
