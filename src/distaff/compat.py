"""The supervised VAE in five lines: arrays and attribute indices in, images from indices and back.

The face of an older system, over the recipe `original/supervised`; see docs/supervised.md. What it saves is a
run folder that every command and `distaff.load` take.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, cast, get_args

import numpy as np
import numpy.typing as npt

from distaff.attributes import Attribute, AttributeTable
from distaff.data import ARRAYS, ArrayImages, Dataset, Images, PackedImages
from distaff.errors import InputError, WriteError, nearest
from distaff.files import copy_file, put_in_place, sync_folder
from distaff.latents import AttributeBlock
from distaff.model import Model
from distaff.recipe import Recipe, load_recipe
from distaff.run import Run
from distaff.schedules import as_schedule
from distaff.training import train

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Space = Literal["sampled", "softmax", "argmax", "argmax_norm", "l2"]
VALID_IMAGES = 2000
"""Validation images that are looked at while training."""
CHANNELS, MOST_LAYERS = 32, 4
"""Of the author's convolutions; smaller images have fewer layers."""


class _Load:
    """`SupervisedVAE.load(path)` returns a model; `model.load(path)` fills the model it is called on."""

    def __get__(self, instance: SupervisedVAE | None, owner: type[SupervisedVAE]) -> Any:
        def load(path: str | Path) -> SupervisedVAE:
            """Read what `save` wrote; raises InputError when it is not such a folder."""
            target = owner.__new__(owner) if instance is None else instance
            target._open(Run.open(path))
            return target

        return load


