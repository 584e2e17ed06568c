"""Rules: what happens to a posterior in training before its code is drawn.

A rule sees the posterior of its own latent and the batch, and returns the posterior that the code is drawn
from and the KL divergence taken of.

share (Ada-GVAE, https://arxiv.org/abs/2002.02886): the images of a pair have one posterior for each latent
that did not change. A latent is shared where KL(q1 || q2) is below the point `ratio` of the way from the
least to the largest of the pair's divergences; no gradient passes this choice. Where what a pair shares is
known, all latents are shared (GVAE, https://arxiv.org/abs/1809.02383, and ML-VAE,
https://arxiv.org/abs/1705.08841, with another latent beside them for what is not shared), or latent i
belongs to attribute i and is shared where its label is the same. arithmetic: the mean of means and of
variances (GVAE); harmonic: the mean weighted by precision with the harmonic mean of variances, product: with
the variance of the product of the two normals, half of it (ML-VAE as published in code and on paper).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor

from distaff.errors import InputError
from distaff.latents._posteriors import Normal, Posterior
from distaff.parts import Part

if TYPE_CHECKING:
    from distaff.latents._space import AttributeBlock, Block


@dataclass
class Batch:
    """What a training step is given.

    Attributes:
        images: [b, c, h, w] in [0, 1].
        labels: a float [b] for each attribute, class indices or numbers, NaN where missing.
        pairs: images i and i + b / 2 are a pair, which shares most of what generated it.
    """

    images: Tensor
    labels: dict[str, Tensor] = field(default_factory=dict)
    pairs: bool = False


class Rule(Part):
    """Changes the posterior of one latent in training."""

    family: ClassVar[str] = "rule"
    keeps_density: ClassVar[bool] = True
    """Whether codes are drawn from the posterior's density still; without it there is no bound."""

    def check(self, block: Block) -> None:
        """Raise InputError when the rule does not fit the latent. Does nothing by default."""

    @abstractmethod
    def __call__(
        self, posterior: Posterior, block: Block, batch: Batch, generator: torch.Generator | None
    ) -> Posterior:
        """Return the posterior to draw from."""


class Detach(Rule):
    """Keeps the decoder's gradient from the encoder, which then learns from the other terms alone.

    >>> Detach.tag
    'detach'
    """

    tag: ClassVar[str] = "detach"

    def __call__(
        self, posterior: Posterior, block: Block, batch: Batch, generator: torch.Generator | None
    ) -> Posterior:
        """Return the posterior with detached codes."""
        return _Detached(posterior)


class TeacherForcing(Rule):
    """Replaces the codes of some of the labelled images by the code of their label.

    The decoder so learns to decode the codes that people write. `share` is the fraction of the labelled
    images (Williams & Zipser 1989, https://doi.org/10.1162/neco.1989.1.2.270, for recurrent networks).
    """

    tag: ClassVar[str] = "teacher_forcing"
    keeps_density: ClassVar[bool] = False
    share: float = Field(default=1.0, ge=0, le=1)

    def check(self, block: Block) -> None:
        """Raise InputError for a latent that stands for no attribute."""
        if block.attribute is None:
            raise InputError(
                f"latent {block.name!r}: teacher_forcing needs a latent that stands for an attribute"
            )

    def __call__(
        self, posterior: Posterior, block: Block, batch: Batch, generator: torch.Generator | None
    ) -> Posterior:
        """Return the posterior with the labels' codes in some rows."""
        values = batch.labels.get(block.attribute or "")
        if values is None:
            return posterior
        drawn = torch.rand(values.shape, generator=generator, device=values.device) < self.share
        forced = (drawn & ~values.isnan()).unsqueeze(1)
        written = cast("AttributeBlock", block).write(values.nan_to_num())
        return _Forced(posterior, written.to(posterior.mode), forced)


class _Wrapped(Posterior):
    """Another posterior's code, changed; its KL divergence is that of the other."""

    def __init__(self, base: Posterior) -> None:
        self._base = base

    @property
    def distribution(self) -> Posterior:
        return self._base.distribution

    @abstractmethod
    def _change(self, code: Tensor) -> Tensor: ...

    @property
    def mode(self) -> Tensor:
        return self._change(self._base.mode)

    def rsample(self, draws: int, generator: torch.Generator | None) -> Tensor:
        return self._change(self._base.rsample(draws, generator))

    def log_prob(self, z: Tensor) -> Tensor | None:
        return self._base.log_prob(z)


