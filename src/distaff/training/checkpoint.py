"""Checkpoints: the whole state of a run in one file, and the one before it in another."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback

from distaff.errors import InputError
from distaff.files import atomic_write
from distaff.run import Run
from distaff.training.batches import RawBatch
from distaff.training.losses import BrokenError
from distaff.training.module import Trainee

NAME, PREVIOUS = "checkpoint.ckpt", "checkpoint.previous.ckpt"


class DamagedError(InputError):
    """A checkpoint that is not what was written."""


class CheckpointFiles(TorchCheckpointIO):
    """The two checkpoints of a run folder: written whole or not at all, and checked when read.

    They hold plain tensors and numbers, never arbitrary objects. The one before the last stays, so that a
    damaged disk block loses one interval and not the run; `say` hears of it.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.path, self.previous, self.say = folder / NAME, folder / PREVIOUS, say

    @property
    def latest(self) -> str | None:
        """The path to go on from, None where nothing has been saved."""
        return str(self.path) if self.path.exists() or self.previous.exists() else None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint; raises WriteError when the disk is full or the folder read-only."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        atomic_write(Path(path), buffer.getvalue(), before=self.previous)

    def load_checkpoint(
        self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read the last checkpoint, or the one before it if that is damaged.

        Raises DamagedError when none can be used.
        """
        try:
            return read(self.path)
        except DamagedError as error:
            if not self.previous.exists():
                raise DamagedError(
                    f"{error}; the run cannot be resumed from it: remove it to begin again"
                ) from None
            reason = str(error)
        try:
            checkpoint = read(self.previous)
        except DamagedError as error:
            raise DamagedError(
                f"{reason}, and so is the one before it ({self.previous.name}); remove both to begin again"
            ) from error
        # Out of the way: it would otherwise push the good one out when the next is written.
        self.previous.replace(self.path)
        step = checkpoint["global_step"]
        self.say(f"warning: {reason}; going on from the one before it, of step {step}")
        return checkpoint


def read(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds, unpickling nothing but tensors and plain values.

    torch itself reads flipped bits without a word, so the checksums in the file are compared first.

    Raises DamagedError when there is no such file, or it is not what was written.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            record = archive.testzip()
        if record is None:
            checkpoint: dict[str, Any] = torch.load(
                io.BytesIO(content), map_location="cpu", weights_only=True
            )
            return checkpoint
        reason = f"the checksum of {record} is wrong"
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a reader makes of wrong bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
    raise DamagedError(f"{path}: damaged ({reason})")


class Checkpointer(Callback):
    """Writes checkpoint.ckpt every n steps or so many minutes, whichever comes first.

    When the loss or a weight has broken, the last good one stays.
    """

    def __init__(self, run: Run, every: int, minutes: float) -> None:
        self.path, self.every, self.seconds = run.path / NAME, every, 60 * minutes
        self._saved, self._time = -1, time.monotonic()
        self._batch: RawBatch | None = None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Count from here."""
        self._saved, self._time = trainer.global_step, time.monotonic()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: RawBatch,
        batch_idx: int,
    ) -> None:
        """Write one when its time has come; a loss that has broken is named when its row is due."""
        assert isinstance(pl_module, Trainee)
        self._batch = batch
        # Asked at every step: clocks differ between the processes of a run, and all must save together.
        in_time = pl_module.agree("save", wished=time.monotonic() - self._time >= self.seconds)
        if trainer.global_step % self.every == 0 or in_time:
            self._save(trainer, pl_module)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the last one, also after an interruption; raises BrokenError when it would not be good."""
        broken = self._save(trainer, pl_module) if trainer.global_step != self._saved else None
        if broken is not None:
            raise BrokenError(broken, trainer.global_step)

    def _save(self, trainer: lightning.Trainer, trainee: lightning.LightningModule) -> str | None:
        assert isinstance(trainee, Trainee)
        assert self._batch is not None
        broken = trainee.broken(self._batch)
        if broken is None:
            trainer.save_checkpoint(self.path)
            self._saved, self._time = trainer.global_step, time.monotonic()
        return broken
