"""https://arxiv.org/abs/1509.00519: importance-weighted bounds on log p(x) (IWAE and its relatives).

log w_k = log p(x | z_k) + log p(z_k) - log q(z_k | x), all at the drawn code, and the bound of k draws is
logsumexp_k log w_k - log k. In `groups` it is the mean of the groups' bounds (MIWAE,
https://arxiv.org/abs/1802.04537); where only the encoder learns from groups, and the decoder from all draws
as one, it is PIWAE; `elbo` is the share of the mean of log w beside it (CIWAE), all of the same paper.

The encoder's gradient may leave out the score of q, whose mean is 0: stl (https://arxiv.org/abs/1703.09194)
by the normalised weights, dreg (https://arxiv.org/abs/1810.04152) by their squares, which is unbiased for
every k. It stands in the place of reconstruction and KL, whose weights are 1.

https://arxiv.org/abs/1406.5298 (M2): where the class y of an image is not told, the bound sums over it:
sum_y q(y | x) l(x, y) - H(q(y | x)) with l(x, y) = reconstruction + KL - log p(y); else it is l(x, y) itself.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, Self, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from distaff.errors import InputError, nearest
from distaff.latents import Categorical, ClassBlock, without_negligible
from distaff.losses._objective import Column, Context, OfClasses, Step, Term, TermModule, Values
from distaff.schedules import Weight, as_schedule


class BoundTerm(TermModule):
    """-(logsumexp_k log w_k - log k), the mean over groups of k draws."""

    explains = True
    diverges = True

    def __init__(self, part: Bound) -> None:
        super().__init__()
        self.part, self.draws = part, part.samples
        self.columns = {
            "bound": f"-log p(x) is at most this, by {part.samples} draws, nats per image",
            "elbo": "mean of log w over the draws, nats per image",
            "draws_in_use": "effective number of draws, 1 / sum of squared weights",
        }
        self.schedules = {}

    def forward(self, step: Step) -> Values:
        """Return the bound of the images."""
        part, latents, posteriors = self.part, step.model.latents, step.posteriors
        if part.gradient != "iwae":
            # The code still carries the encoder's gradient; the density no longer does.
            posteriors = {name: each.detach() for name, each in posteriors.items()}
        log_joint = step.log_likelihood + latents.log_prior(step.z, step.batch.labels)
        log_w = log_joint - latents.log_posterior(posteriors, step.z)
        bound, encoder = self._mixed(log_w, part.groups)
        learning, z = step.z.requires_grad, step.z
        if part.grouped == "encoder":
            bound, decoder = self._mixed(log_w, 1)
            if learning:
                # The encoder's own gradient: of z by another pass through the decoder, of q directly.
                own = encoder * self._again(log_w.detach()) if part.gradient == "dreg" else encoder
                (wanted,) = torch.autograd.grad((own * log_w).sum(), z, retain_graph=True)
                z.register_hook(lambda _: -wanted / len(bound))  # type: ignore[no-untyped-call]
                log_q = latents.log_posterior(posteriors, z.detach())
                surrogate = (decoder * log_joint - encoder * log_q).sum(0)
                bound = bound.detach() + surrogate - surrogate.detach()
        elif part.gradient == "dreg" and learning:
            # On the way back to the encoder the weights of the bound count once more.
            again, least = self._again(log_w.detach()), part.elbo / len(log_w)
            factor = again if not part.elbo else ((encoder - least) * again + least) / encoder
            z.register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: gradient * factor.unsqueeze(-1)
            )
        # The gradient of the bound is the weighted mean of those of log w.
        weights = log_w.detach().softmax(0)
        columns = {
            "bound": Column(-bound),
            "elbo": Column(log_w.mean(0)),
            "draws_in_use": Column(1 / weights.square().sum(0)),
        }
        return Values(-bound.mean(), columns)

    def _mixed(self, log_w: Tensor, groups: int) -> tuple[Tensor, Tensor]:
        """Return the bound [b] of log weights [draws, b] in so many groups, and its gradient [draws, b]."""
        parts = without_negligible(log_w.reshape(groups, -1, log_w.shape[1]), 1)
        bound = (torch.logsumexp(parts, 1) - math.log(parts.shape[1])).mean(0)
        share, draws = self.part.elbo, len(log_w)
        gradient = parts.detach().softmax(1).flatten(0, 1) / groups
        if not share:
            return bound, gradient
        return (1 - share) * bound + share * log_w.mean(0), (1 - share) * gradient + share / draws

    def _again(self, log_w: Tensor) -> Tensor:
        """Return the weights [draws, b] within each group."""
        return log_w.reshape(self.part.groups, -1, log_w.shape[1]).softmax(1).flatten(0, 1)


class Bound(Term):
    """The importance-weighted bound by `samples` draws of z; `gradient` is iwae, stl or dreg.

    `groups`: the mean of the bounds of so many groups of draws (MIWAE), for the encoder alone where `grouped`
    is encoder (PIWAE). `elbo`: the share of the ELBO in the loss (CIWAE).

    >>> Bound(64, groups=8).samples
    64
    """

    tag: ClassVar[str] = "bound"
    samples: int = Field(default=50, ge=1)
    gradient: Literal["iwae", "stl", "dreg"] = "iwae"
    groups: int = Field(default=1, ge=1)
    grouped: Literal["both", "encoder"] = "both"
    elbo: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _even_groups(self) -> Self:
        if self.samples % self.groups:
            raise ValueError(f"samples: {self.samples} draws cannot be {self.groups} equal groups")
        if self.grouped == "encoder" and self.elbo:
            raise ValueError("elbo: goes with grouped: both")
        return self

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a latent whose code has no density."""
        for block in context.model.latents:
            if not block.has_density:
                raise InputError(
                    f"loss.bound: the code of latent {block.name!r} has no density; use gaussian latents"
                )
            for rule in block.rules:
                if not rule.keeps_density:
                    raise InputError(
                        f"loss.bound: the rule {rule.tag!r} of latent {block.name!r} writes codes that were "
                        "not drawn, which have no density; remove it, or write kl in place of bound"
                    )
        return BoundTerm(self)


