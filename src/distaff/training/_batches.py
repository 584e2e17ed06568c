"""Batches: the order in which images are shown, a pure function of seed and step, reading, and the loss.

Blocks of neighbouring images, which a disk reads far faster than scattered ones, are put in random order, and
within a window of many blocks every image is. A window is read in the background while the one before it is
trained on, so no more than two are in memory. Images in memory are one block in one window.

Model and loss are one module, the same for every recipe: raw images in, the loss out.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from distaff.data import Dataset, Images, draw_binary
from distaff.latents import Batch
from distaff.losses import Loss, Objective, Step
from distaff.recipe import Recipe, TrainOptions
from distaff.vae import VAE

Rows = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
RawBatch = tuple[Tensor, Tensor]
"""uint8 images [b, c, h, w] and float32 labels [b, K], NaN where missing."""

BLOCK = 2**20
"""Bytes of images in a block."""
WINDOW = 256
"""Blocks in a window."""
VALIDATED = 2048
"""Validation images, at most."""


def by_blocks(images: Images, shuffle: str) -> bool:
    """Tell whether images are shuffled by blocks: if `train.shuffle` says so, or if they stay on disk."""
    return shuffle == "blocks" or (shuffle == "auto" and images.on_disk > 0)


def images_in_block(images: Images) -> int:
    """Return how many images a block has."""
    return max(1, BLOCK // int(np.prod(images.shape[1:])))


def shuffle_note(dataset: Dataset, shuffle: str) -> list[str]:
    """Return what a user should know of images that are read from disk."""
    images = dataset.images
    how = "read one by one, in random order (train.shuffle: images)"
    if by_blocks(images, shuffle):
        how = f"shuffled by blocks of {images_in_block(images):,} neighbours, {WINDOW} mixed at a time"
    note = f"{dataset.name}: {images.on_disk / 2**30:.1f} GiB stay on disk; images are {how}"
    return [note] if images.on_disk else []


class Stream:
    """Batches of rows, reshuffled every epoch; batch `number` depends on seed and number alone.

    A last batch of an epoch that would be short is left out.

    Args:
        rows: sorted int64 [n], which of the images.
        size: images in a batch.
        seed: draws the order.
        block: neighbouring rows that stay together until they come into a window; all of them by default.
        window: how many blocks are mixed; the windows of an epoch are of one length, but for the last.
    """

    def __init__(
        self, images: Images, rows: Rows, size: int, seed: tuple[int, ...], block: int = 0, window: int = 1
    ) -> None:
        self.images, self.rows, self.seed, self.block = images, rows, seed, block or len(rows)
        self.size = min(size, len(rows))
        self.per_epoch = len(rows) // self.size
        self.windows = -(-len(rows) // (self.block * window))
        self.length = -(-len(rows) // self.windows)
        # Two, as the next epoch is asked for before the present one is over.
        self.order = lru_cache(maxsize=2)(self._order)

    def _order(self, epoch: int) -> Rows:
        """Return the rows of an epoch in the order in which they are shown."""
        generator = np.random.default_rng((*self.seed, epoch))
        blocks = generator.permutation(-(-len(self.rows) // self.block))
        order = np.concatenate([self.rows[each * self.block : (each + 1) * self.block] for each in blocks])
        for start in range(0, len(order), self.length):
            generator.shuffle(order[start : start + self.length])
        return order

    def batch(self, number: int) -> Rows:
        """Return the rows of a batch."""
        epoch, index = divmod(number, self.per_epoch)
        return self.order(epoch)[index * self.size : (index + 1) * self.size]

    def take(self, number: int) -> tuple[Bytes, Rows]:
        """Return the images of a batch, and their rows."""
        rows = self.batch(number)
        return self.images.take(rows), rows

    def close(self) -> None:
        """Stop reading in the background, if anything does."""


class WindowStream(Stream):
    """A stream whose images are read window by window, the next one in the background.

    What a disk refuses is raised by the batch that needs it.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._windows: dict[tuple[int, int], Future[Bytes]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="images")

    def take(self, number: int) -> tuple[Bytes, Rows]:
        """Return the images of a batch, and their rows."""
        (epoch, index), length = divmod(number, self.per_epoch), self.length
        first, last = index * self.size, (index + 1) * self.size
        pixels = [
            self._read(epoch, window)[max(first - window * length, 0) : last - window * length]
            for window in range(first // length, -(-last // length))
        ]
        return np.concatenate(pixels), self.batch(number)

    def close(self) -> None:
        """Stop reading."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, epoch: int, window: int) -> Bytes:
        following = (epoch, window + 1) if window + 1 < self.windows else (epoch + 1, 0)
        if (epoch, window) not in self._windows:
            self._ask(epoch, window)
        read = self._windows[epoch, window].result()
        if following not in self._windows:
            # What lies behind is released before more is read.
            self._windows = {(epoch, window): self._windows[epoch, window]}
            self._ask(*following)
        return read

    def _ask(self, epoch: int, window: int) -> None:
        rows = self.order(epoch)[window * self.length : (window + 1) * self.length]
        self._windows[epoch, window] = self._pool.submit(self._load, rows)

    def _load(self, rows: Rows) -> Bytes:
        """Read the images of rows, in the order of the disk; return them in that of the rows."""
        order = np.argsort(rows)
        pixels = np.empty((len(rows), *self.images.shape[1:]), dtype=np.uint8)
        # In pieces, because images that are unpacked or resized need more memory on the way.
        piece = 4 * images_in_block(self.images)
        for begin in range(0, len(rows), piece):
            places = order[begin : begin + piece]
            pixels[places] = self.images.take(rows[places])
        return pixels


def take(dataset: Dataset, rows: Rows) -> RawBatch:
    """Return the images of some rows, and the labels that training may see."""
    return torch.from_numpy(dataset.images.take(rows)), torch.from_numpy(dataset.labels.values[rows])


def evenly_spread(rows: Rows, most: int) -> Rows:
    """Return at most so many of the rows, the first and the last among them."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def valid_batches(rows: Rows, size: int, *, rank: int = 0, processes: int = 1) -> list[Rows]:
    """Return the rows of the validation batches of a process: its share of evenly spread images."""
    rows = evenly_spread(rows, VALIDATED)
    rows = rows[rank::processes] if len(rows) >= processes else rows
    return [rows[start : start + size] for start in range(0, len(rows), size)]


class TrainBatches:
    """Shuffled batches of `train.batch` training images, without end.

    When fewer than `train.labelled_share` of the images carry a label, that share of every batch is drawn
    from those that do. Of `processes` that train together, process `rank` takes every `processes`-th batch.
    With `data.pairs`, a batch of b images becomes one of 2 b: images i and i + b are a pair.
    """

    def __init__(self, dataset: Dataset, options: TrainOptions, *, rank: int = 0, processes: int = 1) -> None:
        self.dataset, self.seed, self.rank, self.processes = dataset, options.seed, rank, processes
        images, labels = dataset.grey or dataset.images, dataset.labels
        rows = dataset.splits["train"] if dataset.pairs is None else dataset.pairs.anchors
        self.images, self.size = len(rows), min(options.batch, len(rows))
        labelled = rows[~np.isnan(labels.values[rows]).all(axis=1)] if labels.names else rows[:0]
        quota = min(round(options.labelled_share * self.size), len(labelled), self.size - 1)
        parts: list[tuple[Rows, int, tuple[int, ...]]] = [(rows, self.size, (self.seed, 0))]
        if quota > self.size * len(labelled) / len(rows):
            rest = np.setdiff1d(rows, labelled, assume_unique=True)
            parts = [(labelled, quota, (self.seed, 1)), (rest, self.size - quota, (self.seed, 0))]
        self.streams: list[Stream] = []
        for part, size, seed in parts:
            # Streams that share a batch share the memory, too.
            place = (images_in_block(images), max(1, WINDOW * size // self.size))
            if by_blocks(images, options.shuffle):
                self.streams.append(WindowStream(images, part, size, seed, *place))
            else:
                self.streams.append(Stream(images, part, size, seed))

    def take(self, step: int) -> RawBatch:
        """Return the batch of this process at a step, in pinned memory where that makes moves faster."""
        number = step * self.processes + self.rank
        taken = [stream.take(number) for stream in self.streams]
        pixels, rows = taken[0] if len(taken) == 1 else map(np.concatenate, zip(*taken, strict=True))
        if self.dataset.pairs is not None:
            partners = self.dataset.pairs.partners(rows, np.random.default_rng((self.seed, 2, number)))
            pixels = np.concatenate([pixels, (self.dataset.grey or self.dataset.images).take(partners)])
            rows = np.concatenate([rows, partners])
        if self.dataset.grey is not None:
            pixels = draw_binary(pixels, rows, (self.seed, 3, number))
        images, labels = torch.from_numpy(pixels), torch.from_numpy(self.dataset.labels.values[rows])
        return (images.pin_memory(), labels.pin_memory()) if torch.cuda.is_available() else (images, labels)

    def close(self) -> None:
        """Stop reading in the background."""
        for stream in self.streams:
            stream.close()


class ModelWithLoss(nn.Module):
    """A model and its objective for the images of a dataset, in process `rank` of a run.

    All randomness of a step follows from (seed, step, rank), so that a step can be repeated.
    """

    def __init__(
        self, vae: VAE, objective: Objective, recipe: Recipe, dataset: Dataset, rank: int = 0
    ) -> None:
        super().__init__()
        self.vae, self.objective, self.recipe, self.rank = vae, objective, recipe, rank
        self.names, self.pairs = dataset.attributes.names, dataset.pairs is not None

    def forward(self, images: Tensor, labels: Tensor, number: int) -> Loss:
        """Return the loss of a training batch at step `number`, counted from 0."""
        return self.evaluate(images, labels, number)[0]

    def evaluate(self, images: Tensor, labels: Tensor, number: int, stream: int = 0) -> tuple[Loss, Step]:
        """Return the loss of uint8 images [b, c, h, w] with labels [b, K], and all that it was computed of.

        `stream` sets the random numbers of validation batches (1, 2, ...) apart from those of training (0).
        """
        device = self.vae.head.weight.device
        pixels = images.to(device, non_blocking=True)
        pixels = pixels.to(torch.float32, memory_format=torch.channels_last).div_(255)
        columns = labels.to(device, non_blocking=True).unbind(1)
        batch = Batch(pixels, dict(zip(self.names, columns, strict=True)), self.pairs and self.training)
        # Validation draws are the same at every step, so that its curve moves by the model alone. Distinct
        # odd multipliers keep nearby seeds, steps, processes and streams from sharing a sequence.
        drawn = 0 if stream else number
        seed, steps = self.recipe.train.seed * 0x9E3779B97F4A7C15, self.recipe.train.steps
        seed = (seed + drawn * 0xBF58476D1CE4E5B9 + self.rank * 0x94D049BB133111EB + stream) % 2**63
        generator = torch.Generator(device).manual_seed(seed)
        made = self.vae(batch, draws=self.objective.draws, generator=generator)
        step = Step(self.vae, batch, made.posteriors, made.z, made.decoded, number, steps, seed)
        with torch.autocast(device.type, enabled=False):
            loss: Loss = self.objective(step)
        return loss, step

    def broken_weight(self) -> tuple[str, int, float] | None:
        """Return the first weight that is not finite, how many before it are, and such a value of it."""
        for index, (name, tensor) in enumerate(self.state_dict().items()):
            if not bool(tensor.isfinite().all()):
                return f"the weight {name}", index, float(tensor[~tensor.isfinite()][0])
        return None
