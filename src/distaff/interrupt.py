"""Ctrl-C, SIGTERM and a closed terminal: work ends at the next good moment, with everything saved.

As long as nothing has been begun, that moment is at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Stop:
    """Whether somebody wishes the work to end.

    `wished`: a signal came. `insisted`: a second Ctrl-C came before the work had ended. `begun`: there is
    something to save, so that the work itself looks at `wished`.
    `how_to_go_on`: says how to resume the run of a folder, in the words of whoever began it.
    """

    def __init__(self) -> None:
        self.wished = self.insisted = self.begun = self._deferring = False
        self.how_to_go_on: Callable[[Path], str] = _in_python

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let the work end by itself when a signal comes; a second Ctrl-C still ends it at once."""
        self.begun = self._deferring = True
        try:
            if self.wished:
                # Somebody swallowed the exception; nothing has been begun yet.
                self.begun = False
                raise KeyboardInterrupt
            yield
        finally:
            self._deferring = False

    def hear(self, number: int, _: FrameType | None = None) -> None:
        """Handle a signal; raises KeyboardInterrupt when there is nothing to wait for."""
        self.insisted = self.wished and number == signal.SIGINT
        self.wished = True
        if self.insisted or not self._deferring:
            raise KeyboardInterrupt

    def listen(self) -> None:
        """Take the signals over, but not a SIGHUP that is ignored: such a run is to outlive its terminal."""
        for each in SIGNALS:
            if each == signal.SIGINT or signal.getsignal(each) is not signal.SIG_IGN:
                signal.signal(each, self.hear)


_listening: list[Stop] = []
"""The one that hears the signals of this process, if any; a forked process is to listen for itself."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_listening.clear)


@contextmanager
def listening() -> Iterator[Stop]:
    """Hear signals until the block ends; one within another shares what it hears.

    Signals reach the main thread alone: in another thread nothing is heard.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Stop()
        return
    if _listening:
        yield _listening[0]
        return
    stop = Stop()
    before = {each: signal.getsignal(each) for each in SIGNALS}
    _listening.append(stop)
    try:
        stop.listen()
        yield stop
    finally:
        _listening.clear()
        for each, handler in before.items():
            signal.signal(each, handler)


def _in_python(folder: Path) -> str:
    return f"the same call and resume=True, out={str(folder)!r}"
