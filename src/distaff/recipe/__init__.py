"""Recipes: the schema, the shipped ones, and how they are read and changed.

The schema imports torch, so its names are imported when they are first used: listing recipes needs none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from distaff.recipe.catalogue import describe, shipped

if TYPE_CHECKING:
    from distaff.recipe.reading import from_yaml, load_recipe, parse_settings, to_yaml
    from distaff.recipe.recipe import Recipe, TrainOptions

__all__ = [
    "Recipe",
    "TrainOptions",
    "describe",
    "from_yaml",
    "load_recipe",
    "parse_settings",
    "shipped",
    "to_yaml",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'distaff.recipe' has no attribute {name!r}")
    module = "recipe" if name in {"Recipe", "TrainOptions"} else "reading"
    return getattr(import_module(f"distaff.recipe.{module}"), name)
