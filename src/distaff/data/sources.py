"""The sources there are, and the way from what a user wrote to one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from distaff.data import celeba, digits, fashion_mnist, folder, mnist, npz, sprites, sprites_colour
from distaff.data.dataset import ARRAYS, Found
from distaff.data.options import DataOptions
from distaff.errors import InputError, nearest


@dataclass(frozen=True)
class Source:
    """One place that pictures come from, described for people.

    Attributes:
        about: what the pictures show.
        attributes: their labels.
        size: how many there are and their shape.
        origin: where they come from.
        find: opens it, given the place written after the name (None if there was none) and the options.
    """

    about: str
    attributes: str
    size: str
    origin: str
    find: Callable[[str | None, DataOptions], Found]


SOURCES: dict[str, Source] = {
    "sprites": Source(
        about="a square, an ellipse or a heart, turned, scaled and moved: every image of dSprites",
        attributes="shape (3), scale (6), orientation (40), pos_x (32), pos_y (32)",
        size="737,280 of 64 x 64, black and white",
        origin="drawn here from the factors",
        find=sprites.find,
    ),
    "sprites-colour": Source(
        about="the sprites in colour: one of 12 hues on one of 8 greys, drawn once for each",
        attributes="those of sprites, colour (12), background (8)",
        size="737,280 of 64 x 64, colour",
        origin="drawn here from the factors",
        find=sprites_colour.find,
    ),
    "digits": Source(
        about="handwritten digits, small enough for a first try",
        attributes="digit (10)",
        size="1,797 of 8 x 8, grey",
        origin="comes with scikit-learn",
        find=digits.find,
    ),
    "mnist": Source(
        about="handwritten digits",
        attributes="digit (10)",
        size="60,000 + 10,000 of 28 x 28, grey",
        origin="idx files: mnist:FOLDER, $DISTAFF_DATA/mnist or ../shared/data/mnist, else downloaded",
        find=mnist.find,
    ),
    "fashion-mnist": Source(
        about="pictures of clothes, shoes and bags",
        attributes="garment (10)",
        size="60,000 + 10,000 of 28 x 28, grey",
        origin="idx files: fashion-mnist:FOLDER, $DISTAFF_DATA/fashion-mnist, Debian's, else downloaded",
        find=fashion_mnist.find,
    ),
    "celeba": Source(
        about="faces of celebrities, aligned",
        attributes="40, such as Smiling (2), Male (2), Blond_Hair (2)",
        size="202,599 of 64 x 64 unless image_size says otherwise, colour; decoded once, then memory-mapped",
        origin="the published files: celeba:FOLDER, $DISTAFF_DATA/celeba or ../shared/data/celeba",
        find=celeba.find,
    ),
    "FILE.npz": Source(
        about="your images as one array (imgs, images, x or X), also the published dSprites file as it is",
        attributes="every other array of one label an image",
        size="any; large ones stay on disk",
        origin="a path that ends in .npz",
        find=npz.find,
    ),
    "FILE.npy": Source(
        about="your images as one array, as numpy.save or numpy.lib.format.open_memmap writes it",
        attributes="the arrays of NAME.labels.npz beside NAME.npy, one label an image",
        size="any; large ones stay on disk",
        origin="a path that ends in .npy",
        find=npz.find_single,
    ),
    "FOLDER": Source(
        about="your pictures in a folder; train, valid and test folders in it are kept as the split",
        attributes="the columns of metadata.csv, or label from the names of subfolders",
        size="any; decoded once, then memory-mapped",
        origin="a path to a folder",
        find=folder.find,
    ),
}

NAMES = tuple(name for name in SOURCES if name not in ("FILE.npz", "FILE.npy", "FOLDER"))
"""The sources that have a name of their own."""


def find(options: DataOptions) -> Found:
    """The source that `options.source` names: a name, `name:place`, or a path.

    Raises:
        InputError: neither a source nor a path; the nearest source is named. Or pictures given in Python.
    """
    written = options.source
    name, colon, place = written.partition(":")
    if name in SOURCES:
        if colon and not place:
            raise InputError(f"data {written!r} has no place after the colon: write {name}:FOLDER or {name}")
        return SOURCES[name].find(place or None, options)
    if written == ARRAYS:
        raise InputError(
            f"data {written!r}: these pictures were given in Python and are not kept with the run; name some "
            "with --data, such as a .npz file of them"
        )
    path = Path(written).expanduser()
    if path.is_dir():
        return SOURCES["FOLDER"].find(written, options)
    if path.suffix in (".npz", ".npy"):
        return SOURCES[f"FILE{path.suffix}"].find(written, options)
    if path.is_file():
        raise InputError(
            f"data {written!r} is a file, but no .npz or .npy; give one, or a folder of pictures"
        )
    if len(path.parts) > 1:
        raise InputError(f"data {written!r}: no such file or folder")
    raise InputError(f"unknown data {written!r}, and no such path: {nearest(name, NAMES)}")
