"""Images side by side in one array, a sheet of what a model does, and arrays as the frames of a GIF."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from distaff.model import Floats, Model

Bytes = npt.NDArray[np.uint8]
COLUMNS, WIDTH = 8, 560
"""Images in a row of a sheet, and the pixels that a row aims at."""
CAPTION, LABELS, EDGE, GAP, MOST = 34, 120, 12, 6, 17
"""Pixels: above the rows, left of them, around everything, between rows; and the longest label's letters."""
REACH = 3.0
"""Standard deviations that a traversal spans to both sides."""


def to_bytes(images: npt.NDArray[np.floating]) -> Bytes:
    """Return images in [0, 1] as uint8 of the same shape.

    >>> to_bytes(np.array([0.0, 1.0])).tolist()
    [0, 255]
    """
    whole: Bytes = np.rint(images * 255).astype(np.uint8)
    return whole


def tile_images(images: Bytes, columns: int, *, gap: int = 2, scale: int = 1) -> Bytes:
    """Return images uint8 [n, h, w] or [n, h, w, c] in rows of `columns`, as one: [H, W] or [H, W, c].

    `gap` white pixels lie between them and none around; `scale` repeats each pixel of an image.

    >>> tile_images(np.zeros((3, 4, 4), np.uint8), 2).shape
    (10, 10)
    """
    large = images.repeat(scale, axis=1).repeat(scale, axis=2)
    count, height, width = large.shape[:3]
    rows = math.ceil(count / columns)
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap)
    sheet: Bytes = np.full((*size, *large.shape[3:]), 255, dtype=np.uint8)
    for index, image in enumerate(large):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def to_gif(frames: Sequence[Image.Image], milliseconds: Sequence[int]) -> bytes:
    """Return frames of one size as a GIF that repeats; `milliseconds` [n]: how long each is shown.

    >>> to_gif([Image.new("L", (4, 4)), Image.new("L", (4, 4), 255)], [100, 100])[:6]
    b'GIF89a'
    """
    file = io.BytesIO()
    # A palette for each frame: one for all would have to serve colours of images that are long gone.
    first, *rest = (frame if frame.mode == "L" else frame.convert("RGB").quantize(256) for frame in frames)
    first.save(
        file, format="GIF", save_all=True, append_images=rest, duration=list(milliseconds), loop=0, disposal=1
    )
    return file.getvalue()


def model_sheet(model: Model, images: Bytes, condition: Mapping[str, Floats], title: str) -> bytes:
    """Return a PNG of images, their reconstructions, samples from the prior and one traversal, row by row.

    Args:
        model: the model.
        images: uint8 [k, c, h, w], at most 8.
        condition: class indices of each attribute that the model is conditioned on, [k] each.
        title: written above.
    """
    # A training that has diverged may have codes that are not finite, which nobody else may decode.
    codes, count = np.nan_to_num(model.encode(images, indices=condition)), len(images)
    moved, name = _traversal(model, codes, count)
    of_one = {attribute: np.repeat(values[:1], count) for attribute, values in condition.items()}
    given = np.moveaxis(images, 1, -1)
    rows = {
        "input": given[..., 0] if given.shape[-1] == 1 else given,
        "reconstruction": to_bytes(model.decode(codes, indices=condition)),
        "sample": to_bytes(model.sample(count, seed=0)),
        f"traversal {name}": to_bytes(model.decode(np.nan_to_num(moved), indices=of_one)),
    }
    scale = max(1, round(WIDTH / (COLUMNS * (images.shape[3] + 2))))
    strips = [tile_images(each, COLUMNS, scale=scale) for each in rows.values()]
    # Of images that are neither grey nor colour, the first channel is shown.
    strips = [each if each.ndim == 2 or each.shape[2] == 3 else each[..., 0] for each in strips]
    high, wide = strips[0].shape[:2]
    size = (LABELS + wide + EDGE, CAPTION + len(strips) * (high + GAP) + EDGE)
    page = Image.new("RGB" if strips[0].ndim == 3 else "L", size, "white")
    write: Any = ImageDraw.Draw(page).text
    write((EDGE, CAPTION / 2), title, fill="black", font=ImageFont.load_default(15), anchor="lm")
    for place, (label, strip) in enumerate(zip(rows, strips, strict=True)):
        top = CAPTION + place * (high + GAP)
        page.paste(Image.fromarray(strip), (LABELS, top))
        middle = (LABELS - EDGE, top + high / 2)
        write(middle, label[:MOST], fill="dimgray", font=ImageFont.load_default(12), anchor="rm")
    file = io.BytesIO()
    page.save(file, format="PNG")
    return file.getvalue()


def _traversal(model: Model, codes: Floats, count: int) -> tuple[Floats, str]:
    """Return the first code with one number moved, [count, D], and its name: the one that varies most.

    A number that no attribute explains is preferred.
    """
    moved = np.repeat(codes[:1], count, axis=0)
    latents = [each for each in model.latents if each.attribute is None] or model.latents
    deviations = {each.index: float(codes[:, each.index].std()) for each in latents}
    index = max(deviations, key=deviations.__getitem__)
    reach = REACH if model.latents[index].attribute is None else REACH * deviations[index]
    moved[:, index] = np.linspace(-reach, reach, count)
    return moved, model.latents[index].label
