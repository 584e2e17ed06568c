"""What other code may hear of a training: callbacks and loggers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import Logger

from distaff.loggers import log_image, make_logger
from distaff.losses import Column, Loss
from distaff.run import Run


class Callback:
    """Hears how a training goes; any object with some of these methods will do.

    They are called in the first process of a run. An exception in one of them ends the training with the run
    saved, and goes on to the caller of `train`.

    >>> class Stop(Callback):
    ...     def on_validation(self, run, row):
    ...         if row["loss"] < 100:
    ...             raise StopIteration("good enough")
    """

    def on_step(self, run: Run, step: int, loss: Loss) -> None:
        """Hear the loss of a step, counted from 1; reading one of its numbers waits for the device."""

    def on_validation(self, run: Run, row: Mapping[str, Any]) -> None:
        """Hear a validation row of the history: step, loss, the terms, weights and the KL of each latent."""

    def on_end(self, run: Run) -> None:
        """Hear that the training has ended, at its last step or before, and that the run is saved."""


class Listeners:
    """The callbacks and the logger of a run.

    Attributes:
        failure: the first exception that one of them raised, which is to end the training.
    """

    def __init__(self, run: Run, callbacks: Sequence[object], logger: str | Logger | None) -> None:
        self.run, self.callbacks = run, callbacks
        self.logger = make_logger(logger, run.path) if isinstance(logger, str) else logger
        self.failure: Exception | None = None

    def step(self, step: int, loss: Loss) -> None:
        """Pass a step on."""
        if self.callbacks:
            columns = {name: Column(each.values.detach(), each.mask) for name, each in loss.columns.items()}
            terms = {name: each.detach() for name, each in loss.terms.items()}
            self._call("on_step", step, Loss(loss.total.detach(), columns, terms))

    def row(self, row: Mapping[str, Any]) -> None:
        """Pass a row of the history on."""
        if self.logger is not None:
            numbers = {
                f"{row['split']}/{name}": each for name, each in row.items() if isinstance(each, float)
            }
            self._guarded(self.logger.log_metrics, numbers, row["step"])
        if row["split"] == "valid":
            self._call("on_validation", row)

    def image(self, step: int, file: Path) -> None:
        """Pass an image of the training on: images, reconstructions, samples and a traversal."""
        if self.logger is not None:
            self._guarded(log_image, self.logger, "images", file, step)

    def end(self) -> None:
        """Pass on that the run is saved."""
        self._call("on_end")
        if self.logger is not None:
            self._guarded(self.logger.finalize, "failed" if self.failure else "success")

    def _call(self, method: str, *what: Any) -> None:
        for each in self.callbacks:
            if hasattr(each, method):
                self._guarded(getattr(each, method), self.run, *what)

    def _guarded(self, hear: Callable[..., Any], *what: Any) -> None:
        try:
            hear(*what)
        except Exception as error:  # noqa: BLE001 - a stranger's code may fail in any way
            self.failure = self.failure or error
