"""Image files of any kind and size into uint8 [c, h, w], or one line that says why not."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from distaff.data._identity import digest
from distaff.data._images import Bytes, Shape, window
from distaff.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"}
    | {".pbm", ".pgm", ".ppm", ".pnm", ".tga"}
)
ORIENTATION = 0x0112
"""The EXIF tag of how the camera was held; from 5 on height and width change places."""
MAX_SAMPLE = (281, 341)
"""TIFF tags of the largest pixel value that a file may hold."""
WHITES = (1, 255, 1023, 4095, 16383, 65535)
"""Largest values of 1, 8, 10, 12, 14 and 16 bits."""
DARK = 26
"""A tenth of white: a set without a brighter pixel was probably saved on another scale."""
PAGED = frozenset({"GIF", "TIFF", "WEBP", "PNG"})
"""Formats of films and pages; of a camera's JPEG the second image is a preview."""
BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, OverflowError, MemoryError),
    *(struct.error, zlib.error, Warning),
)
"""What Pillow raises on damaged files; Warning is its limit on the number of pixels."""


class BadImageError(InputError):
    """An image that cannot be read; may be skipped if the user says so."""


@dataclass(frozen=True)
class Measured:
    """What is known of an image before it is decoded.

    Attributes:
        shape: (c, h, w) as it is seen.
        highest: the highest pixel, if the file has more than 8 bits a pixel.
        white: the value that is white, if the file says it.
    """

    shape: Shape
    highest: float | None = None
    white: float | None = None


@dataclass(frozen=True)
class Decoded:
    """One image as a model sees it.

    Attributes:
        pixels: uint8 (c, h, w).
        digest: what it is known by, of its pixels at their own size.
        binary: its file holds bytes, but only 0 and 1, which were read as black and white.
        several: its file holds other images behind it.
        black: its file has more than 8 bits a pixel and something in it, of which nothing is left.
    """

    pixels: Bytes
    digest: int
    binary: bool
    several: bool = False
    black: bool = False


def read_images(
    paths: Sequence[str | PathLike[str]], shape: Shape, crop: int | None = None, *, white: float | None = None
) -> Bytes:
    """Read images as a model wants them.

    Args:
        paths: n image files.
        shape: (c, h, w) to make of each; c is 1 (grey) or 3 (colour). Proportions are kept: what does not fit
            is cut off evenly. Transparent parts become black, or white where all that is drawn is black.
        crop: centre square of this many pixels, cut first.
        white: the pixel value that is white in files of more than 8 bits, as `Dataset.white` says of other
            images of the set; found from these files if None, or where they are brighter than that.

    Returns:
        uint8 [n, c, h, w].

    Raises:
        InputError: a file is missing, no image, damaged, or smaller than the crop.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("L", (40, 30), 200).save(f"{folder}/grey.png")
    ...     images = read_images([f"{folder}/grey.png"], (3, 16, 16))
    >>> images.shape, int(images.min())
    ((1, 3, 16, 16), 200)
    """
    with careful():
        measured = [measure(Path(path)) for path in paths]
        found = white_of(measured)
        if white is not None and found is not None and max(each.highest or 0 for each in measured) <= white:
            found = white
        images = [decode(Path(path), shape, crop, white=found).pixels for path in paths]
    return np.stack(images) if images else np.empty((0, *shape), dtype=np.uint8)


def changes(paths: Sequence[str | PathLike[str]], shape: Shape, crop: int | None = None) -> str:
    """Return in words how `read_images` changes images, nothing if it takes them as they are.

    Raises:
        InputError: a file is missing, no image, or damaged.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (40, 30)).save(f"{folder}/colour.png")
    ...     changes([f"{folder}/colour.png"], (1, 16, 16))
    '1 image was resized to 16 x 16; 1 was made grey'
    """
    with careful():
        found = [measure(Path(path)).shape for path in paths]
    size = shape[1:]
    resized = sum((each[1:] if crop is None else (crop, crop)) != size for each in found)
    grey = sum(each[0] > shape[0] for each in found)
    counted = ((resized, f"resized to {size[0]} x {size[1]}"), (grey, "made grey"))
    told = [f"{count:,} {'was' if count == 1 else 'were'} {what}" for count, what in counted if count]
    if told:
        count, _, rest = told[0].partition(" ")
        told[0] = f"{count} image{'s' * (count != '1')} {rest}"
    return "; ".join(told)


