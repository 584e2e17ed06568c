"""Early stopping: when the validation loss no longer falls, keep the best weights seen."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from distaff.training.history import History
from distaff.training.module import Trainee


class Patience(Callback):
    """Stops after `patience` validations without a better loss; never when it is None.

    Losses under different weights cannot be compared, so it waits until every schedule has ended.
    """

    def __init__(self, history: History, patience: int | None, last_change: int) -> None:
        self.history, self.patience, self.last_change = history, patience, last_change
        self.best, self.waited = float("inf"), 0
        self.weights: dict[str, torch.Tensor] = {}

    @property
    def is_over(self) -> bool:
        """Whether it has waited long enough."""
        return self.patience is not None and self.waited >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """Return the best loss and weights so far."""
        return {"best": self.best, "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.best, self.waited = state_dict["best"], state_dict["waited"]
        self.weights = state_dict["weights"]

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """End a resumed run that had already been stopped."""
        if self.is_over:
            trainer.should_stop = True

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        """Judge a new validation row."""
        if self.patience is None:
            return
        row = self.history.rows[-1] if self.history.rows else {}
        if row.get("split") != "valid":
            return
        # The weights in force were those of the step before.
        if row["step"] != trainer.global_step or trainer.global_step <= self.last_change:
            return
        if row["loss"] < self.best:
            self.best, self.waited = row["loss"], 0
            self.weights = {name: each.detach().clone() for name, each in pl_module.state_dict().items()}
            return
        self.waited += 1
        if self.is_over:
            trainer.should_stop = True

    def keep_best(self, trainee: Trainee) -> None:
        """Put the best weights back; after the last checkpoint, from which a resumed run must go on."""
        if self.weights:
            trainee.load_state_dict(self.weights)
