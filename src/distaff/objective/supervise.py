"""The supervised term: every attribute block is told the attribute's value where it is known."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from distaff.autoencoder import Autoencoder, Output
from distaff.errors import InputError, nearest
from distaff.latent import AttributeBlock, Domain, State
from distaff.objective.term import Batch, Contribution, Term, TermSpec, mean_known, skip_unlabelled
from distaff.schedule import Constant, Schedule, Weight


class SuperviseTerm(Term):
    """The sum of the attribute blocks' own losses in nats, each over the pictures that have the label."""

    def __init__(self, attributes: list[str], weight: Schedule) -> None:
        super().__init__()
        self.name = "supervise"
        self.attributes = attributes
        self.schedules = {self.name: weight}

    def forward(
        self, batch: Batch, output: Output, model: Autoencoder, weights: dict[str, float]
    ) -> Contribution:
        """Return the supervised losses of the labelled pictures."""
        values: dict[str, Tensor] = {}
        for name in self.attributes:
            block = model.latent[name]
            assert isinstance(block, AttributeBlock)
            state = output.states[name]

            def loss(
                rows: Tensor, labels: Tensor, block: AttributeBlock = block, state: State = state
            ) -> Tensor:
                return block.supervised_loss(state.rows(rows), labels)

            values[f"{self.name}.{name}"] = skip_unlabelled(loss, batch.labels[name])
        total = sum(
            (mean_known(each, batch.share) for each in values.values()), start=output.code.new_zeros(())
        )
        return Contribution(weights[self.name] * total, values)

    def columns(self) -> list[str]:
        """Return one name for each attribute."""
        return [f"{self.name}.{name}" for name in self.attributes]


class Supervise(TermSpec):
    """Tell the attribute blocks their values; `attributes` names them, all by default."""

    tag: ClassVar[str] = "supervise"
    weight: Weight = Constant(1.0)
    attributes: tuple[str, ...] | None = None

    def build(self, model: Autoencoder, domains: dict[str, Domain]) -> Term:
        """Return the term over the model's attribute blocks."""
        known = [block.attribute for block in model.latent.attribute_blocks]
        if not known:
            raise InputError(
                "loss.supervise: the model has no attribute block (softmax, l2, ...) to supervise"
            )
        chosen = list(self.attributes) if self.attributes is not None else known
        for name in chosen:
            if name not in known:
                raise InputError(f"loss.supervise: no attribute block {name!r}; {nearest(name, known)}")
        return SuperviseTerm(chosen, self.weight)
