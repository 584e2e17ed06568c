"""`distaff encode`: images in, a table of codes out; `distaff score`: the numbers of any such table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distaff.cli._console import (
    Device,
    Imports,
    RunFolder,
    check_out,
    console,
    read_names,
    table,
    tell,
    working,
)
from distaff.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from distaff.metrics import Factor, Results

_KINDS = {"categorical": "text", "ordinal": "a class", "continuous": "continuous"}


def encode(
    run: RunFolder,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES...",
            help="Image files, folders of them, or data as --data takes them: mnist, mine.npz.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="FILE.csv, .npz or .parquet; RUN/codes.csv if not given."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="SPLIT", help="Only images of this split: train, valid or test.")
    ] = None,
    device: Device = None,
    imports: Imports = None,
) -> None:
    """Write the latents of images beside their labels as a table.

    A row for each image: its file (or its row and split in the data), each number of its code, each attribute
    that the model reads, and its true labels as 'NAME (true)' where they are known. A latent that shares its
    name with an attribute is called 'NAME (code)'.
    """
    out = out or run / "codes.csv"
    check_out(out, ".csv", ".npz", ".parquet")
    import numpy as np

    from distaff.analysis import code_table
    from distaff.cli._tables import find_images, joined, to_bytes_as
    from distaff.files import atomic_write
    from distaff.run import Run

    opened = Run.open(run)
    found = find_images(opened, images, split)
    model = opened.load_model(device or "cpu")
    with working() as say:
        tables = [code_table(model, each.take, each.about, each.labels, say) for each in found]
    columns = joined([each for each, _ in tables])
    codes = np.concatenate([each for _, each in tables])
    labels = [latent.label for latent in model.latents]
    atomic_write(out, to_bytes_as(out.suffix.lower(), columns, labels, codes))
    tell(f"{out}: {len(codes):,} image{'s' if len(codes) > 1 else ''}")


def score(
    codes: Annotated[
        Path, typer.Argument(metavar="CODES", help="Codes, .npy, .npz, .csv or .tsv.", show_default=False)
    ],
    factors: Annotated[
        Path,
        typer.Argument(
            metavar="FACTORS",
            help="A row per point, a column per factor.",
            show_default=False,
        ),
    ],
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...", help="These metrics, or 'all' that fit; the usual ones if not given."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Seed for the train/test split and sampling.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write all details, like evaluation.json.")
    ] = None,
    imports: Imports = None,
) -> None:
    """Measure a table of codes against a table of factors, without a run.

    The first line of a CSV file names its columns. Of factors, texts and whole numbers are classes, numbers
    with fractions are continuous, and an empty cell is a missing value.
    """
    from distaff.cli._tables import read_codes, read_factors
    from distaff.metrics import METRICS, Inputs, run

    names = read_names(metrics)
    for name in names or ():
        if name != "all":
            METRICS[name]  # an unknown name is refused before the files are read
    if out is not None:
        check_out(out, ".json")
    points = read_codes(codes)
    columns = read_factors(factors, len(points))
    try:
        inputs = Inputs(points, columns.factors, seed=seed)
    except InputError as error:
        raise InputError(f"{codes}: {error}") from None
    with working() as say:
        results = run(inputs, names, progress=say)
    left_out = {**results.factors_left_out, **results.left_out}
    if not results:
        raise InputError(f"nothing can be measured: {'; '.join(map(': '.join, left_out.items()))}")
    tell(f"{codes}: {len(points):,} points of {points.shape[1]} codes")
    tell(f"{factors}: {', '.join(each.about for each in inputs.factors)}")
    for note in columns.notes:
        tell(note)
    console().print(_table(results))
    for line in _remarks(inputs.factors, results):
        tell(line)
    for name, reason in left_out.items():
        tell(f"left out: {name}: {reason}")
    if names is None:
        others = [name for name in sorted(METRICS) if name not in results and name not in left_out]
        fitting = [name for name in others if inputs.lacks(METRICS[name]) is None]
        tell(f"also there, by --metrics NAME,... or --metrics all: {', '.join(fitting)}")
    if out is not None:
        settings = {
            "codes": str(codes),
            "factors": str(factors),
            "points": len(points),
            "kinds": {each.name: each.kind for each in inputs.factors},
            "seed": seed,
        }
        _write(out, {**results.as_dict(), "settings": settings})
        tell(f"\nAll details: {out}")


def _write(out: Path, result: Mapping[str, Any]) -> None:
    from distaff.run import Run, environment

    # A run's way of writing JSON serves for any folder: whole or not at all, NaN as null.
    Run(out.parent).write_json(out.name, {**result, "versions": environment()})


def _table(results: Results) -> Table:
    from distaff.cli._console import number
    from distaff.metrics import METRICS

    shown = table("metric", "value")
    shown.add_column("how to read it")
    for name, score in results.items():
        entry = METRICS[name]
        better = f"{entry.better} is better" if entry.better != "neither" else "neither way is better"
        shown.add_row(
            name, number(score.value), f"{better}; chance: {entry.chance}" if entry.chance else better
        )
        for part in entry.parts:
            shown.add_row(f"  {part}", number(score.details[part]), "")
    return shown


def _remarks(factors: Sequence[Factor], results: Results) -> list[str]:
    """Say of each factor that only some metrics could take which those are."""
    comparing = {name: results.factors[name] for name in results if results.factors[name]}
    remarks = []
    for each in factors:
        with_it = [name for name, names in comparing.items() if each.name in names]
        without = [name for name in comparing if name not in with_it]
        if without and len(with_it) <= len(without):
            remarks.append(
                f"{each.name} is {_KINDS[each.kind]}: measured by {', '.join(with_it) or 'no metric'} only"
            )
        elif without:
            remarks.append(f"{each.name} is {_KINDS[each.kind]}: left out of {', '.join(without)}")
    return remarks
