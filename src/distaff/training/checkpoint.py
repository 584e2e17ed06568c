"""Checkpoints: the whole state of a run in one file, replaced whole or not at all."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback

from distaff.errors import InputError
from distaff.files import atomic_write
from distaff.run import Run
from distaff.training.module import Trainee


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes flushed and renamed; reads plain tensors and numbers only, never arbitrary objects."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint; raises InputError when the disk is full or the folder read-only."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        atomic_write(Path(path), buffer.getvalue())

    def load_checkpoint(
        self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint without unpickling anything but tensors and plain values."""
        try:
            checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"{path}: damaged, the run cannot be resumed from it ({reason}); remove it to begin again"
            ) from None
        return checkpoint


class Checkpointer(Callback):
    """Writes checkpoint.ckpt every n steps."""

    def __init__(self, run: Run, every: int) -> None:
        self.path, self.every = run.path / "checkpoint.ckpt", every

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        """Write one when its time has come, unless the loss has broken: the last good one stays."""
        assert isinstance(pl_module, Trainee)
        if trainer.global_step % self.every == 0 and pl_module.is_sound():
            trainer.save_checkpoint(self.path)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the last one, also after an interruption."""
        trainer.save_checkpoint(self.path)
