"""The objective, a list of terms with weights that move by schedules, and what every term is given and gives.

A `Term` is the part that a recipe names; it builds a `TermModule`, which may have weights. A term reads a
`Step` and returns what it adds to the loss, in nats per image, and the columns that the history shows.

loss = sum over terms of weight(step) x (the term's nats, averaged over the batch, or over the images of the
batch that carry the label the term needs). The reconstruction, -log p(x | z) summed over pixels and
channels, is part of every loss.
"""

from __future__ import annotations

import operator
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import ClassVar, Self, cast

import torch
from torch import Tensor, nn

from distaff.attributes import Attribute, first_attribute
from distaff.errors import InputError, UnknownAttributeError
from distaff.latents import Batch, Normal, Posteriors
from distaff.parts import Part
from distaff.schedules import Schedule, Weight, as_schedule
from distaff.vae import VAE


@dataclass(frozen=True)
class Context:
    """What a term is built for: the model, the data's attributes, training images and steps of the run."""

    model: VAE
    attributes: Mapping[str, Attribute]
    images: int
    steps: int


@dataclass
class Step:
    """One step of training or of validation.

    Attributes:
        model: the model.
        batch: images [b, c, h, w] and labels.
        posteriors: of every block, after its rules.
        z: the decoded codes [draws, b, D].
        decoded: the raw decoder output [draws, b, c, h, w].
        number: the step, counted from 0.
        steps: steps of the whole run.
        seed: what random numbers of this step follow from.
    """

    model: VAE
    batch: Batch
    posteriors: Posteriors
    z: Tensor
    decoded: Tensor
    number: int
    steps: int
    seed: int

    def value(self, weight: Weight) -> float:
        """Return the value of a number or a schedule at this step."""
        return weight.value(self.number, self.steps) if isinstance(weight, Schedule) else float(weight)

    def generator(self, name: str) -> torch.Generator:
        """Return a generator of a term's own, so that what it draws moves no other random number."""
        generator = torch.Generator(self.z.device)
        return generator.manual_seed((self.seed ^ zlib.crc32(name.encode()) << 20) % 2**63)

    def normal_posterior(self) -> tuple[Normal, Tensor]:
        """Return the normal posterior [b, d] of all latents that have one, and their codes [b, d]."""
        found, codes = [], []
        for name, posterior in self.posteriors.items():
            distribution = posterior.distribution
            if isinstance(distribution, Normal) and self.model.latents[name].is_normal:
                found.append(distribution)
                codes.append(self.z[0, :, self.model.latents.slices[name]])
        mean = torch.cat([each.mean for each in found], 1)
        log_variance = torch.cat([each.log_variance for each in found], 1)
        return Normal(mean, log_variance), torch.cat(codes, 1)

    @cached_property
    def log_likelihood(self) -> Tensor:
        """Log p(x | z) in nats for every draw: [draws, b]."""
        images, draws = self.batch.images, len(self.decoded)
        if draws > 1:
            images = images.expand(draws, *images.shape).flatten(0, 1)
        nats = self.model.likelihood.log_probability(self.decoded.flatten(0, 1), images)
        return nats.reshape(self.decoded.shape[:2])


@dataclass
class Column:
    """What the history shows of a term.

    `values` is one for each image [b], of which those of `mask` (bool [b]) count, or one [] for the batch.
    """

    values: Tensor
    mask: Tensor | None = None

    def mean(self) -> Tensor:
        """Return the mean of the values that count; 0 with a gradient of 0 when none does."""
        if self.mask is None:
            return self.values.mean()
        return torch.where(self.mask, self.values, 0).sum() / self.mask.sum().clamp(min=1)


@dataclass
class Values:
    """What a term made of a batch.

    Attributes:
        loss: the scalar to add to the loss, weighted.
        columns: unweighted, under the names of the term's `columns`.
    """

    loss: Tensor
    columns: dict[str, Column]


@dataclass
class ParameterGroup:
    """Weights that are trained in their own way; what is None is as in `train`."""

    parameters: Sequence[nn.Parameter]
    lr: Weight | None = None
    betas: tuple[float, float] | None = None
    weight_decay: float | None = None


def normal_latents(context: Context, least: int, where: str) -> int:
    """Return how many latents have a normal posterior; raises InputError for fewer than `least`."""
    size = sum(block.outputs for block in context.model.latents if block.is_normal)
    if size < least:
        raise InputError(f"{where}: needs {least} latents with a normal posterior, the model has {size}")
    return size


@contextmanager
def constant(*modules: nn.Module) -> Iterator[None]:
    """Hold the weights of modules constant: a gradient reaches what they are given, and none themselves."""
    weights = [each for module in modules for each in module.parameters() if each.requires_grad]
    for each in weights:
        each.requires_grad_(False)
    try:
        yield
    finally:
        for each in weights:
            each.requires_grad_(True)


