"""The commands under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from distaff._version import __version__
from distaff.cli.data import data
from distaff.cli.demo import demo
from distaff.cli.edit import edit
from distaff.cli.encode import encode
from distaff.cli.evaluate import evaluate
from distaff.cli.explore import explore
from distaff.cli.export import export
from distaff.cli.figures import figures
from distaff.cli.generate import generate
from distaff.cli.metrics import metrics
from distaff.cli.mix import mix
from distaff.cli.recipes import recipes
from distaff.cli.score import score
from distaff.cli.train import train

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="'distaff COMMAND --help' says more. Any command takes --debug, to show an error's traceback.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"distaff {__version__}")
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Train, measure and explore variational autoencoders whose latents mean something."""


for command in (
    *(demo, train, evaluate, score, figures, explore, export),
    *(encode, generate, edit, mix, recipes, data, metrics),
):
    app.command()(command)
