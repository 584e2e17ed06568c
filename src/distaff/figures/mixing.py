"""The way from one class, or picture, to another: what is drawn on it, and what an independent eye sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distaff.data import Attribute, read_images
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
class Mix:
    """A way between two ends, and its pictures read by an independent classifier.

    `attribute`: whose classes are read; None where the data have none. `classes` [k] and `surety` [k]: the
    likeliest class of each picture and its probability. `right`: how often that classifier is right on real
    unseen pictures.
    """

    way: Way
    attribute: Attribute | None
    classes: tuple[str, ...]
    surety: Floats
    right: float | None

    def crossed(self) -> list[tuple[str, float]]:
        """Return the classes on the way in order, each with the share of the pictures that show it."""
        found: list[tuple[str, int]] = []
        for name in self.classes:
            if found and found[-1][0] == name:
                found[-1] = (name, found[-1][1] + 1)
            else:
                found.append((name, 1))
        return [(name, count / len(self.classes)) for name, count in found]


def mix(
    run: Run,
    first: str,
    last: str,
    *,
    steps: int = 11,
    path: PathName = "straight",
    progress: Callable[[str], None] = lambda _: None,
) -> Mix:
    """Return the way from one end to another, decoded and read.

    Args:
        run: a trained run.
        first: where it begins: `digit=0`, or a picture file.
        last: where it ends.
        steps: pictures on the way, both ends included.
        path: straight, or spherical: along the arc around the middle of the prior.
        progress: told what is being done; the independent classifier is trained once for some data and kept.

    Raises:
        InputError: an end that is neither a class nor a picture, fewer than two steps, or an unknown path.
    """
    if steps < 2:
        raise InputError(f"--steps {steps}: both ends count, so a way has 2 steps or more")
    dataset = run.dataset()
    material = Material(run, dataset)
    ends = [_end(material, text) for text in (first, last)]
    way = walk(run.model, ends[0], ends[1], steps=steps, path=path)
    named = [text.partition("=")[0].strip() for text in (first, last)]
    table = material.trained.factors
    asked = next((name for name in named if name in table.names), None)
    attribute = table.get(asked) if asked else mixed_attribute(material)
    if attribute is None or not attribute.size:
        return Mix(way, None, (), np.zeros(0, dtype=np.float32), None)
    subject = Subject(run.model, dataset, progress=progress)
    chances = subject.reader.probabilities(way.pictures)[attribute.name]
    classes = tuple(str(attribute.label(int(value))) for value in chances.argmax(axis=1))
    right = subject.reader_rights.get(attribute.name)
    return Mix(way, attribute, classes, chances.max(axis=1).astype(np.float32), right)


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
