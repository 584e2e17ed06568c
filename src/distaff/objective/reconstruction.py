"""The reconstruction term: -log p(x | z) in nats per image, summed over pixels and channels."""

from __future__ import annotations

from typing import ClassVar

from distaff.autoencoder import Autoencoder, Output
from distaff.latent import Domain
from distaff.objective.term import Batch, Contribution, Term, TermSpec
from distaff.schedule import Constant, Schedule, Weight


class ReconstructionTerm(Term):
    """weight x -log p(x | z), z one sample of the posterior."""

    def __init__(self, weight: Schedule) -> None:
        super().__init__()
        self.name = "reconstruction"
        self.schedules = {self.name: weight}

    def forward(
        self, batch: Batch, output: Output, model: Autoencoder, weights: dict[str, float]
    ) -> Contribution:
        """Return the negative log-likelihood of the pictures."""
        nats = -model.likelihood.log_probability(output.decoded, batch.images)
        return Contribution(weights[self.name] * nats.mean(), {self.name: nats})


class Reconstruction(TermSpec):
    """The reconstruction; always part of the loss, named only to change its weight."""

    tag: ClassVar[str] = "reconstruction"
    weight: Weight = Constant(1.0)

    def build(self, model: Autoencoder, domains: dict[str, Domain]) -> Term:
        """Return the term."""
        return ReconstructionTerm(self.weight)
