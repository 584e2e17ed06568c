"""What every term of the loss gives: values per picture in nats, and what it adds to the loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from distaff.autoencoder import Autoencoder, Output
from distaff.errors import InputError
from distaff.latent import Domain
from distaff.schedule import Schedule
from distaff.share import WHOLE, Share
from distaff.spec import Spec


@dataclass
class Batch:
    """Pictures [b, c, h, w] in [0, 1] and the known labels, a float [b] by attribute, NaN where missing.

    `share` says which part of a batch that several processes share this is.
    """

    images: Tensor
    labels: dict[str, Tensor]
    share: Share = WHOLE


@dataclass
class Contribution:
    """What a term made of a batch.

    `loss` is a scalar in nats per image, already weighted; `values` holds the unweighted nats of every
    picture under the names of the history's columns, NaN for pictures that the term skipped.
    """

    loss: Tensor
    values: dict[str, Tensor]


class Term(nn.Module, ABC):
    """One piece of the loss; its numbers move by the schedules in `schedules`."""

    name: str
    schedules: dict[str, Schedule]

    @abstractmethod
    def forward(
        self, batch: Batch, output: Output, model: Autoencoder, weights: dict[str, float]
    ) -> Contribution:
        """Return the contribution of a batch; `weights` holds this step's value of every schedule."""

    def columns(self) -> list[str]:
        """Return the names of the values."""
        return [self.name]


class TermSpec(Spec):
    """A term as the recipe writes it; every one has a `weight`, a number or a schedule."""

    @abstractmethod
    def build(self, model: Autoencoder, domains: dict[str, Domain]) -> Term:
        """Return the term for a model over attributes `domains`."""


def mean_known(values: Tensor, share: Share = WHOLE) -> Tensor:
    """Return the mean of the whole batch's known values; 0 with a gradient of 0 when none is."""
    known = ~values.isnan()
    total = torch.where(known, values, torch.zeros_like(values)).sum()
    total, count = share.mean(torch.stack([total, known.sum().to(total.dtype)])).unbind()
    return total / count.clamp(min=1 / share.of)


def skip_unlabelled(loss: Any, labels: Tensor) -> Tensor:
    """Return loss(rows, labels of rows) scattered back over the batch, NaN where the label is missing.

    `loss` is called with the indices and the labels of the labelled pictures only.
    """
    rows = (~labels.isnan()).nonzero()[:, 0]
    result = torch.full_like(labels, float("nan"))
    return result.index_put((rows,), loss(rows, labels[rows]).to(result.dtype))


def first_attribute(domains: dict[str, Domain], where: str) -> str:
    """Return the first attribute with classes, the meaning of `auto`."""
    for name, domain in domains.items():
        if domain.size:
            return name
    raise InputError(f"{where}: needs an attribute with classes, and the data has none")
