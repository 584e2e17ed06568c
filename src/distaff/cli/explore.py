"""`distaff explore`: the explorer of runs in the browser, from a server on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from distaff.cli.arguments import RunFolders
from distaff.cli.progress import working


def explore(
    runs: RunFolders,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Serve at this port; a free one if not given.")
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")] = False,
) -> None:
    """Explore a run, or compare up to four, in the browser; Ctrl-C ends it.

    Only this machine is answered, and only with these runs. Pictures dropped into the page stay in it.
    """
    from distaff.explorer.prepare import prepare
    from distaff.explorer.server import serve
    from distaff.run import Run

    opened = [Run.open(run) for run in runs]
    with working() as say:
        bundle = prepare(opened, say)

    def ready(address: str) -> None:
        typer.echo(f"{address}  (Ctrl-C ends it)")
        if not no_open:
            typer.launch(address)

    serve(bundle, port=port, ready=ready)
