"""A trained model as people use it: numpy in, numpy out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from distaff.autoencoder import Autoencoder
from distaff.data import Attribute
from distaff.errors import InputError, nearest
from distaff.latent import AttributeBlock
from distaff.model.build import condition_code, domains
from distaff.model.condition import likeliest_condition
from distaff.model.draw import draw_believed
from distaff.model.pixels import Floats, read_pictures, show_pictures
from distaff.objective import ClassifyTerm, Objective
from distaff.recipe import Recipe

Known = Mapping[str, Any]
"""Values by attribute, one, or one for each picture: class labels (`digit=3`, `shape="heart"`) or numbers.

A float32 array [n] is taken as what `read` gives: class indices, or numbers.
"""


@dataclass(frozen=True)
class Latent:
    """One number of the code: its place, its block, and the attribute it stands for, if any."""

    index: int
    block: str
    kind: str
    attribute: str | None
    label: str


class Model:
    """A trained autoencoder with its attributes.

    Pictures go in as uint8, or float in [0, 1], of shape [n, h, w] (one channel), [n, h, w, c] or
    [n, c, h, w], and come out as float32 in [0, 1] of shape [n, h, w] or [n, h, w, c]. Codes are float32
    [n, D]; `latents` names their D numbers.
    """

    def __init__(
        self,
        recipe: Recipe,
        attributes: Sequence[Attribute],
        network: Autoencoder,
        objective: Objective,
        device: str | torch.device = "cpu",
        batch_size: int = 256,
    ) -> None:
        self.recipe = recipe
        self.attributes = tuple(attributes)
        self.image_shape = network.shape
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.objective = objective.to(self.device).eval()
        self.batch_size = batch_size
        self.condition = recipe.condition
        self._domains = domains(attributes)
        self._by_name = {each.name: each for each in self.attributes}
        self._classifiers = {
            term.attribute: term for term in objective if isinstance(term, ClassifyTerm) and term.reads
        }
        self._blocks = {block.attribute: block for block in network.latent.attribute_blocks}

    @property
    def latents(self) -> list[Latent]:
        """One entry for each number of the code."""
        entries: list[Latent] = []
        for block in self.network.latent:
            for i in range(block.outputs):
                label = f"{block.name}{i}"
                if block.attribute is not None:
                    values = self._by_name[block.attribute].values
                    label = f"{block.name}={values[i]}" if block.outputs > 1 else block.name
                entries.append(Latent(len(entries), block.name, block.kind, block.attribute, label))
        return entries

    @property
    def slices(self) -> dict[str, slice]:
        """The columns of the code that each block occupies."""
        return dict(self.network.latent.slices)

    @property
    def readable(self) -> tuple[str, ...]:
        """The attributes that `predict` reads, without needing a label."""
        return tuple(
            each.name for each in self.attributes if each.name in {*self._blocks, *self._classifiers}
        )

    @property
    def classifiers(self) -> Mapping[str, ClassifyTerm]:
        """The latent classifiers that read an attribute from a code, by attribute."""
        return self._classifiers

    @property
    def settable(self) -> tuple[str, ...]:
        """The attributes that `sample` can set."""
        return tuple(each.name for each in self.attributes if each.name in {*self.readable, *self.condition})

    def encode(self, images: npt.ArrayLike, *, attributes: Known | None = None) -> Floats:
        """Return the mean codes of pictures: float32 [n, D].

        `attributes` gives the values that a conditional model needs (left out: unknown).
        """
        array, latent = read_pictures(images, self.image_shape), self.network.latent
        condition = self.condition_tensor(attributes, len(array))

        def encode(rows: slice) -> Tensor:
            given = None if condition is None else condition[rows]
            return latent.join(self.network.encode(self.to_tensor(array[rows]), given))

        return self._in_batches(len(array), encode, (latent.outputs,))

    def decode(self, codes: npt.ArrayLike, *, attributes: Known | None = None) -> Floats:
        """Return the pictures of codes [n, D]: float32 [n, h, w] or [n, h, w, c]."""
        array = self._read_codes(codes)
        condition = self.condition_tensor(attributes, len(array))

        def decode(rows: slice) -> Tensor:
            z = torch.from_numpy(array[rows]).to(self.device)
            given = None if condition is None else condition[rows]
            return self.network.likelihood.picture(self.network.decode(z, given))

        return show_pictures(self._in_batches(len(array), decode, self.image_shape))

    def reconstruct(self, images: npt.ArrayLike, *, attributes: Known | None = None) -> Floats:
        """Return the pictures decoded from their own mean codes: float32 [n, h, w] or [n, h, w, c].

        What is unknown of the condition is taken to be the class under which the picture is drawn best.
        """
        codes = self.encode(images, attributes=attributes)
        return self.decode(codes, attributes=self.condition_of(images, codes, attributes))

    def condition_of(
        self, images: npt.ArrayLike, codes: Floats, attributes: Known | None = None
    ) -> dict[str, Floats] | None:
        """Return the condition of pictures [n]: what is given, and else the class that draws them best."""
        return likeliest_condition(self, images, codes, attributes) if self.condition else None

    def read(self, codes: npt.ArrayLike) -> dict[str, Floats]:
        """Return class indices (or numbers) of every readable attribute, read from codes [n, D]."""
        found = self._probabilities(self._read_codes(codes))
        return {name: values for name, (values, _) in found.items()}

    def predict(
        self, images: npt.ArrayLike, *, attributes: Known | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Return the label of every readable attribute for each picture, [n] each."""
        values = self.read(self.encode(images, attributes=attributes))
        return {name: self.labels(name, read) for name, read in values.items()}

    def probabilities(self, images: npt.ArrayLike, *, attributes: Known | None = None) -> dict[str, Floats]:
        """Return how probable each class is, [n, size] for each readable attribute that can tell."""
        return self.read_probabilities(self.encode(images, attributes=attributes))

    def read_probabilities(self, codes: npt.ArrayLike) -> dict[str, Floats]:
        """Return how probable each class is, read from codes [n, D]; see `probabilities`."""
        found = self._probabilities(self._read_codes(codes))
        return {name: chances for name, (_, chances) in found.items() if chances is not None}

    def labels(self, name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the labels of class indices [n]; the numbers themselves for a continuous attribute."""
        attribute = self._by_name[name]
        if not attribute.size:
            return np.asarray(values, dtype=np.float32)
        labels: npt.NDArray[Any] = np.array(attribute.values)[np.asarray(values).astype(int)]
        return labels

    def write(self, codes: npt.ArrayLike, **attributes: Any) -> Floats:
        """Return codes [n, D] with attributes set; other attributes become the pure code of what they read.

        Raises InputError for an attribute that has no block of its own, or an unknown value.
        """
        array = self._read_codes(codes).copy()
        for name in attributes:
            if name not in self._blocks:
                raise InputError(
                    f"{name!r} cannot be set in a code of this model; {nearest(name, self._blocks)}"
                )
        for name, block in self._blocks.items():
            columns = self.network.latent.slices[block.name]
            with torch.inference_mode():
                if name in attributes:
                    values = torch.from_numpy(self.values(name, attributes[name], len(array))).to(self.device)
                else:
                    values = block.read(torch.from_numpy(array[:, columns]).to(self.device))
                array[:, columns] = block.write(values).cpu().numpy()
        return array

    def edit(self, images: npt.ArrayLike, **attributes: Any) -> Floats:
        """Return the pictures with some attributes changed and everything else kept.

        Attribute models change the code, conditional ones the condition; what else the condition holds is
        read from the picture as `reconstruct` does.
        """
        conditions = {name: value for name, value in attributes.items() if name in self.condition}
        rest = {
            name: value
            for name, value in attributes.items()
            if name in self._blocks or name not in self.condition
        }
        codes = self.encode(images)
        if rest:
            codes = self.write(codes, **rest)
        return self.decode(codes, attributes=self.condition_of(images, codes, conditions))

    def sample(self, n: int, *, seed: int = 0, **attributes: Any) -> Floats:
        """Draw n new pictures, with any settable attributes given: `sample(16, digit=3)`.

        What is not given is drawn from the prior. A class that no block and no condition stands for (as in a
        class-separated model) is met by keeping draws as often as the latent classifier believes in them.
        """
        codes, condition = self.sample_codes(n, seed=seed, **attributes)
        return self.decode(codes, attributes=condition)

    @torch.inference_mode()
    def sample_codes(
        self, n: int, *, seed: int = 0, **attributes: Any
    ) -> tuple[Floats, dict[str, Floats] | None]:
        """Draw n codes [n, D] as `sample` does, and the values of the condition they go with."""
        for name in attributes:
            if name not in self.settable:
                raise InputError(f"{name!r} cannot be set in this model; {nearest(name, self.settable)}")
        generator = torch.Generator(self.device).manual_seed(seed)
        values = {name: self.values(name, value, n) for name, value in attributes.items()}
        wanted = {name: each for name, each in values.items() if name in self._classifiers}
        wanted = {name: each for name, each in wanted.items() if name not in {*self._blocks, *self.condition}}
        classifiers = {name: self._classifiers[name] for name in wanted}
        codes = draw_believed(self.network.latent, n, classifiers, wanted, generator)
        for name in values.keys() & self._blocks.keys():
            block = self._blocks[name]
            written = block.write(torch.from_numpy(values[name]).to(self.device))
            codes[:, self.network.latent.slices[block.name]] = written
        if not self.condition:
            return codes.cpu().numpy(), None
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

    def _probabilities(self, codes: Floats) -> dict[str, tuple[Floats, Floats | None]]:
        """Return the value and, where known, the chances [n, size] of every readable attribute."""
        found: dict[str, tuple[Floats, Floats | None]] = {}
        with torch.inference_mode():
            z = torch.from_numpy(codes).to(self.device)
            for name in self.readable:
                if name in self._blocks:
                    block: AttributeBlock = self._blocks[name]
                    piece = z[:, self.network.latent.slices[block.name]]
                    values, chances = block.read(piece), block.probabilities(piece)
                else:
                    chances = self._classifiers[name].logits(z).softmax(1)
                    values = chances.argmax(1).float()
                found[name] = (values.cpu().numpy(), None if chances is None else chances.cpu().numpy())
        return found

    def values(self, name: str, value: Any, n: int) -> Floats:
        """Return class indices or numbers float32 [n] for one value, or one for each picture."""
        attribute = self._by_name[name]
        given = np.asarray(value)
        if given.dtype == np.float32 and given.shape == (n,):
            return np.asarray(given, dtype=np.float32)
        parsed = [attribute.parse(str(each)) for each in given.reshape(-1)]
        if len(parsed) not in {1, n}:
            raise InputError(
                f"attribute {name!r}: {len(parsed)} values for {n} pictures; give one, or one each"
            )
        return np.broadcast_to(np.array(parsed, dtype=np.float32), (n,)).copy()

    def condition_tensor(self, attributes: Known | None, n: int) -> Tensor | None:
        """Return the condition [n, k] of given attributes (the rest unknown), None without a condition."""
        if not self.condition:
            return None
        given = attributes or {}
        labels = {}
        for name in self.condition:
            values = self.values(name, given[name], n) if name in given else np.full(n, np.nan, np.float32)
            labels[name] = torch.from_numpy(values).to(self.device)
        return condition_code(self.condition, self._domains, labels)

    def _read_codes(self, codes: npt.ArrayLike) -> Floats:
        array = np.asarray(codes, dtype=np.float32)
        width = self.network.latent.outputs
        if array.ndim != 2 or array.shape[1] != width:
            raise InputError(f"codes: expected [n, {width}], got {list(array.shape)}")
        return array

    def to_tensor(self, pictures: npt.NDArray[Any]) -> Tensor:
        """Return pictures [n, c, h, w] as float32 in [0, 1] on the model's device."""
        # Pillow's arrays cannot be written to, which torch warns about: those are copied.
        tensor = torch.from_numpy(np.require(pictures, requirements=["C", "W"])).to(self.device)
        return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor

    def _in_batches(self, n: int, run: Callable[[slice], Tensor], shape: tuple[int, ...]) -> Floats:
        """Run over slices of n rows and join the results [n, *shape] in one array."""
        result = np.empty((n, *shape), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, n, self.batch_size):
                rows = slice(start, min(start + self.batch_size, n))
                result[rows] = run(rows).cpu().numpy()
        return result
