"""`distaff mix`: from one class, or picture, to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from distaff.cli.arguments import RunFolder, Scale, check_out
from distaff.cli.progress import working

if TYPE_CHECKING:
    from distaff.figures.mixing import Reading

EACH, ENDS = 120, 700
"""Milliseconds that a picture of the GIF stands, and its ends."""


def mix(
    run: RunFolder,
    first: Annotated[
        str,
        typer.Option("--from", metavar="ATTRIBUTE=VALUE", help="Where to begin; or a picture file."),
    ],
    last: Annotated[
        str, typer.Option("--to", metavar="ATTRIBUTE=VALUE", help="Where to end; or a picture file.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="FILE.png, a strip, or FILE.gif, a film.")],
    steps: Annotated[int, typer.Option(metavar="N", help="Pictures on the way, both ends included.")] = 11,
    path: Annotated[
        Literal["straight", "spherical"], typer.Option(help="Straight through the code, or along an arc.")
    ] = "straight",
    scale: Scale = 1,
) -> None:
    """Draw the way between two classes or two pictures, and say which classes it crosses.

    The model reads its own codes; an independent classifier reads the pictures. It is trained on the run's
    data when it is first needed, after the file is written, and kept.
    """
    check_out(out, ".png", ".gif")
    from distaff.figures.mixing import mix as find
    from distaff.files import atomic_write
    from distaff.run import Run

    with working() as say:
        say(f"drawing the way from {first} to {last}")
        found = find(Run.open(run), first, last, steps=steps, path=path)
        atomic_write(out, _draw(found.way.pictures, out.suffix.lower(), scale))
    typer.echo(f"{out}: {first} to {last}, {path}, {steps} steps")
    if found.attribute is not None:
        with working() as say:
            pictured, right = found.by_reader(say)
        _tell(found.attribute.name, found.by_model(), pictured, right)


def _tell(name: str, coded: Reading | None, pictured: Reading, right: float | None) -> None:
    """Print what each step shows, and which classes were crossed."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("step", box=box.SIMPLE_HEAD, pad_edge=False)
    columns = {"the model reads": coded, "the classifier sees": pictured}
    shown = {title: reading for title, reading in columns.items() if reading is not None}
    for title in shown:
        table.add_column(title)
        table.add_column("sure", justify="right")
    for step in range(len(pictured.classes)):
        cells = [str(step)]
        for reading in shown.values():
            sure = "" if reading.surety is None else f"{reading.surety[step]:.0%}"
            cells += [reading.classes[step], sure]
        table.add_row(*cells)
    Console().print(table)
    crossed = ", ".join(f"{value} ({share:.0%})" for value, share in pictured.crossed())
    real = "" if right is None else f", right on {right:.1%} of real pictures"
    typer.echo(f"{name} on the way, by an independent classifier{real}: {crossed}")


def _draw(pictures: object, suffix: str, scale: int) -> bytes:
    """Return the strip, or the film that goes there and back."""
    import numpy as np
    from PIL import Image

    from distaff.cli.picture import to_png
    from distaff.model import to_bytes, to_gif

    shown = to_bytes(np.asarray(pictures))
    if suffix == ".png":
        return to_png(shown, scale=scale, columns=len(shown))
    large = shown.repeat(scale, axis=1).repeat(scale, axis=2)
    frames = [Image.fromarray(picture) for picture in large]
    there_and_back = [*frames, *frames[-2:0:-1]]
    times = [EACH] * len(there_and_back)
    times[0] = times[len(frames) - 1] = ENDS
    return to_gif(there_and_back, times)
