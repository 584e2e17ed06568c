"""Shuffling by blocks: for pictures on disk, of which neighbours are read far faster than strangers.

Blocks of neighbouring pictures are put in random order, and within a window of many blocks every picture is.
A window is read in the background while the one before it is trained on, so no more than two are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from distaff.data import Dataset, Images

Rows = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Shuffle = Literal["auto", "pictures", "blocks"]

BLOCK = 2**20
"""Bytes of pictures in a block."""
WINDOW = 256
"""Blocks in a window."""


def by_blocks(images: Images, shuffle: Shuffle) -> bool:
    """Tell whether these pictures are shuffled by blocks: if told so, or if they are read from disk."""
    return shuffle == "blocks" or (shuffle == "auto" and images.on_disk > 0)


def shuffle_note(dataset: Dataset, shuffle: Shuffle) -> list[str]:
    """Return what a user should hear of pictures that are read from disk."""
    images = dataset.images
    if not images.on_disk:
        return []
    said = f"{dataset.name}: {images.on_disk / 2**30:.1f} GiB stay on disk; "
    if not by_blocks(images, shuffle):
        return [said + "its pictures are read one by one, in random order (train.shuffle: pictures)"]
    block = pictures_in_block(images)
    return [
        said + f"its pictures are shuffled by blocks of {block:,} neighbours, of which {WINDOW} are mixed at "
        "a time (train.shuffle)"
    ]


def pictures_in_block(images: Images) -> int:
    """Return how many pictures a block has."""
    return max(1, BLOCK // int(np.prod(images.shape[1:])))


class BlockShuffled:
    """Batches of rows, reshuffled by blocks every epoch; batch `step` depends on seed and step alone.

    Args:
        rows: sorted int64 [n].
        size: pictures in a batch.
        seed: draws the order.
        block: neighbouring rows that stay together until they come into a window.
        window: how many blocks are mixed; the windows of an epoch are of equal size, give or take a block.
    """

    def __init__(
        self, rows: Rows, size: int, seed: tuple[int, ...], *, block: int, window: int = WINDOW
    ) -> None:
        self.rows, self.seed, self.block = rows, seed, block
        self.size = min(size, len(rows))
        self.per_epoch = len(rows) // self.size
        self._blocks = -(-len(rows) // block)
        self.windows = -(-self._blocks // window)
        self._edges = np.arange(self.windows + 1) * self._blocks // self.windows
        self._epoch = -1

    def batch(self, step: int) -> Rows:
        """Return the rows of a batch."""
        return np.concatenate([self.window(epoch, window)[part] for epoch, window, part in self.parts(step)])

    def parts(self, step: int) -> Iterator[tuple[int, int, slice]]:
        """Give where a batch lies: epoch, window, and which places in it."""
        epoch, index = divmod(step, self.per_epoch)
        self._order(epoch)
        first, last = index * self.size, (index + 1) * self.size
        window = int(np.searchsorted(self._starts, first, side="right")) - 1
        while first < last:
            start, end = int(self._starts[window]), int(self._starts[window + 1])
            yield epoch, window, slice(first - start, min(last, end) - start)
            first, window = min(last, end), window + 1

    def start(self, epoch: int, window: int) -> int:
        """Return how many pictures of the epoch come before a window."""
        self._order(epoch)
        return int(self._starts[window])

    def window(self, epoch: int, window: int) -> Rows:
        """Return the rows of a window in the order in which they are shown."""
        self._order(epoch)
        blocks = self._permuted[self._edges[window] : self._edges[window + 1]]
        rows = np.concatenate([self.rows[each * self.block : (each + 1) * self.block] for each in blocks])
        # Counted from 1: a last 0 would seed as if it were not there.
        generator = np.random.default_rng((*self.seed, epoch, window + 1))
        return rows[generator.permutation(len(rows))]

    def _order(self, epoch: int) -> None:
        """Put the blocks in the order of an epoch."""
        if epoch == self._epoch:
            return
        self._epoch = epoch
        self._permuted = np.random.default_rng((*self.seed, epoch)).permutation(self._blocks)
        sizes = np.minimum(self.block, len(self.rows) - self._permuted * self.block)
        self._starts = np.concatenate([[0], np.cumsum(sizes)])[self._edges]


@dataclass
class _Window:
    """The pictures of a window that this process needs: `pixels[places[i]]` is the i-th to be shown."""

    rows: Rows
    pixels: Bytes
    places: Rows


class WindowReader:
    """Reads batches window by window, the next one in the background.

    Args:
        images: the pictures.
        stream: the order.
        first: how many pictures of the whole batch come before this stream's.
        rank: of the processes that share every batch, which one this is: it takes every `of`-th picture.
        of: how many share it.
    """

    def __init__(
        self, images: Images, stream: BlockShuffled, *, first: int = 0, rank: int = 0, of: int = 1
    ) -> None:
        self.images, self.stream = images, stream
        self.first, self.rank, self.of = first, rank, of
        self._windows: dict[tuple[int, int], Future[_Window]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pictures")

    def take(self, step: int) -> tuple[Bytes, Rows]:
        """Return this process's pictures of a batch, and their rows."""
        pixels, rows = [], []
        for epoch, number, part in self.stream.parts(step):
            window = self._read(epoch, number)
            places = window.places[part]
            places = places[places >= 0]
            pixels.append(window.pixels[places])
            rows.append(window.rows[places])
        if len(rows) == 1:
            return pixels[0], rows[0]
        return np.concatenate(pixels), np.concatenate(rows)

    def close(self) -> None:
        """Stop reading."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, epoch: int, window: int) -> _Window:
        following = (epoch, window + 1) if window + 1 < self.stream.windows else (epoch + 1, 0)
        if (epoch, window) not in self._windows:
            self._ask(epoch, window)
        read = self._windows[epoch, window].result()
        if following not in self._windows:
            # What lies behind is let go before more is read.
            self._windows = {(epoch, window): self._windows[epoch, window]}
            self._ask(*following)
        return read

    def _ask(self, epoch: int, window: int) -> None:
        # The order is drawn here, in one thread: the stream keeps that of one epoch.
        start, rows = self.stream.start(epoch, window), self.stream.window(epoch, window)
        self._windows[epoch, window] = self._pool.submit(self._load, start, rows)

    def _load(self, start: int, rows: Rows) -> _Window:
        in_batch = (start + np.arange(len(rows))) % self.stream.size + self.first
        mine = np.flatnonzero(in_batch % self.of == self.rank)
        order = np.argsort(rows[mine])
        wanted = rows[mine][order]
        places = np.full(len(rows), -1)
        places[mine[order]] = np.arange(len(mine))
        pixels = np.empty((len(wanted), *self.images.shape[1:]), dtype=np.uint8)
        # In pieces, because pictures that are unpacked or resized need more memory on the way.
        piece = 4 * pictures_in_block(self.images)
        for begin in range(0, len(wanted), piece):
            pixels[begin : begin + piece] = self.images.take(wanted[begin : begin + piece])
        return _Window(wanted, pixels, places)
