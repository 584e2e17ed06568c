"""What is asked of every input: one line if it is refused, whole files if it is done, every loss named."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from distaff.cli import main
from distaff.errors import printable

OLD = b"what was here before"


@dataclass
class Trial:
    """One hostile input.

    Attributes:
        commands: command lines, tried in turn until one is refused.
        out: files that they write; each holds `OLD` before, and is checked after.
        check: asked after commands that were done, with what they printed; says what was lost silently.
        refused: whether the input may be done; None if either is right.
    """

    commands: list[list[str]]
    out: tuple[Path, ...] = ()
    check: Callable[[str], list[str]] = field(default=lambda _: [])
    refused: bool | None = None


def judge(trial: Trial, folder: Path) -> tuple[bool, list[tuple[str, str]]]:
    """Return whether all commands were done, and what is wrong, by fault."""
    problems: list[tuple[str, str]] = []
    for path in trial.out:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(OLD)
    said, done = "", True
    for words in trial.commands:
        code, shown, told = run(words)
        said += shown + told
        where = " ".join(words)[:160]
        errors = [line for line in told.splitlines() if line.startswith("distaff: ")]
        if "Traceback (most recent" in told or code not in {0, 2}:
            problems.append(("tracebacks", f"{where}: exit {code}: {' / '.join(errors)[-300:]}"))
        if code == 2 and not (errors and told.splitlines()[-1] == errors[-1]):
            problems.append(("unclear", f"{where}: the last line is no message: {told[-200:]!r}"))
        if any(len(line) > 1500 for line in errors):
            problems.append(("unclear", f"{where}: a message of {max(map(len, errors))} characters"))
        if code == 2 and shown and words[0] not in {"figures", "mix"}:
            problems.append(("unclear", f"{where}: refused after it showed {shown[:200]!r}"))
        if printable(shown + told) != shown + told:
            problems.append(("unclear", f"{where}: control characters are printed: {told[-200:]!r}"))
        if code != 0:
            done = False
            break
    for path in trial.out:
        content = path.read_bytes() if path.is_file() else b""
        if content == OLD:
            if done:
                problems.append(("silent", f"{path.name} was not written"))
        elif not done or not is_whole(path):
            problems.append(("half-written", f"{path.name}: {content[:40]!r}, done: {done}"))
    left = list(folder.rglob("*.part"))
    if left:
        problems.append(("half-written", f"{left[0]} is left"))
    if done:
        try:
            problems += [("silent", each) for each in trial.check(said)]
        except Exception as error:  # noqa: BLE001 - a check that cannot be made is a failure
            problems.append(("silent", f"check: {type(error).__name__}: {error}"))
        if trial.refused:
            problems.append(("silent", f"{trial.commands[-1]} was done: {said[-200:]!r}"))
    return done, problems


def run(words: list[str]) -> tuple[int, str, str]:
    """Run one command in this process; returns its exit code and what it printed on stdout and stderr."""
    out, err = (
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)
        for _ in range(2)
    )
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        code = main(words)
    sys.stdout.flush()
    shown, told = (stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err))
    return code, shown, told


def is_whole(path: Path) -> bool:
    """Tell whether a file can be read to its end."""
    try:
        if path.suffix == ".csv":
            rows = list(
                csv.reader(io.StringIO(path.read_text("utf-8", errors="surrogateescape"), newline=""))
            )
            return len({len(row) for row in rows}) == 1
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return all(arrays[name] is not None for name in arrays.files)
        if path.suffix == ".json":
            return isinstance(json.loads(path.read_text("utf-8")), dict)
        if path.suffix == ".html":
            return path.read_text("utf-8").rstrip().endswith("</html>")
        with Image.open(path) as image:
            image.load()
    except Exception:  # noqa: BLE001 - whatever a reader says of half a file
        return False
    return True
