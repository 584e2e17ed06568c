"""Images that a model makes, with attributes of one's choice: `distaff generate`, `edit` and `mix`."""

from __future__ import annotations

import io
import math
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from distaff.cli._console import (
    Attributes,
    Device,
    Imports,
    RunFolder,
    Scale,
    check_out,
    console,
    read_attribute,
    read_attributes,
    table,
    tell,
    tell_note,
    working,
)
from distaff.errors import InputError, nearest, printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from distaff.analysis import Analysis
    from distaff.attributes import Attribute
    from distaff.model import End, Floats


def generate(
    run: RunFolder,
    attributes: Attributes = None,
    count: Annotated[int, typer.Option("-n", min=1, metavar="N", help="How many images.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="FILE.png, or FILE.npz for arrays; RUN/generated.png if not given."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed for whatever is not set.")] = 0,
    scale: Scale = 1,
    device: Device = None,
    imports: Imports = None,
) -> None:
    """Draw new images.

    One image is written at the model's own size; several in a grid with white gaps of 2 pixels. An .npz
    holds 'images' (uint8) and 'codes' (float32), a row for each image.
    """
    out = out or run / "generated.png"
    check_out(out, ".png", ".npz")
    import numpy as np

    from distaff.analysis import to_bytes
    from distaff.files import atomic_write
    from distaff.run import load

    model = load(run, device=device or "cpu")
    wanted = read_attributes(attributes, [each.name for each in model.attributes])
    codes, condition = model.sample_codes(count, attributes=wanted, seed=seed)
    images = to_bytes(model.decode(codes, indices=condition))
    if out.suffix.lower() == ".npz":
        file = io.BytesIO()
        np.savez_compressed(file, images=images, codes=codes)
        content = file.getvalue()
    else:
        content = to_png(images, scale=scale)
    atomic_write(out, content)
    tell(f"{out}: {count} image{'s' if count > 1 else ''}")


def to_png(images: npt.NDArray[np.uint8], *, scale: int = 1, columns: int | None = None) -> bytes:
    """Return uint8 images [n, h, w] or [n, h, w, c], c from 2 (grey and opacity) to 4, as one PNG.

    One image is written as it is, h x w. Several stand in a grid, `columns` to a row (the nearest to a
    square when None), with 2 white pixels between them and none around. `scale` repeats each pixel.

    Raises:
        InputError: more channels than a PNG holds.
    """
    from PIL import Image

    from distaff.analysis import tile_images

    if images.ndim == 4 and images.shape[3] > 4:
        raise InputError(
            f"a PNG holds at most 4 channels and these images have {images.shape[3]}; "
            "'distaff generate' with --out FILE.npz writes them as an array"
        )
    sheet = tile_images(images, columns or math.ceil(math.sqrt(len(images))), scale=scale)
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, format="PNG")
    return file.getvalue()


def edit(
    run: RunFolder,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.", show_default=False)],
    attributes: Attributes = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="The image to write; RUN/edited.png if not given.")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Write before and after side by side.")] = False,
    scale: Scale = 1,
    device: Device = None,
    imports: Imports = None,
) -> None:
    """Change attributes of an image and keep the rest.

    The image is cropped and resized as the run's data was, and written at the model's own size.
    """
    out = out or run / "edited.png"
    check_out(out, ".png")
    if not attributes:
        raise InputError("edit: nothing to change; give --attribute NAME=VALUE")
    import numpy as np

    from distaff.analysis import to_bytes
    from distaff.cli._generate import to_png
    from distaff.data import changes, read_images
    from distaff.files import atomic_write
    from distaff.model import show_images
    from distaff.run import Run

    opened = Run.open(run)
    wanted = read_attributes(attributes, [each.name for each in opened.attributes])
    model = opened.load_model(device or "cpu")
    before = read_images([image], model.image_shape, opened.recipe.data.crop, white=opened.white)
    changed = changes([image], model.image_shape, opened.recipe.data.crop)
    images = to_bytes(model.edit(before, attributes=wanted))
    if compare:
        shown = to_bytes(show_images(np.asarray(before / 255, dtype=np.float32)))
        images = np.concatenate([shown, images])
    atomic_write(out, to_png(images, scale=scale, columns=2 if compare else 1))
    told = ", ".join(f"{name}={value}" for name, value in wanted.items())
    tell(f"{out}: {image.name} with {told}")
    if changed:
        tell_note(f"{changed}, as the model takes it")


EACH, ENDS = 120, 700
"""Milliseconds that an image of the GIF stands, and its ends."""


