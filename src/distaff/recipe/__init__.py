"""Recipes: the schema, the shipped ones, and how they are read and changed."""

from distaff.recipe.library import from_yaml, load_recipe, parse_settings, shipped, to_yaml
from distaff.recipe.recipe import Recipe, TrainOptions

__all__ = [
    "Recipe",
    "TrainOptions",
    "from_yaml",
    "load_recipe",
    "parse_settings",
    "shipped",
    "to_yaml",
]
