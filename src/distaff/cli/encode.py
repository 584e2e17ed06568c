"""`distaff encode`: pictures in, a table of latents and attributes out."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distaff.cli.arguments import RunFolder, check_out
from distaff.errors import InputError

if TYPE_CHECKING:
    from distaff.model import Model

AT_ONCE = 1024
"""Pictures held in memory at a time."""


def encode(
    run: RunFolder,
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGES...", help="Picture files, or folders of them.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="The table to write.", show_default=False)],
) -> None:
    """Write the latents of pictures, and the attributes read from them, as CSV.

    A row for each picture: its file, each number of its mean code, then each attribute that the model can
    read. A latent that shares its name with an attribute is called 'NAME (code)'.
    """
    check_out(out, ".csv")
    files = [file for path in images for file in _pictures(path)]
    from distaff.data import read_images
    from distaff.files import atomic_write
    from distaff.run import Run

    opened = Run.open(run)
    model = opened.model
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(header(model))
    for start in range(0, len(files), AT_ONCE):
        some = files[start : start + AT_ONCE]
        writer.writerows(_rows(model, some, read_images(some, model.image_shape, opened.recipe.data.crop)))
    atomic_write(out, table.getvalue().encode())
    typer.echo(f"{out}: {len(files)} picture{'s' if len(files) > 1 else ''}")


def header(model: Model) -> list[str]:
    """Return the columns of the table."""
    taken = {"file", *model.readable}
    latents = [each.label + (" (code)" if each.label in taken else "") for each in model.latents]
    return ["file", *latents, *model.readable]


def _rows(model: Model, files: list[Path], images: Any) -> list[list[Any]]:
    codes = model.encode(images)
    read = {name: model.labels(name, values) for name, values in model.read(codes).items()}
    return [
        [str(file), *map(str, codes[i]), *(str(values[i]) for values in read.values())]
        for i, file in enumerate(files)
    ]


def _pictures(path: Path) -> list[Path]:
    """Return the picture itself, or every picture under a folder in order."""
    if not path.is_dir():
        return [path]
    from distaff.data.pictures import SUFFIXES

    found = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        raise InputError(f"{path}: no pictures in this folder")
    return found
