"""Regions of classes in N(0, I), and straight paths between classes on which nothing else is decoded."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from distaff.errors import InputError
from distaff.latents import AttributeBlock, Block
from distaff.latents.priors import RegionsModule
from distaff.losses._objective import (
    Column,
    Context,
    OfClasses,
    Step,
    Term,
    TermModule,
    Values,
    constant,
    normal_latents,
)
from distaff.networks import Conv, ImageShape, Mlp, initialise
from distaff.schedules import Moment, Weight, as_schedule, moment_to_step

logger = logging.getLogger(__name__)
MEMORY = 0.98
"""How much of the sums behind a class's mean code is kept from step to step."""
LEAST = 0.1
"""Images of a class, so weighed, from which its mean counts."""


class RegionsTerm(TermModule):
    """Cross-entropy in nats of the class that a latent's prior reads from its code."""

    means: Tensor
    counts: Tensor
    laid_out: Tensor

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
        # Kept with the run: one that is continued with more steps has its regions, whenever `settle` is now.
        self.register_buffer("laid_out", torch.zeros((), dtype=torch.bool))
        self._open = True  # Spares a question to the device in every later step.

    def last_change(self, total: int) -> int:
        """Return the step from which regions and weights stay as they are."""
        return max(super().last_change(total), self.settle)

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
        if self.training and self._open and step.number >= self.settle:
            self._open = False
            if not self.laid_out and (step.number == self.settle or not prior.slopes.any()):
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
        self.laid_out.fill_(True)
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
        """Return the term; raises InputError for no prior of regions, or regions that are never laid out."""
        if moment_to_step(self.settle, context.steps) >= context.steps:
            raise InputError(
                f"loss.regions.settle: {self.settle} is not before the end of {context.steps} steps; the "
                "regions would never be laid out"
            )
        for block in context.model.latents:
            if isinstance(block.prior, RegionsModule):
                return RegionsTerm(self, block.name, block.prior, context)
        raise InputError(
            "loss.regions: no latent has a prior of regions; write gaussian: {prior: {regions: {}}}"
        )


class PathsTerm(TermModule):
    """-log(p_a + p_b) of what is decoded along straight paths between the mean codes of classes a and b."""

    sums: Tensor
    counts: Tensor
    pairs: Tensor

    def __init__(self, part: Paths, block: Block, classes: int, context: Context) -> None:
        super().__init__()
        self.part, self.block = part, block.name
        prior = block.prior if _laid_out(block, part.attribute) else None
        pairs = prior.pairs if isinstance(prior, RegionsModule) else ()
        self.until = moment_to_step(part.until, context.steps)
        self.columns = {
            "paths": "-log(p_a + p_b) of images decoded between classes a and b, nats",
            "paths.reader": f"cross-entropy of {part.attribute} read from images, nats per labelled image",
        }
        self.schedules = {"paths": as_schedule(part.weight)}
        self.reader = ImageReader(context.model.shape, classes)
        self.register_buffer("sums", torch.zeros(classes, block.outputs))
        self.register_buffer("counts", torch.zeros(classes))
        every = pairs or tuple(combinations(range(classes), 2))
        self.register_buffer("pairs", torch.tensor(every), persistent=False)
        self.of_layout = prior is not None and not pairs and block.outputs == 2

    def forward(self, step: Step) -> Values:
        """Return the mean over points of random paths, and what the reader learns of real images."""
        # As many real images as decoded ones: enough for a reader, at a fraction of the cost of a batch.
        labels = step.batch.labels[self.part.attribute][: self.part.points]
        logits = self.reader(step.batch.images[: self.part.points])
        nats = functional.cross_entropy(logits, labels.nan_to_num().long(), reduction="none")
        read = Column(nats, ~labels.isnan())
        own = read.mean() if step.number < self.until else read.mean().detach()
        if self.training:
            self._remember(step.posteriors[self.block].mode[: len(logits)], logits.softmax(1))
        weight = step.value(self.part.weight)
        none = step.z.new_zeros(self.part.points)
        paths = self._decode_between(step) if weight else Column(none, none > 0)
        # What is shown of the loss is the model's; the reader adds its gradient alone.
        loss = weight * paths.mean() + own - own.detach()
        return Values(loss, {"paths": paths, "paths.reader": read})

    def _decode_between(self, step: Step) -> Column:
        """Return -log(p_a + p_b) of what is decoded at random places of random paths: [points]."""
        model = step.model
        chosen, known = self._choose(step)
        codes = step.z[0, torch.arange(len(chosen), device=step.z.device) % step.z.shape[1]].detach().clone()
        codes[:, model.latents.slices[self.block]] = self._between(chosen, step)
        with _kept_statistics(model), constant(self.reader):
            logs = self.reader(model.likelihood.image(model.decode(codes))).log_softmax(1)
        return Column(-torch.logsumexp(logs.gather(1, chosen), 1), known)

    def _choose(self, step: Step) -> tuple[Tensor, Tensor]:
        """Return random pairs of classes [points, 2], and which are of classes that have a path."""
        chances = torch.ones(len(self.pairs), device=step.z.device)
        if self.of_layout:
            prior = cast("RegionsModule", step.model.latents[self.block].prior)
            chances = prior.joined[self.pairs[:, 0], self.pairs[:, 1]].float()
        chosen = torch.multinomial(
            chances + 1e-9, self.part.points, replacement=True, generator=step.generator("paths")
        )
        pairs = self.pairs[chosen]
        return pairs, (self.counts[pairs].amin(1) > LEAST) & (chances[chosen] > 0)

    def _between(self, chosen: Tensor, step: Step) -> Tensor:
        """Return codes at random places of the paths between pairs of classes: [points, d]."""
        share = torch.rand((len(chosen), 1), generator=step.generator("paths.places"), device=step.z.device)
        means = self.sums / self.counts.clamp(min=LEAST).unsqueeze(1)
        return means[chosen[:, 0]] * share + means[chosen[:, 1]] * (1 - share)

    @torch.no_grad()
    def _remember(self, mean: Tensor, chances: Tensor) -> None:
        self.sums.mul_(MEMORY).add_(chances.T @ mean)
        self.counts.mul_(MEMORY).add_(chances.sum(0))