@contextmanager
def careful() -> Iterator[None]:
    """Make Pillow refuse enormous images and keep quiet about oddities, in every thread."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def measure(path: Path) -> Measured:
    """Measure an image: from its header alone, unless it has more than 8 bits a pixel.

    Raises:
        InputError: it cannot be read.
    """
    with _open(path) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION, 1) >= 5:
            width, height = height, width
        shape = ((1 if _grey(image) else 3), height, width)
        if not _deep(image):
            return Measured(shape)
        return Measured(shape, float(_checked(np.asarray(image)).max()), _declared_white(image))


def white_of(measured: Iterable[Measured | None]) -> float | None:
    """Return the pixel value that is white in a set of images; None if all have 8 bits a pixel or less.

    It is what the files say, else the smallest of 1, 8, 10, 12, 14 or 16 bits that no pixel exceeds.

    >>> white_of([Measured((1, 8, 8), 3900.0), Measured((1, 8, 8), 120.0), None])
    4095.0
    """
    deep = [each for each in measured if each is not None and each.highest is not None]
    if not deep:
        return None
    highest = max(each.highest or 0.0 for each in deep)
    said = [each.white for each in deep if each.white is not None]
    if len(said) == len(deep) and max(said) >= highest:
        return max(said)
    return rounded_white(highest)


def rounded_white(highest: float) -> float:
    """Return the largest value of the number of bits that a highest pixel needs.

    >>> rounded_white(1 + 1e-7), rounded_white(4000), rounded_white(70000)
    (1.0, 4095.0, 70000.0)
    """
    # A float just above 1 is 1 with a rounding error, not a byte of 1.
    return float(next((white for white in WHITES if highest <= white * (1 + 1e-6)), highest))


def decode(
    path: Path,
    shape: Shape,
    crop: int | None,
    content: IO[bytes] | None = None,
    *,
    white: float | None = None,
) -> Decoded:
    """Decode one image to a shape (c, h, w).

    Its content may come from elsewhere, such as an archive; errors name the path all the same. `white` is
    the pixel value that becomes 255, of files of more than 8 bits a pixel.

    Raises:
        InputError: it cannot be read or is smaller than the crop.
    """
    with _open(path, content) as image:
        several = image.format in PAGED and getattr(image, "n_frames", 1) > 1
        plain, identity, binary = _plain(image, shape[0], white)
        black = _deep(image) and not plain.getbbox() and bool((np.asarray(image) > 0).any())
    return Decoded(_cut(plain, path, shape, crop), identity, binary, several, black)


def decode_opened(
    image: Image, shape: Shape, crop: int | None = None, *, white: float | None = None
) -> Bytes:
    """Return the pixels, uint8 (c, h, w), of an image that Pillow has opened; see `decode`.

    Raises:
        InputError: it cannot be read or is smaller than the crop.

    >>> from PIL import Image
    >>> decode_opened(Image.new("RGB", (40, 30), "white"), (1, 8, 8)).shape
    (1, 8, 8)
    """
    name = Path(getattr(image, "filename", "") or "image")
    with careful(), _saying(name):
        plain, _, _ = _plain(image, shape[0], white)
    return _cut(plain, name, shape, crop)


def _plain(image: Image, channels: int, white: float | None) -> tuple[Image, int, bool]:
    """Return an image upright and grey or in colour, what it is known by, and whether it was 0 and 1."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    whole = _flatten(upright, white)
    # A mask of 0 and 1, as other programs write it: no photograph is that dark.
    binary = whole.mode == "L" and whole.getextrema() == (0, 1)
    if binary:
        whole = whole.point(lambda value: 255 * value)
    return whole.convert("L" if channels == 1 else "RGB"), _identity(upright, whole), binary


