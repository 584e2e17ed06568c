"""The run folder: all that is needed to load, trust and continue a trained model.

Every file is written whole or not at all.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import platform
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from distaff._version import __version__
from distaff.data import Attribute, Dataset
from distaff.data import load as load_data
from distaff.errors import InputError
from distaff.files import atomic_write
from distaff.model import Model, build
from distaff.recipe import Recipe, from_yaml, to_yaml


class Run:
    """A run folder, as it is on disk.

    `recipe.yaml` (resolved), `attributes.json`, `model.safetensors`, `history.csv`, `checkpoint.ckpt`,
    `evaluation.json`, `environment.json` and `figures/`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Run:
        """Return the run in a folder; raises InputError when there is none."""
        run = cls(path)
        if not run.path.is_dir():
            raise InputError(f"{path}: there is no such run folder; 'distaff train' makes one")
        if not (run.path / "recipe.yaml").is_file():
            raise InputError(f"{path}: not a run folder, it has no recipe.yaml")
        return run

    @cached_property
    def recipe(self) -> Recipe:
        """The resolved recipe."""
        path = self.path / "recipe.yaml"
        text = self._read(path).decode("utf-8", errors="replace")
        if "\ntrain:" not in text:
            # The last part of a resolved recipe: without it, what is left may still be a recipe, but another.
            raise InputError(f"{path}: damaged: its end is missing")
        return from_yaml(text, where=str(path))

    @cached_property
    def _attributes(self) -> tuple[tuple[int, int, int], tuple[Attribute, ...]]:
        path = self.path / "attributes.json"
        try:
            raw = json.loads(self._read(path))
            channels, height, width = (int(side) for side in raw["image_shape"])
            attributes = tuple(Attribute.model_validate(each) for each in raw["attributes"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: damaged: {str(error).splitlines()[0]}") from None
        return (channels, height, width), attributes

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the pictures."""
        return self._attributes[0]

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes that the model was trained beside."""
        return self._attributes[1]

    @property
    def is_trained(self) -> bool:
        """Whether the run has weights to load."""
        return (self.path / "model.safetensors").is_file()

    @property
    def is_finished(self) -> bool:
        """Whether the training came to its end: to its last step, or to the end of its patience."""
        if not (self.is_trained and (self.path / "environment.json").is_file()):
            return False
        return self.read_json("environment.json").get("finished") is True

    @cached_property
    def model(self) -> Model:
        """The trained model; raises InputError when the weights are missing, damaged or of another recipe."""
        path = self.path / "model.safetensors"
        if not path.is_file():
            raise InputError(f"{self.path}: no trained weights yet; continue with 'distaff train --resume'")
        autoencoder, objective = build(self.recipe, self.attributes, self.image_shape)
        both = nn.ModuleDict({"model": autoencoder, "objective": objective})
        try:
            content = self._read(path)
            weights = safetensors.torch.load(content)
            both.load_state_dict(weights)
        except (SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise InputError(f"{path}: damaged, or not the weights of this recipe: {reason}") from None
        if _written_digest(content) != _digest(weights):
            raise InputError(f"{path}: damaged or changed since training: its sha256 is not the one written")
        if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
            raise InputError(f"{path}: damaged: some weights are not finite numbers")
        return Model(self.recipe, self.attributes, autoencoder, objective)

    def dataset(self, source: str | None = None) -> Dataset:
        """Load the run's data, or another source cut and resized the same way."""
        options = self.recipe.data
        if source is not None:
            channels, height, width = self.image_shape
            cut = {"image_size": (height, width), "channels": channels if channels in {1, 3} else None}
            options = options.model_copy(update={"source": source, "count": None, "labelled": 1.0} | cut)
        dataset = load_data(options)
        if dataset.images.shape[1:] != self.image_shape:
            raise InputError(
                f"{options.source}: pictures of shape {list(dataset.images.shape[1:])}, "
                f"but the model takes {list(self.image_shape)} (channels, height, width)"
            )
        return dataset

    def history(self) -> dict[str, npt.NDArray[Any]]:
        """Return the history by column; `split` as words, the rest as numbers with NaN where empty."""
        path = self.path / "history.csv"
        try:
            return self._columns(self._read(path).decode("utf-8"))
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: damaged: {error}") from None

    @staticmethod
    def _columns(text: str) -> dict[str, npt.NDArray[Any]]:
        rows = list(csv.DictReader(io.StringIO(text)))
        columns = rows[0].keys() if rows else []
        if any(row.keys() != columns or None in row.values() for row in rows):
            raise ValueError("its rows differ in length")
        return {
            column: np.array([row[column] for row in rows])
            if column == "split"
            else np.array([float(row[column] or "nan") for row in rows])
            for column in columns
        }

    def write_setup(self, recipe: Recipe, attributes: Sequence[Attribute], shape: tuple[int, ...]) -> None:
        """Write the environment, the attributes and the recipe of a run that begins.

        The recipe comes last: it is what makes the folder a run.
        """
        self.write_json("environment.json", environment())
        self.write_json(
            "attributes.json",
            {"image_shape": list(shape), "attributes": [each.model_dump(mode="json") for each in attributes]},
        )
        self.write("recipe.yaml", to_yaml(recipe).encode())

    def write_weights(self, autoencoder: nn.Module, objective: nn.Module) -> None:
        """Write model.safetensors."""
        both = nn.ModuleDict({"model": autoencoder, "objective": objective})
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in both.state_dict().items()}
        content = safetensors.torch.save(tensors, metadata={"sha256": _digest(tensors)})
        self.write("model.safetensors", content)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file of the run; NaN and infinities become null."""
        text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
        self.write(name, (text + "\n").encode())

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the run, whole or not at all."""
        atomic_write(self.path / name, content)

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file of the run; raises InputError when it is missing or damaged."""
        path = self.path / name
        try:
            content: dict[str, Any] = json.loads(self._read(path))
        except ValueError as error:
            raise InputError(f"{path}: damaged: {error}") from None
        if not isinstance(content, dict):
            raise InputError(f"{path}: damaged: it should hold an object")
        return content

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def load(path: str | os.PathLike[str]) -> Model:
    """Return the trained model of a run folder."""
    return Run.open(path).model


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the sha256 of names, types, shapes and values, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = tensors[name].numpy()
        digest.update(f"{name} {values.dtype} {list(values.shape)}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _written_digest(content: bytes) -> str | None:
    """Return the sha256 in a safetensors file's header."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    written: str | None = header.get("__metadata__", {}).get("sha256")
    return written


def environment() -> dict[str, Any]:
    """Return what a result depends on beside the recipe: versions and the machine."""
    packages = {}
    for name in ("torch", "lightning", "numpy", "scipy", "scikit-learn", "pydantic"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "distaff": __version__,
        "python": platform.python_version(),
        "packages": packages,
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
    }


def _plain(value: Any) -> Any:
    """Return the value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
