"""`distaff edit`: your picture with some attributes changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distaff.cli.arguments import Attributes, RunFolder, Scale, check_out, read_attributes
from distaff.errors import InputError


def edit(
    run: RunFolder,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture file.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="FILE.png", help="Where to write it.", show_default=False)],
    settings: Attributes = None,
    compare: Annotated[bool, typer.Option("--compare", help="Write before and after side by side.")] = False,
    scale: Scale = 1,
) -> None:
    """Change attributes of a picture and keep the rest.

    The picture is cropped and resized as the run's data was, and written at the model's own size.
    """
    check_out(out, ".png")
    attributes = read_attributes(settings)
    if not attributes:
        raise InputError("edit: nothing to change; give --set ATTRIBUTE=VALUE")
    import numpy as np

    from distaff.cli.picture import to_png
    from distaff.data import read_images
    from distaff.files import atomic_write
    from distaff.model import show_pictures, to_bytes
    from distaff.run import Run

    opened = Run.open(run)
    model = opened.model
    before = read_images([image], model.image_shape, opened.recipe.data.crop)
    pictures = to_bytes(model.edit(before, **attributes))
    if compare:
        shown = to_bytes(show_pictures(np.asarray(before / 255, dtype=np.float32)))
        pictures = np.concatenate([shown, pictures])
    atomic_write(out, to_png(pictures, scale=scale, columns=2 if compare else 1))
    told = ", ".join(f"{name}={value}" for name, value in attributes.items())
    typer.echo(f"{out}: {image.name} with {told}")
