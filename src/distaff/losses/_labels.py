"""What labels train: attribute latents are told their values, or a classifier predicts an attribute from z.

The latent classifier of the class-separated VAE reads the sampled code. Its weight shapes the encoder alone;
the classifier itself always learns with weight 1, so that it goes on reading the code after the weight has
fallen to 0. A negative weight turns the encoder against the classifier (gradient reversal, Ganin et al. 2016,
https://arxiv.org/abs/1505.07818): the attribute is driven out of z. `confuse` does so, too, but leaves the
classifier without a clue, where a negative weight makes it wrong.
"""

from __future__ import annotations

import logging
from itertools import combinations
from typing import Annotated, Any, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, autograd, nn
from torch.func import functional_call
from torch.nn import functional

from distaff.errors import InputError, UnknownAttributeError, nearest
from distaff.latents import AttributeBlock, LatentSpace
from distaff.latents.priors import ByClassModule, RegionsModule
from distaff.losses._objective import Column, Context, OfClasses, Step, Term, TermModule, Values
from distaff.networks import Width, fully_connected, initialise
from distaff.schedules import Moment, Weight, as_schedule, moment_to_step

logger = logging.getLogger(__name__)
MEMORY = 0.98
"""How much of the sums behind a class's mean code is kept from step to step."""


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
        part, known = self.resolved(context.attributes), context.attributes
        if part.attribute not in known:
            raise UnknownAttributeError(f"loss.{self.tag}", part.attribute, known)
        if not known[part.attribute].size:
            raise InputError(
                f"loss.{self.tag}: attribute {part.attribute!r} is continuous; a classifier needs classes"
            )
        return part.term(known[part.attribute].size, context.model.latents)

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
        constants = {name: each.detach() for name, each in self.classifier.named_parameters()}
        log_q = functional_call(self.classifier, constants, (z,)).log_softmax(1)
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


class RegionsTerm(TermModule):
    """Cross-entropy in nats of the class that a latent's prior reads from its code."""

    means: Tensor
    counts: Tensor

    def __init__(self, part: Regions, block: str, prior: RegionsModule, context: Context) -> None:
        super().__init__()
        self.part, self.block, self.settle = part, block, moment_to_step(part.settle, context.steps)
        self.attribute = cast("str", prior.attribute)
        self.names = context.attributes[self.attribute].values
        self.name = f"regions.{self.attribute}"
        self.columns = {
            self.name: f"-log p({self.attribute} | z) of the prior's regions, nats per labelled image",
            f"{self.name}.keep": "the same of the region that the mean code lies in, nats per image",
        }
        self.schedules = {self.name: as_schedule(part.weight), f"{self.name}.keep": as_schedule(part.keep)}
        self.register_buffer("means", torch.zeros_like(prior.slopes))
        self.register_buffer("counts", torch.zeros(len(prior.slopes)))

    def forward(self, step: Step) -> Values:
        """Return both cross-entropies; lay the regions out at step `settle`."""
        prior = cast("RegionsModule", step.model.latents[self.block].prior)
        z = step.z[0][:, step.model.latents.slices[self.block]]
        mean = step.posteriors[self.block].mode.detach()
        labels = step.batch.labels[self.attribute]
        known = ~labels.isnan()
        classes = labels.nan_to_num().long()
        if self.training and step.number < self.settle:
            self._remember(mean, classes, known)
        if self.training and step.number == self.settle:
            self._settle(prior)
        logits = prior.class_logits(z)
        own = prior.class_logits(mean).argmax(1)
        told = Column(functional.cross_entropy(logits, classes, reduction="none"), known)
        kept = Column(functional.cross_entropy(logits, own, reduction="none"))
        loss = step.value(self.part.weight) * told.mean() + step.value(self.part.keep) * kept.mean()
        return Values(loss, {self.name: told, f"{self.name}.keep": kept})

    @torch.no_grad()
    def _remember(self, mean: Tensor, classes: Tensor, known: Tensor) -> None:
        # Each class's moving average begins with its first codes. An unknown class counts 0 times: choosing
        # rows would wait for the device.
        once = known.to(mean.dtype)
        self.means.mul_(MEMORY).index_add_(0, classes, mean * once.unsqueeze(1))
        self.counts.mul_(MEMORY).index_add_(0, classes, once)

    def _settle(self, prior: RegionsModule) -> None:
        total = self.counts.sum()
        shares = self.counts / total if total > 0 else torch.full_like(self.counts, 1 / len(self.counts))
        apart = prior.divide(self.means / self.counts.clamp(min=1e-6).unsqueeze(1), shares)
        if apart:
            told = ", ".join(f"{self.names[one]} - {self.names[two]}" for one, two in apart)
            logger.warning(
                "regions of %s: no layout was found in which these touch: %s", self.attribute, told
            )


