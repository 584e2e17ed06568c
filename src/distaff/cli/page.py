"""The explorer's page at the end of other commands, whose failure must not spoil what they made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from distaff.run import Run

NoPage = Annotated[bool, typer.Option("--no-page", help="Do not write explorer.html at the end.")]


def write_page(run: Run, say: Callable[[str], None]) -> Path | None:
    """Write explorer.html into a run's folder; say in one line what went wrong, if anything did."""
    try:
        from distaff.explorer.export import export_html
        from distaff.explorer.prepare import PAGE

        export_html([run], run.path / PAGE, progress=say)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the run is trained and safe
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else " ".join(str(error).split())
        typer.echo(
            f"distaff: no explorer.html: {reason or type(error).__name__}; the run itself is complete",
            err=True,
        )
        return None
    return run.path / PAGE
