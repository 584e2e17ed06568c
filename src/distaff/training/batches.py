"""Batches as slices of one array: no per-picture work, and every batch a pure function of seed and step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from distaff.data import AttributeTable, Images
from distaff.training.blocks import WINDOW, BlockShuffled, WindowReader, pictures_in_block

Rows = npt.NDArray[np.int64]
RawBatch = tuple[Tensor, Tensor]
"""uint8 pictures [b, c, h, w] and float32 labels [b, K], NaN where missing."""


def take(images: Images, labels: AttributeTable, rows: Rows) -> RawBatch:
    """Return the pictures and labels of some rows."""
    return torch.from_numpy(images.take(rows)), torch.from_numpy(labels.values[rows])


class TrainBatches:
    """An endless stream of shuffled batches of `size` pictures.

    Every epoch is an order drawn from (seed, epoch), of all pictures or by blocks (see `blocks`); a last
    batch that would be short is left out. Iteration begins at `first_step()`, so a resumed run goes on
    exactly where it stopped. When fewer than `labelled_share` of the pictures carry a label, that share of
    every batch is drawn from those that do. Of `of` processes that share every batch, process `rank` is given
    every `of`-th picture of it.
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
        *,
        by_blocks: bool = False,
        rank: int = 0,
        of: int = 1,
    ) -> None:
        self.images, self.labels, self.first_step = images, labels, first_step
        self.rank, self.of = rank, of
        size = min(size, len(rows) - len(rows) % of)
        labelled = rows[~np.isnan(labels.values[rows]).all(axis=1)] if labels.names else rows[:0]
        quota = min(round(labelled_share * size), len(labelled), size - 1)
        parts = [(rows, size, (seed, 0))]
        if quota > size * len(labelled) / len(rows):
            rest = np.setdiff1d(rows, labelled, assume_unique=True)
            parts = [(labelled, quota, (seed, 1)), (rest, size - quota, (seed, 0))]
        if by_blocks:
            block = pictures_in_block(images)
            # Streams that share a batch share the memory, too.
            self.streams: list[BlockShuffled] | list[Shuffled] = [
                BlockShuffled(part, count, key, block=block, window=max(1, WINDOW * count // size))
                for part, count, key in parts
            ]
        else:
            self.streams = [Shuffled(part, count, key) for part, count, key in parts]

    def __iter__(self) -> Iterator[RawBatch]:
        step, first = self.first_step(), 0
        readers: list[WindowReader | _Reader] = []
        for stream in self.streams:
            place = {"first": first, "rank": self.rank, "of": self.of}
            if isinstance(stream, BlockShuffled):
                readers.append(WindowReader(self.images, stream, **place))
            else:
                readers.append(_Reader(self.images, stream, **place))
            first += stream.size
        try:
            while True:
                taken = [reader.take(step) for reader in readers]
                pixels, rows = taken[0] if len(taken) == 1 else map(np.concatenate, zip(*taken, strict=True))
                yield torch.from_numpy(pixels), torch.from_numpy(self.labels.values[rows])
                step += 1
        finally:
            for reader in readers:
                reader.close()


class _Reader:
    """Takes every `of`-th picture of a stream's batches; the counterpart of `WindowReader`."""

    def __init__(self, images: Images, stream: Shuffled, *, first: int, rank: int, of: int) -> None:
        self.images, self.stream, self.part = images, stream, slice((rank - first) % of, None, of)

    def take(self, step: int) -> tuple[npt.NDArray[np.uint8], Rows]:
        """Return this process's pictures of a batch, and their rows."""
        rows = self.stream.batch(step)[self.part]
        return self.images.take(rows), rows

    def close(self) -> None:
        """Do nothing: there is nothing to stop."""


class Shuffled:
    """Batches of rows, reshuffled every epoch; batch `step` depends on the seed and the step alone."""

    def __init__(self, rows: Rows, size: int, seed: tuple[int, ...]) -> None:
        self.rows, self.seed = rows, seed
        self.size = min(size, len(rows))
        self.per_epoch = len(rows) // self.size
        self._epoch, self._order = -1, rows

    def batch(self, step: int) -> Rows:
        """Return the rows of a batch."""
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
