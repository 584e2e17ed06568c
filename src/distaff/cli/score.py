"""`distaff score`: the numbers of any table of codes and factors, from whatever model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distaff.cli.arguments import check_out, read_names
from distaff.cli.progress import working
from distaff.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from distaff.cli.score_input import Factor
    from distaff.metrics import Description

PARTS = {"dci": ("completeness", "informativeness"), "infomec": ("infoc", "infoe")}
"""Details that are scores of their own, shown below the headline."""
_KINDS = {"classes": "a class", "texts": "text", "continuous": "continuous"}


def score(
    codes: Annotated[
        Path,
        typer.Argument(metavar="CODES.npy", help="Numbers [points, codes]; or .csv.", show_default=False),
    ],
    factors: Annotated[
        Path,
        typer.Argument(
            metavar="FACTORS.csv", help="A row a point, a column a factor; or .npy.", show_default=False
        ),
    ],
    metrics: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="These metrics; if not given, all that fit.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Parts the points and draws the samples.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write all details, like evaluation.json.")
    ] = None,
) -> None:
    """Measure a table of codes against a table of factors, without a run.

    The first line of a CSV file names its columns. Of factors, texts and whole numbers are classes, numbers
    with fractions are continuous, and an empty cell is a missing value.
    """
    from distaff.cli.score_suite import ASKED, Scored, chosen

    names = read_names(metrics)
    entries = chosen(names)
    if out is not None:
        check_out(out, ".json")
    from rich.console import Console

    from distaff.cli.score_input import read_codes, read_factors

    points = read_codes(codes)
    columns = read_factors(factors, len(points))
    measured: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    with working() as say:
        table = Scored(points, columns, seed, say)
        for entry in entries:
            reason = table.lacks(entry)
            if reason is None and not names and entry.name in ASKED:
                reason = "it takes minutes: name it with --metrics"
            try:
                if reason is None:
                    measured[entry.name] = table.measure(entry)
            except InputError as error:
                reason = str(error)
            if reason is not None:
                left_out[entry.name] = reason
    if not measured:
        raise InputError(f"nothing can be measured: {'; '.join(map(': '.join, left_out.items()))}")
    typer.echo(f"{codes}: {len(points):,} points of {points.shape[1]} codes")
    typer.echo(f"{factors}: {', '.join(each.about for each in columns)}")
    Console().print(_table(entries, measured))
    for remark in _remarks(columns, measured):
        typer.echo(remark)
    for name, reason in left_out.items():
        typer.echo(f"left out: {name}: {reason}")
    if out is not None:
        settings = {
            "codes": str(codes),
            "factors": str(factors),
            "points": len(points),
            "kinds": {each.name: each.kind for each in columns},
            "seed": seed,
        }
        _write(out, {"metrics": measured, "left_out": left_out, "settings": settings})
        typer.echo(f"\nAll details: {out}")


def _write(out: Path, result: Mapping[str, Any]) -> None:
    from distaff.run import Run, environment

    # A run's way of writing JSON serves for any folder: whole or not at all, NaN as null.
    Run(out.parent).write_json(out.name, {**result, "versions": environment()})


def _table(entries: Sequence[Description], measured: Mapping[str, Mapping[str, Any]]) -> Table:
    from rich import box
    from rich.table import Table

    from distaff.cli.meanings import COUNTS, number

    table = Table("metric", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("value", justify="right")
    table.add_column("how to read it")
    for entry in entries:
        if entry.name not in measured:
            continue
        details = measured[entry.name]
        better = f"{entry.direction} is better" if entry.direction != "none" else "neither way is better"
        chance = f"; chance: {entry.chance}" if entry.chance != "none" else ""
        table.add_row(entry.name, number(details["value"], whole=entry.name in COUNTS), better + chance)
        for part in PARTS.get(entry.name, ()):
            table.add_row(f"  {part}", number(details[part]), better)
    return table


def _remarks(columns: Sequence[Factor], measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say of each factor that only some metrics could take which those are."""
    comparing = {name: details["factors"] for name, details in measured.items() if details["factors"]}
    remarks = []
    for each in columns:
        with_it = [name for name, names in comparing.items() if each.name in names]
        without = [name for name in comparing if name not in with_it]
        if without and len(with_it) <= len(without):
            remarks.append(
                f"{each.name} is {_KINDS[each.kind]}: measured by {', '.join(with_it) or 'no metric'} only"
            )
        elif without:
            remarks.append(f"{each.name} is {_KINDS[each.kind]}: left out of {', '.join(without)}")
    return remarks
