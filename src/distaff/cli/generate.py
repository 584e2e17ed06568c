"""`distaff generate`: new pictures with the attributes you set."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import typer

from distaff.cli.arguments import Attributes, RunFolder, Scale, check_out, read_attributes


def generate(
    run: RunFolder,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="FILE.png, or FILE.npz for arrays.", show_default=False)
    ],
    settings: Attributes = None,
    count: Annotated[int, typer.Option("-n", min=1, metavar="N", help="How many pictures.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Draws whatever is not set.")] = 0,
    scale: Scale = 1,
) -> None:
    """Draw new pictures.

    One picture is written at the model's own size; several in a grid with white gaps of 2 pixels. An .npz
    holds 'images' (uint8) and 'codes' (float32), a row for each picture.
    """
    check_out(out, ".png", ".npz")
    attributes = read_attributes(settings)
    import numpy as np

    from distaff.cli.picture import to_png
    from distaff.files import atomic_write
    from distaff.model import to_bytes
    from distaff.run import load

    model = load(run)
    codes, condition = model.sample_codes(count, seed=seed, **attributes)
    pictures = to_bytes(model.decode(codes, attributes=condition))
    if out.suffix.lower() == ".npz":
        file = io.BytesIO()
        np.savez_compressed(file, images=pictures, codes=codes)
        content = file.getvalue()
    else:
        content = to_png(pictures, scale=scale)
    atomic_write(out, content)
    typer.echo(f"{out}: {count} picture{'s' if count > 1 else ''}")
