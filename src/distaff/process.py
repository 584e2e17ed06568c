"""The process that trains: the signals that end it, the notebook it may be of, its memory and its threads.

Ctrl-C, SIGTERM and a closed terminal end a training after the current step, with everything saved.

Every training step allocates and frees the same large arrays. glibc hands arrays of this size back to the
system when they are freed, so that every step has the kernel fetch and clear thousands of pages anew: a third
of the time of a convolutional network on a processor. So freed memory is kept for the next step.

A step has dozens of places where threads wait for each other. To wait awake is up to one and a half times as
fast as to sleep and be woken, and several times as slow where another program wants the cores meanwhile.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys
import threading
import time
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Self

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
EVERY = 0.5
"""Seconds between two lines of a notebook."""
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""The numbers of these options in glibc's malloc.h."""
LARGEST = 2**30
"""Bytes: arrays up to this size are kept, and so much of what is free."""
SPIN = "GOMP_SPINCOUNT"
"""The variable that libgomp reads, when torch is imported, for how long threads wait awake."""
ALONE, SHARED = 50_000, 2_000
"""Its value where no other program runs at the start, and where some do."""
LOAD = Path("/proc/loadavg")
"""As in 0.20 0.18 0.12 1/80 11206: one of 80 is running, which is this program."""
QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""As in max 100000: no limit on the time of the processor that a container may use."""
LOOKS, PAUSE = 5, 0.01
"""How often is looked at what runs, and the seconds between two looks."""


class GracefulStop:
    """Hears the signals that end a program, while its block runs.

    At first a signal ends the program at once. From `defer` on it is only noted in `number`, and a second
    Ctrl-C ends the program at once. A SIGHUP that is ignored stays so: such a run is to outlive its terminal.
    Signals reach the main thread alone; in another thread nothing is heard.

    Attributes:
        number: the signal that came, or 0.
        deferred: whether a signal is only noted.

    >>> with GracefulStop() as stop:
    ...     stop.defer()
    ...     signal.raise_signal(signal.SIGTERM)
    >>> stop.exception()
    SystemExit(143)
    """

    def __init__(self) -> None:
        self.number, self.deferred = 0, False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for each in SIGNALS:
                if each == signal.SIGINT or signal.getsignal(each) is not signal.SIG_IGN:
                    self._before[each] = signal.signal(each, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def defer(self) -> None:
        """Only note the signals from now on; raises the exception of an earlier one that was swallowed."""
        if self.number:
            raise self.exception()
        self.deferred = True

    def exception(self) -> BaseException:
        """Return what the signal raises: KeyboardInterrupt on Ctrl-C, else SystemExit(128 + number)."""
        return KeyboardInterrupt() if self.number == signal.SIGINT else SystemExit(128 + self.number)

    def _hear(self, number: int, _: FrameType | None) -> None:
        insisted = self.number != 0 and number == signal.SIGINT
        self.number = number
        if insisted or not self.deferred:
            raise self.exception()


class NotebookLine:
    """A line of text in a notebook, replaced twice a second at most."""

    def __init__(self) -> None:
        self._shown = -EVERY
        self._handle: Any = None

    def replace(self, line: str) -> None:
        """Show a line in place of the one before."""
        if time.monotonic() - self._shown < EVERY:
            return
        display: Any = importlib.import_module("IPython.display").display
        self._shown, shown = time.monotonic(), {"text/plain": line}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)


@cache
def keep_freed_memory() -> None:
    """Have the process keep up to `LARGEST` bytes that are free; does nothing where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGEST)
        mallopt(TRIM_THRESHOLD, LARGEST)


def share_cores(*, always: bool = False) -> None:
    """Have threads that wait sleep soon, `always` or where another program is running; else stay awake long.

    To be called before torch is imported; what the user has set is kept.
    """
    if SPIN not in os.environ and "OMP_WAIT_POLICY" not in os.environ:
        os.environ[SPIN] = str(SHARED if always or not is_alone() else ALONE)


def is_alone() -> bool:
    """Tell whether no other program is running on this machine, as far as Linux says."""
    try:
        if not QUOTA.read_text().startswith("max"):
            # A share of the processor's time is soon spent by waiting.
            return False
    except OSError:
        pass
    running = []
    for _ in range(LOOKS):
        time.sleep(PAUSE)
        try:
            running.append(int(LOAD.read_text().split()[3].split("/")[0]))
        except (OSError, ValueError, IndexError):
            return False
    return sorted(running)[LOOKS // 2] == 1
