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

from distaff.data import AttributeTable, Images
from distaff.model import Collapse, judge_collapse, kl_by_dimension
from distaff.run import Run
from distaff.training.batches import Rows, take
from distaff.training.losses import BrokenError, Losses
from distaff.training.module import Trainee
from distaff.training.report import Reporter

LOG_EVERY = 50


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
        self._losses = Losses()
        self._seconds = 0.0
        self._clock = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far and the losses since the last row."""
        return {"rows": self.rows, "losses": self._losses.state_dict(), "seconds": self._elapsed()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.rows = list(state_dict["rows"])
        self._losses.load_state_dict(state_dict["losses"])
        self._seconds = state_dict["seconds"]
        self._clock = time.perf_counter()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        """Keep this step's losses; write a row when its time has come."""
        assert isinstance(pl_module, Trainee)
        assert pl_module.last is not None
        self._losses.add(pl_module.last)
        if trainer.global_step % LOG_EVERY == 0 or trainer.global_step == trainer.max_steps:
            self._close_row(pl_module)
        if trainer.global_step % self.every == 0 or trainer.global_step == trainer.max_steps:
            self.validate(pl_module)
        self.reporter.advance(trainer.global_step, self.rows)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Look at the steps since the last row too, before they are saved."""
        assert isinstance(pl_module, Trainee)
        self._train_row(pl_module)

    def finish(self, trainee: Trainee) -> None:
        """Write what there is, also after an interruption: a row begun, if it would be the only one.

        It is not kept: a resumed run goes on with the losses of that row.
        """
        begun = [] if self.rows or not len(self._losses) else [self._train_row(trainee)]
        self.write([*self.rows, *begun])

    @torch.no_grad()
    def validate(self, trainee: Trainee) -> None:
        """Add a row for the validation pictures, and say when a latent has died."""
        if not self.valid:
            return
        trainee.eval()
        losses = Losses()
        kl: dict[str, float] = {}
        count = 0
        for stream, rows in enumerate(self.valid, start=1):
            batch = take(self.images, self.labels, rows)
            with trainee.trainer.precision_plugin.forward_context():
                loss, output = trainee.evaluate(batch, stream)
            losses.add(loss)
            for name, nats in kl_by_dimension(trainee.model, output).items():
                kl[name] = kl.get(name, 0.0) + float(nats.sum())
            count += len(rows)
        trainee.train()
        kl = {name: total / count for name, total in kl.items()}
        verdict = judge_collapse(kl)
        row = self._row(trainee, "valid") | losses.means()
        row |= {"active_units": len(verdict.active)} | {f"kl.{name}": nats for name, nats in kl.items()}
        self.rows.append(row)
        self._say_deaths(verdict, trainee.global_step)
        self.write(self.rows)

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Write history.csv; without a row there is nothing to write."""
        if not rows:
            return
        columns = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self.run.write("history.csv", text.getvalue().encode())

    def _close_row(self, trainee: Trainee) -> None:
        self.rows.append(self._train_row(trainee))
        self._losses.clear()

    def _train_row(self, trainee: Trainee) -> dict[str, Any]:
        """Return the row of the losses since the last; raises BrokenError when one is not finite."""
        means = self._losses.means()
        if any(value is not None and not math.isfinite(value) for value in means.values()):
            self.write(self.rows)
            name, step = self._losses.first_broken() or ("loss", 0)
            raise BrokenError(name, trainee.global_step - len(self._losses) + step + 1)
        return self._row(trainee, "train") | means

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
