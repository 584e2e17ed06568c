"""Where a history goes beside the run folder: TensorBoard, W&B and MLflow, by Lightning's loggers."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric.loggers.logger import Logger
from PIL import Image

from distaff.errors import InputError, nearest

LOGGERS = {
    "tensorboard": ("lightning_fabric.loggers", "TensorBoardLogger", {"root_dir": "{path}", "name": "log"}),
    "wandb": ("pytorch_lightning.loggers", "WandbLogger", {"save_dir": "{path}", "project": "distaff"}),
    "mlflow": (
        "pytorch_lightning.loggers",
        "MLFlowLogger",
        # Lightning's default is a folder of files, which MLflow refuses since its version 3.
        {"experiment_name": "distaff", "tracking_uri": "{mlflow}"},
    ),
}
"""Where the class of each named logger is, and how it is made."""


def make_logger(name: str, folder: Path) -> Logger:
    """Return the logger of a name, for a run folder.

    Raises:
        InputError: there is none of that name, or its package is not installed.

    >>> make_logger("tensorbord", Path("run"))
    Traceback (most recent call last):
    distaff.errors.InputError: logger: there is no 'tensorbord'; did you mean 'tensorboard'?
    """
    if name not in LOGGERS:
        raise InputError(f"logger: there is no {name!r}; {nearest(name, LOGGERS)}")
    module, kind, options = LOGGERS[name]
    known = {"path": folder, "mlflow": os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")}
    given = {key: value.format_map(known) for key, value in options.items()}
    try:
        made: Logger = getattr(importlib.import_module(module), kind)(**given)
    except ImportError:
        raise InputError(
            f"logger {name}: its packages are not installed; run: pip install 'distaff[{name}]'"
        ) from None
    except Exception as error:  # no such server, no right to write
        raise InputError(f"logger {name}: {str(error).strip().splitlines()[0]:.300}") from error
    return made


def log_image(logger: Any, name: str, file: Path, step: int) -> None:
    """Give an image file to a logger that takes images, as those of W&B, TensorBoard and MLflow do."""
    experiment: Any = getattr(logger, "experiment", None)
    pixels = np.asarray(Image.open(file).convert("RGB"))
    if hasattr(logger, "log_image"):
        logger.log_image(name, [pixels], step=step)
    elif hasattr(experiment, "add_image"):
        experiment.add_image(name, pixels, step, dataformats="HWC")
    elif hasattr(experiment, "log_image"):
        experiment.log_image(logger.run_id, pixels, key=name, step=step)
