"""Draws from the prior that a latent classifier believes to be of the classes asked for."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from distaff.latent import LatentSpace
from distaff.model.pixels import Floats
from distaff.objective import ClassifyTerm

ROUNDS = 1000
"""Draws for each picture before the best one found is taken."""


@torch.inference_mode()
def draw_believed(
    latent: LatentSpace,
    n: int,
    classifiers: Mapping[str, ClassifyTerm],
    wanted: Mapping[str, Floats],
    generator: torch.Generator,
) -> Tensor:
    """Draw n codes [n, D] from the prior, accepting each with the probability of its wanted classes.

    `wanted` holds class indices [n] by attribute; with none, every draw is accepted. What is left is p(z | y)
    for the classifier's own p(y | z).
    """
    device = generator.device
    if not wanted:
        return latent.draw_prior(n, generator, device)
    classes = {name: torch.from_numpy(values).to(device).long() for name, values in wanted.items()}
    chosen = torch.empty(n, latent.outputs, device=device)
    best = torch.full((n,), -1.0, device=device)
    waiting = torch.arange(n, device=device)
    for _ in range(ROUNDS):
        draws = latent.draw_prior(len(waiting), generator, device)
        chance = torch.ones(len(waiting), device=device)
        for name, values in classes.items():
            believed = classifiers[name].logits(draws).softmax(1)
            chance = chance * believed.gather(1, values[waiting].unsqueeze(1))[:, 0]
        accepted = torch.rand(len(waiting), generator=generator, device=device) < chance
        kept = accepted | (chance > best[waiting])
        chosen[waiting[kept]] = draws[kept]
        best[waiting[kept]] = chance[kept]
        waiting = waiting[~accepted]
        if not len(waiting):
            break
    return chosen
