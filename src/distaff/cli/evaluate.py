"""`distaff evaluate`: the numbers of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from distaff.cli.arguments import RunFolder, Source, read_names
from distaff.cli.progress import working


def evaluate(
    run: RunFolder,
    metrics: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="These metrics; those that fit if not given.")
    ] = None,
    data: Source = None,
) -> None:
    """Measure a run on pictures it was not trained on, and write evaluation.json."""
    from rich.console import Console

    from distaff.cli.tables import attributes_table, metrics_table, remarks
    from distaff.evaluation import evaluate as measure
    from distaff.run import Run

    opened = Run.open(run)
    names = read_names(metrics)
    with working() as say:
        result = measure(opened, metrics=names, data=data, progress=say)
    shown = {
        name: result["metrics"][name] for name in names or result["metrics"] if name in result["metrics"]
    }
    settings = result["settings"]
    console = Console()
    typer.echo(f"{run}: {settings['test_pictures']:,} {settings['split']} pictures of {settings['data']}")
    console.print(metrics_table(shown))
    by_attribute = attributes_table(shown)
    if by_attribute is not None:
        console.print(by_attribute)
    for remark in remarks(shown):
        typer.echo(remark)
    for name, reason in result["left_out"].items():
        typer.echo(f"left out: {name}: {reason}")
    typer.echo(f"\nAll details: {opened.path / 'evaluation.json'}")
