"""The recipes that come with distaff, as text; nothing heavy is imported to list them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import yaml


def shipped() -> dict[str, str]:
    """Return the text of every shipped recipe by its name."""
    root = files("distaff.recipe") / "shipped"
    return {
        Path(entry.name).stem: entry.read_text(encoding="utf-8")
        for entry in sorted(root.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def describe() -> dict[str, str]:
    """Return what every shipped recipe says about itself, by its name."""
    return {name: str(yaml.safe_load(text)["about"]) for name, text in shipped().items()}
