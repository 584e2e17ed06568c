"""`distaff mix`: from one class, or picture, to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from distaff.cli.arguments import RunFolder, Scale, check_out
from distaff.cli.progress import working

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

    Pictures on the way are read by an independent classifier, trained on the run's data when it is first
    needed and kept.
    """
    check_out(out, ".png", ".gif")
    from distaff.figures.mixing import mix as find
    from distaff.run import Run, atomic_write

    opened = Run.open(run)
    with working() as say:
        found = find(opened, first, last, steps=steps, path=path, progress=say)
    atomic_write(out, _draw(found.way.pictures, out.suffix.lower(), scale))
    typer.echo(f"{out}: {first} to {last}, {path}, {steps} steps")
    if found.attribute is None:
        return
    crossed = ", ".join(f"{name} ({share:.0%})" for name, share in found.crossed())
    right = "" if found.right is None else f", right on {found.right:.1%} of real pictures"
    typer.echo(f"{found.attribute.name} on the way, by an independent classifier{right}: {crossed}")
    sure = "  ".join(f"{name} {sure:.0%}" for name, sure in zip(found.classes, found.surety, strict=True))
    typer.echo(f"step by step: {sure}")


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
