"""`distaff export`: a run as a page to mail, or as graphs to deploy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distaff.cli.arguments import RunFolders, check_out
from distaff.cli.progress import working
from distaff.errors import InputError


def export(
    runs: RunFolders,
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="FILE.html|FILE.onnx",
            help="A page of one run, or of up to four to compare; or the encoder and decoder of one run, as "
            "FILE.encoder.onnx and FILE.decoder.onnx.",
            show_default=False,
        ),
    ],
    force: Annotated[bool, typer.Option("--force", help="Write a page of 40 MB or more.")] = False,
) -> None:
    """Write the explorer of a run as one page that needs no network, or its networks as ONNX."""
    check_out(to, ".html", ".onnx", option="--to")
    from distaff.run import Run

    opened = [Run.open(run) for run in runs]
    if to.suffix.lower() == ".onnx":
        if len(opened) != 1:
            raise InputError(f"--to {to}: ONNX graphs are of one run, not of {len(opened)}")
        from distaff.explorer.export import export_onnx

        for path in export_onnx(opened[0], to):
            typer.echo(path)
        return
    from distaff.explorer.export import export_html, told

    with working() as say:
        bundle = export_html(opened, to, force=force, progress=say)
    typer.echo(told(bundle, to))