def _cut(plain: Image, path: Path, shape: Shape, crop: int | None) -> Bytes:
    """Crop and resize: uint8 (c, h, w)."""
    from PIL import Image

    try:
        top, left, height, width = window(plain.height, plain.width, shape[1:], crop)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    # Columns, then rows: in one call, from Pillow 13 on, tall images are taken the other way round, which
    # rounds otherwise, and an image would depend on the version that read it.
    narrow = plain.resize(
        (shape[2], plain.height), Image.Resampling.BILINEAR, box=(left, 0, left + width, plain.height)
    )
    resized = narrow.resize(shape[2:0:-1], Image.Resampling.BILINEAR, box=(0, top, shape[2], top + height))
    pixels = np.asarray(resized)
    return pixels[None] if shape[0] == 1 else np.moveaxis(pixels, -1, 0)


@contextmanager
def _open(path: Path, content: IO[bytes] | None = None) -> Iterator[Image]:
    from PIL import Image

    with _saying(path), Image.open(path if content is None else content) as image:
        yield image


@contextmanager
def _saying(path: Path) -> Iterator[None]:
    """Say in one line what is wrong with an image."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except FileNotFoundError:
        raise BadImageError(f"{path}: no such image") from None
    except UnidentifiedImageError:
        raise BadImageError(f"{path}: not an image, or a damaged one") from None
    except (*BROKEN, Image.DecompressionBombError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise BadImageError(f"{path}: the image cannot be read ({reason:.120})") from None


def plain_pixels(image: Image) -> npt.NDArray[Any]:
    """Return the pixels of an image that Pillow has opened, upright: [h, w], or uint8 [h, w, 3] of colour.

    Grey ones of more than 8 bits stay as they are, since the whole set says which value is white.
    """
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if _deep(upright):
        return np.asarray(upright)
    return np.asarray(_flatten(upright, None).convert("L" if _grey(upright) else "RGB"))


def _grey(image: Image) -> bool:
    return image.mode in {"1", "L", "LA", "La"} or _deep(image)


def _deep(image: Image) -> bool:
    """Tell whether a pixel has more than 8 bits."""
    return image.mode in {"I", "F"} or image.mode.startswith("I;16")


def _declared_white(image: Image) -> float | None:
    """Return the value that is white, if the file says it."""
    if image.format == "PPM":
        return 65535.0  # Pillow stretches the greys of such a file to this
    tags = getattr(image, "tag_v2", {})
    said = [tags[tag] for tag in MAX_SAMPLE if tag in tags]
    value = float(np.max(said[0])) if said else 0.0
    return value if value > 0 else None


def _identity(image: Image, flat: Image) -> int:
    """Return the digest of an image's pixels: of 8 bits, or as they are in the file if they have more."""
    if _deep(image):
        raw = np.ascontiguousarray(np.asarray(image))
        return digest(raw.view(np.uint8).reshape(1, image.height, -1))
    pixels = np.asarray(flat.convert("L" if _grey(image) else "RGB"))
    return digest(pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0))


def _flatten(image: Image, white: float | None) -> Image:
    """8 bits a channel and no transparency."""
    from PIL import Image

    if _deep(image):
        pixels = _checked(np.asarray(image))
        top = rounded_white(float(pixels.max())) if white is None else white
        return Image.fromarray(np.rint(np.clip(pixels / top, 0, 1) * 255).astype(np.uint8))
    if "transparency" in image.info or image.mode in {"LA", "La", "PA", "RGBA", "RGBa"}:
        drawn = image.convert("RGBA")
        seen = Image.alpha_composite(Image.new("RGBA", image.size, "black"), drawn)
        # Black ink on nothing would be lost on black.
        if drawn.getchannel("A").getbbox() and not seen.convert("RGB").getbbox():
            return Image.alpha_composite(Image.new("RGBA", image.size, "white"), drawn)
        return seen
    return image


def _checked(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    numbers = pixels.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("it has NaN or infinite pixels")
    # A float just below 0 is 0 with a rounding error.
    if numbers.size and numbers.min() < -1e-6 * max(numbers.max(), 1):
        raise ValueError(f"its pixels go down to {numbers.min():g}; add what makes the lowest 0")
    return numbers