class Regions(Term):
    """Gives each class its region of the prior `regions`, which is laid out at step `settle`.

    Until then the codes find their places without labels; regions lie as near to those as borders allow. The
    `weight` is that of the labels. `keep` holds an image, whatever its label, in the region that its mean
    code lies in, so that regions last after the labels are gone.

    >>> Regions(weight=100).settle
    '10%'
    """

    tag: ClassVar[str] = "regions"
    weight: Weight = 1.0
    keep: Weight = 0.0
    settle: Moment = "10%"

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model without a prior of regions."""
        block, prior = _regions(context, "loss.regions")
        return RegionsTerm(self, block, prior, context)


class PathsTerm(TermModule):
    """-log(p_a + p_b) of what is decoded along straight paths between the mean codes of classes a and b."""

    means: Tensor
    pairs: Tensor

    def __init__(self, part: Paths, block: str, prior: RegionsModule, pairs: Tensor) -> None:
        super().__init__()
        self.part, self.block = part, block
        self.columns = {"paths": "-log(p_a + p_b) of images decoded between classes a and b, nats"}
        self.schedules = {"paths": as_schedule(part.weight)}
        self.register_buffer("means", torch.zeros_like(prior.slopes))
        self.register_buffer("pairs", pairs, persistent=False)

    def forward(self, step: Step) -> Values:
        """Return the mean over points of random paths."""
        latents = step.model.latents
        prior = cast("RegionsModule", latents[self.block].prior)
        if self.training:
            self._remember(step.posteriors[self.block].mode.detach(), prior)
        weight = step.value(self.part.weight)
        if not weight:
            return Values(step.z.new_zeros(()), {"paths": Column(step.z.new_zeros(()))})
        generator = step.generator("paths")
        shape, device = (self.part.points, 1), step.z.device
        chosen = self.pairs[torch.randint(len(self.pairs), shape[:1], generator=generator, device=device)]
        share = torch.rand(shape, generator=generator, device=device)
        path = self.means[chosen[:, 0]] * share + self.means[chosen[:, 1]] * (1 - share)
        codes = step.z[0, torch.arange(len(path), device=device) % step.z.shape[1]].detach().clone()
        codes[:, latents.slices[self.block]] = path
        logs = prior.class_logits(self._encoded(step, codes)).log_softmax(1)
        nats = -torch.logsumexp(logs.gather(1, chosen), 1).mean()
        return Values(weight * nats, {"paths": Column(nats)})

    def _encoded(self, step: Step, codes: Tensor) -> Tensor:
        """The mean codes of decoded codes, by an encoder that the gradient passes but does not change."""
        model = step.model
        images = model.likelihood.image(model.decode(codes))
        learning = [
            each for part in (model.encoder, model.head) for each in part.parameters() if each.requires_grad
        ]
        for weight in learning:
            weight.requires_grad_(False)
        try:
            return model.encode(images)[self.block].mode
        finally:
            for weight in learning:
                weight.requires_grad_(True)

    @torch.no_grad()
    def _remember(self, mean: Tensor, prior: RegionsModule) -> None:
        chances = prior.class_logits(mean).softmax(1)
        total = chances.sum(0).unsqueeze(1)
        found = chances.T @ mean / total.clamp(min=1e-6)
        self.means.copy_(torch.where(total > 1, self.means + (1 - MEMORY) * (found - self.means), self.means))


class Paths(Term):
    """Lets the decoder show nothing but a and b on the straight path between classes a and b.

    Needs a prior of regions. Images decoded at `points` random places of random paths are encoded again, and
    the prior's regions read them: the model's own reading, which needs no label. The pairs are those that the
    prior names, all where it names none.

    >>> Paths(weight=10).points
    32
    """

    tag: ClassVar[str] = "paths"
    weight: Weight = 1.0
    points: int = Field(default=32, ge=1, le=10_000)

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model without a prior of regions, or with a condition."""
        block, prior = _regions(context, "loss.paths")
        if context.model.condition:
            raise InputError("loss.paths: the model has a condition, so codes alone show no class")
        pairs = prior.pairs or tuple(combinations(range(len(prior.slopes)), 2))
        return PathsTerm(self, block, prior, torch.tensor(pairs))


def _regions(context: Context, where: str) -> tuple[str, RegionsModule]:
    """The latent whose prior is divided into regions, and that prior."""
    for block in context.model.latents:
        if isinstance(block.prior, RegionsModule):
            return block.name, block.prior
    raise InputError(
        f"{where}: no latent has a prior of regions; write gaussian: {{prior: {{regions: {{}}}}}}"
    )
