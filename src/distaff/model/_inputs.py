"""What goes into a model: images in any layout, the likeliest condition, codes that a classifier believes in.

A decoder p(x | z, y) that is always told y has not learnt what to decode when y is unknown. With z read
from the image, the class of the largest p(x | z, y) stands in: a conditional model is a classifier, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from distaff.attributes import AttributeTable
from distaff.data import Images, as_array, decode_opened
from distaff.errors import InputError
from distaff.latents import CodeSampler, LatentSpace, SamplerOptions

if TYPE_CHECKING:
    from distaff.model._model import Model


Floats = npt.NDArray[np.float32]
Indices = Mapping[str, npt.ArrayLike]
"""Class indices by attribute as `read` returns them, also between classes, or numbers; NaN if unknown."""
ROUNDS = 1000
"""Draws for each image before the best one found is taken."""


def read_images(
    images: Any, shape: tuple[int, int, int], *, white: float | None = None, crop: int | None = None
) -> npt.NDArray[Any]:
    """Return images as [n, c, h, w], uint8 or float32 in [0, 1], for a model of shape (c, h, w).

    Args:
        images: an array or a tensor [n, h, w] (one channel), [n, h, w, c] or [n, c, h, w], or one image
            without n: bool, whole numbers from 0 to 255, or floats from 0 to 1. Or one image of Pillow's, or
            a list of them, of any size: they are cropped and resized as files are.
        shape: (c, h, w) of the model.
        white: the pixel value that the data of the model take as white, where it is not 255; whole numbers
            wider than a byte are read on this scale.
        crop: of images of Pillow's, the centre square that is cut first.

    Raises:
        InputError: shape, type or values do not fit.

    >>> read_images(np.full((8, 8), True), (1, 8, 8)).shape
    (1, 1, 8, 8)
    """
    listed = [images] if hasattr(images, "getbands") else images
    if isinstance(listed, (list, tuple)) and listed and hasattr(listed[0], "getbands"):
        return np.stack([decode_opened(each, shape, crop, white=white) for each in listed])
    try:
        array = as_array(images)
    except InputError as error:
        raise InputError(f"images: {error}") from None
    channels, height, width = shape
    if (array.ndim == 2 and channels == 1) or (array.ndim == 3 and channels > 1):
        array = array[None]
    if array.ndim == 3 and channels == 1:
        array = array[None] if array.shape == (height, width, 1) else array[:, None]
    if array.ndim == 4 and array.shape[1:] != shape and array.shape[1:] == (height, width, channels):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1:] != shape:
        raise InputError(
            f"images: expected [n, {height}, {width}{'' if channels == 1 else f', {channels}'}] "
            f"or [n, {channels}, {height}, {width}], got {list(np.shape(images))}"
        )
    return _scaled(array, white)


def _scaled(array: npt.NDArray[Any], white: float | None) -> npt.NDArray[Any]:
    """Return pixels as uint8, or as float32 in [0, 1]."""
    kind, top = array.dtype.kind, white or 255.0
    if kind == "b" or (array.dtype == np.uint8 and white == 1 and array.size and array.max() <= 1):
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint8:
        return array
    if kind not in "iuf":
        raise InputError(f"images: expected uint8, or floats between 0 and 1, got {array.dtype}")
    low, high = (array.min(), array.max()) if array.size else (0, 0)
    if kind in "iu":
        if low < 0 or high > top:
            raise InputError(f"images: whole numbers must lie from 0 to {top:g}, got {low} to {high}")
        return array.astype(np.uint8) if top == 255 else (array / top).astype(np.float32)
    # A float just outside is one with a rounding error.
    if not (np.isfinite(low) and np.isfinite(high) and low >= -1e-6 and high <= 1 + 1e-6):
        raise InputError(
            f"images: floats must lie between 0 and 1; divide by {top:g}"
            + (", or pass uint8" if top == 255 else ", which training took as white")
        )
    pixels = array.astype(np.float32, copy=False)
    return np.clip(pixels, 0, 1) if low < 0 or high > 1 else pixels


def check_whole(name: str, value: Any, least: int) -> int:
    """Return a whole number that a caller gave; InputError if it is none, or below the least.

    >>> check_whole("n", np.int64(3), 0)
    3
    """
    number = getattr(value, "__index__", None)
    if number is None or isinstance(value, (bool, np.bool_)) or not least <= number() < 2**63:
        raise InputError(f"{name}: expected a whole number of {least} or more, got {str(value)[:40]!r}")
    return int(number())


def finite_numbers(given: Any, name: str) -> Floats:
    """Return what a caller gave as finite numbers.

    Raises:
        InputError: no numbers, NaN, or numbers that no float32 holds.
    """
    try:
        array = as_array(given).astype(np.float32)
    except (TypeError, ValueError):
        raise InputError(f"{name}: expected an array of numbers") from None
    if not np.isfinite(array).all():
        raise InputError(f"{name}: hold NaN, or numbers that no float32 holds; give finite ones")
    return array


def check_mapping(attributes: Any) -> None:
    """Refuse labels that do not say which attribute they are of."""
    if attributes is not None and not isinstance(attributes, Mapping):
        shown = str(attributes)[:40]
        raise InputError(f"attributes: expected a mapping, such as {{'digit': 3}}, got {shown!r}")


def refuse_missing(name: str, values: Floats) -> None:
    """Refuse a missing label where a latent would become NaN."""
    if np.isnan(values).any():
        raise InputError(f"attribute {name!r}: a label is missing (None or NaN); give a value")


def show_images(images: Floats) -> Floats:
    """Return [n, c, h, w] as [n, h, w] for one channel, else [n, h, w, c]."""
    return images[:, 0] if images.shape[1] == 1 else np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def likeliest_condition(
    model: Model, images: Any, codes: Floats, given: Mapping[str, Floats]
) -> dict[str, Floats]:
    """Return class indices, or numbers, float32 [n] for every attribute of the condition.

    Args:
        model: a model with a condition.
        images: the images [n, ...].
        codes: their codes [n, D].
        given: the class indices that are known, kept as they are. Attributes with classes are chosen one
            after the other in the order of the condition; an unknown number stays missing (NaN).
    """
    array = model.read_images(images)
    known = dict(given)
    for attribute in model.attributes:
        if attribute.name in known or attribute.name not in model.condition:
            continue
        if not attribute.size:
            known[attribute.name] = np.full(len(array), np.nan, dtype=np.float32)
            continue
        nats = [
            _log_probability(
                model, array, codes, known | {attribute.name: np.full(len(array), value, dtype=np.float32)}
            )
            for value in range(attribute.size)
        ]
        known[attribute.name] = np.argmax(nats, axis=0).astype(np.float32)
    return known


@torch.inference_mode()
def _log_probability(
    model: Model, array: npt.NDArray[np.generic], codes: Floats, given: Mapping[str, Floats]
) -> Floats:
    """Return log p(x | z, y) in nats: [n]."""
    condition = model.condition_code(given, len(array))
    nats = np.empty(len(array), dtype=np.float32)
    for start in range(0, len(array), model.batch_size):
        rows = slice(start, start + model.batch_size)
        z = torch.from_numpy(codes[rows]).to(model.device)
        decoded = model.vae.decode(z, None if condition is None else condition[rows])
        images = model.to_tensor(array[rows])
        nats[rows] = model.vae.likelihood.log_probability(decoded, images).cpu().numpy()
    return nats


@torch.inference_mode()
def draw_believed(
    latent: LatentSpace,
    n: int,
    readers: Mapping[str, Callable[[Tensor], Tensor]],
    wanted: Mapping[str, Floats],
    generator: torch.Generator,
) -> Tensor:
    """Draw n codes [n, D] from the prior, accepting each with the probability of its wanted classes.

    `wanted` holds class indices [n] by attribute; with none, every draw is accepted. `readers` give the
    logits of each class [n, K] for codes [n, D]. What is left is p(z | y) for their own p(y | z).
    """
    device = generator.device
    if not wanted:
        return latent.sample_prior(n, generator, device)
    classes = {name: torch.from_numpy(values).to(device).long() for name, values in wanted.items()}
    chosen = torch.empty(n, latent.outputs, device=device)
    best = torch.full((n,), -1.0, device=device)
    waiting = torch.arange(n, device=device)
    for _ in range(ROUNDS):
        draws = latent.sample_prior(len(waiting), generator, device)
        chance = torch.ones(len(waiting), device=device)
        for name, values in classes.items():
            believed = readers[name](draws).softmax(1)
            chance = chance * believed.gather(1, values[waiting].unsqueeze(1))[:, 0]
        accepted = torch.rand(len(waiting), generator=generator, device=device) < chance
        kept = accepted | (chance > best[waiting])
        chosen[waiting[kept]] = draws[kept]
        best[waiting[kept]] = chance[kept]
        waiting = waiting[~accepted]
        if not len(waiting):
            break
    return chosen


def fit_sampler(
    model: Model,
    options: SamplerOptions,
    images: Images,
    table: AttributeTable,
    rows: npt.NDArray[np.int64],
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> CodeSampler:
    """Return a sampler of the codes of some images: one code is drawn for each, by the seed.

    Args:
        model: encodes them.
        options: how the sampler is trained.
        images: of the data.
        table: labels of all images, with the model's attributes.
        rows: int [n], sorted, which of them.
        seed: of every draw.
        progress: is told the steps done and the steps in all.
    """
    generator = torch.Generator(model.device).manual_seed(seed)
    values = table.rows(rows)
    known = {each.name: torch.from_numpy(values.column(each.name).copy()) for each in model.attributes}
    labels = {name: each.to(model.device) for name, each in known.items()}
    codes = []
    with torch.no_grad():
        for start in range(0, len(rows), model.batch_size):
            some = slice(start, start + model.batch_size)
            condition = model.vae.condition_code({name: each[some] for name, each in labels.items()})
            posteriors = model.vae.encode(model.to_tensor(images.take(rows[some])), condition)
            codes.append(model.vae.latents.rsample(posteriors, 1, generator)[0])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sampler = CodeSampler(options, model.code_size, model.attributes).to(model.device)
    sampler.fit(torch.cat(codes), labels, seed=seed, progress=progress)
    return sampler.eval()
