"""Commands that may be stopped: what is said then, and the command that goes on."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import typer

from distaff.interrupt import Stop, listening


@contextmanager
def stoppable(again: Callable[[Path], str]) -> Iterator[Stop]:
    """Run a command that ends well when it is stopped; `again` gives the command that resumes a run.

    Before training has begun there is nothing to save, and only that is said. A second Ctrl-C is passed on.
    """
    with listening() as stop:
        stop.how_to_go_on = again
        try:
            yield stop
        except BaseException as error:
            # Before training, whatever the interruption was turned into on its way here.
            if not stop.wished or stop.insisted or (stop.begun and not isinstance(error, KeyboardInterrupt)):
                raise
            if stop.begun:
                typer.echo("Stopped after the training; the run is complete.", err=True)
                return
            typer.echo(
                "Stopped before training began; nothing was changed. The same command begins it.", err=True
            )


def command(recipe: str, options: Mapping[str, object], flags: Mapping[str, bool]) -> str:
    """Return the command line of a training; an option without a value is left out, a list given each."""
    words = ["distaff", "train", recipe]
    for option, value in options.items():
        for each in value if isinstance(value, list) else [value]:
            words += [] if each is None else [option, str(each)]
    return shlex.join(words + [flag for flag, given in flags.items() if given])
