"""Sources, where images come from, each a part with a name; and the options that say which are wanted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import Field, field_validator, model_validator

from distaff.attributes import AttributeTable, Kind
from distaff.data._images import Digests, Images, Rows, Shape
from distaff.errors import InputError, nearest
from distaff.parts import FAMILIES, Part, Record, Registry

Split = Literal["train", "valid", "test"]
Side = Annotated[int, Field(ge=1, le=16384)]

SHOWN = 5
"""Names shown of things that are left out for one reason."""
ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})
ARRAYS = "arrays"
"""The name of images that were given in Python and lie nowhere."""


class PairOptions(Record):
    """How pairs of images are drawn that share most of what made them, after https://arxiv.org/abs/2002.02886."""

    changed: Literal["uniform"] | Annotated[int, Field(ge=1)] | tuple[str, ...] = Field(
        "uniform",
        description="which attributes may differ: so many, these names, or uniform (1 to all but one)",
    )
    same: Literal["auto"] | tuple[str, ...] | None = Field(
        None,
        description="the attributes that agree, whatever else differs, in place of `changed`; or auto",
    )
    within: int | None = Field(
        None,
        ge=1,
        description="so many images on at most, in the order of the data, in place of `changed`",
    )
    may_repeat: bool = Field(
        True, description="whether a changed attribute may keep its value, as when it is drawn anew"
    )
    coin: bool = Field(
        False, description="change one attribute alone in half of the pairs, as disentanglement_lib does"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        for name in ("changed", "same"):
            names = getattr(self, name)
            if isinstance(names, tuple) and (not names or len(set(names)) < len(names)):
                raise ValueError(f"{name} names no attribute, or one twice; name each once")
        if (self.same or self.within) and (self.changed != "uniform" or self.coin or not self.may_repeat):
            raise ValueError("same and within do not go with changed, may_repeat and coin; write one way")
        if self.coin and isinstance(self.changed, tuple):
            raise ValueError("coin chooses how many attributes change; it does not go with their names")
        return self


class DataOptions(Record):
    """Where the images come from and what is done to them before training."""

    source: str = Field(
        min_length=1, description="a name (mnist), a name with its place (mnist:DIR), or a path"
    )
    count: int | None = Field(
        None, ge=3, description="how many images, drawn at random by seed; all if unset"
    )
    image_size: Side | tuple[Side, Side] | None = Field(
        None, description="side of a square, or [height, width], in pixels; their own size if unset"
    )
    crop: Side | None = Field(None, description="centre square of this many pixels, cut before resizing")
    channels: Literal[1, 3] | None = Field(None, description="1 for grey, 3 for colour; their own if unset")
    attributes: tuple[str, ...] | None = Field(None, description="which attributes to keep; all if unset")
    kinds: dict[str, Kind] = Field(
        {}, description="what the labels of an attribute are, where that is not read off them rightly"
    )
    periods: dict[str, Annotated[int, Field(ge=2)]] = Field(
        {}, description="how long a turn of a circular attribute is, in its own unit, such as 24 of hours"
    )
    missing: dict[str, tuple[str, ...]] = Field(
        {}, description="which cells of a column mean that a label is missing, in place of the usual ones"
    )
    labelled: float = Field(
        1.0, gt=0, le=1, description="fraction of the train and valid images whose labels training sees"
    )
    pairs: PairOptions | None = Field(None, description="pairs of training images that share attributes")
    binarise: Literal["threshold", "once", "every_epoch"] | None = Field(
        None,
        description="black and white: by a threshold, or drawn with grey levels as probabilities, once for "
        "each image or anew for training in every epoch",
    )
    valid: float = Field(0.05, ge=0, lt=1, description="chance of an image to be for validation")
    test: float = Field(0.1, ge=0, lt=1, description="chance to be for the test, unless a split is published")
    seed: int = Field(0, ge=0, lt=2**63, description="draws the images, the splits and the labelled part")
    skip_bad: bool = Field(False, description="leave out images that cannot be read instead of stopping")
    white: float | None = Field(
        None, gt=0, description="pixel value that is white, where pixels are no bytes; found if unset"
    )

    @field_validator("missing", mode="before")
    @classmethod
    def _cells_are_texts(cls, given: Any) -> Any:
        """Take numbers for the texts that they are written as."""
        if not isinstance(given, dict):
            return given
        listed = {
            name: cells if isinstance(cells, (list, tuple)) else [cells] for name, cells in given.items()
        }
        for name, cells in listed.items():
            if any(isinstance(cell, bool) for cell in cells):
                raise ValueError(f'{name}: yes, no, true and false are texts in quotes only, as in "no"')
        return {name: tuple(str(cell) for cell in cells) for name, cells in listed.items()}

    @model_validator(mode="after")
    def _leave_some_to_train(self) -> Self:
        if self.valid + self.test >= 1:
            raise ValueError(
                f"valid {self.valid:g} and test {self.test:g} leave none to train on: keep their sum below 1"
            )
        return self

    def target_shape(self, shape: Shape) -> Shape:
        """Return the (c, h, w) that images of this (c, h, w) get."""
        channels, height, width = shape
        if self.crop is not None:
            height = width = self.crop
        if self.image_size is not None:
            side = self.image_size
            height, width = (side, side) if isinstance(side, int) else side
        return self.channels or channels, height, width


@dataclass(frozen=True)
class LeftOut:
    """Something that was there and is not used, and why.

    Attributes:
        kind: what it is: column, array, row, file, folder, table or image.
        names: what it is called; the first few if there are many.
        count: how many there are.
        reason: why it is left out, and what would be right.
    """

    kind: str
    names: tuple[str, ...]
    count: int
    reason: str

    @classmethod
    def of(cls, kind: str, names: Sequence[str], reason: str) -> LeftOut:
        """Return the record of some things that are left out for one reason."""
        return cls(kind, tuple(names[:SHOWN]), len(names), reason)

    def __str__(self) -> str:
        """Say it in one line.

        >>> str(LeftOut.of("file", ["a.heic", "b.heic"], "not an image file that is read"))
        'left out 2 files (a.heic, b.heic): not an image file that is read'
        """
        shown = [name if name.isprintable() else repr(name) for name in self.names]
        if self.count == 1:
            return f"left out the {self.kind} {shown[0]}: {self.reason}"
        more = ", ..." if self.count > len(shown) else ""
        return f"left out {self.count:,} {self.kind}s ({', '.join(shown)}{more}): {self.reason}"


@dataclass(frozen=True)
class Opened:
    """The images that a source opened.

    Attributes:
        images: the images, sized as the options say or as they come.
        rows: int64 [m], the rows of `Found.attributes` they belong to.
        notes: what the user should hear, such as images resized.
        left_out: images that were left out.
        sized: the options' crop, size and channels are applied already.
        digests: uint64 [m], what each image is known by (see `digest`); found from `images` if None.
        white: the pixel value that was taken as white; None if pixels are bytes.
    """

    images: Images
    rows: Rows
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    sized: bool = False
    digests: Digests | None = None
    white: float | None = None


@dataclass(frozen=True)
class Found:
    """What a source offers, before its images are read.

    Attributes:
        name: what to call it.
        attributes: labels of all n images.
        open: reads the images of the given sorted rows (int64 [m]), leaving bad ones out if allowed.
        parts: the published split, each part's rows; None if there is none. Without "valid" it is drawn from
            "train", without "test" that is too.
        notes: what the user should hear.
        left_out: what was there and is not used.
        names: what each image is called, such as its file; None if images are only numbered.
    """

    name: str
    attributes: AttributeTable
    open: Callable[[Rows], Opened]
    parts: dict[Split, Rows] | None = None
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    names: Sequence[str] | None = None


class Source(Part):
    """Where images come from. A subclass with a `tag` is found by `--data TAG` or `--data TAG:PLACE`.

    >>> find_source("mnist:/data/mnist")
    Mnist(place='/data/mnist')
    """

    family: ClassVar[str] = "source"
    about: ClassVar[str]
    """What the images show."""
    attributes: ClassVar[str]
    """Their labels."""
    size: ClassVar[str]
    """How many there are and their shape."""
    origin: ClassVar[str]
    """Where they come from, and what a place is."""
    path: ClassVar[str | None] = None
    """How a path that this source claims looks (FILE.npz); None if it is found by its name alone."""
    has_place: ClassVar[bool] = True
    """Whether a place may follow the name."""

    place: str | None = Field(None, description="the folder or file that holds the images")

    @abstractmethod
    def find(self, options: DataOptions) -> Found:
        """Look at what is there, without reading images.

        Raises:
            InputError: something is missing or damaged.
        """

    @classmethod
    def claims(cls, path: Path) -> bool:  # noqa: ARG003 - most sources claim no path
        """Tell whether this source reads that path when a user names nothing but the path."""
        return False


SOURCES = cast("Registry[type[Source]]", FAMILIES["source"])
"""Every source by its tag."""


def named_source(written: str) -> str | None:
    """Return the tag of the source that `name` or `name:place` names; None for a path.

    >>> named_source("mnist:/data/mnist"), named_source("photos/half.npz")
    ('mnist', None)
    """
    name = written.partition(":")[0]
    return name if name in SOURCES else None


def find_source(written: str) -> Source:
    """Return the source that a user named: a name, `name:place`, or a path.

    Raises:
        InputError: neither a source nor a path; the nearest source is named. Or images given in Python.

    >>> find_source("digits").about
    'handwritten digits, small enough for a first try'
    """
    name, colon, place = written.partition(":")
    if named_source(written) is not None:
        source = SOURCES[name]
        if colon and not place:
            raise InputError(f"data {written!r} has no place after the colon; write {name}:PLACE or {name}")
        if place and not source.has_place:
            raise InputError(f"data {written!r}: {name} has no place; write {name}, or the path alone")
        return source(place=place or None)
    if written == ARRAYS:
        raise InputError(
            f"data {written!r}: these images were given in Python and are not kept with the run; give them "
            "again (data=...), or name a .npz file of them (--data)"
        )
    path = Path(written).expanduser()
    try:
        claiming = next((source for source in SOURCES.values() if source.claims(path)), None)
    except OSError as error:
        raise InputError(f"data {written[:80]!r}: cannot be read: {error.strerror or error}") from None
    if claiming is not None:
        return claiming(place=written)
    if path.is_file():
        kinds = ", ".join(source.path for source in SOURCES.values() if source.path)
        packed = "unpack it and give the folder, or " if path.suffix.lower() in ARCHIVES else ""
        raise InputError(f"data {written!r} is a file of a kind that is not read; {packed}give {kinds}")
    if len(path.parts) > 1:
        raise InputError(f"data {written!r}: no such file or folder")
    names = [tag for tag, source in SOURCES.items() if source.path is None]
    raise InputError(f"unknown data {written!r}, and no such path; {nearest(name, names)}")
