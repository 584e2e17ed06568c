"""`distaff data`: where pictures can come from, described."""

from __future__ import annotations

from typing import Annotated

import typer

from distaff.cli.layout import described
from distaff.errors import InputError, nearest


def data(
    name: Annotated[str | None, typer.Argument(help="Describe only this source.", show_default=False)] = None,
) -> None:
    """List the data that a recipe or --data can name."""
    from distaff.data import SOURCES

    if name is not None and name not in SOURCES:
        raise InputError(f"data: no source is called {name!r}; {nearest(name, SOURCES)}")
    for each in [name] if name is not None else SOURCES:
        source = SOURCES[each]
        facts = {"size": source.size, "attributes": source.attributes, "from": source.origin}
        typer.echo(described(each, source.about, facts))
