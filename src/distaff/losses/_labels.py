"""What labels train: attribute latents are told their values, or a classifier predicts an attribute from z.

The latent classifier of the class-separated VAE reads the sampled code. Its weight shapes the encoder alone;
the classifier itself always learns with weight 1, so that it goes on reading the code after the weight has
fallen to 0. A negative weight turns the encoder against the classifier (gradient reversal, Ganin et al. 2016,
https://arxiv.org/abs/1505.07818): the attribute is driven out of z. `confuse` does so, too, but leaves the
classifier without a clue, where a negative weight makes it wrong.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, autograd, nn
from torch.nn import functional

from distaff.errors import InputError, UnknownAttributeError, nearest
from distaff.latents import AttributeBlock, LatentSpace
from distaff.latents.priors import ByClassModule
from distaff.losses._objective import (
    Column,
    Context,
    OfClasses,
    Step,
    Term,
    TermModule,
    Values,
    constant,
)
from distaff.networks import Width, fully_connected, initialise
from distaff.schedules import Weight, as_schedule


class SuperviseTerm(TermModule):
    """The sum of the attribute latents' own losses in nats, each over the images that have the label."""

    def __init__(self, part: Supervise, attributes: list[str]) -> None:
        super().__init__()
        self.part, self.attributes = part, attributes
        self.columns = {
            f"supervise.{name}": f"loss of the latents of {name}, nats per labelled image"
            for name in attributes
        }
        self.schedules = {"supervise": as_schedule(part.weight)}

    def forward(self, step: Step) -> Values:
        """Return the supervised losses of the labelled images."""
        columns: dict[str, Column] = {}
        for name in self.attributes:
            block, labels = cast("AttributeBlock", step.model.latents[name]), step.batch.labels[name]
            known = ~labels.isnan()
            nats = block.supervised_loss(step.posteriors[name], labels.nan_to_num(), known)
            columns[f"supervise.{name}"] = Column(nats, known)
        total = sum((each.mean() for each in columns.values()), start=step.z.new_zeros(()))
        return Values(step.value(self.part.weight) * total, columns)


class Supervise(Term):
    """Tell the attribute latents their values; `attributes` names them, all by default.

    >>> Supervise(weight=2000).weight
    2000.0
    """

    tag: ClassVar[str] = "supervise"
    weight: Weight = 1.0
    attributes: tuple[str, ...] | None = None

    def build(self, context: Context) -> TermModule:
        """Return the term over the model's attribute latents."""
        known = [block.attribute for block in context.model.latents.attribute_blocks]
        if not known:
            told = "the model has no attribute latent (softmax, l2, ...) to supervise"
            if not context.attributes:
                told = "the data have no labels, so no latent can stand for one"
            raise UnknownAttributeError("loss.supervise", None, told)
        chosen = list(self.attributes) if self.attributes is not None else known
        for name in chosen:
            if name not in known:
                raise InputError(f"loss.supervise: no latent stands for {name!r}; {nearest(name, known)}")
        return SuperviseTerm(self, chosen)


