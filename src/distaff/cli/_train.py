"""`distaff train`: a recipe in, a trained model out; `distaff demo`: so on data that needs no download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from distaff.cli._console import Device, Imports, Source, console, tell, working
from distaff.errors import InputError
from distaff.process import share_cores

if TYPE_CHECKING:
    from distaff.run import Run


NoPage = Annotated[bool, typer.Option("--no-page", help="Do not write explorer.html at the end.")]


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
    device: Device = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN", help="The run folder to make; runs/NAME if not given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last checkpoint of the run in --out.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out images that cannot be read.")
    ] = False,
    no_page: NoPage = False,
    log: Annotated[
        Literal["tensorboard", "wandb", "mlflow"] | None,
        typer.Option(help="Also log the history there; needs its package."),
    ] = None,
    imports: Imports = None,
) -> None:
    """Train a recipe and write a run folder, with explorer.html to look into the model.

    Ctrl-C stops after the current step and saves. --resume continues.
    """
    if resume and out is None:
        raise InputError("--resume: which run? Name its folder with --out RUN")
    share_cores()
    from distaff.recipes import parse_settings
    from distaff.training import train as run_training

    changes: dict[str, Any] = parse_settings(settings or [])
    if skip_bad:
        changes["data.skip_bad"] = True
    run = run_training(
        recipe,
        data=data,
        settings=changes,
        steps=steps,
        seed=seed,
        out=out,
        resume=resume,
        device=device,
        logger=log,
    )
    tell(summary(run))
    if not no_page:
        with working() as say:
            page = write_page(run, say)
        if page is not None:
            tell(f"Look into it: open {page}")
    tell(f"\nNext:\n  distaff evaluate {run.path}\n  distaff figures {run.path}")


def summary(run: Run) -> str:
    """Say what was trained, and for how long."""
    history = run.history()
    steps, seconds = int(history["step"].max()), float(history["seconds"].max())
    minutes = f"{seconds / 60:.1f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
    return f"{run.path}: {steps:,} steps in {minutes}"


def write_page(run: Run, say: Callable[[str], None]) -> Path | None:
    """Write explorer.html into a run's folder; say in one line what went wrong, if anything did."""
    page = run.path / "explorer.html"
    try:
        from distaff.explorer import export

        export([run], page, progress=say)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the run is trained and safe
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else " ".join(str(error).split())
        tell(
            f"distaff: no explorer.html: {reason or type(error).__name__}; the run itself is complete",
            err=True,
        )
        return None
    return page


ALWAYS = ("reconstruction", "kl", "active_units", "attribute_accuracy")
"""What both demos measure; the whole suite would take as long again as the training."""
SPRITES, DIGITS = ("drawn_iou", "swap_test"), ("elbo", "knn_accuracy")
"""What each demo shows beside what it reads of the attributes."""


def demo(
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run folder to make; runs/demo if not given.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Train this long instead of a few minutes.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small model of digits, finished within a minute.")
    ] = False,
    no_page: NoPage = False,
) -> None:
    """Train, measure and draw a model of sprites whose latents have names.

    Only one image in ten has labels. Takes some minutes; the numbers at the end are of images that training
    never saw.
    """
    share_cores()
    from distaff.training import train

    if quick:
        tell("1/4 train: class regions of 8 x 8 digits")
        run = train("demo-quick", out=out, steps=steps)
        _show(run, DIGITS, no_page=no_page)
        tell(f"Then try:\n  distaff mix {run.path} --from digit=0 --to digit=8 --out mix.gif\n  distaff demo")
        return
    tell("1/4 train: sprites, labels on one image in ten")
    run = train("demo", out=out, steps=steps)
    _show(run, SPRITES, no_page=no_page)
    figure = run.path / "figures" / "attributes.png"
    tell(f"Look at {figure}: each row sets one attribute of an image to its values. Then try:")
    tell(
        f"  distaff generate {run.path} --attribute shape=heart --attribute scale=5 --out heart.png\n"
        f"  distaff evaluate {run.path} --metrics mig,dci"
    )


def _show(run: Run, headlines: tuple[str, ...], *, no_page: bool) -> None:
    from distaff.cli._console import attributes_table, metrics_table
    from distaff.evaluation import evaluate
    from distaff.figures import make

    tell(summary(run))
    tell("2/4 evaluate: images that training never saw")
    with working() as say:
        metrics = evaluate(run, metrics=(*ALWAYS, *headlines), progress=say)["metrics"]
        tell("3/4 figures")
        make(run, progress=say)
        page = None
        if not no_page:
            tell("4/4 explorer")
            page = write_page(run, say)
    by_attribute = attributes_table({"attribute_accuracy": metrics["attribute_accuracy"]})
    if by_attribute is not None:
        console().print(by_attribute)
    console().print(metrics_table({name: metrics[name] for name in headlines}))
    note = metrics["attribute_accuracy"].get("note")
    if note:
        tell(f"{note}\n")
    if page is not None:
        tell(f"Open {page} in a browser: move what is on its left, and see the image change.")
