"""What the reader is told: a class, or all classes that a symmetric picture shows equally well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from distaff.data import Attribute

WIDTH = 0.5
"""Steps: how far the target of a circular attribute spreads to the classes beside it."""


class Targets:
    """The loss of a reader's numbers in nats, averaged over the known labels of each attribute and summed."""

    def __init__(self, attributes: Sequence[Attribute]) -> None:
        self.attributes = tuple(attributes)
        self._names = [each.name for each in attributes]
        self._spread = {each.name: _spread(each) for each in attributes if each.kind == "circular"}

    def loss(self, numbers: Sequence[Tensor], labels: Tensor) -> Tensor:
        """Return the loss of numbers ([b, size or 1] each) under labels float [b, K], NaN where missing."""
        total = numbers[0].new_zeros(())
        for k, attribute in enumerate(self.attributes):
            known = ~labels[:, k].isnan()
            if not known.any():
                continue
            read, true = numbers[k][known], labels[known, k]
            if not attribute.size:
                wanted = (true - attribute.mean) / (attribute.std or 1.0)
                total = total + functional.mse_loss(read[:, 0], wanted)
            elif attribute.kind == "circular":
                wanted = self._spread[attribute.name][self._symmetry(attribute, labels[known]), true.long()]
                total = total - (wanted * read.log_softmax(1)).sum(1).mean()
            else:
                total = total + functional.cross_entropy(read, true.long())
        return total

    def _symmetry(self, attribute: Attribute, labels: Tensor) -> Tensor:
        """Return for each picture which table of targets is its own: the class that folds, or the last."""
        if attribute.folds is None or attribute.folds.by not in self._names:
            return torch.full((len(labels),), -1)
        by = labels[:, self._names.index(attribute.folds.by)]
        return by.nan_to_num(-1).long()


def _spread(attribute: Attribute) -> Tensor:
    """Return targets [classes that fold + 1, size, size]: how much of each class a true class shows.

    The last table is for pictures whose symmetry is unknown, taken to have none.
    """
    classes = np.arange(attribute.size)
    counts = (*(attribute.folds.counts if attribute.folds else ()), 1)
    errors = np.stack([attribute.error(classes[None], classes[:, None], fold=count) for count in counts])
    likeness = np.exp(-0.5 * np.square(errors / WIDTH))
    return torch.from_numpy(likeness / likeness.sum(-1, keepdims=True)).float()
