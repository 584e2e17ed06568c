"""`distaff metrics`: what can be measured, described."""

from __future__ import annotations

from typing import Annotated

import typer

from distaff.cli.layout import described, row
from distaff.cli.model_metrics import MODEL_METRICS
from distaff.errors import InputError, nearest

COLUMN = 25


def metrics(
    name: Annotated[
        str | None, typer.Argument(help="Describe this metric in full.", show_default=False)
    ] = None,
) -> None:
    """List the metrics, or describe one: what it means, its range, its paper, what fools it."""
    from distaff.metrics import catalogue, describe

    if name is None:
        typer.echo(
            "Of codes and factors, for 'distaff score'; those that fit a run also for 'distaff evaluate':"
        )
        for each in catalogue():
            typer.echo(row(each.name, each.measures, column=COLUMN))
        typer.echo("\nOf a trained model, for 'distaff evaluate':")
        for key, entry in MODEL_METRICS.items():
            facts = (
                f"({entry.span}; {entry.better} is better)" if entry.better != "none" else f"({entry.span})"
            )
            typer.echo(row(key, f"{entry.measures} {facts}", column=COLUMN))
    elif name in MODEL_METRICS:
        typer.echo(_of_model(name))
    else:
        known = [*(each.name for each in catalogue()), *MODEL_METRICS]
        if name not in known:
            raise InputError(f"there is no metric {name!r}: {nearest(name, known)}")
        found = describe(name)
        facts_of_codes = {
            "range": found.span,
            "chance": found.chance,
            "better": found.direction,
            "needs": ", ".join(found.needs),
            "continuous": found.continuous,
            "missing": found.missing,
            "fooled by": found.weaknesses,
            "paper": found.paper,
        }
        typer.echo(described(found.name, found.measures, facts_of_codes))


def _of_model(name: str) -> str:
    entry = MODEL_METRICS[name]
    facts = {
        "range": entry.span,
        "better": entry.better,
        "needs": entry.needs,
        "fooled by": entry.weaknesses,
        "paper": entry.paper,
    }
    return described(name, entry.measures, facts)
