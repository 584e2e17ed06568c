"""Trains the independent reader: one cycle over a fixed number of pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import torch

from distaff.data import AttributeTable, Images
from distaff.evaluation.encoding import Rows, draw, pieces
from distaff.evaluation.reader import Reader, ReaderNetwork, to_unit
from distaff.evaluation.reader_targets import Targets
from distaff.evaluation.right import folds, is_right, share

BUDGET, LEAST = 800_000, 30_000
"""Pictures shown: at most, and at least where a short training run asks for little."""
PASSES, SMALL = 3, 100_000
"""Times each picture of a large set is shown at most; pictures shown of a small set."""
BATCH = 128
RATE = 3e-3
SAMPLED = 2000
"""Pictures looked at to tell whether all are black and white."""


def train_reader(
    images: Images,
    table: AttributeTable,
    rows: Rows,
    *,
    budget: int = BUDGET,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Reader:
    """Return a reader of the table's attributes, trained on the pictures `rows`.

    The budget is in pictures shown, so that the same seed gives the same reader on every machine.
    """
    shape = (images.shape[1], images.shape[2], images.shape[3])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ReaderNetwork(shape, table.attributes)
    binary = bool(np.isin(images.take(draw(rows, SAMPLED, seed)), (0, 255)).all())
    reader = Reader(table.attributes, shape, binary, network)
    size = min(BATCH, len(rows))
    steps = max(1, min(budget, max(PASSES * len(rows), SMALL)) // size)
    for step in _train(reader, images, table, rows, size, steps, seed):
        if (step + 1) % (steps // 20 or 1) == 0:
            progress(f"teaching the independent reader: {(step + 1) / steps:.0%} of its pictures")
    return reader


def rights(reader: Reader, images: Images, table: AttributeTable, rows: Rows) -> dict[str, float]:
    """Return how often the reader is right on real pictures, by attribute that has labels there."""
    read = [reader.read(images.take(piece)) for _, piece in pieces(rows)]
    true = table.rows(rows)
    found = {}
    for attribute in reader.attributes:
        values = np.concatenate([part[attribute.name] for part in read])
        judged = is_right(attribute, values, true.column(attribute.name), folds(attribute, true))
        if not np.isnan(judged).all():
            found[attribute.name] = share(judged)
    return found


def _train(
    reader: Reader, images: Images, table: AttributeTable, rows: Rows, size: int, steps: int, seed: int
) -> Iterator[int]:
    """Train for some steps, the rate rising and falling once, and yield after each."""
    network, targets = reader.network.train(), Targets(table.attributes)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-4, fused=True)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps + 1, pct_start=0.15)
    order = _shuffled(rows, seed)
    for step in range(steps):
        # Sorted rows lie nearer to each other in memory; within a batch the order means nothing.
        chosen = np.sort(np.fromiter(islice(order, size), dtype=np.int64, count=size))
        numbers = network(to_unit(images.take(chosen)))
        optimiser.zero_grad()
        loss = targets.loss(numbers, torch.from_numpy(table.values[chosen]))
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rate.step()
        yield step


def _shuffled(rows: Rows, seed: int) -> Iterator[int]:
    """Go through the rows without end, in a new order each time."""
    rng = np.random.default_rng([seed, 6])
    while True:
        yield from rng.permutation(rows).tolist()
