"""Variational autoencoders as scikit-learn's estimators: a transformer, and a classifier that reads labels.

Images are rows of features, as everywhere in scikit-learn. What is kept after `fit` is the text of the recipe
and arrays of weights; so that is all that pickle and joblib write.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data
from torch import nn

from distaff.analysis import Analysis
from distaff.attributes import Attribute, AttributeTable
from distaff.data import ARRAYS, ArrayImages, Dataset
from distaff.errors import InputError
from distaff.model import Model
from distaff.recipe import Recipe, from_yaml, load_recipe
from distaff.run import Run
from distaff.training import train

__all__ = ["VAE", "AttributeVAE"]

UNLABELLED = -1
"""A label that is missing, beside two others or more."""
Floats = npt.NDArray[np.floating[Any]]


class VAE(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A variational autoencoder: images in, codes out, and back.

    Args:
        recipe: a shipped name, a YAML file or a `Recipe`.
        image_shape: height and width, or height, width and channels, of the image that a row of X holds; if
            None, the features are in no order and the network is fully connected.
        steps: of the training; the recipe's if None.
        beta: weight of the KL (`loss.kl.weight`); the recipe's if None.
        settings: fields of the recipe by dotted path, such as `{"latent.gaussian.size": 4}`.
        pixel_range: the values that are black and white, beyond which features are clipped; from 0, or the
            lowest value if that is below, to the highest of the training if None.
        random_state: seed of the training; the recipe's if None.
        device: cpu, cuda, mps; the best that there is if None.
        verbose: whether the training shows its progress.

    Attributes:
        recipe_: the resolved recipe as YAML text.
        weights_: arrays of weights by name.
        n_features_in_: features of an image; `feature_names_in_` are their names, if X has names.

    Raises:
        InputError (a ValueError): a recipe, a shape or features that do not fit.

    >>> X = np.random.default_rng(0).random((30, 64))
    >>> vae = VAE(image_shape=(8, 8), steps=2).fit(X)
    >>> vae.transform(X).shape, vae.inverse_transform(vae.transform(X)).shape, vae.sample(3).shape
    ((30, 10), (30, 64), (3, 64))
    >>> list(vae.get_feature_names_out()[:2]), vae.score(X) < 0
    (['z0', 'z1'], True)
    """

    def __init__(
        self,
        recipe: str | Path | Recipe = "vae",
        *,
        image_shape: Sequence[int] | None = None,
        steps: int | None = None,
        beta: float | None = None,
        settings: Mapping[str, Any] | None = None,
        pixel_range: tuple[float, float] | None = None,
        random_state: int | np.random.RandomState | None = 0,
        device: str | None = None,
        verbose: bool = False,
    ) -> None:
        self.recipe, self.image_shape, self.steps, self.beta = recipe, image_shape, steps, beta
        self.settings, self.pixel_range = settings, pixel_range
        self.random_state, self.device, self.verbose = random_state, device, verbose

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Train on X [n, features], from the start; y is not used."""
        features = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        return self._fit(features, AttributeTable((), np.zeros((len(features), 0), np.float32)))

    def _fit(self, features: Floats, labels: AttributeTable) -> Self:
        self._shape = self._image_shape(features.shape[1])
        self._range = self._pixel_range(features)
        dataset = self._dataset(features, labels, "train")
        with tempfile.TemporaryDirectory(prefix="distaff-") as folder:
            run = train(
                self._recipe(),
                data=dataset,
                out=Path(folder) / "run",
                progress=bool(self.verbose),
                device=self.device,
            )
            model = run.load_model(self.device or "cpu")
            self.recipe_ = (run.path / "recipe.yaml").read_text(encoding="utf-8")
        modules = nn.ModuleDict({"vae": model.vae, "objective": model.objective})
        self.weights_ = {name: each.cpu().numpy() for name, each in modules.state_dict().items()}
        self._attributes = [each.model_dump(mode="json") for each in labels.attributes]
        self._images, self._model = len(features), model
        return self

    def transform(self, X: npt.ArrayLike) -> Floats:
        """Return the codes of X [n, features]: float32 [n, D]."""
        return self._encode(X)

    def inverse_transform(self, X: npt.ArrayLike) -> Floats:
        """Return the features [n, features] that codes [n, D] are decoded to, between the pixel range."""
        return self._features(self._trained.decode(np.asarray(X, dtype=np.float32)))

    def sample(self, n_samples: int = 1, *, random_state: int = 0) -> Floats:
        """Draw new images from the prior: [n_samples, features]."""
        return self._features(self._trained.sample(n_samples, seed=random_state))

    def score(self, X: npt.ArrayLike, y: object = None) -> float:
        """Return the evidence lower bound (ELBO) of X [n, features], in nats per image.

        The higher, the better. The KL has weight 1 whatever it was trained with, so that a search over `beta`
        compares like with like. Of more than 10,000 images, as many are measured.

        Raises:
            InputError: a model without a bound.
        """
        features, model = self._read(X), self._trained
        if not model.has_bound:
            raise InputError("score: this recipe has no bound on log p(x); give GridSearchCV a scoring")
        dataset = self._dataset(
            features, AttributeTable((), np.zeros((len(features), 0), np.float32)), "test"
        )
        return float(Analysis(model, dataset).bound.elbo.mean())

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return the name of each number of a code, such as z0 or digit=3."""
        return np.array([each.label for each in self._trained.latents], dtype=object)

    def save(self, path: str | os.PathLike[str]) -> Run:
        """Write the model as a run folder, which every command and `distaff.load` take, and return it.

        Raises:
            InputError: something is there already.
            WriteError: the system refused to write.
        """
        run, model = Run(path), self._trained
        if run.path.exists():
            raise InputError(f"{run.path}: already there; choose another path")
        run.write_setup(model.recipe, model.attributes, model.image_shape, self._images)
        run.write_weights(model.vae, model.objective)
        return run

    @property
    def _n_features_out(self) -> int:
        return self._trained.code_size

    @property
    def _trained(self) -> Model:
        """The model; built anew from recipe and weights where the estimator was read from a file."""
        check_is_fitted(self)
        if self._model is None:
            attributes = tuple(Attribute.model_validate(each) for each in self._attributes)
            recipe = from_yaml(self.recipe_, where="recipe_")
            vae, objective = recipe.build(attributes, self._shape, self._images)
            weights = {name: torch.from_numpy(each.copy()) for name, each in self.weights_.items()}
            nn.ModuleDict({"vae": vae, "objective": objective}).load_state_dict(weights)
            self._model = Model(recipe, attributes, vae, objective, self.device or "cpu")
        return self._model

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickle may write: parameters, the text of the recipe, and arrays."""
        state: dict[str, Any] = dict(super().__getstate__())
        return state | {"_model": None} if "_model" in state else state

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that codes are float32."""
        tags = super().__sklearn_tags__()
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _recipe(self) -> Recipe:
        recipe, changes = load_recipe(self.recipe), dict(self.settings or {})
        if self.image_shape is None and recipe.network.tag != "mlp":
            changes = {"network": {"mlp": {}}} | changes
        seed = self.random_state
        if isinstance(seed, np.random.RandomState):
            seed = int(check_random_state(seed).randint(2**31))
        short = {"train.steps": self.steps, "train.seed": seed, "loss.kl.weight": self.beta}
        given = {name: each for name, each in short.items() if each is not None}
        changes = {"train.images_every": None} | changes  # nobody would see them
        plain = {name: each.item() if isinstance(each, np.generic) else each for name, each in given.items()}
        return recipe.changed(plain | changes)

    def _image_shape(self, features: int) -> tuple[int, int, int]:
        """Return the channels, height and width of the image that a row holds."""
        if self.image_shape is None:
            return 1, 1, features
        height, width, channels = (*self.image_shape, 1)[:3]
        if len(self.image_shape) not in {2, 3} or height * width * channels != features:
            raise InputError(
                f"image_shape {self.image_shape}: expected height and width, or height, width and channels, "
                f"of {features} features"
            )
        return int(channels), int(height), int(width)

    def _pixel_range(self, features: Floats) -> tuple[float, float]:
        if self.pixel_range is None:
            low, high = min(0.0, float(features.min())), float(features.max())
            return low, high if high > low else low + 1
        low, high = self.pixel_range
        if not low < high:
            raise InputError(f"pixel_range {self.pixel_range}: black must be below white")
        return float(low), float(high)

    def _read(self, X: npt.ArrayLike) -> Floats:
        check_is_fitted(self)
        features: Floats = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return features

    def _encode(self, X: npt.ArrayLike) -> Floats:
        return self._trained.encode(self._pixels(self._read(X)))

    def _pixels(self, features: Floats) -> npt.NDArray[np.uint8]:
        """Return features as grey levels: uint8 [n, c, h, w]."""
        low, high = self._range
        channels, height, width = self._shape
        levels = np.rint((np.clip(features.astype(np.float64), low, high) - low) * (255 / (high - low)))
        images = levels.astype(np.uint8).reshape(-1, height, width, channels)
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))

    def _features(self, images: Floats) -> Floats:
        low, high = self._range
        features: Floats = low + images.reshape(len(images), -1) * (high - low)
        return features.astype(np.float32)

    def _dataset(self, features: Floats, labels: AttributeTable, split: str) -> Dataset:
        none, every = np.arange(0), np.arange(len(features))
        splits: Any = {"train": none, "valid": none, "test": none, split: every}
        return Dataset(ARRAYS, ArrayImages(self._pixels(features)), labels, labels, splits)