class _Detached(_Wrapped):
    def _change(self, code: Tensor) -> Tensor:
        return code.detach()

    def detach(self) -> Posterior:
        return _Detached(self._base.detach())


class _Forced(_Wrapped):
    def __init__(self, base: Posterior, written: Tensor, rows: Tensor) -> None:
        super().__init__(base)
        self._written, self._rows = written, rows

    def _change(self, code: Tensor) -> Tensor:
        return torch.where(self._rows, self._written, code)

    def log_prob(self, z: Tensor) -> None:
        """A written code was not drawn."""

    def detach(self) -> Posterior:
        return _Forced(self._base.detach(), self._written, self._rows)


Average = Literal["arithmetic", "harmonic", "product"]


def divergence(first: Normal, second: Normal) -> Tensor:
    """Return KL(first || second) of each dimension in nats: [b, d]."""
    ratio = torch.exp(first.log_variance - second.log_variance)
    distance = (first.mean - second.mean).square() * torch.exp(-second.log_variance)
    return 0.5 * (ratio + distance - 1 - first.log_variance + second.log_variance)


def average(first: Normal, second: Normal, how: Average) -> Normal:
    """Return one normal for two, [b, d] each.

    >>> one = Normal(torch.tensor([[0.0]]), torch.tensor([[1.0]]).log())
    >>> two = Normal(torch.tensor([[1.0]]), torch.tensor([[2.0]]).log())
    >>> shared = average(one, two, "arithmetic")
    >>> shared.mean.item(), shared.log_variance.exp().item()
    (0.5, 1.5)
    """
    one, two = first.log_variance.exp(), second.log_variance.exp()
    if how == "arithmetic":
        return Normal((first.mean + second.mean) / 2, ((one + two) / 2).log())
    variance = one * two / (one + two)
    mean = variance * (first.mean / one + second.mean / two)
    return Normal(mean, (variance * (2 if how == "harmonic" else 1)).log())


class Share(Rule):
    """Gives the images of a pair one posterior for each latent that did not change between them.

    `which`: adaptive (those whose posteriors are near each other, by `ratio`), all, or attributes: latent i
    is that of the data's attribute i and changes where the labels differ, and latents beyond them never do.
    Needs `data.pairs`; a batch without pairs is left as it is.

    >>> Share().average
    'arithmetic'
    """

    tag: ClassVar[str] = "share"
    which: Literal["adaptive", "all", "attributes"] = "adaptive"
    average: Average = "arithmetic"
    ratio: float = Field(default=0.5, ge=0, le=1)

    def check(self, block: Block) -> None:
        """Raise InputError for a latent without a normal posterior."""
        if block.kind != "gaussian":
            raise InputError(f"latent {block.name!r}: the rule 'share' needs gaussian latents")

    def __call__(
        self, posterior: Posterior, block: Block, batch: Batch, generator: torch.Generator | None
    ) -> Posterior:
        """Return the posteriors of both images, the first ones' [b / 2, d] before the second ones'."""
        if not batch.pairs:
            return posterior
        both = posterior.distribution
        assert isinstance(both, Normal)
        halves = zip(both.mean.chunk(2), both.log_variance.chunk(2), strict=True)
        first, second = (Normal(*half) for half in halves)
        changed = self._changed(first.detach(), second.detach(), batch.labels)
        shared = average(first, second, self.average)
        parts = [
            Normal(
                torch.where(changed, own.mean, shared.mean),
                torch.where(changed, own.log_variance, shared.log_variance),
            )
            for own in (first, second)
        ]
        return Normal(
            torch.cat([part.mean for part in parts]), torch.cat([part.log_variance for part in parts])
        )

    def _changed(self, first: Normal, second: Normal, labels: Mapping[str, Tensor]) -> Tensor:
        """Tell which latents of each pair keep their own posteriors: bool [b / 2, d]."""
        if self.which == "adaptive":
            delta = divergence(first, second)
            least, most = delta.amin(1, keepdim=True), delta.amax(1, keepdim=True)
            return delta >= least + self.ratio * (most - least)
        changed = torch.zeros_like(first.mean, dtype=torch.bool)
        if self.which == "attributes":
            halves = (values.chunk(2) for values in labels.values())
            differs = [one != other for one, other in halves][: changed.shape[1]]
            if not differs:
                raise InputError("the rule 'share' by attributes: the data have no attribute")
            changed[:, : len(differs)] = torch.stack(differs, 1)
        return changed