@contextmanager
def _kept_statistics(model: nn.Module) -> Iterator[None]:
    """Have batch normalisation use what it knows of images, and learn nothing of those between classes."""
    layers = [each for each in model.modules() if isinstance(each, nn.BatchNorm2d) and each.training]
    for each in layers:
        each.eval()
    try:
        yield
    finally:
        for each in layers:
            each.train()


class ImageReader(nn.Module):
    """Images [b, c, h, w] to the logits of `classes` classes [b, classes]."""

    def __init__(self, shape: ImageShape, classes: int) -> None:
        super().__init__()
        network = Conv(hidden=(128,)) if min(shape[1:]) >= 8 else Mlp((128,))
        self.body = network.build_encoder(shape, 0)
        self.head = nn.Linear(self.body.features, classes)
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the classes."""
        logits: Tensor = self.head(self.body(images, None))
        return logits


class Paths(OfClasses):
    """Lets the decoder show nothing but a and b on the straight path between classes a and b of `attribute`.

    Images are decoded at `points` random places of random paths, and read by a network beside the model that
    learns, from the labelled images and until the moment `until`, to read the attribute from images. The
    model cannot hide a third class from it by reading it otherwise. The paths are those of the first latent
    with a normal posterior that stands for no attribute, or of the one with a prior of regions of the
    attribute.

    The pairs are those that such a prior names, and all where none does. No plane holds a straight path
    between every two of five classes or more: there the pairs are those that the prior has joined, and
    without such a prior the term counts for nothing, and says so.

    >>> Paths(weight=10).points
    32
    """

    tag: ClassVar[str] = "paths"
    weight: Weight = 1.0
    points: int = Field(default=32, ge=1, le=10_000)
    until: Moment = "100%"

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model that it does not fit, or data without classes."""
        if context.model.condition:
            raise InputError("loss.paths: the model has a condition, so codes alone show no class")
        part, classes = self.resolved(context.attributes), self.classes(context.attributes)
        normal_latents(context, 1, "loss.paths")
        normal = [each for each in context.model.latents if each.is_normal]
        divided = [each for each in normal if _laid_out(each, part.attribute)]
        free = [each for each in normal if not isinstance(each, AttributeBlock)]
        chosen = (divided or free or normal)[0]
        if not divided and chosen.outputs <= 2 and classes > 2 * chosen.outputs:
            logger.warning(
                "paths: %d latents hold no straight path between every two of %d classes, so the term counts "
                "for nothing; take 3 latents or more, or the prior regions",
                chosen.outputs,
                classes,
            )
            part = part.model_copy(update={"weight": 0.0})
        return PathsTerm(part, chosen, classes, context)


def _laid_out(block: Block, attribute: str) -> bool:
    """Whether the prior of a latent gives each class of the attribute a region."""
    return isinstance(block.prior, RegionsModule) and block.prior.attribute == attribute