class AttributeVAE(ClassifierMixin, VAE):  # type: ignore[misc]
    """A variational autoencoder whose latents know labels, of which only some need be given.

    Beside what `VAE` does, it tells the label of an image, and draws images of a label.

    Args:
        recipe: one whose model reads labels: supervised, class-separated, class-prior-vae.
        **options: those of `VAE`.

    Attributes:
        classes_: the labels, sorted; a list of them if y has several columns.

    >>> X = np.random.default_rng(0).random((40, 64))
    >>> y = np.repeat(["left", "right"], 20).astype(object)
    >>> y[::3] = None
    >>> settings = {"network.mlp.hidden": [16]}
    >>> model = AttributeVAE(image_shape=(8, 8), steps=2, settings=settings).fit(X, y)
    >>> model.classes_.tolist(), model.predict_proba(X).shape, model.sample(2, y="left").shape
    (['left', 'right'], (40, 2), (2, 64))
    """

    def __init__(
        self,
        recipe: str | Path | Recipe = "supervised",
        *,
        image_shape: Sequence[int] | None = None,
        steps: int | None = None,
        beta: float | None = None,
        settings: Mapping[str, Any] | None = None,
        pixel_range: tuple[float, float] | None = None,
        random_state: int | np.random.RandomState | None = 0,
        device: str | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            recipe,
            image_shape=image_shape,
            steps=steps,
            beta=beta,
            settings=settings,
            pixel_range=pixel_range,
            random_state=random_state,
            device=device,
            verbose=verbose,
        )

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Train on X [n, features] and labels y, from the start.

        Args:
            X: images.
            y: labels [n], or [n, k] of k attributes: numbers or texts. None and NaN are missing labels, and
                so is -1 beside two other numbers or more; -1 and 1 alone are two classes.

        Raises:
            InputError: fewer than two classes, or a recipe whose model does not read labels.
            ValueError: numbers that are no classes, or not one label for each image.
        """
        if y is None:
            return validate_data(self, X, y)  # type: ignore[no-any-return] # says what is missing
        features = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        names, columns = _columns(y)
        check_consistent_length(features, columns[0])
        read = [_classes(name, column) for name, column in zip(names, columns, strict=True)]
        attributes = tuple(
            Attribute(name=name, kind="categorical", values=tuple(map(_plain, classes)))
            for name, (classes, _) in zip(names, read, strict=True)
        )
        self._refuse_unread(attributes, self._image_shape(features.shape[1]))
        self._names, self._single = names, len(columns) == 1
        found = [classes for classes, _ in read]
        self.classes_ = found[0] if self._single else found
        return self._fit(features, AttributeTable(attributes, np.column_stack([each for _, each in read])))

    def _refuse_unread(self, attributes: tuple[Attribute, ...], shape: tuple[int, int, int]) -> None:
        """Raise InputError, before any training, when the recipe's model will not read each attribute."""
        recipe = self._recipe().resolved({each.name: each for each in attributes})
        model = Model(recipe, attributes, *recipe.build(attributes, shape, images=1))
        unread = [each.name for each in attributes if each.name not in model.readable]
        if unread:
            raise InputError(
                f"recipe {self.recipe}: its model does not read {', '.join(unread)}; take supervised, "
                "class-separated or class-prior-vae"
            )

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the label of each row of X: [n], or [n, k] where y had k columns."""
        read = self._trained.read(self._encode(X))
        classes = [self.classes_] if self._single else self.classes_
        columns = [each[read[name].astype(int)] for name, each in zip(self._names, classes, strict=True)]
        return columns[0] if self._single else np.column_stack(columns)

    def predict_proba(self, X: npt.ArrayLike) -> Any:
        """Return how probable each of `classes_` is: [n, classes], or a list of those for several columns."""
        chances = self._trained.read_probabilities(self._encode(X))
        several = [chances[name] for name in self._names]
        return several[0] if self._single else several

    def score(self, X: npt.ArrayLike, y: Any = None, sample_weight: npt.ArrayLike | None = None) -> float:
        """Return the accuracy of `predict` where y is known; the mean over the columns of y."""
        predicted = self.predict(X).reshape(np.shape(X)[0], -1)
        weights = np.ones(len(predicted)) if sample_weight is None else np.asarray(sample_weight, float)
        scores = []
        for column, guess in zip(_columns(y)[1], predicted.T, strict=True):
            known = ~_missing(column)
            scores.append(np.average((column == guess)[known], weights=weights[known]))
        return float(np.mean(scores))

    def sample(self, n_samples: int = 1, *, y: Any = None, random_state: int = 0) -> Floats:
        """Draw new images, [n_samples, features]: of a label y, of one each, or of labels by name."""
        check_is_fitted(self)
        wanted = {} if y is None else y if isinstance(y, Mapping) else {self._names[0]: y}
        return self._features(self._trained.sample(n_samples, attributes=wanted, seed=random_state))

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that y may have several columns."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _columns(y: Any) -> tuple[list[str], list[npt.NDArray[Any]]]:
    """Return the columns of labels with their names: label, or label0, label1, ... where they have none."""
    array = np.asarray(y)
    if array.ndim not in {1, 2} or array.size == 0:
        raise InputError(f"y: expected labels [n] or [n, k], got shape {list(array.shape)}")
    if array.ndim == 1 or array.shape[1] == 1:
        name = getattr(y, "name", None)
        return [name if isinstance(name, str) and name else "label"], [array.reshape(-1)]
    names = getattr(y, "columns", [f"label{place}" for place in range(array.shape[1])])
    return [str(name) for name in names], list(array.T)


def _missing(column: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Tell which labels [n] are missing."""
    if column.dtype == object:
        # The last is NaN.
        gaps = np.array([each is None or each != each for each in column])  # noqa: PLR0124
    else:
        gaps = np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), bool)
    known = column[~gaps]
    numbers = len(known) > 0 and isinstance(known[0], (int, float, np.number))
    if numbers and UNLABELLED in known and len(np.unique(known)) > 2:
        gaps |= column == UNLABELLED
    return gaps


def _classes(name: str, column: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
    """Return the classes of labels [n], sorted, and the class index of each, NaN where it is missing."""
    gaps = _missing(column)
    known = column[~gaps]
    if known.dtype.kind == "f" and not np.isfinite(known).all():
        raise InputError(f"y: {name} contains infinity")
    if known.dtype == object and len({isinstance(each, str) for each in known}) == 1:
        known = np.array(known.tolist())
    check_classification_targets(known)
    classes, inverse = np.unique(known, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"y: {name} has {len(classes)} class; it takes two classes or more to tell apart")
    indices = np.full(len(column), np.nan, np.float32)
    indices[~gaps] = inverse
    return classes, indices


def _plain(label: Any) -> str | int | float:
    """Return a label as an attribute holds it: whole numbers without a point."""
    value = label.item() if hasattr(label, "item") else label
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return int(value) if value == int(value) else value
