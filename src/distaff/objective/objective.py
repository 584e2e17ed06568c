"""The objective: a list of terms, each with weights that move by schedules, in nats per image.

loss = sum over terms of weight(step) x (the term's nats, averaged over the batch, or over the pictures of
the batch that carry the label the term needs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from torch import Tensor, nn

from distaff.autoencoder import Autoencoder, Output
from distaff.errors import InputError
from distaff.latent import Domain
from distaff.objective.classify import Classify
from distaff.objective.kl import KL
from distaff.objective.reconstruction import Reconstruction
from distaff.objective.supervise import Supervise
from distaff.objective.term import Batch, Term
from distaff.schedule import Schedule
from distaff.spec import one_of

LossSpec = Annotated[
    Reconstruction | KL | Classify | Supervise, one_of(Reconstruction, KL, Classify, Supervise)
]


@dataclass
class Loss:
    """The loss of a batch.

    `total`: scalar to minimise, nats per image. `values`: the unweighted nats of every picture [b] under
    each column of the history, NaN where a term skipped the picture.
    """

    total: Tensor
    values: dict[str, Tensor]


class Objective(nn.Module):
    """All terms of the loss, for a run of `steps` steps."""

    def __init__(
        self, specs: Sequence[LossSpec], model: Autoencoder, domains: dict[str, Domain], steps: int
    ) -> None:
        super().__init__()
        if not any(isinstance(spec, Reconstruction) for spec in specs):
            specs = [Reconstruction(), *specs]
        terms = [spec.build(model, domains) for spec in specs]
        names = [term.name for term in terms]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"loss: two terms are called {name!r}; give one another name")
        self._terms = nn.ModuleList(terms)
        self.steps = steps

    def __iter__(self) -> Iterator[Term]:
        return (cast("Term", term) for term in self._terms)

    @property
    def schedules(self) -> dict[str, Schedule]:
        """Every schedule by the name of what it moves."""
        return {name: schedule for term in self for name, schedule in term.schedules.items()}

    def weights(self, step: int) -> dict[str, float]:
        """Return the value of every schedule at `step`."""
        return {name: each.value(step, self.steps) for name, each in self.schedules.items()}

    def columns(self) -> list[str]:
        """Return the history's columns of the terms."""
        return [column for term in self for column in term.columns()]

    def forward(self, batch: Batch, output: Output, model: Autoencoder, weights: dict[str, float]) -> Loss:
        """Return the loss of a batch under the weights of a step."""
        contributions = [term(batch, output, model, weights) for term in self]
        total = sum((each.loss for each in contributions), start=output.code.new_zeros(()))
        return Loss(total, {name: nats for each in contributions for name, nats in each.values.items()})