class EnumerateTerm(TermModule):
    """The bound summed over the classes of an attribute, and the cross-entropy of the labelled images."""

    explains = True
    diverges = True

    def __init__(self, part: Enumerate, attribute: str) -> None:
        super().__init__()
        self.part, self.attribute = part, attribute
        self.columns = {
            "enumerate": f"-log p(x) and, where it is known, {attribute} is at most this, nats per image",
            f"enumerate.{attribute}": f"cross-entropy of {attribute}, nats per labelled image",
        }
        self.schedules = {"enumerate.classify": as_schedule(part.classify)}

    def forward(self, step: Step) -> Values:
        """Return the bound of every image, by its label or by all classes."""
        latents, labels = step.model.latents, step.batch.labels
        head, known = step.posteriors[self.attribute].distribution, ~labels[self.attribute].isnan()
        assert isinstance(head, Categorical)
        log_q, classes = head.logits.log_softmax(1), labels[self.attribute].nan_to_num().long()
        divergences = latents.kl(step.posteriors, step.z, labels)
        kl = sum(
            (each.sum(1) for name, each in divergences.items() if name != self.attribute), log_q.new_zeros(())
        )
        branches = self._reconstructions(step, log_q.shape[1]) + kl.unsqueeze(-1) + math.log(log_q.shape[1])
        told = branches.gather(1, classes.unsqueeze(1)).squeeze(1)
        chances = without_negligible(log_q, 1).exp()
        summed = (chances * (branches + log_q)).sum(1)
        bound = Column(torch.where(known, told, summed))
        read = Column(functional.nll_loss(log_q, classes, reduction="none"), known)
        loss = bound.mean() + step.value(self.part.classify) * read.mean()
        return Values(loss, {"enumerate": bound, f"enumerate.{self.attribute}": read})

    def _reconstructions(self, step: Step, count: int) -> Tensor:
        """Return -log p(x | z, y) of every class y: [b, count]."""
        model, images, z = step.model, step.batch.images, step.z[0]
        block = cast("ClassBlock", model.latents[self.attribute])
        written = block.write(torch.arange(count, device=z.device, dtype=z.dtype)).unsqueeze(1)
        place = model.latents.slices[self.attribute]
        written = written.expand(-1, len(z), -1)
        z = z.expand(count, *z.shape)
        codes = torch.cat([z[..., : place.start], written, z[..., place.stop :]], -1)
        decoded = model.decode(codes, model.condition_code(step.batch.labels)).flatten(0, 1)
        every = images.expand(count, *images.shape).flatten(0, 1)
        return -model.likelihood.log_probability(decoded, every).reshape(count, -1).T


class Enumerate(OfClasses):
    """The bound of M2: the latent of `attribute` is summed over its classes where an image has no label.

    It stands in the place of reconstruction and KL. `classify` weighs the cross-entropy of the labelled
    images, the mean over them: the published alpha, 0.1 N / N_labelled for each of them beside the sum over N
    images, is 0.1 here. The decoder runs once for each class.

    >>> Enumerate("digit").classify
    0.1
    """

    tag: ClassVar[str] = "enumerate"
    classify: Weight = 0.1

    def build(self, context: Context) -> TermModule:
        """Return the term; raises InputError for a model without a latent of the attribute's classes."""
        name = self.resolved(context.attributes).attribute
        blocks = {each.name: each for each in context.model.latents if isinstance(each, ClassBlock)}
        if name not in blocks:
            raise InputError(
                f"loss.enumerate: no latent stands for the classes of {name!r}; {nearest(name, blocks)}"
            )
        if blocks[name].head != "categorical":
            raise InputError(f"loss.enumerate: the latent of {name!r} needs head: categorical")
        return EnumerateTerm(self, name)
