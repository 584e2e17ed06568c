"""The run folder: all that is needed to load, trust and continue a trained model.

Every file is written whole or not at all.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import os
import platform
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from torch import nn

from distaff._version import __version__
from distaff.attributes import Attribute
from distaff.data import (
    Comparison,
    Data,
    DataOptions,
    Dataset,
    Fingerprint,
    Split,
    compare,
    find_source,
    fingerprint,
    named_source,
)
from distaff.data import load as load_data
from distaff.errors import InputError
from distaff.files import atomic_write
from distaff.latents import CodeSampler, SamplerOptions
from distaff.losses import Objective
from distaff.model import Model, fit_sampler
from distaff.parts import FAMILIES, Part, first_problem, is_foreign, parts_of, provider
from distaff.recipe import Recipe, from_yaml, to_yaml
from distaff.vae import VAE

CHECKPOINT, PREVIOUS = "checkpoint.ckpt", "checkpoint.previous.ckpt"
DIVERGED = "diverged.json"
SAMPLER = "sampler.safetensors"
SAMPLED = 20_000
"""Training images whose codes a sampler learns, at most."""
_log = logging.getLogger("distaff")


class _Given(BaseModel):
    """What a run keeps of the data that it was given."""

    model_config = ConfigDict(frozen=True)

    image_shape: tuple[int, int, int]
    training_images: int
    white: float | None = None
    place: str | None = None
    """Where the data lie, seen from the run folder; None where they are not a path."""
    attributes: tuple[Attribute, ...]


class Run:
    """A run folder, as it is on disk.

    `recipe.yaml` (resolved), `attributes.json`, `model.safetensors`, `history.csv`, `checkpoint.ckpt`,
    `images.npz` (fingerprint of the images), `evaluation.json`, `environment.json`, `parts.json` (who
    provides parts that are not distaff's own), `sampler.safetensors` (of codes, if one was fitted) and
    `figures/`.
    """

    def __init__(self, path: str | os.PathLike[str], data: Dataset | None = None) -> None:
        """Name the folder; `data` is what the run was trained on, where that was given in this process."""
        self.path = Path(path)
        self.data = data

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
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
        self._refuse_missing("source", but=True)
        return from_yaml(text, where=str(path))

    def _refuse_missing(self, family_asked: str, *, but: bool = False) -> None:
        """Raise InputError when a part of a family, or of any `but` that one, is of a package not here."""
        if not (self.path / "parts.json").is_file():
            return
        for each in self.read_json("parts.json")["parts"]:
            family, tag, module = each["family"], each["tag"], each["module"]
            if (family == family_asked) == but or tag in FAMILIES.get(family, ()):
                continue
            package = (
                f"package {each['package']} {each['version']}" if each["package"] else f"module {module}"
            )
            raise InputError(
                f"{self.path}: needs the {family} {tag!r} of {package}, which is not here; "
                + (f"pip install {each['package']}, or " if each["package"] else "")
                + f"import {module} (--import {module})"
            )

    @cached_property
    def _given(self) -> _Given:
        path = self.path / "attributes.json"
        try:
            return _Given.model_validate_json(self._read(path))
        except ValidationError as error:
            raise InputError(f"{path}: damaged: {first_problem(error)}") from None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images."""
        return self._given.image_shape

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes that the model was trained beside."""
        return self._given.attributes

    @property
    def training_images(self) -> int:
        """How many images the model was trained on."""
        return self._given.training_images

    @property
    def white(self) -> float | None:
        """The pixel value that was taken as white, of images that were no bytes from 0 to 255; else None."""
        return self._given.white

    @property
    def is_trained(self) -> bool:
        """Whether the run has weights to load."""
        return (self.path / "model.safetensors").is_file()

    @property
    def is_finished(self) -> bool:
        """Whether the training came to its end: to its last step, or to the early stopping."""
        if not (self.is_trained and (self.path / "environment.json").is_file()):
            return False
        return self.read_json("environment.json").get("finished") is True

    @cached_property
    def model(self) -> Model:
        """The trained model, on the processor; see `load_model`."""
        return self.load_model()

    def load_model(self, device: str | torch.device = "cpu") -> Model:
        """Return the trained model on a device.

        Raises:
            InputError: the weights are missing, damaged or of another recipe, or there is no such device.
        """
        path = self.path / "model.safetensors"
        if not path.is_file():
            raise InputError(
                f"{self.path}: no trained weights yet; continue the training (resume=True, --resume)"
            )
        vae, objective = self.recipe.build(self.attributes, self.image_shape, self.training_images)
        written = self._read_weights(path, nn.ModuleDict({"vae": vae, "objective": objective}))
        sampler = self._sampler(vae.latents.outputs, written["sha256"])
        return Model(self.recipe, self.attributes, vae, objective, device, white=self.white, sampler=sampler)

    def give_weights(self, vae: VAE) -> str:
        """Copy into another model the weights that it has by the same name and shape; returns which.

        Raises:
            InputError: as `load_model`, or no weight fits.
        """
        mine, wanted = self.load_model().vae.state_dict(), vae.state_dict()
        fit = {name: each for name, each in wanted.items() if name in mine and mine[name].shape == each.shape}
        if not fit:
            raise InputError(f"{self.path}: no weight fits this recipe's model (train.start)")
        vae.load_state_dict({name: mine[name] for name in fit}, strict=False)
        told = f"train.start: {len(fit)} of {len(wanted)} weights are those of {self.path}"
        new = [name for name in wanted if name not in fit]
        return f"{told}; new: {', '.join(new)}" if new else told

    def _read_weights(self, path: Path, module: nn.Module) -> dict[str, str]:
        """Load a file into a module; returns what stands in its header beside them."""
        try:
            content = self._read(path)
            weights = safetensors.torch.load(content)
            module.load_state_dict(weights)
        except (SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise InputError(f"{path}: damaged, or not the weights of this recipe: {reason}") from None
        written = _header(content)
        if written.get("sha256") != _digest(weights):
            raise InputError(f"{path}: damaged or changed since training: its sha256 is not the one written")
        if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
            raise InputError(f"{path}: damaged: some weights are not finite numbers")
        return written

    def _sampler(self, size: int, model: str) -> CodeSampler | None:
        """Return the sampler of the weights with this sha256; None without one."""
        path = self.path / SAMPLER
        if not path.is_file():
            return None
        try:
            written = _header(self._read(path))
            options, of = SamplerOptions.model_validate_json(written["options"]), written["model"]
        except (ValueError, KeyError) as error:
            raise InputError(f"{path}: damaged: {str(error).splitlines()[0]}") from None
        if of != model:
            _log.warning("%s is of other weights and is not used; fit_sampler() fits one anew", path)
            return None
        sampler = CodeSampler(options, size, self.attributes)
        self._read_weights(path, sampler)
        return sampler

    def fit_sampler(
        self,
        options: SamplerOptions | None = None,
        *,
        dataset: Dataset | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Fit a sampler to the codes of training images, and keep it with the run.

        New images are then drawn by it and not from the prior, also of attributes that the model itself
        cannot set: for a model whose prior has holes, or that has none. It takes about a minute.

        Args:
            options: how it is trained; as the recipe says, else by default.
            dataset: the images that the model was trained on; loaded if None.
            progress: is told the steps done and the steps in all.

        Raises:
            InputError: no trained weights, or data that cannot be read.
        """
        _log.info("fitting a sampler of codes")
        options, model = options or self.recipe.sampler or SamplerOptions(), self.load_model()
        dataset = dataset or self.dataset()
        rows = dataset.splits["train"]
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), SAMPLED)).astype(np.int64)]
        seed = self.recipe.train.seed
        labels = dataset.labels.select([each.name for each in self.attributes])
        sampler = fit_sampler(model, options, dataset.images, labels, rows, seed=seed, progress=progress)
        digest = _header(self._read(self.path / "model.safetensors"))["sha256"]
        self._write_tensors(SAMPLER, sampler, {"model": digest, "options": options.model_dump_json()})
        self.__dict__.pop("model", None)  # which was loaded without it

    @cached_property
    def fingerprint(self) -> Fingerprint | None:
        """What tells the images of the training from others; None where the run keeps none."""
        path = self.path / "images.npz"
        if not path.is_file():
            return None
        try:
            with np.load(io.BytesIO(self._read(path)), allow_pickle=False) as arrays:
                return Fingerprint.from_arrays(dict(arrays))
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: damaged: {str(error).splitlines()[0]}") from None

    def dataset(self, given: Data = None) -> Dataset:
        """Load the run's data as the training saw them.

        Where images came, went or moved since, those of the test and validation splits that training saw
        belong to the training split, and a note and a warning say so.

        Args:
            given: the images in Python that the run was trained on, which its folder does not keep.

        Raises:
            InputError: data that cannot be read, or images of another size.
        """
        if self.data is not None and given is None:
            return self.data
        self._refuse_missing("source")
        options = self._where_it_lies(self.recipe.data)
        dataset = load_data(options, given=given, like=self.attributes)
        if dataset.images.shape[1:] != self.image_shape:
            raise InputError(
                f"{options.source}: images of shape {list(dataset.images.shape[1:])}, "
                f"but the model takes {list(self.image_shape)} (channels, height, width)"
            )
        if self.fingerprint is None:
            return dataset
        difference = compare(self.fingerprint, fingerprint(dataset))
        return dataset if difference.same else _without_seen(dataset, difference)

    def _where_it_lies(self, options: DataOptions) -> DataOptions:
        """Return the options with the path of the images as it is from here, whichever folder this is."""
        place = self._given.place
        if not place or not (self.path / place).exists():
            return options
        path, here = self.path / place, Path(options.source)
        if here.exists() and here.samefile(path):
            return options
        return options.model_copy(update={"source": os.path.relpath(path)})

    def knows(self, dataset: Dataset) -> bool:
        """Tell whether some images of a dataset are among those that the run was given."""
        if self.fingerprint is None:
            return True
        return bool(np.isin(fingerprint(dataset).digests, self.fingerprint.digests).any())

    def unseen(self, dataset: Dataset, what: str, *, measure: bool = True) -> Dataset:
        """Return other data with the images that training saw, if there are some, in the training split.

        Args:
            dataset: the other data.
            what: what they are called.
            measure: whether they are to be measured, so that it is said which are not.

        Raises:
            InputError: they are to be measured, and training saw all of them.
        """
        if self.fingerprint is None:
            return dataset
        seen = compare(self.fingerprint, fingerprint(dataset)).seen
        if not seen.any():
            return dataset
        if measure and seen.all():
            raise InputError(
                f"{what}: training saw all of its {len(seen):,} images, so there is none to measure on; "
                "name no other data to measure on the run's own test images"
            )
        rows, told = np.arange(len(seen)), f"{seen.sum():,} of {len(seen):,} images of {what}"
        told += " were seen in training and are not measured"
        if measure:
            _log.warning("%s", told)
        drawn = not dataset.published
        splits: dict[Split, npt.NDArray[np.int64]] = {
            name: part[~seen[part]] for name, part in dataset.splits.items() if name != "train"
        }
        if drawn:
            splits["test"] = rows[~seen]
        others = np.concatenate(list(splits.values()))
        splits["train"] = np.setdiff1d(rows, others)
        return replace(dataset, splits=splits, notes=(*dataset.notes, told))

    def history(self) -> dict[str, npt.NDArray[Any]]:
        """Return the history by column; `split` as words, the rest as numbers with NaN where empty."""
        path = self.path / "history.csv"
        try:
            return self._columns(self._read(path).decode("utf-8"))
        except (ValueError, TypeError, csv.Error) as error:
            raise InputError(f"{path}: damaged: {error}") from None

    @staticmethod
    def _columns(text: str) -> dict[str, npt.NDArray[Any]]:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        columns = rows[0].keys() if rows else []
        if any(row.keys() != columns or None in row.values() for row in rows):
            raise ValueError("its rows differ in length")
        return {
            column: np.array([row[column] for row in rows])
            if column == "split"
            else np.array([float(row[column] or "nan") for row in rows])
            for column in columns
        }

    def write_setup(
        self,
        recipe: Recipe,
        attributes: Sequence[Attribute],
        shape: tuple[int, ...],
        images: int,
        identity: Fingerprint | None = None,
        white: float | None = None,
    ) -> None:
        """Write the environment, the attributes and the recipe of a run that begins on `images` images.

        `identity` tells the images from others when the run is measured or resumed; `white` is the pixel
        value that was taken as white.

        The recipe comes last: it is what makes the folder a run.
        """
        self.write_json("environment.json", environment())
        channels, height, width = shape
        given = _Given(
            image_shape=(channels, height, width),
            training_images=images,
            white=white,
            place=self._place(recipe.data.source),
            attributes=tuple(attributes),
        )
        self.write_json("attributes.json", given.model_dump(mode="json"))
        if identity is not None:
            file = io.BytesIO()
            np.savez_compressed(file, allow_pickle=False, **identity.to_arrays())
            self.write("images.npz", file.getvalue())
        foreign = foreign_parts(recipe)
        if foreign:
            self.write_json("parts.json", {"parts": foreign})
        self.write("recipe.yaml", to_yaml(recipe).encode())

    def _place(self, source: str) -> str | None:
        """Return where images lie from the run's folder, if their path was not absolute."""
        path = Path(source)
        if named_source(source) is not None or path.is_absolute() or not path.exists():
            return None
        return os.path.relpath(path, self.path)

    def write_weights(self, vae: VAE, objective: Objective) -> None:
        """Write model.safetensors."""
        self._write_tensors("model.safetensors", nn.ModuleDict({"vae": vae, "objective": objective}), {})

    def _write_tensors(self, name: str, module: nn.Module, beside: Mapping[str, str]) -> None:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
        self.write(name, safetensors.torch.save(tensors, metadata={"sha256": _digest(tensors), **beside}))

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


