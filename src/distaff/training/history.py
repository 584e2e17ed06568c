"""The history: one row every so many steps, each term and each weight in a column of its own."""

from __future__ import annotations

import csv
import io
import math
import time
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from distaff.data import AttributeTable, Images
from distaff.errors import InputError
from distaff.files import atomic_write
from distaff.model import Collapse, judge_collapse, kl_by_dimension
from distaff.objective import Loss
from distaff.run import Run
from distaff.training.batches import Rows, take
from distaff.training.module import Trainee
from distaff.training.report import Reporter

LOG_EVERY = 50
LABELLED = ("classify.", "supervise.")
"""Terms that skip pictures without a label."""


class History(Callback):
    """Gathers the terms of the loss in training and, every `valid_every` steps, on unseen pictures.

    The rows are kept in the checkpoint, so that a resumed run writes the same file as an uninterrupted one.
    """

    def __init__(
        self,
        run: Run,
        images: Images,
        labels: AttributeTable,
        valid: list[Rows],
        every: int,
        reporter: Reporter,
    ) -> None:
        self.run, self.every, self.reporter = run, every, reporter
        self.images, self.labels, self.valid = images, labels, valid
        self.rows: list[dict[str, Any]] = []
        self.collapse: Collapse | None = None
        self._sums: dict[str, Tensor] = {}
        self._seconds = 0.0
        self._clock = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far and the sums of those since the last row."""
        sums = {name: each.cpu() for name, each in self._sums.items()}
        return {"rows": self.rows, "sums": sums, "seconds": self._elapsed()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.rows, self._sums = list(state_dict["rows"]), dict(state_dict["sums"])
        self._seconds = state_dict["seconds"]
        self._clock = time.perf_counter()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        """Add up this step's terms; write a row when its time has come."""
        assert isinstance(pl_module, Trainee)
        assert pl_module.last is not None
        _add(self._sums, pl_module.last)
        if trainer.global_step % LOG_EVERY == 0 or trainer.global_step == trainer.max_steps:
            self._close_row(pl_module)
        if trainer.global_step % self.every == 0 or trainer.global_step == trainer.max_steps:
            self.validate(pl_module)
        self.reporter.advance(trainer.global_step, self.rows)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write what there is, also after an interruption; the sums begun go on in a resumed run."""
        assert isinstance(pl_module, Trainee)
        if not self.rows and self._sums:
            self._close_row(pl_module)
        self.write()

    @torch.no_grad()
    def validate(self, trainee: Trainee) -> None:
        """Add a row for the validation pictures, and say when a latent has died."""
        if not self.valid:
            return
        trainee.eval()
        sums: dict[str, Tensor] = {}
        kl: dict[str, float] = {}
        count = 0
        for stream, rows in enumerate(self.valid, start=1):
            batch = take(self.images, self.labels, rows)
            with trainee.trainer.precision_plugin.forward_context():
                loss, output = trainee.evaluate(batch, stream)
            _add(sums, loss)
            for name, nats in kl_by_dimension(trainee.model, output).items():
                kl[name] = kl.get(name, 0.0) + float(nats.sum())
            count += len(rows)
        trainee.train()
        kl = {name: total / count for name, total in kl.items()}
        verdict = judge_collapse(kl)
        row = self._row(trainee, "valid") | _means(sums)
        row |= {"active_units": len(verdict.active)} | {f"kl.{name}": nats for name, nats in kl.items()}
        self.rows.append(row)
        self._say_deaths(verdict, trainee.global_step)
        self.write()

    def write(self) -> None:
        """Write history.csv."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        atomic_write(self.run.path / "history.csv", text.getvalue().encode())

    def _close_row(self, trainee: Trainee) -> None:
        means = _means(self._sums)
        self._sums = {}
        # The terms before the loss: a term that broke is the one to name.
        for name, value in sorted(means.items(), key=lambda item: item[0] == "loss"):
            if value is not None and not math.isfinite(value):
                kept = self.run.path / "checkpoint.ckpt"
                raise InputError(
                    f"training: {name} was no longer a finite number before step {trainee.global_step}; "
                    "lower train.lr, or set train.gradient_clip"
                    + (f". The last good state is in {kept}" if kept.exists() else "")
                )
        self.rows.append(self._row(trainee, "train") | means)

    def _row(self, trainee: Trainee, split: str) -> dict[str, Any]:
        rate = trainee.trainer.optimizers[0].param_groups[0]["lr"]
        weights = {f"weight.{name}": value for name, value in trainee.weights.items()}
        row = {"step": trainee.global_step, "seconds": round(self._elapsed(), 2), "split": split}
        return row | {"lr": rate} | weights

    def _elapsed(self) -> float:
        return self._seconds + time.perf_counter() - self._clock

    def _say_deaths(self, verdict: Collapse, step: int) -> None:
        before = set(self.collapse.dead) if self.collapse else set()
        if self.collapse is not None and set(verdict.dead) - before:
            self.reporter.say(f"step {step}: {verdict.sentence}")
        self.collapse = verdict


@torch.no_grad()
def _add(sums: dict[str, Tensor], loss: Loss) -> None:
    """Add a batch to running sums: the total of each column and how many pictures it is of, [2] each.

    A picture that a term skipped (NaN, for want of a label) counts in neither.
    """
    size = len(next(iter(loss.values.values())))
    columns = {"loss": loss.total.detach().expand(size)}
    columns |= {name: nats.detach() for name, nats in loss.values.items()}
    for name, nats in columns.items():
        known = ~nats.isnan() if name.startswith(LABELLED) else torch.ones_like(nats, dtype=torch.bool)
        entry = torch.stack([torch.where(known, nats, 0.0).sum(), known.sum().to(nats.dtype)])
        sums[name] = sums[name].to(entry.device) + entry if name in sums else entry


def _means(sums: dict[str, Tensor]) -> dict[str, float | None]:
    """Return the mean of each column, None where no picture counted."""
    return {
        name: float(total / pictures) if pictures > 0 else None for name, (total, pictures) in sums.items()
    }
