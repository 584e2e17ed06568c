"""Forked processes that train, and the moments at which something befalls them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import distaff

OURS = str(Path(distaff.__file__).parent)
WRITING = ("files.py", "_folder.py", "run.py")
"""The files of distaff's own code that write the run folder."""


@dataclass
class Ended:
    """What a process has left: its exit code (negative: the signal that ended it), what it said, a result."""

    code: int
    said: str
    result: Any = None


@dataclass
class Lines:
    """Counts the lines of distaff's own code as they are run, and acts at one of them.

    So a moment is the same on every machine, and may lie inside a write. With `writing`, only lines of the
    code that writes are counted.
    """

    at: int = -1
    act: Callable[[], bool] = field(default=lambda: True)
    writing: bool = False
    count: int = 0

    def __enter__(self) -> Lines:
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: Any, _event: str, _argument: Any) -> Any:
        path = frame.f_code.co_filename
        if not path.startswith(OURS) or path.endswith("process.py"):
            return None
        return self._line if not self.writing or path.endswith(WRITING) else None

    def _line(self, _frame: Any, event: str, _argument: Any) -> Any:
        if event == "line":
            self.count += 1
            # An act that cannot be done at this line (a busy mount) is tried again at the next.
            if 0 <= self.at <= self.count and self.act():
                self.at = -1
        return self._line


def forked(work: Callable[[], Any], moment: float = 0.0, act: Callable[[int], None] | None = None) -> Ended:
    """Run `work` in a fork; after `moment` seconds `act` is called with its process id, if it still runs."""
    reading, writing = os.pipe()
    hearing, saying = os.pipe()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.close(reading)
            os.close(hearing)
            os.setpgrp()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(
                    number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                )
            os.dup2(saying, 1)
            os.dup2(saying, 2)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
            result = work()
            os.write(writing, json.dumps(result).encode())
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        except BaseException:  # noqa: BLE001 - shown by the parent
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
    os.close(writing)
    os.close(saying)
    if act is not None:
        deadline = time.monotonic() + moment
        while time.monotonic() < deadline and not os.waitid(
            os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT
        ):
            time.sleep(0.002)
        act(child)
    with os.fdopen(hearing, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    return Ended(os.waitstatus_to_exitcode(status), said, json.loads(content) if content else None)
