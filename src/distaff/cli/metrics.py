"""`distaff metrics`: what can be measured, described."""

from __future__ import annotations

from typing import Annotated

import typer

from distaff.cli.layout import described, row


def metrics(
    name: Annotated[
        str | None, typer.Argument(help="Describe this metric in full.", show_default=False)
    ] = None,
) -> None:
    """List the metrics of codes, or describe one: what it means, its range, its paper, what fools it."""
    from distaff.metrics import catalogue, describe

    if name is None:
        for each in catalogue():
            typer.echo(row(each.name, each.measures, column=25))
        return
    entry = describe(name)
    facts = {
        "range": entry.span,
        "chance": entry.chance,
        "better": entry.direction,
        "needs": ", ".join(entry.needs),
        "continuous": entry.continuous,
        "missing": entry.missing,
        "fooled by": entry.weaknesses,
        "paper": entry.paper,
    }
    typer.echo(described(entry.name, entry.measures, facts))
