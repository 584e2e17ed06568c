"""What a study is: a recipe, what is varied over it, and the runs that follow.

A study file is read as strictly as a recipe is. Every run is known by the hash of its whole recipe, whatever
the file says around it, so that a file may grow and nothing is run twice.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib.resources import files
from itertools import count, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator

from distaff.errors import InputError, nearest
from distaff.metrics import METRICS
from distaff.parts import Record, first_problem
from distaff.recipe import Recipe, load_recipe, parse
from distaff.recipes import read_yaml

if TYPE_CHECKING:
    from distaff.study._report import Results
    from distaff.study._work import Progress

SEED, DATA = "seed", "data"
SHORT = {SEED: "train.seed", DATA: "data.source", "steps": "train.steps"}
"""Fields that have a short name in a study, as they do on the command line."""
NAMES = {path: name for name, path in SHORT.items()}
ZIP = "zip"
MOST = 1_000_000
"""Runs of a study."""
LARGEST, DEEPEST = 100_000, 50
"""Values of a study's field, and lists within lists of them."""
_RANGE = re.compile(r"\s*(\d{1,18})\s*\.\.\s*(\d{1,18})\s*")


def _plain(value: Any, counted: Iterator[int], depth: int = 0) -> Any:
    """Return recipes, parts and ranges as the plain values that YAML holds; raises ValueError if huge."""
    if depth > DEEPEST or next(counted) > LARGEST:
        raise ValueError("nested too deeply, or too large")
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", by_alias=True)
    if isinstance(value, Mapping):
        return {str(name): _plain(each, counted, depth + 1) for name, each in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(each, counted, depth + 1) for each in value]
    return value


class _Varied(Record):
    """A record whose fields may be given as Python's own objects."""

    @field_validator("*", mode="before")
    @classmethod
    def _read_plain(cls, value: Any) -> Any:
        return _plain(value, count())


class Variant(_Varied):
    """One of several named variants of an axis: what it changes, and what is varied within it."""

    base: str | dict[str, Any] | None = None
    settings: dict[str, Any] = Field({})
    over: dict[str, Any] = Field({})


@dataclass(frozen=True)
class Entry:
    """One run of a study.

    Attributes:
        levels: where it stands on each axis of the study, in words; an axis of variants that vary something
            of their own is followed by `AXIS setting`.
        settings: the varied fields of the recipe, by dotted path.
        recipe: the whole recipe as plain values.
        digest: the hash of the recipe, by which the run is known.
        name: of its folder, which ends with the hash.
    """

    levels: Mapping[str, str]
    settings: Mapping[str, Any]
    recipe: Mapping[str, Any]
    digest: str
    name: str


