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
    Iteration begins at `first_step()`, so a resumed run goes on exactly where it stopped.
    """

    def __init__(
        self,
        images: Images,
        labels: AttributeTable,
        rows: Rows,
        size: int,
        seed: int,
        first_step: Callable[[], int],
    ) -> None:
        self.images, self.labels, self.rows = images, labels, rows
        self.size = min(size, len(rows))
        self.seed, self.first_step = seed, first_step
        self.per_epoch = len(rows) // self.size

    def __iter__(self) -> Iterator[RawBatch]:
        step = self.first_step()
        while True:
            epoch, offset = divmod(step, self.per_epoch)
            order = self.rows[np.random.default_rng((self.seed, epoch)).permutation(len(self.rows))]
            for start in range(offset * self.size, self.per_epoch * self.size, self.size):
                yield take(self.images, self.labels, order[start : start + self.size])
            step = (epoch + 1) * self.per_epoch


def valid_batches(rows: Rows, size: int, most: int = 2048) -> list[Rows]:
    """Return the rows of the validation batches: evenly spread pictures, at most `most`."""
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    return [rows[start : start + size] for start in range(0, len(rows), size)]
