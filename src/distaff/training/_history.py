"""The history: one row every so many steps, each term and each weight in a column of its own.

The losses of the steps since the last row are kept as they come, and only looked at when a row is due. So a
step costs no arithmetic and no wait for the device, and the first term that diverged, and its step, can still
be told.
"""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from distaff.losses import Column, Loss
from distaff.run import Run

LOG_EVERY = 50
"""Steps between two rows of the training loss."""
TOTAL, ADDED = "loss", "+"
"""The column of the loss, and what begins the name of what a term adds to it."""
Row = dict[str, Any]
Means = dict[str, float | None]
Kept = tuple[int, dict[str, tuple[Tensor, Tensor | None]]]
"""The loss of a step: the number of images, and the values and the mask of every column."""


def keep(loss: Loss, size: int) -> Kept:
    """Return what is kept of the loss of a batch of `size` images."""
    found = {name: (each.values.detach(), each.mask) for name, each in loss.columns.items()}
    found |= {f"{ADDED}{name}": (each.detach(), None) for name, each in loss.terms.items()}
    return size, found | {TOTAL: (loss.total.detach(), None)}


@torch.no_grad()
def means(kept: Sequence[Kept], fabric: Fabric) -> Means:
    """Return the mean of the loss, of every column and of what each term adds; None where no image counts."""
    if not kept:
        return {}
    sizes = torch.tensor([size for size, _ in kept], device=fabric.device)
    names = [TOTAL, *(name for name in kept[0][1] if name != TOTAL)]
    sums = [torch.stack(_sum([found[name] for _, found in kept], sizes)) for name in names]
    totals = _reduced(torch.stack(sums), "sum", fabric).tolist()
    return {
        name: total / count if count else None for name, (total, count) in zip(names, totals, strict=True)
    }


def _sum(columns: Sequence[tuple[Tensor, Tensor | None]], sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum over the images that count, and how many they are; a number [] is of a whole batch."""
    values = [each for each, _ in columns]
    if values[0].ndim == 0:
        return (torch.stack(values) * sizes).sum().double(), sizes.sum().double()
    masks = [torch.ones_like(each, dtype=torch.bool) if mask is None else mask for each, mask in columns]
    return torch.where(torch.cat(masks), torch.cat(values), 0).sum().double(), torch.cat(masks).sum().double()


def first_broken(kept: Sequence[Kept], fabric: Fabric) -> tuple[str, int, float] | None:
    """Return the first column that is not finite, at which of the steps (from 0), and its value."""
    values = [
        (name, step, float(Column(*column).mean()))
        for step, (_, found) in enumerate(kept)
        for name, column in found.items()
        if not name.startswith(ADDED)
    ]
    broken = (place for place, (_, _, value) in enumerate(values) if not math.isfinite(value))
    place = int(_reduced(torch.tensor(next(broken, len(values))), "min", fabric))
    return values[place] if place < len(values) else None


def _reduced(values: Tensor, how: str, fabric: Fabric) -> Tensor:
    """Return values reduced over the processes of the run."""
    reduced = fabric.all_reduce(values.to(fabric.device), reduce_op=how)
    assert isinstance(reduced, Tensor)
    return reduced


class History:
    """The rows of history.csv, and the losses since the last.

    They are kept in the checkpoint, so that a resumed run writes the same file as an uninterrupted one.

    Attributes:
        contributions: what each term added to the loss of the last row.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rows: list[Row] = []
        self.kept: list[Kept] = []
        self.contributions: Means = {}
        self._before, self._clock = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long the run has been trained, over all its parts."""
        return self._before + time.perf_counter() - self._clock

    def latest(self, split: str) -> Row | None:
        """Return the last row of a split."""
        return next((row for row in reversed(self.rows) if row["split"] == split), None)

    def state_dict(self) -> dict[str, Any]:
        """Return all there is."""
        kept = {"rows": self.rows, "kept": self.kept, "contributions": self.contributions}
        return kept | {"seconds": self.seconds}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.rows, self.kept, self.contributions = list(state["rows"]), state["kept"], state["contributions"]
        self._before, self._clock = state["seconds"], time.perf_counter()

    def add(self, step: int, split: str, values: Mapping[str, Any]) -> Row:
        """Add a row, and return it; what each term adds to the loss is no part of it."""
        added = {name: value for name, value in values.items() if name.startswith(ADDED)}
        self.contributions = {name.removeprefix(ADDED): value for name, value in added.items()}
        shown = {name: value for name, value in values.items() if name not in added}
        self.rows.append({"step": step, "seconds": round(self.seconds, 2), "split": split, **shown})
        return self.rows[-1]

    def write(self) -> None:
        """Write history.csv; without a row there is nothing to write."""
        if self.rows:
            text = io.StringIO()
            columns = list(dict.fromkeys(name for row in self.rows for name in row))
            writer = csv.DictWriter(text, columns)
            writer.writeheader()
            writer.writerows(self.rows)
            self.run.write("history.csv", text.getvalue().encode())


class EarlyStopping:
    """Keeps the best weights, and tells to stop after `most` validations without a better loss (None: never).

    Losses under different weights cannot be compared, so it waits until step `since`, when no term of the
    loss changes any more.
    """

    def __init__(self, most: int | None, since: int) -> None:
        self.most, self.since = most, since
        self.best, self.waited = float("inf"), 0
        self.weights: dict[str, Tensor] = {}

    @property
    def is_over(self) -> bool:
        """Whether it has waited long enough."""
        return self.most is not None and self.waited >= self.most

    def state_dict(self) -> dict[str, Any]:
        """Return the best loss and weights so far."""
        return {"best": self.best, "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.best, self.waited, self.weights = state["best"], state["waited"], state["weights"]

    @torch.no_grad()
    def judge(self, row: Row, module: nn.Module) -> None:
        """Take in a validation row and the weights that it is of."""
        # The schedules in force were those of the step before.
        if self.most is None or row["step"] <= self.since:
            return
        self.waited += 1
        if row[TOTAL] < self.best:
            self.best, self.waited = row[TOTAL], 0
            self.weights = {name: each.clone() for name, each in module.state_dict().items()}