class Study(_Varied):
    """Many runs of one recipe with some of its fields varied.

    >>> study = Study(base="vae", data="digits", over={"loss.kl.weight": [1, 4], "seed": "0..2"})
    >>> len(study.plan()), study.plan()[0].levels
    (6, {'loss.kl.weight': '1', 'seed': '0'})

    Attributes:
        about: one line.
        base: the recipe; a shipped name, a YAML file, its fields, or a Recipe.
        data: replaces the recipe's source.
        settings: fields of the recipe by dotted path, the same in every run.
        over: what is varied. A name of a field (`loss.kl.weight`, or short `data`, `seed`, `steps`) with its
            values, a list or `0..49`; `zip: {FIELD: values, FIELD: values}` for fields that change together;
            any other name with named variants, `{NAME: {base, settings, over}}`. Every combination is run.
        metrics: what is measured of each run; those that `distaff evaluate` measures by default if None.
        threads: of each run; the results of a run depend on it in the last digits.
        keep_checkpoints: whether finished runs keep theirs, to be trained longer.
        pages: whether explorer.html is written into every run's folder.
        select: whether runs are scored by UDR and ModelCentrality too, which choose without labels.

    Raises:
        InputError: a field that is unknown (the nearest right one is named) or does not fit.
    """

    about: str = ""
    base: str | dict[str, Any] = "vae"
    data: str | None = None
    settings: dict[str, Any] = Field({})
    over: dict[str, Any] = Field({})
    metrics: tuple[str, ...] | None = None
    threads: int = Field(default=1, ge=1, le=1024)
    keep_checkpoints: bool = False
    pages: bool = False
    select: bool = False

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            about: str = "",
            base: str | Recipe | Mapping[str, Any] = "vae",
            data: str | None = None,
            settings: Mapping[str, Any] = ...,
            over: Mapping[str, Any] = ...,
            metrics: Sequence[str] | None = None,
            threads: int = 1,
            keep_checkpoints: bool = False,
            pages: bool = False,
            select: bool = False,
        ) -> None: ...

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of what is varied, in order; the seed last."""
        names = [_axis_name(name, values) for name, values in self.over.items()]
        return (*(name for name in names if name != SEED), *(name for name in names if name == SEED))

    def plan(self) -> list[Entry]:
        """Return the runs in order: the last axis changes fastest, and the seed fastest of all.

        Raises:
            InputError: a field or a value that no recipe takes, an unknown metric, or too many runs.
        """
        for name in self.metrics or ():
            if name != "all":
                METRICS[name]
        return list(_expand(self))

    def run(
        self,
        out: str | Path,
        *,
        on: Literal["local", "ray"] = "local",
        address: str | None = None,
        jobs: int | None = None,
        part: tuple[int, int] = (1, 1),
        progress: Callable[[Progress], None] | None = None,
    ) -> Results:
        """Make the runs that are missing and return all results; see `distaff.study.run_study`."""
        from distaff.study._work import run_study

        return run_study(self, out, on=on, address=address, jobs=jobs, part=part, progress=progress)

    def to_yaml(self) -> str:
        """Return the study as YAML."""
        written = self.model_dump(mode="json", exclude_defaults=True)
        return yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=100)


def shipped_studies() -> dict[str, str]:
    """Return the text of every shipped study by its name.

    >>> sorted(shipped_studies())
    ['beta-sweep', 'locatello-2019', 'locatello-small', 'seeds']
    """
    entries = sorted(files("distaff.study").iterdir(), key=lambda entry: entry.name)
    return {
        Path(entry.name).stem: entry.read_text(encoding="utf-8")
        for entry in entries
        if entry.name.endswith(".yaml")
    }


def load_study(name: str | Path) -> Study:
    """Return a study by its shipped name or from a YAML file.

    >>> load_study("seeds").axes
    ('seed',)

    Raises:
        InputError: an unknown name (the nearest is named), or a file that cannot be read or is no study.
    """
    known = shipped_studies()
    if str(name) in known:
        return read_study(known[str(name)], where=f"study {name}")
    path = Path(name)
    try:
        if path.suffix not in {".yaml", ".yml"} and not path.exists():
            raise InputError(
                f"study: there is no study or file called {str(name)!r}; {nearest(str(name), known)}"
            )
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"study {path!s:.200}: cannot be read: {reason}") from None
    return read_study(text, where=f"study {path}")


def read_study(text: str, where: str) -> Study:
    """Read a study from YAML text; `where` begins the message of an InputError.

    >>> read_study("over: {seed: 0..4}", where="study").over
    {'seed': '0..4'}
    """
    raw = read_yaml(text, where)
    if not isinstance(raw, Mapping):
        raise InputError(f"{where}: a study is a mapping of fields such as base and over, got {raw!r:.60}")
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error)}") from None


@dataclass(frozen=True)
class _Level:
    """One value of an axis: what it is called, and what it changes."""

    axis: str
    label: str
    settings: tuple[tuple[str, Any], ...] = ()
    fixed: tuple[tuple[str, Any], ...] = ()
    base: Recipe | None = None
    inner: tuple[_Level, ...] = ()


def _axis_name(name: str, values: Any) -> str:
    if name == ZIP and isinstance(values, Mapping):
        return ", ".join(NAMES.get(str(each), str(each)) for each in values)
    return NAMES.get(name, name)


def _label(value: Any) -> str:
    """Return a value in one short line."""
    if isinstance(value, (Mapping, list)):
        text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False).strip()
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({hashlib.sha256(text.encode()).hexdigest()[:6]})"


def _values(where: str, given: Any) -> list[Any]:
    """Return the values of a field: a list, or a range of whole numbers, the last one included."""
    if isinstance(given, str) and (found := _RANGE.fullmatch(given)):
        first, last = int(found[1]), int(found[2])
        if not 0 <= last - first < MOST:
            raise InputError(
                f"{where}: {given!r} is no range of at most {MOST:,} whole numbers, such as 0..49"
            )
        return list(range(first, last + 1))
    if not isinstance(given, list) or not given:
        raise InputError(f"{where}: expected a list of values, or a range such as 0..49, got {given!r:.60}")
    labels = [_label(value) for value in given]
    for label in labels:
        if labels.count(label) > 1 and len(labels) < 10_000:
            raise InputError(f"{where}: the value {label} is given twice")
    return given


def _axis(name: str, given: Any, where: str) -> list[_Level]:
    """Return the levels of one axis."""
    axis, where = _axis_name(name, given), f"{where}.{name}"
    if name == ZIP:
        if not isinstance(given, Mapping) or not given:
            raise InputError(f"{where}: expected fields that change together, each with its values")
        columns = {field: _values(f"{where}.{field}", values) for field, values in given.items()}
        lengths = {field: len(values) for field, values in columns.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{field} has {length}" for field, length in lengths.items())
            raise InputError(f"{where}: fields that change together need as many values each, but {told}")
        paths = [SHORT.get(field, field) for field in columns]
        rows = [tuple(zip(paths, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return [_Level(axis, ", ".join(_label(value) for _, value in row), row) for row in rows]
    if isinstance(given, Mapping):
        if not given:
            raise InputError(f"{where}: expected named variants, or a list of values")
        return [_variant(axis, str(label), raw, where) for label, raw in given.items()]
    path = SHORT.get(name, name)
    return [_Level(axis, _label(value), ((path, value),)) for value in _values(where, given)]


def _variant(axis: str, label: str, raw: Any, where: str) -> _Level:
    where = f"{where}.{label}"
    if not isinstance(raw, (Mapping, type(None))):
        raise InputError(f"{where}: a variant has base, settings and over, got {raw!r:.60}")
    try:
        variant = Variant.model_validate(raw or {})
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error)}") from None
    base = None if variant.base is None else _base(variant.base, where)
    axes = [_axis(name, values, f"{where}.over") for name, values in variant.over.items()]
    inner = []
    for levels in product(*axes) if axes else ():
        if any(level.base is not None or level.inner for level in levels):
            raise InputError(f"{where}.over: a variant varies fields, and has no variants of its own")
        words = ", ".join(f"{level.axis}={level.label}" for level in levels)
        inner.append(
            _Level(f"{axis} setting", words, tuple(pair for each in levels for pair in each.settings))
        )
    settings = tuple((SHORT.get(field, field), value) for field, value in variant.settings.items())
    return _Level(axis, label, (), settings, base, tuple(inner))


def _base(given: str | dict[str, Any], where: str) -> Recipe:
    return load_recipe(given) if isinstance(given, str) else parse(given, where=f"{where}.base")


def _expand(study: Study) -> Iterator[Entry]:
    base = _base(study.base, "study")
    fixed = {SHORT.get(field, field): value for field, value in study.settings.items()}
    if study.data is not None:
        fixed["data.source"] = study.data
    axes = [_axis(name, values, "over") for name, values in study.over.items()]
    varied_twice = [name for name in study.axes if study.axes.count(name) > 1]
    if varied_twice:
        raise InputError(f"over: {varied_twice[0]} is varied twice; give all its values in one place")
    # A recipe is validated once for all its seeds, which are whole numbers.
    seeds = next((levels for levels in axes if levels[0].settings and levels[0].axis == SEED), None)
    others = [levels for levels in axes if levels is not seeds]
    _check_count([*others, *([seeds] if seeds is not None else [])])
    for level in seeds or ():
        _change(base, {}, dict(level.settings))
        if type(level.settings[0][1]) is not int:
            raise InputError(f"over.seed: expected whole numbers, got {level.settings[0][1]!r:.60}")
        break
    for levels in product(*others):
        chosen = [level.base for level in levels if level.base is not None]
        if len(chosen) > 1:
            raise InputError("over: variants of two axes have a base; one axis may choose the recipe")
        for inner in product(*(level.inner or (level,) for level in levels)):
            own = [each for level, within in zip(levels, inner, strict=True) for each in _both(level, within)]
            varied = {path: value for level in own for path, value in level.settings}
            # What a variant is made of comes before what is varied in it.
            made = fixed | {path: value for level in own for path, value in level.fixed}
            changed = _change(chosen[0] if chosen else base, made, varied)
            places = {level.axis: level.label for level in own}
            yield from _of_seeds(changed, places, varied, seeds)


def _both(level: _Level, within: _Level) -> tuple[_Level, ...]:
    return (level,) if within is level else (level, within)


def _check_count(axes: Sequence[Sequence[_Level]]) -> None:
    count = 1
    for levels in axes:
        count *= sum(max(1, len(level.inner)) for level in levels)
    if count > MOST:
        raise InputError(f"over: {count:,} runs; a study has at most {MOST:,}")


def _change(base: Recipe, fixed: Mapping[str, Any], varied: Mapping[str, Any]) -> Recipe:
    try:
        # A value that is a part is entered by the settings that follow it.
        return base.changed(deepcopy({**fixed, **varied}))
    except InputError as error:
        raise InputError(f"over: {str(error).removeprefix('--set ')}") from None


def _of_seeds(
    recipe: Recipe, places: Mapping[str, str], varied: Mapping[str, Any], seeds: Sequence[_Level] | None
) -> Iterator[Entry]:
    raw = recipe.to_dict()
    name = _readable(places)
    if seeds is None:
        yield _entry(raw, places, varied, name)
        return
    for level in seeds:
        seed = level.settings[0][1]
        if type(seed) is not int or not 0 <= seed < 2**63:
            raise InputError(f"over.seed: expected whole numbers from 0, got {seed!r:.60}")
        one = {**raw, "train": {**raw["train"], "seed": seed}}
        levels, settings = {**places, SEED: level.label}, {**varied, SHORT[SEED]: seed}
        yield _entry(one, levels, settings, f"{name}-seed{seed}".lstrip("-"))


def _entry(raw: Mapping[str, Any], places: Mapping[str, str], varied: Mapping[str, Any], name: str) -> Entry:
    digest = recipe_digest(raw)
    return Entry(places, varied, raw, digest, f"{name}-{digest}".lstrip("-"))


def recipe_digest(raw: Mapping[str, Any]) -> str:
    """Return the hash by which the run of a recipe, as plain values, is known; `about` is no part of it.

    >>> recipe_digest(Recipe(about="one").to_dict()) == recipe_digest(Recipe(about="two").to_dict())
    True
    """
    known = {field: value for field, value in raw.items() if field != "about"}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]


def _readable(places: Mapping[str, str]) -> str:
    """Return where a run stands as the beginning of a folder's name that every system takes."""
    named = [f"{axis}={label}" if "." in axis else label for axis, label in places.items()]
    words = [re.sub(r"[^A-Za-z0-9.=+_]+", "-", label).strip("-.") for label in named]
    return "-".join(word for word in words if word)[:80].strip("-.")