class TermModule(nn.Module, ABC):
    """One term of the loss.

    Attributes:
        columns: what the history shows, each with a description that names its unit.
        schedules: the schedules that move its numbers, by the name that the history shows them under.
        draws: how many codes it needs for each image.
        explains: whether it holds the reconstruction of the images, so that none is added.
        diverges: whether it holds the divergence of the codes to their prior.
        balances: whether it moves its own weight for as long as the training lasts.
    """

    columns: Mapping[str, str]
    schedules: Mapping[str, Schedule]
    draws: int = 1
    explains: bool = False
    diverges: bool = False
    balances: bool = False

    @abstractmethod
    def forward(self, step: Step) -> Values:
        """Return what the term adds to the loss at a step."""

    def last_change(self, total: int) -> int:
        """Return the step, of a run of `total`, from which the term asks for the same."""
        return max((each.last_change(total) for each in self.schedules.values()), default=0)

    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """Return those of the term's weights that are not trained as the model's are."""
        return ()


class Term(Part):
    """A term of the loss as the recipe writes it."""

    family: ClassVar[str] = "loss term"

    @abstractmethod
    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError when it does not fit the model or the data."""

    def resolved(self, attributes: Mapping[str, Attribute]) -> Term:
        """Return the term with `auto` replaced by the attribute that it means in this data."""
        return self


class OfClasses(Term):
    """A term of one `attribute` with classes; `auto` is the data's first."""

    attribute: str = "auto"

    def resolved(self, attributes: Mapping[str, Attribute]) -> Self:
        """Return the term with the first attribute that has classes in place of `auto`."""
        if self.attribute != "auto":
            return self
        return self.model_copy(update={"attribute": first_attribute(attributes, f"loss.{self.tag}")})

    def classes(self, attributes: Mapping[str, Attribute]) -> int:
        """Return how many classes the attribute has; raises InputError where data have no such attribute."""
        name = self.resolved(attributes).attribute
        if name not in attributes:
            raise UnknownAttributeError(f"loss.{self.tag}", name, attributes)
        if not attributes[name].size:
            raise InputError(f"loss.{self.tag}: attribute {name!r} is continuous; the term needs classes")
        return attributes[name].size


@dataclass
class Loss:
    """The loss of a batch.

    Attributes:
        total: the scalar to minimise, nats per image.
        columns: what the history shows of each term, unweighted.
        terms: what each term adds to the total, weighted, under the name of its first column.
    """

    total: Tensor
    columns: dict[str, Column]
    terms: dict[str, Tensor]


class Objective(nn.Module):
    """All terms of the loss.

    A reconstruction is added when no term explains the images.
    """

    def __init__(self, terms: Sequence[Term], context: Context) -> None:
        super().__init__()
        built = [term.build(context) for term in terms]
        _refuse_twice([(part.tag, term) for part, term in zip(terms, built, strict=True)])
        if not any(term.explains for term in built):
            built.insert(0, Reconstruction().build(context))
        names = [name for term in built for name in term.columns]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"loss: two terms have a column {name!r}; give one another name")
        self._terms = nn.ModuleList(built)

    def __iter__(self) -> Iterator[TermModule]:
        return (cast("TermModule", term) for term in self._terms)

    @property
    def draws(self) -> int:
        """How many codes the terms need for each image."""
        return max(term.draws for term in self)

    @property
    def schedules(self) -> dict[str, Schedule]:
        """Every schedule by the name of what it moves."""
        return {name: schedule for term in self for name, schedule in term.schedules.items()}

    @property
    def columns(self) -> Mapping[str, str]:
        """The history's columns, each with its description."""
        return {name: about for term in self for name, about in term.columns.items()}

    def forward(self, step: Step) -> Loss:
        """Return the loss of a step."""
        values = {next(iter(term.columns)): term(step) for term in self}
        total = reduce(operator.add, (each.loss for each in values.values()))
        columns = {name: column for each in values.values() for name, column in each.columns.items()}
        return Loss(total, columns, {name: each.loss for name, each in values.items()})


def _refuse_twice(named: Sequence[tuple[str, TermModule]]) -> None:
    """Refuse a second reconstruction, and a divergence beside a bound, which it is no bound with."""
    for one, whole in named:
        for other, term in named:
            if term is whole or not whole.explains:
                continue
            for held, what in ((term.explains, "reconstruction"), (term.diverges, "divergence")):
                if held and (whole.diverges or what == "reconstruction"):
                    raise InputError(f"loss: {one} and {other} both hold the {what}; remove one of them")


class ReconstructionTerm(TermModule):
    """weight x -log p(x | z), the mean over the drawn codes."""

    explains = True

    def __init__(self, part: Reconstruction) -> None:
        super().__init__()
        self.part = part
        self.columns = {"reconstruction": "-log p(x | z), nats per image"}
        self.schedules = {"reconstruction": as_schedule(part.weight)}

    def forward(self, step: Step) -> Values:
        """Return the negative log-likelihood of the images."""
        column = Column(-step.log_likelihood.mean(0))
        return Values(step.value(self.part.weight) * column.mean(), {"reconstruction": column})


class Reconstruction(Term):
    """The reconstruction; part of every loss, named only to change its weight.

    >>> Reconstruction(2).weight
    2.0
    """

    tag: ClassVar[str] = "reconstruction"
    weight: Weight = 1.0

    def build(self, context: Context) -> TermModule:
        """Return the term."""
        return ReconstructionTerm(self)
