"""What a user would see in a run folder: is every file whole, and is it the run that it should be."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from distaff import InputError, Run
from distaff.training._folder import read_checkpoint


def problems(folder: Path, *, checkpoints: bool = True) -> list[str]:
    """Return a line for every file of a run folder that cannot be read."""
    found = []
    for file in sorted(folder.rglob("*")) if folder.exists() else []:
        if file.name.startswith(".") or (file.suffix == ".ckpt" and not checkpoints):
            continue
        if file.is_file():
            try:
                _open(file, Run(folder))
            except (InputError, OSError, ValueError) as error:
                found.append(f"{file.name}: {error}")
    if (folder / "recipe.yaml").is_file():
        Run.open(folder)
    return found


def _open(file: Path, run: Run) -> None:
    match file.name:
        case "recipe.yaml":
            assert run.recipe
        case "attributes.json":
            assert run.image_shape
        case "history.csv":
            assert len(run.history()["step"])
        case "model.safetensors":
            assert run.model
        case "images.npz":
            assert run.fingerprint
        case "environment.json" | "diverged.json":
            assert run.read_json(file.name)
        case _ if file.suffix == ".ckpt":
            assert read_checkpoint(file)
        case _ if file.suffix in {".png", ".gif"}:
            with Image.open(file) as image:
                image.load()
        case _:
            raise ValueError("nobody knows this file")


def essence(folder: Path) -> dict[str, Any]:
    """Return what must be equal to the bit however often a run was stopped: weights, history, whole state."""
    with (folder / "history.csv").open() as file:
        rows = [
            {name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)
        ]
    digest = hashlib.sha256()
    _feed(digest, read_checkpoint(folder / "checkpoint.ckpt"))
    return {
        "weights": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        "history": rows,
        "state": digest.hexdigest(),
        "images": len(list(folder.glob("figures/training.gif"))),
        "finished": Run(folder).is_finished,
    }


def _feed(digest: Any, value: Any) -> None:
    """Take in a run's state: model, optimiser, history, early stopping; not how long it took."""
    if isinstance(value, torch.Tensor):
        digest.update(f"{value.dtype} {list(value.shape)}".encode())
        digest.update(value.contiguous().numpy().tobytes())
    elif isinstance(value, dict):
        for name in sorted(value, key=str):
            if name != "seconds":
                digest.update(str(name).encode())
                _feed(digest, value[name])
    elif isinstance(value, (list, tuple)):
        for each in value:
            _feed(digest, each)
    else:
        digest.update(repr(value).encode())
