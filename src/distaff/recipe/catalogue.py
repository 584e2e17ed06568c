"""The recipes that come with distaff, as text; nothing heavy is imported to list them."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml


def shipped() -> dict[str, str]:
    """Return the text of every shipped recipe by its name."""
    return _below(files("distaff.recipe") / "shipped", "")


def _below(folder: Traversable, prefix: str) -> dict[str, str]:
    """Return the recipes of a folder, then those of its folders as `folder/name`."""
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    found = {
        prefix + Path(entry.name).stem: entry.read_text(encoding="utf-8")
        for entry in entries
        if entry.name.endswith(".yaml")
    }
    for entry in entries:
        if entry.is_dir():
            found |= _below(entry, f"{prefix}{entry.name}/")
    return found


def describe() -> dict[str, str]:
    """Return what every shipped recipe says about itself, by its name."""
    return {name: str(yaml.safe_load(text)["about"]) for name, text in shipped().items()}
