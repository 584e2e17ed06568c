"""The latent classifier of the class-separated VAE: it guesses an attribute from the sampled code.

Its weight shapes the encoder alone. The classifier itself always learns with weight 1, so that it goes on
reading the code after the weight has fallen to 0. A negative weight turns the encoder against the classifier
(gradient reversal, Ganin et al. 2016, https://arxiv.org/abs/1505.07818): the attribute is driven out of z.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from torch import Tensor, autograd, nn
from torch.nn import functional

from distaff.autoencoder import Autoencoder, Output
from distaff.errors import InputError, nearest
from distaff.latent import Domain
from distaff.network import Width, fully_connected, initialise
from distaff.objective.term import (
    Batch,
    Contribution,
    Term,
    TermSpec,
    first_attribute,
    mean_known,
    skip_unlabelled,
)
from distaff.schedule import Constant, Schedule, Weight


class _ScaleGradient(autograd.Function):
    """The identity, whose gradient is multiplied by a factor on the way back."""

    @staticmethod
    def forward(ctx: Any, code: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return code.view_as(code)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None


class ClassifyTerm(Term):
    """Cross-entropy in nats of an attribute guessed from the code by a small network."""

    def __init__(
        self, attribute: str, size: int, inputs: int, hidden: tuple[int, ...], weight: Schedule
    ) -> None:
        super().__init__()
        self.attribute, self.size = attribute, size
        self.name = f"classify.{attribute}"
        self.schedules = {self.name: weight}
        self.classifier = nn.Sequential(
            fully_connected((inputs, *hidden)), nn.Linear(hidden[-1] if hidden else inputs, size)
        )
        initialise(self)

    @property
    def reads(self) -> bool:
        """Whether the code was shaped for the classifier to read, not against it."""
        return max(self.schedules[self.name].levels) > 0

    def logits(self, code: Tensor) -> Tensor:
        """Return the classifier's logits for codes [b, D] -> [b, size]."""
        return self.classifier(code)  # type: ignore[no-any-return]

    def forward(
        self, batch: Batch, output: Output, model: Autoencoder, weights: dict[str, float]
    ) -> Contribution:
        """Return the cross-entropy of the labelled pictures."""
        shaped = cast("Tensor", _ScaleGradient.apply(output.code, weights[self.name]))  # type: ignore[no-untyped-call]
        logits = self.logits(shaped)

        def loss(rows: Tensor, labels: Tensor) -> Tensor:
            return functional.cross_entropy(logits[rows], labels.long(), reduction="none")

        nats = skip_unlabelled(loss, batch.labels[self.attribute])
        value = mean_known(nats, batch.share)
        # The classifier's gradient has weight 1 and the encoder's the scheduled one; the number added to
        # the loss is the weighted one.
        return Contribution(value + (weights[self.name] - 1) * value.detach(), {self.name: nats})


class Classify(TermSpec):
    """Guess `attribute` from z; `auto` is the data's first attribute with classes.

    A positive `weight` gives classes regions of their own, a negative one drives the attribute out of z.
    """

    tag: ClassVar[str] = "classify"
    attribute: str = "auto"
    weight: Weight = Constant(1.0)
    hidden: tuple[Width, ...] = (64, 64)

    def build(self, model: Autoencoder, domains: dict[str, Domain]) -> Term:
        """Return the term, with a classifier of its own."""
        name = self.attribute
        if name == "auto":
            name = first_attribute(domains, "loss.classify")
        if name not in domains:
            raise InputError(f"loss.classify: the data has no attribute {name!r}; {nearest(name, domains)}")
        if not domains[name].size:
            raise InputError(f"loss.classify: attribute {name!r} is continuous; a classifier needs classes")
        return ClassifyTerm(name, domains[name].size, model.latent.outputs, self.hidden, self.weight)
