"""The recipes that come with distaff, and how recipes are read as text and changed field by field.

A recipe's plain values are YAML, read strictly: a key that is given twice is refused, and every failure is
one line. `--set` sets a field by its dotted path. Nothing heavy is imported here, so that listing recipes is
fast; `distaff.recipe` has the schema.
"""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from distaff.errors import InputError, nearest
from distaff.parts import FAMILIES

__all__ = ["describe", "parse_settings", "read_yaml", "set_field", "shipped"]


def shipped() -> dict[str, str]:
    """Return the text of every shipped recipe by its name.

    >>> "vae" in shipped()
    True
    """
    return _below(files("distaff.recipes"), "")


def _below(folder: Traversable, prefix: str) -> dict[str, str]:
    """Return the recipes of a folder, then those of its folders as `folder/name`."""
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    found = {
        prefix + Path(entry.name).stem: entry.read_text(encoding="utf-8")
        for entry in entries
        if entry.name.endswith(".yaml")
    }
    for entry in entries:
        if entry.is_dir() and not entry.name.startswith("_"):
            found |= _below(entry, f"{prefix}{entry.name}/")
    return found


def describe() -> dict[str, str]:
    """Return the line that every shipped recipe says about itself, by its name.

    >>> describe()["vae"].startswith("A plain variational autoencoder")
    True
    """
    # It is the first line of each; to read forty whole recipes takes longer than everything else.
    return {name: str(yaml.safe_load(text.partition("\n")[0])["about"]) for name, text in shipped().items()}


class _TwiceError(yaml.MarkedYAMLError):
    """A key is given twice in one mapping; YAML forbids it, and PyYAML would keep the last."""


class _Loader(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"the key {key.value!r} is given twice"
                    raise _TwiceError(problem=problem, problem_mark=key.start_mark)
                seen.add(key.value)
        return node


@lru_cache(64)
def _read(text: str) -> Any:
    """Read a text once: the same recipe is often read again, which takes longer than a step of training."""
    return yaml.load(text, _Loader)  # noqa: S506 - a safe loader


def read_yaml(text: str, where: str) -> Any:
    """Return what YAML text holds as plain values; `where` begins the message of an InputError.

    >>> read_yaml("train: {steps: 10}", where="recipe")
    {'train': {'steps': 10}}
    """
    try:
        return deepcopy(_read(text))
    except RecursionError:
        raise InputError(f"{where}: not valid YAML: nested too deeply") from None
    except ValueError as error:
        # A date that no calendar has, or a number that no float holds.
        raise InputError(f"{where}: not valid YAML: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        spot = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise InputError(f"{where}: not valid YAML{spot}: {problem}") from None


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """Read `KEY=VALUE` words; values are YAML, so that lists and mappings can be given.

    >>> parse_settings(["train.steps=40", "latent.gaussian.name=style"])
    {'train.steps': 40, 'latent.gaussian.name': 'style'}
    """
    parsed: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {setting}: expected KEY=VALUE, such as train.steps=4000")
        try:
            parsed[key.strip()] = yaml.load(text, _Loader)  # noqa: S506 - a safe loader
        except _TwiceError as error:
            raise InputError(f"--set {setting}: {error.problem}") from None
        except (yaml.YAMLError, ValueError, RecursionError):
            parsed[key.strip()] = text
    return parsed


def set_field(raw: dict[str, Any], path: str, value: Any) -> None:
    """Set one field of a recipe's plain values in place.

    A list of parts is entered by a part's tag, its `name`, or its number. The tag of another part of the
    family in a part's place, as in `network.mlp.hidden`, puts that one there.

    >>> raw = {"loss": [{"kl": {"weight": 1}}]}
    >>> set_field(raw, "loss.kl.weight", 4)
    >>> raw
    {'loss': [{'kl': {'weight': 4}}]}

    Raises:
        InputError: no such field; the nearest right one is named.
    """
    spot: Any = raw
    walked: list[str] = []
    *ways, key = path.split(".")
    for part in ways:
        spot = _enter(spot, part, ".".join(walked))
        walked.append(part)
    if isinstance(spot, list):
        index = _index(spot, key, ".".join(walked))
        tag = next(iter(spot[index]))
        if not (isinstance(value, str) and _exchange(spot[index], value)):
            spot[index] = value if isinstance(value, dict) else {tag: value}
        return
    if not (isinstance(spot, dict) and key in spot) and not _exchange(spot, key):
        # A tagged part, {gaussian: {...}}: its fields lie one level down.
        spot = _inside(spot)
    if not isinstance(spot, dict):
        raise InputError(f"--set {path}: {'.'.join(walked)!r} is the value {spot!r} and has no fields")
    # A field that does not exist is refused, with the nearest right one, when the recipe is read.
    spot[key] = value


def _enter(spot: Any, part: str, walked: str) -> Any:
    if isinstance(spot, list):
        return spot[_index(spot, part, walked)]
    if isinstance(spot, dict):
        inner = _inside(spot)
        if part in spot or (part not in inner and _exchange(spot, part)):
            return spot[part]
        if part in inner:
            return inner[part]
        raise InputError(f"--set {walked or part}: unknown field {part!r}; {nearest(part, list(inner))}")
    raise InputError(f"--set {walked}.{part}: {walked!r} is the value {spot!r} and has no fields")


def _exchange(spot: Any, tag: str) -> bool:
    """Put the part called `tag` in the place of another of its family; it keeps the fields that both have."""
    if not isinstance(spot, dict) or len(spot) != 1:
        return False
    present = next(iter(spot))
    for family in FAMILIES.values():
        if present in family and tag in family:
            part = family[tag]().model_dump(mode="json", by_alias=True)
            kept = spot.pop(present) or {}
            part[tag] |= {field: kept[field] for field in part[tag].keys() & kept.keys()}
            spot.update(part)
            return True
    return False


def _inside(part: Any) -> Any:
    """Return the fields of a tagged part, or the value itself."""
    if isinstance(part, dict) and len(part) == 1:
        inner = next(iter(part.values()))
        if isinstance(inner, dict):
            return inner
    return part


def _index(parts: list[Any], key: str, walked: str) -> int:
    if key.isdecimal() and int(key) < len(parts):
        return int(key)
    tags = [next(iter(part)) if isinstance(part, dict) else str(part) for part in parts]
    names = [_inside(part).get("name") if isinstance(_inside(part), dict) else None for part in parts]
    for labels in (names, tags):
        if key in labels:
            return labels.index(key)
    # Such as latent.size, which is a field of one of the latents.
    owner = next((tag for part, tag in zip(parts, tags, strict=True) if key in _fields(part, tag)), None)
    hint = f"did you mean {walked}.{owner}.{key}?" if owner is not None else nearest(key, tags)
    raise InputError(f"--set {walked}.{key}: no part {key!r}; {hint}")


def _fields(part: Any, tag: str) -> set[str]:
    """Return the fields that a part has, written or not."""
    own = set(_inside(part)) if isinstance(_inside(part), dict) else set()
    return own.union(*(family[tag].model_fields for family in FAMILIES.values() if tag in family))
