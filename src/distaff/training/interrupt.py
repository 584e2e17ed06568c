"""A signal ends the run after the step in hand."""

from __future__ import annotations

import threading
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from distaff.interrupt import Stop


class StopOnSignal(Callback):
    """Passes the wish to stop on to Lightning."""

    def __init__(self, stop: Stop) -> None:
        self.stop = stop

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Listen again: Lightning has put a handler of its own before ours, which would lose the step."""
        if threading.current_thread() is threading.main_thread():
            self.stop.listen()
        self._pass_on(trainer)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        """Let the step in hand be the last."""
        self._pass_on(trainer)

    def _pass_on(self, trainer: lightning.Trainer) -> None:
        if self.stop.wished:
            trainer.should_stop = True
