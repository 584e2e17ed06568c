"""`distaff recipes`: the shipped recipes, described."""

from __future__ import annotations

from typing import Annotated

import typer

from distaff.cli.layout import row
from distaff.errors import InputError, nearest


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(help="Show this recipe's YAML, to start your own from.", show_default=False),
    ] = None,
) -> None:
    """List the shipped recipes, or show one."""
    from distaff.recipe import describe, shipped

    if name is None:
        known = describe()
        for each, about in known.items():
            typer.echo(row(each, about, column=2 + max(map(len, known))))
        return
    texts = shipped()
    if name not in texts:
        raise InputError(f"recipes: no shipped recipe is called {name!r}; {nearest(name, texts)}")
    typer.echo(texts[name], nl=False)
