"""The recipes that come with distaff, and how recipes are read as text and changed field by field.

Nothing heavy is imported here, so that listing recipes is fast; `distaff.recipe` has the schema.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from distaff.recipes._plain import parse_settings, read_yaml, set_field

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
