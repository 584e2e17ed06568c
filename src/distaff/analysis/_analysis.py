"""What evaluation, figures and explorer share: one choice of images, and each pass over them made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from distaff.analysis._choice import Choice, is_own, open_data
from distaff.analysis._correctness import is_right, known_mean, symmetry_folds
from distaff.analysis._latents import (
    Collapse,
    LatentUse,
    Strongest,
    judge_collapse,
    latent_uses,
    strongest_latent,
    typical_image,
)
from distaff.analysis._maps import Map, MapKind, Neighbours, pair_map, principal_map, tsne_map, umap_map
from distaff.analysis._passes import (
    Encoded,
    Rows,
    annealed_log_weights,
    encode,
    in_batches,
    log_weights,
    reconstruct,
)
from distaff.analysis._reference import BUDGET, LEAST, ReferenceClassifier, reference_classifier
from distaff.attributes import Attribute, AttributeTable
from distaff.data import Data, Dataset, telling
from distaff.errors import InputError
from distaff.latents import Batch
from distaff.model import End, Floats, Model
from distaff.run import Run


@dataclass(frozen=True)
class Bound:
    """The terms of the evidence lower bound of n images, in nats.

    Attributes:
        reconstruction: [n], -log p(x | z) of one drawn code each.
        kl: [n, k], KL(q(z | x) || p(z)).
        kl_names: of the k columns.
    """

    reconstruction: Floats
    kl: Floats
    kl_names: tuple[str, ...]

    @property
    def elbo(self) -> npt.NDArray[np.float64]:
        """-(reconstruction + KL) of each image [n]; a bound on log p(x) only where the model has one."""
        return np.asarray(-(self.reconstruction.astype(np.float64) + self.kl.sum(axis=1, dtype=np.float64)))


class Analysis(Choice):
    """A model beside a dataset: the choice of images (`Choice`), and what the model makes of them.

    Everything is computed when it is first asked for, and once.

    >>> from distaff.data import load
    >>> from distaff.recipe import load_recipe
    >>> recipe, data = load_recipe("vae"), load("digits", count=60)
    >>> attributes = data.attributes.attributes
    >>> model = Model(recipe, attributes, *recipe.build(attributes, (1, 8, 8), 50))
    >>> analysis = Analysis(model, data)
    >>> analysis.split, analysis.codes.shape[1], list(analysis.kl)[:2]
    ('test', 10, ['z0', 'z1'])
    """

    def __init__(
        self,
        run_or_model: Run | Model,
        dataset: Dataset,
        *,
        seed: int = 0,
        progress: Callable[[str], None] | None = None,
        classifier_images: int | None = None,
        other_data: bool = False,
    ) -> None:
        """Choose the images; nothing is computed yet.

        Args:
            run_or_model: a trained run, or a model.
            dataset: the data to measure on.
            seed: of every draw.
            progress: told in a few words what is being done.
            classifier_images: images that the reference classifier is shown when it is trained; if None, as
                many as the model was, within bounds.
            other_data: whether the data are others than those that the model was trained on.
        """
        super().__init__(run_or_model, dataset, seed=seed, progress=progress, other_data=other_data)
        options = self.model.recipe.train
        shown = min(BUDGET, max(LEAST, options.steps * options.batch))
        self._classifier_images = classifier_images or shown
        self._more_codes: Floats = np.empty((0, self.model.code_size), dtype=np.float32)
        self._maps: dict[MapKind, Map] = {}

    @classmethod
    def of(
        cls,
        run: Run,
        data: Data = None,
        *,
        resize: bool = False,
        seed: int = 0,
        progress: Callable[[str], None] | None = None,
        classifier_images: int | None = None,
    ) -> Analysis:
        """Open the run's own data, or another source (`open_data`), and choose the images.

        Raises:
            InputError: a run without usable weights, or data that cannot be read or are of another shape.
        """
        _ = run.model
        with telling(progress or (lambda _: None)):
            dataset = open_data(run, data, resize=resize)
        return cls(
            run,
            dataset,
            seed=seed,
            progress=progress,
            classifier_images=classifier_images,
            other_data=not is_own(run, data, dataset),
        )

    @cached_property
    def encoded(self) -> Encoded:
        """What the encoder says of the measured images."""
        self.progress(f"encoding {len(self.rows):,} {self.split_name} images")
        return self._encode(self.rows, 0)

    @cached_property
    def train_encoded(self) -> Encoded:
        """What the encoder says of the images `train_rows`."""
        self.progress(f"encoding {len(self.train_rows):,} training images")
        return self._encode(self.train_rows, 1)

    def _encode(self, rows: Rows, stream: int) -> Encoded:
        seed = 2 * self.seed + stream
        return encode(self.model, self.dataset.images, self.labels, rows, seed=seed)

    @property
    def codes(self) -> Floats:
        """Codes of the measured images, when nothing is drawn: float32 [n, D]."""
        return self.encoded.codes

    @property
    def train_codes(self) -> Floats:
        """Codes of the images `train_rows`: float32 [m, D]."""
        return self.train_encoded.codes

    def all_train_codes(self, limit: int = 60_000) -> tuple[Floats, AttributeTable]:
        """Return codes [m, D] and labels of training images, at most `limit`; `train_rows` come first."""
        rows = self._shuffled("train", 3) if self.split != "train" else self.train_rows
        rows = rows[:limit]
        more = rows[len(self.train_rows) :]
        codes = self.train_codes[: len(rows)]
        if len(more):
            if len(self._more_codes) < len(more):
                self.progress(f"encoding {len(more):,} more training images")
                self._more_codes = self._encode(more, 2).codes
            codes = np.concatenate([codes, self._more_codes[: len(more)]])
        return codes, self.labels.rows(rows)

    @cached_property
    def read(self) -> dict[str, Floats]:
        """What the model reads from the codes: class indices or numbers [n] by attribute."""
        return self.model.read(self.codes)

    @cached_property
    def chances(self) -> dict[str, Floats]:
        """How probable the model finds each class: [n, size] by attribute that can tell."""
        return self.model.read_probabilities(self.codes)

    @cached_property
    def bound(self) -> Bound:
        """Reconstruction and KL of the measured images."""
        encoded = self.encoded
        self.progress(f"reconstructing {len(self.rows):,} {self.split_name} images")
        nats = reconstruct(self.model, self.dataset.images, self.labels, self.rows, encoded.drawn)
        return Bound(nats, encoded.kl, encoded.kl_names)

    @cached_property
    def kl(self) -> dict[str, float]:
        """Mean KL over the measured images in nats per image, by column (`Encoded.kl`)."""
        means = self.encoded.kl.mean(axis=0, dtype=np.float64)
        return dict(zip(self.encoded.kl_names, means.tolist(), strict=True))

    def log_weights(self, images: int, draws: int) -> Floats:
        """Return importance weights of the first measured images: log p(x, z) - log q(z | x), [n, draws].

        Raises:
            InputError: the model has no bound on log p(x).
        """
        rows, data = self.rows[:images], self.dataset.images
        return log_weights(self.model, data, self.labels, rows, draws, seed=self.seed)

    def annealed_log_weights(self, images: int, chains: int) -> Floats:
        """Return weights of the first measured images whose mean is p(x), in nats: [n, chains].

        Raises:
            InputError: the model has no bound on log p(x).
        """
        rows, data = self.rows[:images], self.dataset.images
        return annealed_log_weights(self.model, data, self.labels, rows, chains, seed=self.seed)

    @cached_property
    def latents(self) -> tuple[LatentUse, ...]:
        """The use and the range of each number of the code."""
        return latent_uses(self)

    @cached_property
    def collapse(self) -> Collapse:
        """Which latents are in use, and whether the posterior has collapsed."""
        values = {each.label: each.values for each in self.latents if each.values is not None}
        return judge_collapse(self.kl, values=values, steps=self.model.recipe.train.steps)

    @cached_property
    def strongest(self) -> Strongest:
        """The gaussian latent that leans furthest from zero; raises InputError when there is none."""
        return strongest_latent(self)

    @cached_property
    def typical(self) -> int:
        """The place among the measured images of a typical one, to begin traversals with."""
        return typical_image(self)

    def class_end(self, attribute: Attribute, value: float) -> End:
        """Return where interpolations from a class begin: the mean code of its training images.

        A model with a latent for the attribute sets it in the mean code of all; a conditional model takes the
        code 0, the middle of its prior, under the class.

        Raises:
            InputError: no training image is of the class.
        """
        model, codes = self.model, self.train_codes
        index = np.array([value], dtype=np.float32)
        if attribute.name in model.condition:
            return End(np.zeros(model.code_size, dtype=np.float32), {attribute.name: index})
        if attribute.name in {block.attribute for block in model.vae.latents.attribute_blocks}:
            return End(model.write(codes.mean(axis=0)[None], indices={attribute.name: index})[0])
        member = self.train_table.column(attribute.name) == value
        if not member.any():
            raise InputError(f"no training image has {attribute.name} = {attribute.label(value)}")
        return End(codes[member].mean(axis=0))

    def map(self, kind: MapKind) -> Map:
        """Return a map of the measured codes.

        `pair` is the plane of the two latents that carry most (of all where there are two), `pca`, `tsne` and
        `umap` are projections.

        Raises:
            InputError: there is nothing to map: too few images or latents, or codes that do not vary.
        """
        if kind not in self._maps:
            if kind != "pair":
                self.progress(f"mapping {len(self.codes):,} codes ({kind})")
            projections = {"pca": principal_map, "tsne": tsne_map, "umap": umap_map}
            self._maps[kind] = self._pair() if kind == "pair" else projections[kind](self.codes)
        return self._maps[kind]

    def _pair(self) -> Map:
        latents = [each for each in self.latents if each.attribute is None] or list(self.latents)
        if len(latents) < 2:
            raise InputError("the model has a single latent, and a plane takes two")
        most = sorted(latents, key=lambda each: (-(each.kl or 0.0), -each.variance))[:2]
        first, second = sorted(each.index for each in most)
        return pair_map(self.codes, (first, second))

    def neighbours(self, attribute: str, columns: npt.NDArray[np.int64] | None = None) -> Neighbours:
        """Return the training codes of known class, of which the nearest vote; in some columns if given.

        Raises:
            InputError: no training image has a label of the attribute.
        """
        codes = self.train_codes if columns is None else self.train_codes[:, columns]
        size = self.train_table.get(attribute).size
        return Neighbours(codes, self.train_table.column(attribute), size)

    @cached_property
    def reference_classifier(self) -> ReferenceClassifier:
        """The reference classifier of these data: kept from before, or trained now and kept.

        Raises:
            InputError: the data have no labels.
        """
        if not self.labels.attributes:
            raise InputError("the data have no labels, so there is no reference classifier")
        rows = self.dataset.splits["train"]
        if self.split == "train":
            rows = np.setdiff1d(rows, self.rows[self.held_out])
        return reference_classifier(
            self.dataset.images,
            self.labels,
            rows,
            budget=self._classifier_images,
            seed=self.seed,
            progress=self.progress,
        )

    @cached_property
    def reference_accuracy(self) -> dict[str, float]:
        """How often the reference classifier is right on real held-out images, by labelled attribute."""
        rows = self.rows[self.held_out]
        true, found = self.labels.rows(rows), {}
        read = self._read_by_reference(rows)
        for attribute in self.reference_classifier.attributes:
            folds = symmetry_folds(attribute, true)
            judged = is_right(attribute, read[attribute.name], true.column(attribute.name), folds)
            if not np.isnan(judged).all():
                found[attribute.name] = known_mean(judged)
        return found

    def _read_by_reference(self, rows: Rows) -> dict[str, Floats]:
        classifier = self.reference_classifier

        def read(batch: Batch, _: npt.NDArray[np.int64]) -> dict[str, Tensor]:
            found = classifier.read(batch.images.cpu().numpy())
            return {name: torch.from_numpy(values) for name, values in found.items()}

        return in_batches(self.model, self.dataset.images, self.labels, rows, read)
