"""One trial: train, let something befall the run, look at the folder, resume, compare."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from cases import CASES, words
from child import Ended, Lines, forked
from folder import essence, problems

from distaff.cli import main


@dataclass
class Reference:
    """An uninterrupted run of a case: what it comes to, and how long it is in seconds and in lines."""

    essence: dict[str, Any]
    seconds: float
    lines: dict[bool, int]


@dataclass
class Verdict:
    """What a trial found.

    `struck`: it ended the training, which may have been over already. `lost`: the run could not be brought to
    its end, or the program did not say what it should; `exact`: the end is that of the uninterrupted run.
    """

    unreadable: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    exact: bool = True
    struck: bool = True
    moment: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing was lost."""
        return not self.unreadable and not self.lost and self.exact


class Bench:
    """Where trials are made, and the references that they are compared with."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.random = root, np.random.default_rng(seed)
        self._references: dict[str, Reference] = {}
        self._trials = 0

    def folder(self, root: Path | None = None) -> Path:
        """Return a new place for a run."""
        self._trials += 1
        return (root or self.root) / f"run-{self._trials}"

    def a_case(self) -> str:
        """Return the name of a case, each in turn."""
        return list(CASES)[self._trials % len(CASES)]

    def reference(self, case: str) -> Reference:
        """Return the uninterrupted run of a case."""
        if case not in self._references:
            lines = {}
            for writing in (False, True):
                folder = self.folder()
                ended = forked(lambda f=folder, w=writing: _counted(case, f, w))
                assert ended.result, ended.said
                assert ended.result[0] == 0, ended.said
                lines[writing] = ended.result[1]
            start = time.monotonic()
            again = self.folder()
            assert train(case, again).code == 0
            seconds = time.monotonic() - start
            whole = essence(folder)
            assert whole == essence(again)
            assert whole["finished"]
            self._references[case] = Reference(whole, seconds, lines)
        return self._references[case]

    def struck(self, case: str, folder: Path, act: Callable[[int], bool]) -> tuple[Ended, str]:
        """Train, and call `act` with the process id at a random moment of the run.

        One trial in three by the clock, from outside; one at any line of distaff's own code; one at a line
        of the code that writes. Returns how it ended, and the moment in words.
        """
        reference, kind = self.reference(case), int(self.random.integers(3))
        if kind == 0:
            moment = float(self.random.uniform(0, 1.05 * reference.seconds))
            return train(case, folder, moment=moment, act=act), f"after {moment:.3f} s"
        writing = kind == 1
        at = int(self.random.integers(1, reference.lines[writing]))

        def work() -> int:
            with Lines(at, lambda: act(os.getpid()), writing):
                return _train(case, folder)

        return coded(forked(work)), f"line {at} of {'writing' if writing else 'all'}"

    def resumed(self, case: str, folder: Path, verdict: Verdict) -> Verdict:
        """Look at what is there, resume, and compare."""
        verdict.unreadable += problems(folder)
        ended = train(case, folder)
        if ended.code != 0:
            verdict.lost.append(f"not resumed, exit {ended.code}: {ended.said[-400:]}")
            return verdict
        return self.compared(case, folder, verdict)

    def compared(self, case: str, folder: Path, verdict: Verdict) -> Verdict:
        """Compare a run that came to its end with the one that nothing befell."""
        verdict.unreadable += problems(folder)
        verdict.unreadable += [f"left over: {each.name}" for each in folder.rglob(".*")]
        now, whole = essence(folder), self.reference(case).essence
        differ = [name for name in whole if now[name] != whole[name]]
        if differ:
            verdict.exact = False
            verdict.moment += f" (other {', '.join(differ)})"
        shutil.rmtree(folder)
        return verdict


def train(case: str, folder: Path, moment: float = 0.0, act: Callable[[int], Any] | None = None) -> Ended:
    """Train a case, or continue it, in a fork, as the command line does."""
    return coded(forked(lambda: _train(case, folder), moment, act))


def _train(case: str, folder: Path) -> int:
    return main([*words(case), "--out", str(folder), "--resume"])


def _counted(case: str, folder: Path, writing: bool) -> tuple[int, int]:
    with Lines(writing=writing) as lines:
        code = _train(case, folder)
    return code, lines.count


def coded(ended: Ended) -> Ended:
    """Take the exit code of the command for that of the process, when the process itself came to its end."""
    with contextlib.suppress(TypeError):
        ended.code = int(ended.result) if ended.code == 0 else ended.code
    return ended
