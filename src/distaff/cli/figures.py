"""`distaff figures`: pictures of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from distaff.cli.arguments import RunFolder, Source, read_names
from distaff.cli.progress import working


def figures(
    run: RunFolder,
    only: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="These figures; every one that fits if not given.")
    ] = None,
    data: Source = None,
) -> None:
    """Draw figures into the run's folder: figures/NAME.png."""
    from distaff.figures import make
    from distaff.run import Run

    opened = Run.open(run)
    told: list[str] = []
    with working() as say:

        def hear(line: str) -> None:
            told.append(line)
            say(line)

        written = make(opened, read_names(only), data, hear)
    for path in written.values():
        typer.echo(path)
    for line in told:
        if line.partition(":")[0] not in written:
            typer.echo(line)
