"""Picture files of any kind and size into uint8 [c, h, w], or one line that says why not."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from distaff.data.images import Bytes
from distaff.data.resize import Shape, window
from distaff.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
ORIENTATION = 0x0112
"""The EXIF tag of how the camera was held; from 5 on height and width change places."""
BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, OverflowError, MemoryError),
    *(struct.error, zlib.error, Warning),
)
"""What Pillow raises on damaged files; Warning is its limit on the number of pixels."""


class BadPictureError(InputError):
    """A picture that cannot be read; may be skipped if the user says so."""


def read_images(paths: Sequence[str | PathLike[str]], shape: Shape, crop: int | None = None) -> Bytes:
    """Read pictures as a model wants them.

    Args:
        paths: n picture files.
        shape: (c, h, w) to make of each; c is 1 (grey) or 3 (colour). Proportions are kept: what does not fit
            is cut off evenly. Transparent parts become black.
        crop: centre square of this many pixels, cut first.

    Returns:
        uint8 [n, c, h, w].

    Raises:
        InputError: a file is missing, no picture, damaged, or smaller than the crop.
    """
    with careful():
        pictures = [decode(Path(path), shape, crop) for path in paths]
    return np.stack(pictures) if pictures else np.empty((0, *shape), dtype=np.uint8)


@contextmanager
def careful() -> Iterator[None]:
    """Make Pillow refuse enormous pictures and keep quiet about oddities, in every thread."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def measure(path: Path) -> Shape:
    """The (c, h, w) of a picture as it is seen, from its header; InputError if it cannot be read."""
    with _open(path) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION, 1) >= 5:
            width, height = height, width
        return (1 if _grey(image) else 3), height, width


def decode(path: Path, shape: Shape, crop: int | None, content: IO[bytes] | None = None) -> Bytes:
    """One picture as uint8 (c, h, w); InputError if it cannot be read or is smaller than the crop.

    Its content may come from elsewhere, such as an archive; errors name the path all the same.
    """
    from PIL import Image, ImageOps

    with _open(path, content) as image:
        plain = _flatten(ImageOps.exif_transpose(image)).convert("L" if shape[0] == 1 else "RGB")
    try:
        top, left, height, width = window(plain.height, plain.width, shape[1:], crop)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    # Columns, then rows: in one call, from Pillow 13 on, tall pictures are taken the other way round, which
    # rounds otherwise, and a picture would depend on the version that read it.
    narrow = plain.resize(
        (shape[2], plain.height), Image.Resampling.BILINEAR, box=(left, 0, left + width, plain.height)
    )
    resized = narrow.resize(shape[2:0:-1], Image.Resampling.BILINEAR, box=(0, top, shape[2], top + height))
    pixels = np.asarray(resized)
    return pixels[None] if shape[0] == 1 else np.moveaxis(pixels, -1, 0)


@contextmanager
def _open(path: Path, content: IO[bytes] | None = None) -> Iterator[Image]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path if content is None else content) as image:
            yield image
    except FileNotFoundError:
        raise BadPictureError(f"{path}: no such picture") from None
    except UnidentifiedImageError:
        raise BadPictureError(f"{path}: not a picture, or a damaged one") from None
    except (*BROKEN, Image.DecompressionBombError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise BadPictureError(f"{path}: the picture cannot be read ({reason:.120})") from None


def _grey(image: Image) -> bool:
    return image.mode in {"1", "L", "LA", "La", "I", "F"} or image.mode.startswith("I;16")


def _flatten(image: Image) -> Image:
    """8 bits a channel and no transparency."""
    from PIL import Image

    if image.mode == "F":
        return Image.fromarray(_bytes(np.asarray(image), 1.0))
    if image.mode == "I" or image.mode.startswith("I;16"):
        return Image.fromarray(_bytes(np.asarray(image), 65535.0))
    if "transparency" in image.info or image.mode in {"LA", "La", "PA", "RGBA", "RGBa"}:
        see_through = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), see_through)
    return image


def _bytes(pixels: npt.NDArray[np.generic], white: float) -> Bytes:
    scaled = pixels.astype(np.float64) / white
    if not np.all((scaled >= 0) & (scaled <= 1)):
        raise ValueError(f"pixels are not from 0 to {white:g}")
    return np.rint(scaled * 255).astype(np.uint8)