class _ScaleGradient(autograd.Function):
    """The identity, whose gradient is multiplied by a factor on the way back."""

    @staticmethod
    def forward(ctx: Any, code: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return code.view_as(code)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None


class ClassifyTerm(TermModule):
    """Cross-entropy in nats of an attribute predicted from the code by a small network."""

    def __init__(self, part: Classify, size: int, inputs: int) -> None:
        super().__init__()
        self.part, self.attribute, self.size = part, part.attribute, size
        self.name = f"classify.{self.attribute}"
        self.columns = {self.name: f"cross-entropy of {self.attribute} read from z, nats per labelled image"}
        self.schedules = {self.name: as_schedule(part.weight)}
        hidden = part.hidden
        self.classifier = nn.Sequential(
            fully_connected((inputs, *hidden)), nn.Linear(hidden[-1] if hidden else inputs, size)
        )
        initialise(self)

    @property
    def reads(self) -> bool:
        """Whether the code was shaped for the classifier to read, not against it."""
        return max(as_schedule(self.part.weight).levels) > 0

    def logits(self, code: Tensor) -> Tensor:
        """Return the classifier's logits for codes [..., D] -> [..., size]."""
        return self.classifier(code)  # type: ignore[no-any-return]

    def forward(self, step: Step) -> Values:
        """Return the cross-entropy of the labelled images."""
        weight, labels = step.value(self.part.weight), step.batch.labels[self.attribute]
        shaped = cast("Tensor", _ScaleGradient.apply(step.z[0], weight))  # type: ignore[no-untyped-call]
        nats = functional.cross_entropy(self.logits(shaped), labels.nan_to_num().long(), reduction="none")
        column = Column(nats, ~labels.isnan())
        value = column.mean()
        # The classifier's gradient has weight 1 and the encoder's the scheduled one; the number added to
        # the loss is the weighted one.
        return Values(value + (weight - 1) * value.detach(), {self.name: column})


class Classify(OfClasses):
    """Predict `attribute` from z; `auto` is the data's first attribute with classes.

    A positive `weight` gives classes regions of their own, a negative one drives the attribute out of z.

    >>> Classify("digit", weight=100).attribute
    'digit'
    """

    tag: ClassVar[str] = "classify"
    weight: Weight = 1.0
    hidden: tuple[Width, ...] = (64, 64)

    def build(self, context: Context) -> TermModule:
        """Return the term, with a classifier of its own."""
        part = self.resolved(context.attributes)
        return part.term(part.classes(context.attributes), context.model.latents)

    def term(self, size: int, latents: LatentSpace) -> ClassifyTerm:
        """Return the term for so many classes."""
        return ClassifyTerm(self, size, latents.outputs)


class ConfuseTerm(ClassifyTerm):
    """KL(q(y | z) || target) of a classifier that learns, apart, to read the attribute from z."""

    part: Confuse
    places: Tensor
    frequencies: Tensor

    def __init__(self, part: Confuse, size: int, places: Tensor) -> None:
        super().__init__(part, size, len(places))
        self.register_buffer("places", places, persistent=False)
        self.name = f"confuse.{self.attribute}"
        self.columns = {
            self.name: f"KL of the {self.attribute} read from z to what is known without z, nats per image",
            f"{self.name}.loss": "cross-entropy of the classifier, nats per labelled image",
        }
        self.schedules = {self.name: as_schedule(part.weight)}
        self.register_buffer("frequencies", torch.zeros(size))

    @property
    def reads(self) -> bool:
        """Never: the code is shaped against the classifier."""
        return False

    def forward(self, step: Step) -> Values:
        """Return the divergence of all images, and train the classifier on the labelled ones."""
        labels, z = step.batch.labels[self.attribute], step.z[0][:, self.places]
        known, classes = ~labels.isnan(), labels.nan_to_num().long()
        target = torch.ones_like(self.frequencies)
        if self.part.toward == "prior":
            if self.training:
                self.frequencies += functional.one_hot(classes, self.size).T.to(z) @ known.to(z)
            target = self.frequencies + 1
        with constant(self.classifier):
            log_q = self.logits(z).log_softmax(1)
        column = Column((log_q.exp() * (log_q - (target / target.sum()).log())).sum(1))
        read = functional.cross_entropy(self.logits(z.detach()), classes, reduction="none")
        own = Column(read, known)
        # What is shown of the loss is the model's; the classifier adds its gradient alone.
        loss = step.value(self.part.weight) * column.mean() + own.mean() - own.mean().detach()
        return Values(loss, {self.name: column, f"{self.name}.loss": own})


class Confuse(Classify):
    """Drives `attribute` out of z: what a classifier reads from z is held at what is known without z.

    As CSVAE does it (https://arxiv.org/abs/1812.06190): `toward` equal classes (uniform, the most entropy),
    or the frequencies of the labels (prior). Unlike a `classify` of negative weight it has a least value, 0.
    `blocks` names the latents that it is driven out of, all by default.

    >>> Confuse("domain", weight=50).toward
    'uniform'
    """

    tag: ClassVar[str] = "confuse"
    toward: Literal["uniform", "prior"] = "uniform"

    blocks: Annotated[tuple[str, ...], Field(min_length=1)] | None = None

    def term(self, size: int, latents: LatentSpace) -> ClassifyTerm:
        """Return the term; raises InputError for a latent that is not there."""
        wrong = [name for name in self.blocks or () if name not in latents.slices]
        if wrong:
            told = nearest(wrong[0], latents.slices)
            raise InputError(f"loss.confuse.blocks: no latent is called {wrong[0]!r}; {told}")
        names = self.blocks or tuple(latents.slices)
        places = torch.cat([torch.arange(latents.outputs)[latents.slices[name]] for name in names])
        return ConfuseTerm(self, size, places)


class ResponsibleTerm(TermModule):
    """Cross-entropy in nats of the class that a prior's own means read from the code."""

    def __init__(self, part: Responsible, block: str, attribute: str) -> None:
        super().__init__()
        self.part, self.block, self.attribute = part, block, attribute
        self.name = f"responsible.{attribute}"
        self.columns = {self.name: f"-log p({attribute} | z) by the prior's means, nats per labelled image"}
        self.schedules = {self.name: as_schedule(part.weight)}

    def forward(self, step: Step) -> Values:
        """Return the cross-entropy of the labelled images."""
        latents, labels = step.model.latents, step.batch.labels[self.attribute]
        logits = latents[self.block].prior.class_logits(step.z[0][:, latents.slices[self.block]])
        nats = functional.cross_entropy(logits, labels.nan_to_num().long(), reduction="none")
        column = Column(nats, ~labels.isnan())
        return Values(step.value(self.part.weight) * column.mean(), {self.name: column})


class Responsible(Term):
    """Lets the means of a prior `class` read the class from the code, which forms regions as no KL does.

    Its cross-entropy is that of r_y(z) = p(y) p(z | y) / p(z): there is no classifier beside the prior.
    `block` names the latent, the first with such a prior by default.

    >>> Responsible(10).weight
    10.0
    """

    tag: ClassVar[str] = "responsible"
    weight: Weight = 1.0
    block: str | None = None

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model without a mean for each class."""
        known = {
            block.name: block.prior.attribute
            for block in context.model.latents
            if isinstance(block.prior, ByClassModule) and block.prior.attribute is not None
        }
        for name, attribute in known.items():
            if self.block in {None, name}:
                return ResponsibleTerm(self, name, attribute)
        if known:
            told = nearest(str(self.block), known)
            raise InputError(f"loss.responsible.block: {self.block!r} has no mean for each class; {told}")
        raise InputError(
            "loss.responsible: no latent has a mean for each class; write gaussian: {prior: {class: {}}}"
        )
