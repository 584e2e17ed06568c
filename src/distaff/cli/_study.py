"""`distaff study`: many runs of one recipe, made once, measured, and told in one page."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import typer

from distaff.cli._console import Imports, row, tell, working
from distaff.errors import InputError
from distaff.process import share_cores

if TYPE_CHECKING:
    from distaff.study import Estimate, Progress

LINE_EVERY = 60
"""Seconds between two lines where there is no terminal."""


def study(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="A study's YAML file, or a shipped study; without it, the shipped ones are listed.",
            show_default=False,
        ),
    ] = None,
    on: Annotated[
        Literal["local", "ray"], typer.Option(help="Processes of this machine, or a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="The Ray cluster; RAY_ADDRESS, or this machine, if not given."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The study's folder; studies/NAME if not given.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time; one for each core or GPU if not given.")
    ] = None,
    part: Annotated[
        str | None, typer.Option(metavar="K/N", help="Only the K-th of N parts, for array jobs.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the study in --out; refuse to begin a new one.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many runs, how long and how much disk.")
    ] = False,
    imports: Imports = None,
) -> None:
    """Run every combination that a study file asks for, measure each, and write study.html.

    The same command again continues: finished runs are never run twice. Ctrl-C saves all.
    """
    share_cores(always=True)
    from distaff.study import estimate, load_study, run_study, shipped_studies

    if file is None:
        known = {name: load_study(name).about for name in shipped_studies()}
        for name, about in known.items():
            tell(row(name, about, column=2 + max(map(len, known))))
        return
    wanted = load_study(file)
    folder = out if out is not None else Path("studies") / Path(file).stem
    share = _read_part(part)
    if address is not None and on != "ray":
        raise InputError("--address names a Ray cluster; add --on ray")
    if resume and not (folder / "study.yaml").is_file():
        raise InputError(f"--resume: {folder} holds no study; leave --resume out to begin one")
    if dry_run:
        with working() as say:
            found = estimate(wanted, folder, jobs=jobs, part=share, progress=say)
        _tell_estimate(found)
        return
    try:
        with _progress() as told:
            results = run_study(wanted, folder, on=on, address=address, jobs=jobs, part=share, progress=told)
    except (KeyboardInterrupt, SystemExit):
        tell(f"{folder}: stopped; every run is saved, and the same command continues", err=True)
        raise
    tell(f"{folder}: {len(results.rows):,} runs: {results.tally}")
    for reason in dict.fromkeys(each["reason"] for each in results.rows if each["reason"]):
        tell(f"  {reason}")
    tell(f"Look into it: open {folder / 'study.html'}; every run is a row of {folder / 'results.csv'}")


def _read_part(word: str | None) -> tuple[int, int]:
    if word is None:
        return 1, 1
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", word)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(f"--part {word}: expected K/N with K from 1 to N, such as 3/50")
    return int(found[1]), int(found[2])


def _tell_estimate(found: Estimate) -> None:
    tell(f"{found.total:,} runs, {found.missing:,} of them to be made, {found.jobs} at a time")
    for line in found.measured:
        tell(f"  {line}")
    for line in found.problems:
        tell(f"  cannot be run here: {line}")
    if found.seconds is not None and found.missing:
        tell(f"about {duration(found.seconds)}, and {found.bytes / 1e6:,.0f} MB of disk")


def duration(seconds: float) -> str:
    """Say how long something takes.

    >>> duration(40), duration(600), duration(90_000), duration(9e6)
    ('40 s', '10 minutes', '25.0 hours', '104 days')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 200_000 else f"{seconds / 86400:.0f} days"


class _Teller(Protocol):
    def __call__(self, progress: Progress, /) -> None: ...


@contextmanager
def _progress() -> Iterator[_Teller]:
    """Give a function that shows how far a study is: live on a terminal, a line a minute elsewhere."""

    def words(now: Progress) -> str:
        left = (
            ""
            if now.seconds_left is None or now.done == now.total
            else f", {duration(now.seconds_left)} left"
        )
        return f"{now.done:,} of {now.total:,} done, {now.running} running, {now.failed} failed{left}"

    if sys.stderr.isatty():
        with working() as say:
            yield lambda now: say(words(now))
        return
    last = [time.monotonic()]

    def line(now: Progress) -> None:
        if time.monotonic() - last[0] >= LINE_EVERY:
            last[0] = time.monotonic()
            tell(words(now), err=True)

    yield line
