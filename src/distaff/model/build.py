"""From a recipe and a table of attributes to an autoencoder and its objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from distaff.autoencoder import Autoencoder
from distaff.data import Attribute
from distaff.errors import InputError, nearest
from distaff.latent import Domain
from distaff.memory import keep_freed_memory
from distaff.network import ImageShape
from distaff.objective import Classify, Objective, first_attribute
from distaff.recipe import Recipe


def domains(attributes: Sequence[Attribute]) -> dict[str, Domain]:
    """Return what the latent blocks and the terms need to know of each attribute."""
    return {each.name: Domain(each.size, each.mean, each.std) for each in attributes}


def resolve(recipe: Recipe, attributes: Sequence[Attribute]) -> Recipe:
    """Return the recipe with `auto` replaced by the attribute it means in this data.

    Raises InputError when the condition names an attribute that the data lacks.
    """
    known = domains(attributes)
    condition = tuple(
        first_attribute(known, "condition") if name == "auto" else name for name in recipe.condition
    )
    for name in condition:
        if name not in known:
            raise InputError(f"condition: the data has no attribute {name!r}; {nearest(name, known)}")
    loss = tuple(
        spec.model_copy(update={"attribute": first_attribute(known, "loss.classify")})
        if isinstance(spec, Classify) and spec.attribute == "auto"
        else spec
        for spec in recipe.loss
    )
    return recipe.model_copy(update={"condition": condition, "loss": loss})


def build(
    recipe: Recipe, attributes: Sequence[Attribute], shape: ImageShape
) -> tuple[Autoencoder, Objective]:
    """Return the autoencoder and the objective of a resolved recipe, initialised from its seed."""
    keep_freed_memory()
    known = domains(attributes)
    width = sum(known[name].size or 1 for name in recipe.condition)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.train.seed)
        autoencoder = Autoencoder(
            shape,
            network=recipe.network,
            latent=recipe.latent,
            likelihood=recipe.likelihood,
            domains=known,
            condition=width,
        )
        objective = Objective(recipe.loss, autoencoder, known, recipe.train.steps)
    return autoencoder, objective


def condition_code(
    names: Sequence[str], known: Mapping[str, Domain], labels: Mapping[str, Tensor]
) -> Tensor | None:
    """Return the condition [b, k] of labels (float [b] by attribute), or None without a condition.

    A class is one-hot, a continuous value standardised; a missing label (NaN) is all zeros, which the model
    so learns to read as unknown.
    """
    if not names:
        return None
    pieces = []
    for name in names:
        domain, values = known[name], labels[name]
        if domain.size:
            classes = torch.arange(domain.size, device=values.device)
            pieces.append((classes == values.unsqueeze(1)).float())
        else:
            pieces.append(((values - domain.mean) / (domain.std or 1.0)).nan_to_num().unsqueeze(1))
    return torch.cat(pieces, dim=1)