def mix(
    run: RunFolder,
    first: Annotated[
        str,
        typer.Option("--from", metavar="NAME=VALUE", help="Where to begin; or an image file."),
    ],
    last: Annotated[str, typer.Option("--to", metavar="NAME=VALUE", help="Where to end; or an image file.")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="FILE.png, a strip, or FILE.gif, a film; RUN/mix.png if not given."
        ),
    ] = None,
    steps: Annotated[int, typer.Option(metavar="N", min=2, help="Images in all, both ends included.")] = 11,
    path: Annotated[
        Literal["straight", "spherical"], typer.Option(help="Straight through the code, or along an arc.")
    ] = "straight",
    scale: Scale = 1,
    device: Device = None,
    imports: Imports = None,
) -> None:
    """Interpolate between two classes or two images, and say which classes lie between.

    The model reads its own codes; a reference classifier reads the images. It is trained on the run's data
    when it is first needed, after the file is written, and kept.
    """
    out = out or run / "mix.png"
    check_out(out, ".png", ".gif")
    from distaff.analysis import Analysis
    from distaff.files import atomic_write
    from distaff.model import interpolate
    from distaff.run import Run

    opened = Run.open(run)
    if device is not None:
        opened.model.to(device)
    with working() as say:
        analysis = Analysis(opened, opened.dataset(), progress=say)
        ends = [_end(analysis, words, option) for words, option in ((first, "--from"), (last, "--to"))]
        found = interpolate(analysis.model, ends[0], ends[1], steps=steps, path=path)
        atomic_write(out, _draw(found.images, out.suffix.lower(), scale))
    tell(f"{out}: {first} to {last}, {path}, {steps} steps")
    fitting = [each for each in analysis.labels.attributes if each.size]
    named = [
        each for each in fitting if first.startswith(f"{each.name}=") or last.startswith(f"{each.name}=")
    ]
    attribute = named[0] if named else analysis.class_attribute
    if attribute is not None:
        with working() as say:
            analysis.progress = say
            _show(analysis, attribute, found.codes, found.images)


def _end(analysis: Analysis, words: str, option: str) -> End:
    """Read `NAME=VALUE`, or an image file."""
    from distaff.data import changes, read_images
    from distaff.model import End

    model = analysis.model
    file = Path(words).expanduser()
    if file.is_file() or "=" not in words:
        if not file.is_file():
            raise InputError(f"{option} {words}: neither NAME=VALUE, such as digit=0, nor an image file")
        images = read_images([file], model.image_shape, model.recipe.data.crop, white=model.white)
        changed = changes([file], model.image_shape, model.recipe.data.crop)
        if changed:
            tell_note(f"{file}: {changed}, as the model takes it")
        code = model.encode(images)
        return End(code[0], model.condition_of(images, code) if model.condition else None)
    known = [each.name for each in analysis.labels.attributes if each.size]
    name, value = read_attribute(words, known, option)
    if name not in known:
        raise InputError(
            f"{option} {words}: there is no attribute {name!r} with classes; {nearest(name, known)}"
        )
    attribute = analysis.labels.get(name)
    return analysis.class_end(attribute, float(attribute.encode(value)[0]))


def _show(analysis: Analysis, attribute: Attribute, codes: Floats, images: Floats) -> None:
    """Print which class each step shows, and which lie between the ends."""
    model, name = analysis.model, attribute.name
    classifier = analysis.reference_classifier.probabilities(images)[name]
    columns: dict[str, tuple[npt.NDArray[Any], Floats | None]] = {}
    if name in model.readable:
        columns["model"] = (model.read(codes)[name], model.read_probabilities(codes).get(name))
    columns["reference classifier"] = (classifier.argmax(axis=1), classifier)
    shown = table("step", *(word for title in columns for word in (title, "confidence")), numbers=False)
    labels = {
        title: [printable(attribute.label(float(each))) for each in read]
        for title, (read, _) in columns.items()
    }
    for step in range(len(codes)):
        cells = [str(step)]
        for title, (_, chances) in columns.items():
            cells += [labels[title][step], "" if chances is None else f"{chances[step].max():.0%}"]
        shown.add_row(*cells)
    console().print(shown)
    runs = [(label, len(list(run))) for label, run in groupby(labels["reference classifier"])]
    crossed = ", ".join(f"{label} ({count / len(codes):.0%})" for label, count in runs)
    right = analysis.reference_accuracy.get(name)
    real = "" if right is None else f", right on {right:.1%} of real images"
    tell(f"{name} on the path, by the reference classifier{real}: {crossed}")


def _draw(images: Floats, suffix: str, scale: int) -> bytes:
    """Return the strip, or the film that runs there and back."""
    from PIL import Image

    from distaff.analysis import to_bytes, to_gif
    from distaff.cli._generate import to_png

    shown = to_bytes(images)
    if suffix == ".png":
        return to_png(shown, scale=scale, columns=len(shown))
    large = shown.repeat(scale, axis=1).repeat(scale, axis=2)
    frames = [Image.fromarray(image) for image in large]
    there_and_back = [*frames, *frames[-2:0:-1]]
    times = [EACH] * len(there_and_back)
    times[0] = times[len(frames) - 1] = ENDS
    return to_gif(there_and_back, times)
