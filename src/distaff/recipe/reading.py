"""Recipes by name or file, and settings from the command line: read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from distaff.errors import InputError, nearest
from distaff.recipe.catalogue import shipped
from distaff.recipe.recipe import Recipe, parse


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


def load_recipe(name: str | Path | Recipe) -> Recipe:
    """Return a recipe by its shipped name or from a YAML file.

    Raises InputError for an unknown name (naming the nearest), a missing or unreadable file, text that is
    not YAML, and any field that does not fit.
    """
    if isinstance(name, Recipe):
        return name
    known = shipped()
    if str(name) in known:
        return from_yaml(known[str(name)], where=f"recipe {name}")
    path = Path(name)
    try:
        if path.suffix not in {".yaml", ".yml"} and not path.exists():
            raise InputError(
                f"recipe: there is no recipe or file called {str(name)!r}; {nearest(str(name), known)}"
            )
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"recipe {path!s:.200}: cannot be read: {reason}") from None
    return from_yaml(text, where=f"recipe {path}")


def from_yaml(text: str, where: str) -> Recipe:
    """Read a recipe from YAML text; `where` begins the message of an InputError."""
    try:
        raw: Any = yaml.load(text, _Loader)  # noqa: S506 - a safe loader
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
    return parse(raw, where)


def to_yaml(recipe: Recipe) -> str:
    """Write a recipe as YAML, every field written out."""
    return yaml.safe_dump(recipe.to_dict(), sort_keys=False, allow_unicode=True, width=100)


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """Read `KEY=VALUE` words; values are YAML, so that lists and mappings can be given."""
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
