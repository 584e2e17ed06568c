"""`distaff train`: a recipe in, a trained model out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distaff.cli.arguments import Source
from distaff.cli.page import NoPage, write_page
from distaff.cli.progress import working
from distaff.cli.stopping import command, stoppable
from distaff.errors import InputError

if TYPE_CHECKING:
    from distaff.interrupt import Stop
    from distaff.run import Run


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A shipped recipe ('distaff recipes' lists them) or a YAML file.",
            show_default=False,
        ),
    ],
    data: Source = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A field of the recipe by its dotted path, such as loss.kl.weight=4; may be given again.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Short for --set train.steps=N.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Short for --set train.seed=N.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN", help="The run folder to make; runs/NAME if not given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint of the run in --out.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out pictures that cannot be read.")
    ] = False,
    no_page: NoPage = False,
) -> None:
    """Train a recipe and write a run folder, with explorer.html to look into the model.

    Ctrl-C, or a signal to end, ends the training after the step in hand and leaves a usable run. With --set
    train.replicas=N, N models with seeds of their own become the runs seed-0, seed-1, ... in --out.
    """
    if resume and out is None:
        raise InputError("--resume: which run? Name its folder with --out RUN")

    def again(folder: Path) -> str:
        return command(
            recipe,
            {"--data": data, "--set": settings, "--steps": steps, "--seed": seed, "--out": folder},
            {"--resume": True, "--skip-bad": skip_bad, "--no-page": no_page},
        )

    with stoppable(again) as stop:
        from distaff.recipe import parse_settings
        from distaff.training import is_writer, wanted_recipe
        from distaff.training import train as run_training

        changes: dict[str, Any] = parse_settings(settings or [])
        if skip_bad:
            changes["data.skip_bad"] = True
        asked: dict[str, Any] = {"data": data, "settings": changes, "steps": steps, "seed": seed}
        if wanted_recipe(recipe, data, changes, steps, seed).train.replicas > 1:
            _train_replicas(recipe, out=out, resume=resume, **asked)
        else:
            run = run_training(recipe, out=out, resume=resume, **asked)
            if is_writer():
                tell(run, stop, no_page=no_page)


def tell(run: Run, stop: Stop, *, no_page: bool) -> None:
    """Say what was trained, write the page, and say what to do next; a run that was stopped is not shown."""
    if run.is_trained:
        typer.echo(summary(run))
    if stop.wished:
        return
    if not no_page:
        with working() as say:
            page = write_page(run, say)
        if page is not None:
            typer.echo(f"Look into it: open {page}")
    typer.echo(f"\nNext:\n  distaff evaluate {run.path}\n  distaff figures {run.path}")


def _train_replicas(recipe: str, **asked: Any) -> None:
    """Train several models of one recipe and say what each has reached; they get no page each."""
    from distaff.training import ReplicaError, train_replicas

    try:
        runs = train_replicas(recipe, **asked)
    except ReplicaError as error:
        for run in error.runs:
            typer.echo(summary(run))
        raise
    for run in runs:
        typer.echo(summary(run))
    if runs:
        several = " ".join(str(run.path) for run in runs[:4])
        typer.echo(f"\nNext:\n  distaff evaluate {runs[0].path}\n  distaff explore {several}")


def summary(run: Run) -> str:
    """Say in two lines what was trained, for how long and how well."""
    history = run.history()
    valid = history["split"] == "valid"
    steps, seconds = int(history["step"].max()), float(history["seconds"].max())
    minutes = f"{seconds / 60:.1f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
    lines = [f"{run.path}: {steps:,} steps in {minutes}"]
    if valid.any():
        parts = {
            name: history[name][valid][-1] for name in ("loss", "reconstruction", "kl") if name in history
        }
        told = ", ".join(f"{name} {value:.2f}" for name, value in parts.items())
        lines.append(f"  on validation pictures: {told} (nats per image)")
    return "\n".join(lines)
