"""The way from one class, or picture, to another: what is drawn on it, and what an independent eye sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy.typing as npt

from distaff.data import Attribute, Dataset, read_images
from distaff.errors import InputError, nearest
from distaff.evaluation.subject import Subject
from distaff.figures.material import Material
from distaff.figures.mixes import class_end, mixed_attribute
from distaff.model import End, Way, walk
from distaff.model.mixing import PathName
from distaff.model.pixels import Floats
from distaff.run import Run

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Reading:
    """What one reader makes of k pictures: the likeliest class of each, and its probability [k] if known."""

    classes: tuple[str, ...]
    surety: Floats | None

    def crossed(self) -> list[tuple[str, float]]:
        """Return the classes on the way in order, each with the share of the pictures that show it."""
        return [(name, len(list(run)) / len(self.classes)) for name, run in groupby(self.classes)]


@dataclass(frozen=True)
class Mix:
    """A way between two ends. `attribute`: whose classes it crosses, None where the data have none."""

    run: Run
    dataset: Dataset
    way: Way
    attribute: Attribute | None

    def by_model(self) -> Reading | None:
        """Return what the model reads from the codes, None if it does not read the attribute."""
        model, name = self.run.model, "" if self.attribute is None else self.attribute.name
        if self.attribute is None or name not in model.readable:
            return None
        chances = model.read_probabilities(self.way.codes).get(name)
        return _reading(self.attribute, model.read(self.way.codes)[name], chances)

    def by_reader(self, progress: Callable[[str], None] = lambda _: None) -> tuple[Reading, float | None]:
        """Return what an independent classifier sees in the pictures, and how often it is right on real ones.

        It is trained on the run's data when it is first needed, which `progress` is told of, and kept. For a
        way that has an attribute.
        """
        assert self.attribute is not None
        subject = Subject(self.run.model, self.dataset, progress=progress)
        chances = subject.reader.probabilities(self.way.pictures)[self.attribute.name]
        read = _reading(self.attribute, chances.argmax(axis=1), chances)
        return read, subject.reader_rights.get(self.attribute.name)


def mix(run: Run, first: str, last: str, *, steps: int = 11, path: PathName = "straight") -> Mix:
    """Return the way from one end to another, decoded.

    Args:
        run: a trained run.
        first: where it begins: `digit=0`, or a picture file.
        last: where it ends.
        steps: pictures on the way, both ends included.
        path: straight, or spherical: along the arc around the middle of the prior.

    Raises:
        InputError: an end that is neither a class nor a picture, fewer than two steps, or an unknown path.
    """
    if steps < 2:
        raise InputError(f"--steps {steps}: both ends count, so a way has 2 steps or more")
    dataset = run.dataset()
    material = Material(run, dataset)
    ends = [_end(material, text) for text in (first, last)]
    named = [text.partition("=")[0].strip() for text in (first, last)]
    table = material.trained.factors
    asked = next((name for name in named if name in table.names), None)
    attribute = table.get(asked) if asked else mixed_attribute(material)
    return Mix(run, dataset, walk(run.model, ends[0], ends[1], steps=steps, path=path), attribute)


def _reading(attribute: Attribute, values: npt.NDArray[Any], chances: Floats | None) -> Reading:
    classes = tuple(str(attribute.label(float(value))) for value in values)
    return Reading(classes, None if chances is None else chances.max(axis=1))


def _end(material: Material, text: str) -> End:
    """Read `ATTRIBUTE=VALUE`, or a picture file."""
    model = material.model
    name, equals, value = (part.strip() for part in text.partition("="))
    file = Path(text).expanduser()
    if file.is_file() or (not equals and file.suffix.lower() in SUFFIXES):
        pictures = read_images([file], model.image_shape, model.recipe.data.crop)
        code = model.encode(pictures)[0]
        known = model.condition_of(pictures, code[None]) if model.condition else None
        return End(code, known)
    known_names = [each.name for each in material.trained.factors.attributes if each.size]
    if not (equals and name and value):
        raise InputError(f"{text!r} is neither ATTRIBUTE=VALUE, such as digit=0, nor a picture file")
    if name not in known_names:
        raise InputError(f"{text}: there is no attribute {name!r} with classes; {nearest(name, known_names)}")
    attribute = material.trained.factors.get(name)
    wanted = attribute.parse(value)
    if name not in model.settable and not (material.trained.factors.column(name) == wanted).any():
        raise InputError(f"{text}: no training picture shows it, so its middle is unknown")
    return class_end(material, attribute, wanted)