class SupervisedVAE:
    """A VAE whose latents are known attributes.

    Args:
        feature_size: height and width of the images, 8 or more.
        model_type: what z is made of: "sampled", "softmax", "argmax", "argmax_norm" or "l2".
        attr_list: names of the attributes.
        attr_sizes: how many values each has; they are the indices 0, 1, ...
        c_latent: weight of the KL, averaged over the latents.
        c_supervised: weight of the attributes' losses.
        seed: draws the weights and the order of the images.

    Raises:
        InputError (a ValueError): an unknown model_type, or names and sizes that do not go together.

    >>> X = np.repeat(np.eye(8)[None], 20, axis=0)
    >>> X[10:] = X[10:, ::-1]
    >>> y = np.arange(20) // 10
    >>> model = SupervisedVAE(8, attr_list=["slope"], attr_sizes=[2]).fit(X, y, epochs=1, progress=False)
    >>> model.z_to_X([1]).shape, model.z_to_X([0.5]).shape
    ((8, 8), (8, 8))
    """

    load = _Load()

    def __init__(
        self,
        feature_size: int,
        model_type: Space = "softmax",
        attr_list: Sequence[str] = (),
        attr_sizes: Sequence[int] = (),
        *,
        c_latent: float = 1.0,
        c_supervised: float = 100.0,
        seed: int = 0,
    ) -> None:
        if model_type not in get_args(Space):
            raise InputError(
                f"model_type: there is no {model_type!r}; {nearest(str(model_type), get_args(Space))}"
            )
        names, sizes = [str(name) for name in attr_list], [int(size) for size in attr_sizes]
        if not names or len(names) != len(sizes):
            raise InputError(
                f"attr_list names {len(names)} attributes and attr_sizes gives {len(sizes)} sizes; "
                "give one size for each of at least one attribute"
            )
        if len(set(names)) < len(names):
            raise InputError(f"attr_list: names must differ, got {', '.join(names)}")
        if min(sizes) < 2:
            raise InputError(f"attr_sizes: every attribute needs 2 values or more, got {sizes}")
        self.feature_size, self.model_type = int(feature_size), model_type
        self.attr_list, self.attr_sizes = names, sizes
        self.c_latent, self.c_supervised, self.seed = c_latent, c_supervised, seed
        self._run: Run | None = None

    @property
    def model(self) -> Model:
        """The trained model, for all that it can do; raises InputError before `fit` and `load`."""
        return self._trained.model

    @property
    def _trained(self) -> Run:
        if self._run is None:
            raise InputError("this SupervisedVAE has not been trained: call fit(X, y) or load(path) first")
        return self._run

    def recipe(self, steps: int, batch: int) -> Recipe:
        """Return the recipe that `fit` trains."""
        space: dict[str, Any] = {"attributes": self.attr_list}
        if self.model_type == "l2":
            space["standardise"] = False
        elif self.model_type != "sampled":
            space["head"] = "normal"
        layers = min(MOST_LAYERS, max(2, int(math.log2(max(self.feature_size, 1) / 4))))
        return load_recipe("original/supervised").changed(
            {
                "network.conv.channels": [CHANNELS] * layers,
                "latent.0": {self.model_type: space},
                "loss.kl.weight": self.c_latent,
                "loss.supervise.weight": self.c_supervised,
                "train.batch": batch,
                "train.steps": steps,
                "train.seed": self.seed,
            }
        )

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        X_val: npt.ArrayLike | None = None,
        y_val: npt.ArrayLike | None = None,
        *,
        epochs: int = 20,
        batch_size: int = 64,
        progress: bool = True,
    ) -> Self:
        """Train on images and their attribute indices, from the start.

        Args:
            X: [n, h, w] or [n, h, w, c]; bool, whole numbers (0 and 1, or 0 to 255) or floats from 0 to 1.
            y: indices [n, attributes]; -1, NaN or None where one is unknown. Images without any label
                train the reconstruction alone.
            X_val: images to validate on, as X; some of X if None.
            y_val: their indices, as y.
            epochs: times that every image is seen.
            batch_size: images of a step.
            progress: show a progress bar on a terminal.

        Raises:
            InputError: images or labels that do not fit one another or the attributes, in one line.
        """
        if epochs < 1 or batch_size < 1:
            raise InputError(f"epochs and batch_size must be 1 or more, got {epochs} and {batch_size}")
        if (X_val is None) != (y_val is None):
            raise InputError("X_val and y_val go together: give both or neither")
        dataset = self._dataset(X, y, X_val, y_val)
        steps = max(1, round(epochs * len(dataset.splits["train"]) / batch_size))
        scratch = Path(tempfile.mkdtemp(prefix="distaff-"))
        weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
        recipe = self.recipe(steps, batch_size)
        self._run = train(recipe, data=dataset, out=scratch / "run", progress=progress)
        return self

    def reconstruct(self, X: npt.ArrayLike, plot: bool = False) -> Floats:
        """Return the images decoded from their own codes, shaped as X, from 0 to 1.

        `plot` shows them below the originals with matplotlib.
        """
        images = read_images(X, self.feature_size, "X")
        decoded = self.model.reconstruct(images).reshape(np.shape(X))
        if plot:
            _plot(images, decoded)
        return decoded

    def z_to_X(self, z: Sequence[float | None] | Mapping[str, float] | npt.ArrayLike) -> Floats:
        """Return the image of attribute indices; between two whole numbers, what lies between.

        Args:
            z: one index for each attribute in the order of attr_list, or a mapping by name. What is None, NaN
                or left out of the mapping is drawn at random, the same at every call. [n, attributes] gives n
                images.

        Returns:
            [h, w] or [h, w, c] from 0 to 1; [n, ...] for n lists.

        Raises:
            InputError: a list of another length, an unknown name, or an index outside its attribute's.
        """
        model = self.model
        if isinstance(z, Mapping):
            for name in z:
                if name not in self.attr_list:
                    raise InputError(
                        f"z: there is no attribute {name!r}; {nearest(str(name), self.attr_list)}"
                    )
            z = [z.get(name) for name in self.attr_list]
        values = numbers(z, "z")
        rows = np.atleast_2d(values)
        if values.ndim not in {1, 2} or rows.shape[1] != len(self.attr_list):
            raise InputError(
                f"z: expected {len(self.attr_list)} values ({', '.join(self.attr_list)}), "
                f"got shape {list(values.shape)}"
            )
        generator = np.random.default_rng(self.seed)
        for column, name, size in zip(rows.T, self.attr_list, self.attr_sizes, strict=True):
            wrong = (column < 0) | (column > size - 1)
            if wrong.any():
                raise InputError(f"z: {name} is {column[wrong][0]:g}, outside its indices 0 to {size - 1}")
            unknown = np.isnan(column)
            column[unknown] = generator.integers(size, size=int(unknown.sum()))
        indices = dict(zip(self.attr_list, rows.T, strict=True))
        images = model.decode(model.write(np.zeros((len(rows), model.code_size)), indices=indices))
        return images if values.ndim == 2 else images[0]

    def X_to_z(self, X: npt.ArrayLike) -> list[int] | npt.NDArray[np.int64]:
        """Return the attribute indices read from an image, or [n, attributes] from n images."""
        single = np.ndim(X) == 2 or (np.ndim(X) == 3 and np.shape(X)[-1] == self.model.image_shape[0])
        images = read_images(np.asarray(X)[None] if single else X, self.feature_size, "X")
        read = self.model.read(self.model.encode(images))
        indices = np.stack([read[name] for name in self.attr_list], axis=1).astype(np.int64)
        return [int(index) for index in indices[0]] if single else indices

    def save(self, path: str | Path) -> None:
        """Write the model as a run folder; one that is already there is replaced.

        Raises:
            InputError: nothing trained yet, or a path that is something else.
            WriteError: the system refused to write; what was there before is whole.
        """
        path, run = Path(path), self._trained
        if path.exists() and not (path / "recipe.yaml").is_file():
            raise InputError(f"{path}: already there and not a run folder; choose another path")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as beside:
                new, unneeded = Path(beside) / "run", shutil.ignore_patterns("checkpoint*", ".*")
                shutil.copytree(run.path, new, ignore=unneeded, copy_function=copy_file)
                put_in_place(new, path)
                sync_folder(path.parent)
        except OSError as error:
            # Copying a tree collects what went wrong with each file.
            reason = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror or error
            raise WriteError(f"{path}: cannot be written: {reason}") from error

    def _open(self, run: Run) -> None:
        model = run.model
        blocks = list(model.vae.latents)
        spaces = {part.tag for part in run.recipe.latent}
        if len(spaces) != 1 or not all(isinstance(block, AttributeBlock) and block.size for block in blocks):
            raise InputError(
                f"{run.path}: not a SupervisedVAE, whose latents are attributes of one kind only"
            )
        sizes = {each.name: each.size for each in model.attributes}
        weights = {
            term.tag: as_schedule(getattr(term, "weight", 0.0)).value(0, 1) for term in run.recipe.loss
        }
        SupervisedVAE.__init__(
            self,
            model.image_shape[1],
            cast("Space", spaces.pop()),
            [block.name for block in blocks],
            [sizes[block.name] for block in blocks],
            c_latent=weights.get("kl", 0.0),
            c_supervised=weights.get("supervise", 0.0),
            seed=run.recipe.train.seed,
        )
        self._run = run

    def _dataset(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        X_val: npt.ArrayLike | None,
        y_val: npt.ArrayLike | None,
    ) -> Dataset:
        images, labels = self._arrays(X, y, "X", "y")
        if X_val is None or y_val is None:
            order = np.random.default_rng([self.seed, 2]).permutation(len(images))
            count = min(VALID_IMAGES, max(1, len(images) // 20))
            train_rows, valid_rows = np.sort(order[count:]), np.sort(order[:count])
        else:
            more, more_labels = self._arrays(X_val, y_val, "X_val", "y_val")
            if more.shape[1] != images.shape[1]:
                raise InputError(f"X_val has {more.shape[1]} channels and X has {images.shape[1]}")
            train_rows = np.arange(len(images))
            valid_rows = len(images) + np.arange(min(VALID_IMAGES, len(more)))
            images = np.concatenate([images, more[:VALID_IMAGES]])
            labels = np.concatenate([labels, more_labels[:VALID_IMAGES]])
        if not len(train_rows):
            raise InputError(f"X: {len(images)} images are too few to train on and validate")
        table = AttributeTable(
            tuple(
                Attribute(name=name, kind="ordinal", values=tuple(range(size)))
                for name, size in zip(self.attr_list, self.attr_sizes, strict=True)
            ),
            labels,
        )
        splits = {"train": train_rows, "valid": valid_rows, "test": np.arange(0)}
        return Dataset(ARRAYS, held(images), table, table, splits)  # type: ignore[arg-type]

    def _arrays(self, X: npt.ArrayLike, y: npt.ArrayLike, images: str, labels: str) -> tuple[Bytes, Floats]:
        return (
            read_images(X, self.feature_size, images),
            read_indices(y, np.shape(X)[0], self.attr_list, self.attr_sizes, labels),
        )


def _plot(images: Bytes, decoded: Floats) -> None:
    import matplotlib.pyplot as plt

    given = images.transpose(0, 2, 3, 1)
    figure, axes = plt.subplots(2, len(given), figsize=(1.2 * len(given), 2.8), squeeze=False)
    titles = ("input", "reconstruction")
    rows: tuple[npt.NDArray[Any], ...] = (given, decoded.reshape(given.shape))
    for line, title, shown in zip(axes, titles, rows, strict=True):
        line[0].set_title(title, loc="left", fontsize=9)
        for each, image in zip(line, shown, strict=True):
            each.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray")
            each.set_axis_off()
    figure.tight_layout()
    plt.show()


def read_images(X: npt.ArrayLike, side: int, name: str) -> Bytes:
    """Return images [n, side, side] or [n, side, side, c] as uint8 [n, c, side, side].

    Raises:
        InputError: another shape or type, or pixels beyond their range; `name` begins the message.
    """
    array = np.asarray(X)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[1:3] != (side, side) or not len(array):
        raise InputError(
            f"{name}: expected images [n, {side}, {side}] or [n, {side}, {side}, channels], "
            f"got {list(np.shape(X))}"
        )
    if array.dtype.kind not in "buif":
        raise InputError(f"{name}: expected numbers, got {array.dtype}")
    low, high = array.min(), array.max()
    limit = 255 if array.dtype.kind in "ui" else 1
    if not (low >= 0 and high <= limit):
        raise InputError(
            f"{name}: pixels of type {array.dtype} must lie from 0 to {limit}, got {low} to {high}"
        )
    if array.dtype.kind == "f":
        array = np.rint(array * 255)
    elif high <= 1:
        array = array.astype(np.uint8) * np.uint8(255)
    return np.ascontiguousarray(array.astype(np.uint8).transpose(0, 3, 1, 2))


def read_indices(y: npt.ArrayLike, n: int, names: Sequence[str], sizes: Sequence[int], name: str) -> Floats:
    """Return attribute indices float32 [n, attributes], NaN where -1, NaN or None says that one is unknown.

    Raises:
        InputError: another shape, or an index that its attribute does not have; `name` begins the message.
    """
    values = numbers(y, name)
    if values.ndim == 1 and len(names) == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] != len(names):
        raise InputError(
            f"{name}: expected [n, {len(names)}] for {', '.join(names)}, got {list(values.shape)}"
        )
    if len(values) != n:
        raise InputError(f"{name}: {len(values)} rows of labels for {n} images; give one row each")
    values = np.where(values == -1, np.float32(np.nan), values)
    for column, attribute, size in zip(values.T, names, sizes, strict=True):
        known = column[~np.isnan(column)]
        wrong = known[(known < 0) | (known > size - 1) | (known != np.rint(known))]
        if len(wrong):
            raise InputError(
                f"{name}: {attribute} has the label {wrong[0]:g}, but its size {size} in attr_sizes "
                f"allows the whole numbers 0 to {size - 1}"
            )
    return values


def numbers(values: Any, name: str) -> Floats:
    """Return values as float32, None as NaN; raises InputError when they are no numbers."""
    try:
        return np.array(values, dtype=np.float32)
    except (TypeError, ValueError):
        raise InputError(f"{name}: expected numbers in rows of equal length") from None


def held(images: Bytes) -> Images:
    """Return images as a dataset holds them: one bit a pixel where they are black and white."""
    if np.isin(images, (0, 255)).all():
        n, shape = len(images), images.shape[1:]
        return PackedImages(np.packbits(images.reshape(n, -1) > 0, axis=1), shape)
    return ArrayImages(images)
