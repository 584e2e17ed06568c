"""`distaff demo`: the main job end to end, on data that needs no download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distaff.cli.page import NoPage, write_page
from distaff.cli.progress import working
from distaff.cli.stopping import command, stoppable

if TYPE_CHECKING:
    from distaff.run import Run

MEASURED = ("reconstruction", "kl", "active_units", "attribute_accuracy", "drawn_iou", "swap_test")
"""What the demo tells; the whole suite would take as long again as the training."""


def demo(
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run folder to make; runs/demo if not given.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Train this long instead of a few minutes.")
    ] = None,
    no_page: NoPage = False,
) -> None:
    """Train, measure and picture a model of sprites whose latents have names.

    Only one picture in ten has labels. Takes some minutes; the numbers at the end are of pictures that
    training never saw.
    """

    def again(folder: Path) -> str:
        return command("demo", {"--steps": steps, "--out": folder}, {"--resume": True, "--no-page": no_page})

    with stoppable(again) as stop:
        from distaff.training import train

        typer.echo("1/4 train: sprites, labels on one picture in ten")
        run = train("demo", out=out, steps=steps)
        if not stop.wished:
            _show(run, no_page=no_page)


def _show(run: Run, *, no_page: bool) -> None:
    from rich.console import Console

    from distaff.cli.tables import attributes_table, metrics_table
    from distaff.cli.train import summary
    from distaff.evaluation import evaluate
    from distaff.figures import make

    typer.echo(summary(run))
    typer.echo("2/4 evaluate: pictures that training never saw")
    with working() as say:
        metrics = evaluate(run, metrics=MEASURED, progress=say)["metrics"]
        typer.echo("3/4 figures")
        make(run, progress=say)
        page = None
        if not no_page:
            typer.echo("4/4 explorer")
            page = write_page(run, say)
    console = Console()
    by_attribute = attributes_table({"attribute_accuracy": metrics["attribute_accuracy"]})
    if by_attribute is not None:
        console.print(by_attribute)
    console.print(metrics_table({name: metrics[name] for name in ("drawn_iou", "swap_test")}))
    note = metrics["attribute_accuracy"].get("note")
    if note:
        typer.echo(f"{note}\n")
    if page is not None:
        typer.echo(f"Open {page} in a browser: change an attribute, and see the picture change.")
    typer.echo(f"Look at {run.path / 'figures'}, above all sweeps.png. Then try:")
    typer.echo(
        f"  distaff generate {run.path} --set shape=heart --set scale=5 --set pos_x=3 --out heart.png\n"
        f"  distaff evaluate {run.path} --metrics mig,dci"
    )
