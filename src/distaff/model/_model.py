"""A trained model as people use it: numpy in, numpy out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from distaff.attributes import Attribute
from distaff.data import as_array
from distaff.errors import InputError, nearest
from distaff.latents import AttributeBlock, CodeSampler
from distaff.losses import ClassifyTerm, Objective
from distaff.model._inputs import (
    Floats,
    Indices,
    check_mapping,
    check_whole,
    draw_believed,
    finite_numbers,
    likeliest_condition,
    read_images,
    refuse_missing,
    show_images,
)
from distaff.model._paths import End, PathName, interpolate
from distaff.recipe import Recipe
from distaff.vae import VAE

Labels = Mapping[str, Any]
"""Labels by attribute as a person writes them, one, or one for each image: `{"digit": 3, "shape": "heart"}`.

What a label means does not depend on its type; it is never a class index.
"""
REACH = 3.0
"""Standard deviations of the prior that a traversal spans to both sides."""


@dataclass(frozen=True)
class LatentInfo:
    """One number of the code: its place, its block, and the attribute it stands for, if any."""

    index: int
    block: str
    kind: str
    attribute: str | None
    label: str


class Model:
    """A trained VAE with its attributes.

    Images go in as arrays or tensors, uint8 or float in [0, 1], of shape [n, h, w] (one channel),
    [n, h, w, c] or [n, c, h, w], as one image without n, or as Pillow's (`read_images`), and come out as
    float32 in [0, 1] of shape [n, h, w] or [n, h, w, c]. Codes are float32 [n, D]; `latents` names their D
    numbers. Attributes are given as labels (`attributes=`), or as the class indices that `read` returns
    (`indices=`).
    """

    def __init__(
        self,
        recipe: Recipe,
        attributes: Sequence[Attribute],
        vae: VAE,
        objective: Objective,
        device: str | torch.device = "cpu",
        batch_size: int = 256,
        white: float | None = None,
        sampler: CodeSampler | None = None,
    ) -> None:
        self.recipe, self.attributes = recipe, tuple(attributes)
        self.vae, self.objective = vae, objective
        self.image_shape, self.batch_size, self.white = vae.shape, batch_size, white
        self.sampler = sampler
        self.condition = recipe.condition.attributes
        self._by_name = {each.name: each for each in self.attributes}
        self._classifiers = {
            term.attribute: term for term in objective if isinstance(term, ClassifyTerm) and term.reads
        }
        self._readers = {name: term.logits for name, term in self._classifiers.items()}
        for block in vae.latents:
            if block.prior.attribute is not None:
                columns, logits = vae.latents.slices[block.name], block.prior.class_logits
                self._readers[block.prior.attribute] = partial(_within, logits, columns)
        self._blocks = {block.attribute: block for block in vae.latents.attribute_blocks}
        self.to(device)

    def __repr__(self) -> str:
        channels, height, width = self.image_shape
        latents = ", ".join(f"{each.name} ({each.kind}, {each.outputs})" for each in self.vae.latents)
        parameters = sum(each.numel() for each in self.vae.parameters())
        about = f"{channels} x {height} x {width} images, {self.code_size} latents: {latents}"
        settable = f"; can set {', '.join(self.settable)}" if self.settable else ""
        return f"<distaff model of {about}; {parameters:,} parameters on {self.device}{settable}>"

    def to(self, device: str | torch.device) -> Self:
        """Move the model to a device, and return it.

        Raises:
            InputError: there is no such device here.
        """
        try:
            self.device = torch.device(device)
            self.vae.to(self.device).eval()
            self.objective.to(self.device).eval()
            if self.sampler is not None:
                self.sampler.to(self.device).eval()
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"device {str(device)!r}: {str(error).splitlines()[0]}") from None
        return self

    @property
    def code_size(self) -> int:
        """How many numbers a code has."""
        return self.vae.latents.outputs

    @property
    def latents(self) -> list[LatentInfo]:
        """One entry for each number of the code."""
        entries: list[LatentInfo] = []
        for block in self.vae.latents:
            for i in range(block.outputs):
                label = f"{block.name}{i}"
                if block.attribute is not None:
                    values = self._by_name[block.attribute].values
                    label = f"{block.name}={values[i]}" if block.outputs > 1 else block.name
                entries.append(LatentInfo(len(entries), block.name, block.kind, block.attribute, label))
        return entries

    @property
    def slices(self) -> dict[str, slice]:
        """The columns of the code that each block occupies."""
        return dict(self.vae.latents.slices)

    @property
    def readable(self) -> tuple[str, ...]:
        """The attributes that `predict` reads, without needing a label."""
        known = {*self._blocks, *self._readers}
        return tuple(each.name for each in self.attributes if each.name in known)

    @property
    def settable(self) -> tuple[str, ...]:
        """The attributes that `sample` can set."""
        known = {*self.readable, *self.condition}
        if self.sampler is not None:
            known.update(each.name for each in self.sampler.attributes)
        return tuple(each.name for each in self.attributes if each.name in known)

    @property
    def classifiers(self) -> Mapping[str, ClassifyTerm]:
        """The latent classifiers that read an attribute from a code, by attribute."""
        return self._classifiers

    @property
    def has_bound(self) -> bool:
        """Whether there is a bound on log p(x): every code is drawn from a posterior with a density."""
        return self.vae.latents.has_density

    def read_images(self, images: Any) -> npt.NDArray[Any]:
        """Return images as the network takes them: [n, c, h, w], uint8 or float32 in [0, 1].

        Raises:
            InputError: shape, type or values do not fit.
        """
        return read_images(images, self.image_shape, white=self.white, crop=self.recipe.data.crop)

    def encode(
        self, images: Any, *, attributes: Labels | None = None, indices: Indices | None = None
    ) -> Floats:
        """Return the codes of images, without drawing: float32 [n, D], [1, D] of one image.

        Args:
            images: n images, or one; see `read_images`.
            attributes: the labels that a conditional model needs (left out: unknown).
            indices: the same as class indices.

        Raises:
            InputError: images of another shape, or an unknown label.

        >>> from distaff.recipe import load_recipe
        >>> recipe = load_recipe("vae")
        >>> model = Model(recipe, (), *recipe.build((), (1, 8, 8), 1))
        >>> model.encode(np.zeros((8, 8))).shape, model.encode(np.zeros((5, 8, 8))).shape
        ((1, 10), (5, 10))
        """
        array = self.read_images(images)
        condition = self.condition_code(self.values(len(array), attributes, indices), len(array))

        def encode(rows: slice) -> Tensor:
            given = None if condition is None else condition[rows]
            return self.vae.latents.mode(self.vae.encode(self.to_tensor(array[rows]), given))

        return self._in_batches(len(array), encode, (self.code_size,))

    def decode(
        self, codes: npt.ArrayLike, *, attributes: Labels | None = None, indices: Indices | None = None
    ) -> Floats:
        """Return the images of codes [n, D]: float32 [n, h, w] or [n, h, w, c]."""
        array = self.read_codes(codes)
        condition = self.condition_code(self.values(len(array), attributes, indices), len(array))

        def decode(rows: slice) -> Tensor:
            z = torch.from_numpy(array[rows]).to(self.device)
            given = None if condition is None else condition[rows]
            return self.vae.likelihood.image(self.vae.decode(z, given))

        return show_images(self._in_batches(len(array), decode, self.image_shape))

    def reconstruct(self, images: Any, *, attributes: Labels | None = None) -> Floats:
        """Return the images decoded from their own codes: float32 [n, h, w] or [n, h, w, c].

        What is unknown of the condition is taken to be the class under which the image is most likely.
        """
        codes = self.encode(images, attributes=attributes)
        return self.decode(codes, indices=self.condition_of(images, codes, attributes))

    def condition_of(self, images: Any, codes: Floats, attributes: Labels | None = None) -> dict[str, Floats]:
        """Return the condition as class indices [n]: what is given, else the likeliest class."""
        given = {name: each for name, each in (attributes or {}).items() if name in self.condition}
        return (
            likeliest_condition(self, images, codes, self.values(len(codes), given)) if self.condition else {}
        )

    def read(self, codes: npt.ArrayLike) -> dict[str, Floats]:
        """Return class indices (or numbers) of every readable attribute, read from codes [n, D]."""
        return {name: values for name, (values, _) in self._read(self.read_codes(codes)).items()}

    def predict(self, images: Any, *, attributes: Labels | None = None) -> dict[str, npt.NDArray[Any]]:
        """Return the label of every readable attribute for each image, [n] each."""
        values = self.read(self.encode(images, attributes=attributes))
        return {name: self.labels(name, read) for name, read in values.items()}

    def probabilities(self, images: Any, *, attributes: Labels | None = None) -> dict[str, Floats]:
        """Return how probable each class is, [n, size] for each readable attribute that can tell."""
        return self.read_probabilities(self.encode(images, attributes=attributes))

    def read_probabilities(self, codes: npt.ArrayLike) -> dict[str, Floats]:
        """Return how probable each class is, read from codes [n, D]; see `probabilities`."""
        found = self._read(self.read_codes(codes))
        return {name: chances for name, (_, chances) in found.items() if chances is not None}

    def labels(self, name: str, indices: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the labels of class indices [n]; the numbers themselves for a continuous attribute."""
        attribute = self._by_name[name]
        if not attribute.size:
            return np.asarray(indices, dtype=np.float32)
        labels: npt.NDArray[Any] = np.array(attribute.values)[np.asarray(indices).astype(int)]
        return labels

    def traverse(
        self,
        image: Any,
        latent: int | str,
        *,
        values: npt.ArrayLike | None = None,
        steps: int = 11,
        attributes: Labels | None = None,
    ) -> Floats:
        """Return one image with one latent moved: float32 [k, h, w] or [k, h, w, c].

        Args:
            image: one image, or its code [D].
            latent: a column of the code, or its label in `latents` ("z3"); or an attribute ("shape"), set
                as `edit` does.
            values: k numbers for the latent, or labels of the attribute; if None, `steps` numbers from -3 to
                3 for a gaussian latent, every class of an attribute, or `steps` numbers over its range.
            steps: how many numbers.
            attributes: labels that a conditional model should be told of the image.

        Raises:
            InputError: several images, an unknown latent, or one that needs `values`.

        >>> from distaff.recipe import load_recipe
        >>> recipe = load_recipe("vae")
        >>> model = Model(recipe, (), *recipe.build((), (1, 8, 8), 1))
        >>> model.traverse(np.zeros((8, 8)), "z3", steps=5).shape
        (5, 8, 8)
        """
        steps = check_whole("steps", steps, 1)
        start = self._end(image, attributes)
        attribute = self._by_name.get(latent) if isinstance(latent, str) else None
        told = {name: np.asarray(each) for name, each in (start.condition or {}).items()}
        if attribute is not None and attribute.name in {*self._blocks, *self.condition}:
            spread: Any = attribute.values or np.linspace(attribute.low, attribute.high, steps)
            labels = list(spread if values is None else np.asarray(values).reshape(-1))
            codes = np.repeat(start.code[None], len(labels), axis=0)
            if attribute.name in self._blocks:
                codes = self.write(codes, attributes={attribute.name: labels})
            if attribute.name in self.condition:
                told[attribute.name] = attribute.encode(labels)
            return self.decode(codes, indices=told)
        found = self._latent(latent)
        if values is None:
            if found.kind != "gaussian":
                raise InputError(
                    f"latent {found.label!r} is {found.kind}: give the values that it should take"
                )
            values = np.linspace(-REACH, REACH, steps)
        numbers = finite_numbers(values, "values").reshape(-1)
        codes = np.repeat(start.code[None], len(numbers), axis=0)
        codes[:, found.index] = numbers
        return self.decode(codes, indices=told)

    def interpolate(self, first: Any, last: Any, *, steps: int = 11, path: PathName = "straight") -> Floats:
        """Return the images from one image to another, both reconstructed: float32 [steps, h, w(, c)].

        Args:
            first: one image, or its code [D].
            last: another, or its code.
            steps: images in all, 2 or more.
            path: through the code: "straight", or "spherical", along an arc of the gaussian latents.

        Raises:
            InputError: several images, fewer than two steps, or an unknown path.

        >>> from distaff.recipe import load_recipe
        >>> recipe = load_recipe("vae")
        >>> model = Model(recipe, (), *recipe.build((), (1, 8, 8), 1))
        >>> model.interpolate(np.zeros((8, 8)), np.ones((8, 8)), steps=7).shape
        (7, 8, 8)
        """
        return interpolate(self, self._end(first), self._end(last), steps=steps, path=path).images

    def _end(self, image: Any, attributes: Labels | None = None) -> End:
        """Return the code of one image, or the code that it is, and the condition to decode it under."""
        array = np.empty(0) if hasattr(image, "getbands") else as_array(image)
        if array.ndim == 1 and array.size:
            code = self.read_codes(array[None])
            return End(code[0], self.values(1, attributes))
        code = self.encode(image, attributes=attributes)
        if len(code) != 1:
            raise InputError(f"expected one image or one code, got {len(code)} images")
        return End(code[0], self.condition_of(image, code, attributes))

    def _latent(self, latent: int | str) -> LatentInfo:
        """Return a latent by its column or its label; InputError names the nearest."""
        entries = self.latents
        for each in entries:
            if latent in (each.index, each.label):
                return each
        if isinstance(latent, str):
            names = {each.label for each in entries} | {*self._blocks, *self.condition}
            raise InputError(f"the model has no latent {latent!r}; {nearest(latent, names)}")
        raise InputError(f"the model has no latent {latent}: its columns are 0 to {len(entries) - 1}")

    def write(
        self, codes: npt.ArrayLike, *, attributes: Labels | None = None, indices: Indices | None = None
    ) -> Floats:
        """Return codes [n, D] with attributes set; other attributes become the pure code of what they read.

        Raises:
            InputError: an attribute that no latent stands for, or an unknown label.
        """
        array = self.read_codes(codes).copy()
        given = self.values(len(array), attributes, indices, known=self._blocks)
        with torch.inference_mode():
            for name, block in self._blocks.items():
                columns = self.slices[block.name]
                if name in given:
                    refuse_missing(name, given[name])
                    values = torch.from_numpy(given[name]).to(self.device)
                else:
                    values = block.read(torch.from_numpy(array[:, columns]).to(self.device))
                array[:, columns] = block.write(values).cpu().numpy()
        return array

    def edit(self, images: Any, *, attributes: Labels) -> Floats:
        """Return the images with some attributes changed and everything else kept.

        Models with attribute latents change the code, conditional ones the condition; what else the condition
        holds is read from the image as `reconstruct` does.
        """
        check_mapping(attributes)
        conditions = {name: value for name, value in attributes.items() if name in self.condition}
        rest = {
            name: value
            for name, value in attributes.items()
            if name in self._blocks or name not in self.condition
        }
        codes = self.encode(images)
        if rest:
            codes = self.write(codes, attributes=rest)
        return self.decode(codes, indices=self.condition_of(images, codes, conditions))

    def sample(self, n: int, *, attributes: Labels | None = None, seed: int = 0) -> Floats:
        """Draw n new images, with any settable attributes given: `sample(16, attributes={"digit": 3})`.

        What is not given is drawn from the prior, or by the sampler of the run, if it has one, which also
        knows the attributes. A class that no latent, no condition and no sampler stands for (as in a
        class-separated model) is met by keeping draws as often as the latent classifier believes in them.
        """
        codes, condition = self.sample_codes(n, attributes=attributes, seed=seed)
        return self.decode(codes, indices=condition)

    @torch.inference_mode()
    def sample_codes(
        self,
        n: int,
        *,
        attributes: Labels | None = None,
        indices: Indices | None = None,
        seed: int = 0,
    ) -> tuple[Floats, dict[str, Floats]]:
        """Draw n codes [n, D] as `sample` does, and the condition they go with, as class indices."""
        n, seed = check_whole("n", n, 0), check_whole("seed", seed, 0)
        generator = torch.Generator(self.device).manual_seed(seed)
        values = self.values(n, attributes, indices, known=self.settable)
        if self.sampler is not None:
            given = {name: torch.from_numpy(each).to(self.device) for name, each in values.items()}
            codes = self.vae.latents.nearest(self.sampler.sample(n, generator, given))
        else:
            elsewhere = {*self._blocks, *self.condition}
            wanted = {name: each for name, each in values.items() if name not in elsewhere}
            for name, each in wanted.items():
                refuse_missing(name, each)
            readers = {name: self._readers[name] for name in wanted}
            codes = draw_believed(self.vae.latents, n, readers, wanted, generator)
        for name in values.keys() & self._blocks.keys():
            block = self._blocks[name]
            refuse_missing(name, values[name])
            codes[:, self.slices[block.name]] = block.write(torch.from_numpy(values[name]).to(self.device))
        condition: dict[str, Floats] = {}
        for name in self.condition:
            size = self._by_name[name].size
            if name in values:
                condition[name] = values[name]
            elif size:
                drawn = torch.randint(size, (n,), generator=generator, device=self.device)
                condition[name] = drawn.float().cpu().numpy()
            else:
                condition[name] = np.full(n, np.nan, dtype=np.float32)
        return codes.cpu().numpy(), condition

    def values(
        self,
        n: int,
        attributes: Labels | None = None,
        indices: Indices | None = None,
        *,
        known: Sequence[str] | Mapping[str, Any] | None = None,
    ) -> dict[str, Floats]:
        """Return labels, and class indices given as such, as class indices or numbers: float32 [n] each.

        Raises:
            InputError: an attribute that is not `known` (any of the model's by default), a label that it does
                not have, or neither one label nor one for each of n images.
        """
        check_mapping(attributes)
        names = self._by_name if known is None else known
        found: dict[str, Floats] = {}
        for name in (*(attributes or {}), *(indices or {})):
            if name not in names:
                if not names:
                    raise InputError(
                        f"{name!r}: this model has no attribute that can be set; train 'supervised' or "
                        "'conditional-vae' for that"
                    )
                raise InputError(f"attribute {name!r} cannot be set in this model; {nearest(name, names)}")
        for name, labels in (attributes or {}).items():
            found[name] = self._one_each(name, self._by_name[name].encode(labels, missing=True), n)
        for name, given in (indices or {}).items():
            found[name] = self._one_each(name, np.asarray(given, dtype=np.float32).reshape(-1), n)
        return found

    @staticmethod
    def _one_each(name: str, values: Floats, n: int) -> Floats:
        if len(values) not in {1, n}:
            raise InputError(
                f"attribute {name!r}: {len(values)} values for {n} images; give one, or one for each image"
            )
        return np.broadcast_to(values, (n,)).copy()

    def condition_code(self, values: Mapping[str, Floats], n: int) -> Tensor | None:
        """Return the condition [n, k] of class indices (the rest unknown), None without a condition."""
        unknown = np.full(n, np.nan, np.float32)
        labels = {
            name: torch.from_numpy(values.get(name, unknown)).to(self.device) for name in self.condition
        }
        return self.vae.condition_code(labels)

    def read_codes(self, codes: npt.ArrayLike) -> Floats:
        """Return codes as float32 [n, D]; raises InputError when their shape is another, or one is NaN."""
        array = finite_numbers(codes, "codes")
        if array.ndim != 2 or array.shape[1] != self.code_size:
            raise InputError(f"codes: expected [n, {self.code_size}], got {list(array.shape)}")
        return array

    def to_tensor(self, images: npt.NDArray[Any]) -> Tensor:
        """Return images [n, c, h, w] as float32 in [0, 1] on the model's device."""
        # Pillow's arrays cannot be written to, which torch warns about: those are copied.
        tensor = torch.from_numpy(np.require(images, requirements=["C", "W"])).to(self.device)
        return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor

    def _read(self, codes: Floats) -> dict[str, tuple[Floats, Floats | None]]:
        """Return the value and, where known, the chances [n, size] of every readable attribute."""
        found: dict[str, tuple[Floats, Floats | None]] = {}
        with torch.inference_mode():
            z = torch.from_numpy(codes).to(self.device)
            for name in self.readable:
                if name in self._blocks:
                    block: AttributeBlock = self._blocks[name]
                    piece = z[:, self.slices[block.name]]
                    values, chances = block.read(piece), block.probabilities(piece)
                else:
                    chances = self._readers[name](z).softmax(1)
                    values = chances.argmax(1).float()
                found[name] = (values.cpu().numpy(), None if chances is None else chances.cpu().numpy())
        return found

    def _in_batches(self, n: int, run: Callable[[slice], Tensor], shape: tuple[int, ...]) -> Floats:
        """Run over slices of n rows and join the results [n, *shape] in one array."""
        result = np.empty((n, *shape), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, n, self.batch_size):
                rows = slice(start, min(start + self.batch_size, n))
                result[rows] = run(rows).cpu().numpy()
        return result


def _within(logits: Callable[[Tensor], Tensor], columns: slice, z: Tensor) -> Tensor:
    """Return what is read from some columns of codes [n, D]."""
    return logits(z[:, columns])
