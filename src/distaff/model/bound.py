"""https://arxiv.org/abs/1312.6114: the evidence lower bound of pictures, term by term, in nats per image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from distaff.autoencoder import Autoencoder, Output
from distaff.latent import State
from distaff.model.model import Known, Model
from distaff.model.pixels import Floats, read_pictures

DRAWN = {"gaussian", "sampled", "l2"}
"""Blocks whose code is drawn from a normal posterior; with any other block there is no bound."""


@dataclass(frozen=True)
class BoundTerms:
    """What the bound is made of.

    `reconstruction` [n]: -log p(x | z), one draw of z each. `kl` [n, d]: KL(q || p) for each dimension, named
    in `dimensions`. `mean`, `variance` [n, g]: the normal posterior of the code's columns `columns` [g].
    """

    reconstruction: Floats
    kl: Floats
    dimensions: list[str]
    mean: Floats
    variance: Floats
    columns: npt.NDArray[np.int64]


def has_bound(model: Model) -> bool:
    """Tell whether every block draws its code, so that ELBO = -(reconstruction + KL) bounds log p(x)."""
    return all(block.kind in DRAWN for block in model.network.latent)


def bound_terms(
    model: Model, images: npt.ArrayLike, *, attributes: Known | None = None, seed: int = 0
) -> BoundTerms:
    """Return reconstruction and KL of pictures in nats, with one draw of z for each picture."""
    array = read_pictures(images, model.image_shape)
    condition = model.condition_tensor(attributes, len(array))
    generator = torch.Generator(model.device).manual_seed(seed)
    network, latent = model.network, model.network.latent
    drawn = [block.name for block in latent if block.kind in DRAWN]
    pieces: dict[str, list[Tensor]] = {"reconstruction": [], "kl": [], "mean": [], "variance": []}
    kl: dict[str, Tensor] = {}
    with torch.inference_mode():
        for start in range(0, len(array), model.batch_size):
            rows = slice(start, start + model.batch_size)
            x = model.to_tensor(array[rows])
            given = None if condition is None else condition[rows]
            output = network(x, given, sample=True, generator=generator)
            kl = kl_by_dimension(network, output)
            mean, log_variance = _posterior([output.states[name] for name in drawn], x)
            pieces["reconstruction"].append(-network.likelihood.log_probability(output.decoded, x))
            pieces["kl"].append(torch.stack(list(kl.values()), dim=1))
            pieces["mean"].append(mean)
            pieces["variance"].append(log_variance.exp())
    return BoundTerms(
        **{name: torch.cat(each).cpu().numpy() for name, each in pieces.items()},
        dimensions=list(kl),
        columns=np.array([each.index for each in model.latents if each.block in drawn], dtype=np.int64),
    )


def kl_by_dimension(network: Autoencoder, output: Output) -> dict[str, Tensor]:
    """Return KL(q || p) in nats of each dimension of a batch, [b] each, by the dimension's name."""
    nats: dict[str, Tensor] = {}
    for block in network.latent:
        kl = block.kl(output.states[block.name])
        single = kl.shape[1] == 1 and block.attribute is not None
        names = [block.name] if single else [f"{block.name}{i}" for i in range(kl.shape[1])]
        nats |= dict(zip(names, kl.T, strict=True))
    return nats


def log_weights(
    model: Model, images: npt.ArrayLike, draws: int, *, attributes: Known | None = None, seed: int = 0
) -> Floats:
    """Return log p(x | z) + log p(z) - log q(z | x) in nats for `draws` codes of each picture: [n, draws].

    The log of their mean bounds log p(x) more tightly the more draws there are (Burda et al. 2016,
    https://arxiv.org/abs/1509.00519).
    """
    array = read_pictures(images, model.image_shape)
    condition = model.condition_tensor(attributes, len(array))
    generator = torch.Generator(model.device).manual_seed(seed)
    network, latent = model.network, model.network.latent
    result = np.empty((len(array), draws), dtype=np.float32)
    # Each picture is decoded `draws` times, so fewer pictures go together.
    step = max(1, model.batch_size // draws)
    with torch.inference_mode():
        for start in range(0, len(array), step):
            rows = slice(start, min(start + step, len(array)))
            x = model.to_tensor(array[rows])
            given = None if condition is None else condition[rows]
            states = network.encode(x, given)
            mean, log_variance = _posterior([states[block.name] for block in latent], x)
            mean, log_variance = mean.repeat_interleave(draws, 0), log_variance.repeat_interleave(draws, 0)
            noise = torch.randn(mean.shape, generator=generator, device=model.device)
            z = mean + torch.exp(0.5 * log_variance) * noise
            given = None if given is None else given.repeat_interleave(draws, 0)
            decoded = network.decode(z, given)
            log_weight = network.likelihood.log_probability(decoded, x.repeat_interleave(draws, 0))
            log_weight += _log_normal(z, torch.zeros_like(z), torch.zeros_like(z))
            log_weight -= _log_normal(z, mean, log_variance)
            result[rows] = log_weight.reshape(-1, draws).cpu().numpy()
    return result


def _posterior(states: list[State], like: Tensor) -> tuple[Tensor, Tensor]:
    """Join the normal posteriors of several blocks: means and log-variances, each [b, g]."""
    empty = like.new_zeros(len(like), 0)
    mean = torch.cat([empty, *(state.mean for state in states if state.mean is not None)], dim=1)
    log_variances = (state.log_variance for state in states if state.log_variance is not None)
    return mean, torch.cat([empty, *log_variances], dim=1)


def _log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return log N(z; mean, variance) in nats, summed over dimensions: [b, d] -> [b]."""
    squared = (z - mean).square() * torch.exp(-log_variance)
    return -0.5 * (squared + log_variance + math.log(2 * math.pi)).sum(1)
