"""`distaff figures`: pictures of a run, or of several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distaff.cli.arguments import Source, check_out, read_names
from distaff.cli.progress import working
from distaff.errors import InputError


def figures(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="A run folder; several are compared.", show_default=False),
    ],
    only: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="These figures; every one that fits if not given.")
    ] = None,
    data: Source = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Where the comparison of several runs goes.")
    ] = None,
) -> None:
    """Draw figures into the run's folder: figures/NAME.png.

    Of several runs, one picture compares what the weight of the KL does: reconstruction, KL of every latent,
    active latents, and the strongest latent traversed.
    """
    if len(runs) > 1:
        _compare(runs, only, data, out)
        return
    if out is not None:
        raise InputError("--out: figures of one run go to its own folder; give several runs to compare them")
    from distaff.figures import make
    from distaff.run import Run

    opened = Run.open(runs[0])
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


def _compare(runs: list[Path], only: str | None, data: str | None, out: Path | None) -> None:
    if out is None:
        raise InputError("figures: several runs are compared in one picture; say where with --out FILE.png")
    check_out(out, ".png")
    if only is not None or data is not None:
        raise InputError("figures: --only and --data are for one run; of several, one picture is drawn")
    from distaff.figures import beta_sweep, to_png
    from distaff.files import atomic_write
    from distaff.run import Run

    with working() as say:
        figure = beta_sweep([Run.open(run) for run in runs], say)
    atomic_write(out, to_png(figure))
    typer.echo(out)