def load(path: str | os.PathLike[str], *, device: str | torch.device = "cpu") -> Model:
    """Return the trained model of a run folder on a device.

    Raises:
        InputError: there is no such run, it is not trained yet, or it is damaged.

    >>> load("no/such/run")
    Traceback (most recent call last):
    distaff.errors.InputError: no/such/run: there is no such run folder; 'distaff train' makes one
    """
    return Run.open(path).load_model(device)


def _without_seen(dataset: Dataset, difference: Comparison) -> Dataset:
    """Return the dataset with every image that training saw in the training split."""
    splits = dict(dataset.splits)
    moved = 0
    for name in ("valid", "test"):
        seen = difference.seen[splits[name]]
        moved += int(seen.sum()) if name == "test" else 0
        splits["train"] = np.sort(np.concatenate([splits["train"], splits[name][seen]]))
        splits[name] = splits[name][~seen]
    note = f"the images changed since training: {difference}"
    if moved:
        note += f"; {moved:,} images of the test split are not measured, since training saw them"
    _log.warning("%s", note)
    return replace(dataset, splits=splits, notes=(*dataset.notes, note))


def foreign_parts(recipe: Recipe) -> list[dict[str, str | None]]:
    """Return who provides each part of a recipe, its source included, that is not distaff's own."""
    parts = [part for part in parts_of(recipe) if is_foreign(type(part).__module__)]
    try:
        source: Part = find_source(recipe.data.source)
    except InputError:
        pass  # Images given in Python, or gone since: nobody's part.
    else:
        parts += [source] if is_foreign(type(source).__module__) else []
    found = {(part.family, part.tag): provider(type(part).__module__) for part in parts}
    return [
        {
            "family": family,
            "tag": tag,
            "module": each.module,
            "package": each.package,
            "version": each.version,
        }
        for (family, tag), each in found.items()
    ]


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the sha256 of names, types, shapes and values, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = tensors[name].numpy()
        digest.update(f"{name} {values.dtype} {list(values.shape)}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _header(content: bytes) -> dict[str, str]:
    """Return what stands in a safetensors file's header beside the tensors."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    written: dict[str, str] = header.get("__metadata__", {})
    return written


def environment() -> dict[str, Any]:
    """Return what a result depends on beside the recipe: versions and the machine."""
    return {
        "distaff": __version__,
        "python": platform.python_version(),
        "packages": dict(_packages()),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
    }


@cache
def _packages() -> Mapping[str, str]:
    """Return the versions of packages; reading them takes as long as a short training."""
    packages = {}
    for name in ("torch", "lightning-fabric", "numpy", "scipy", "scikit-learn", "pydantic"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return packages


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
