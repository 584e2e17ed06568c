"""Batches as slices of one array: no per-picture work, and every batch a pure function of seed and step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from distaff.data import AttributeTable, Images

Rows = npt.NDArray[np.int64]
RawBatch = tuple[Tensor, Tensor]
"""uint8 pictures [b, c, h, w] and float32 labels [b, K], NaN where missing."""


def take(images: Images, labels: AttributeTable, rows: Rows) -> RawBatch:
    """Return the pictures and labels of some rows."""
    return torch.from_numpy(images.take(rows)), torch.from_numpy(labels.values[rows])


class TrainBatches:
    """An endless stream of shuffled batches of `size` pictures.

    Every epoch is a permutation drawn from (seed, epoch); a last batch that would be short is left out.
    Iteration begins at `first_step()`, so a resumed run goes on exactly where it stopped. When fewer than
    `labelled_share` of the pictures carry a label, that share of every batch is drawn from those that do.
    """

    def __init__(
        self,
        images: Images,
        labels: AttributeTable,
        rows: Rows,
        size: int,
        seed: int,
        first_step: Callable[[], int],
        labelled_share: float = 0.0,
    ) -> None:
        self.images, self.labels, self.first_step = images, labels, first_step
        size = min(size, len(rows))
        labelled = rows[~np.isnan(labels.values[rows]).all(axis=1)] if labels.names else rows[:0]
        quota = min(round(labelled_share * size), len(labelled), size - 1)
        if quota > size * len(labelled) / len(rows):
            rest = np.setdiff1d(rows, labelled, assume_unique=True)
            self.streams = [_Shuffled(labelled, quota, (seed, 1)), _Shuffled(rest, size - quota, (seed, 0))]
        else:
            self.streams = [_Shuffled(rows, size, (seed, 0))]

    def __iter__(self) -> Iterator[RawBatch]:
        step = self.first_step()
        while True:
            rows = np.concatenate([stream.batch(step) for stream in self.streams])
            yield take(self.images, self.labels, rows)
            step += 1


class _Shuffled:
    """Batches of rows, reshuffled every epoch; batch `step` depends on the seed and the step alone."""

    def __init__(self, rows: Rows, size: int, seed: tuple[int, ...]) -> None:
        self.rows, self.seed = rows, seed
        self.size = min(size, len(rows))
        self.per_epoch = len(rows) // self.size
        self._epoch, self._order = -1, rows

    def batch(self, step: int) -> Rows:
        epoch, index = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            generator = np.random.default_rng((*self.seed, epoch))
            self._epoch, self._order = epoch, self.rows[generator.permutation(len(self.rows))]
        return self._order[index * self.size : (index + 1) * self.size]


def valid_batches(rows: Rows, size: int, most: int = 2048) -> list[Rows]:
    """Return the rows of the validation batches: evenly spread pictures, at most `most`."""
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    return [rows[start : start + size] for start in range(0, len(rows), size)]
