"""The passes over images that everything else reads: encoding, the terms of the bound, importance weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from distaff.attributes import AttributeTable
from distaff.data import Images
from distaff.errors import InputError
from distaff.latents import Batch, Normal, Posteriors
from distaff.model import Floats, Model

Rows = npt.NDArray[np.int64]
APART = 0.01
"""How far a latent is moved to see what it does to an image."""
AT_ONCE = 500
"""Codes of an image that are decoded at once, where many are drawn."""


@dataclass(frozen=True)
class Encoded:
    """What the encoder says of n images.

    Attributes:
        codes: float32 [n, D], the code when nothing is drawn.
        drawn: float32 [n, D], one code drawn from each posterior; the code itself where it is deterministic.
        kl: float32 [n, k], KL(q(z | x) || p(z)) in nats: a column for each dimension where that is known,
            one for the whole latent where it is estimated by the drawn code.
        kl_names: of the k columns, such as z0 or, for a whole latent, z.
        normal: int64 [g], the columns of the code whose posterior is normal.
        mean: float32 [n, g], of these.
        log_variance: float32 [n, g], of these.
    """

    codes: Floats
    drawn: Floats
    kl: Floats
    kl_names: tuple[str, ...]
    normal: npt.NDArray[np.int64]
    mean: Floats
    log_variance: Floats


def in_batches(
    model: Model,
    images: Images,
    table: AttributeTable,
    rows: Rows,
    run: Callable[[Batch, npt.NDArray[np.int64]], dict[str, Tensor]],
    *,
    size: int | None = None,
) -> dict[str, Floats]:
    """Run over images in batches and join what it returns, float32 [n, ...] each, in the order of `rows`.

    Args:
        model: whose device and batch size are used.
        images: all images of the data.
        table: labels of all images in the model's terms; a label that the data lack is NaN.
        rows: int64 [n], which images, in any order.
        run: called with a batch on the model's device and its places among `rows`.
        size: images in a batch; the model's if None.
    """
    found: dict[str, Floats] = {}
    # Neighbours on disk are read together; what is random about the order stays in `rows`.
    order, size = np.argsort(rows, kind="stable"), size or model.batch_size
    with torch.inference_mode():
        for start in range(0, len(rows), size):
            places = order[start : start + size]
            chosen = rows[places]
            labels = {
                each.name: torch.from_numpy(
                    np.ascontiguousarray(table.column(each.name)[chosen])
                    if each.name in table.names
                    else np.full(len(chosen), np.nan, np.float32)
                ).to(model.device)
                for each in model.attributes
            }
            batch = Batch(model.to_tensor(images.take(chosen)), labels)
            for name, values in run(batch, places).items():
                array = values.float().cpu().numpy()
                if name not in found:
                    found[name] = np.empty((len(rows), *array.shape[1:]), np.float32)
                found[name][places] = array
    return found


def encode(model: Model, images: Images, table: AttributeTable, rows: Rows, *, seed: int = 0) -> Encoded:
    """Return what the encoder says of some images; a conditional model is told their labels.

    One code is drawn for each image by `seed`.
    """
    latents = model.vae.latents
    generator = torch.Generator(model.device).manual_seed(seed)
    normal: list[str] = []
    names: list[str] = []

    def run(batch: Batch, _: npt.NDArray[np.int64]) -> dict[str, Tensor]:
        posteriors = model.vae.encode(batch.images, model.vae.condition_code(batch.labels))
        drawn = latents.rsample(posteriors, 1, generator)
        normal[:] = [name for name, each in posteriors.items() if isinstance(each, Normal)]
        nats = _kl(model, posteriors, drawn)
        names[:] = list(nats)
        empty = drawn.new_zeros(len(batch.images), 0)
        heads = [each for each in posteriors.values() if isinstance(each, Normal)]
        return {
            "codes": latents.mode(posteriors),
            "drawn": drawn[0],
            "kl": torch.stack(list(nats.values()), dim=1) if nats else empty,
            "mean": torch.cat([empty, *(each.mean for each in heads)], dim=1),
            "log_variance": torch.cat([empty, *(each.log_variance for each in heads)], dim=1),
        }

    found = in_batches(model, images, table, rows, run)
    columns = [each.index for each in model.latents if each.block in normal]
    return Encoded(**found, kl_names=tuple(names), normal=np.array(columns, dtype=np.int64))


def reconstruct(model: Model, images: Images, table: AttributeTable, rows: Rows, drawn: Floats) -> Floats:
    """Return -log p(x | z) of images under their drawn codes [n, D], in nats per image: float32 [n]."""

    def run(batch: Batch, places: npt.NDArray[np.int64]) -> dict[str, Tensor]:
        z = torch.from_numpy(drawn[places]).to(model.device)
        decoded = model.vae.decode(z, model.vae.condition_code(batch.labels))
        return {"nats": -model.vae.likelihood.log_probability(decoded, batch.images)}

    return in_batches(model, images, table, rows, run)["nats"]


def log_weights(
    model: Model, images: Images, table: AttributeTable, rows: Rows, draws: int, *, seed: int = 0
) -> Floats:
    """Return log p(x | z) + log p(z) - log q(z | x) in nats for `draws` codes of each image: [n, draws].

    The log of their mean bounds log p(x) more tightly the more draws there are (Burda et al. 2016,
    https://arxiv.org/abs/1509.00519).

    Raises:
        InputError: the model has no bound on log p(x).
    """
    reason = lacks_bound(model)
    if reason is not None:
        raise InputError(reason)
    latents = model.vae.latents
    generator = torch.Generator(model.device).manual_seed(seed)

    def run(batch: Batch, _: npt.NDArray[np.int64]) -> dict[str, Tensor]:
        condition = model.vae.condition_code(batch.labels)
        posteriors = model.vae.encode(batch.images, condition)
        found = []
        for start in range(0, draws, AT_ONCE):
            z = latents.rsample(posteriors, min(AT_ONCE, draws - start), generator)
            found.append(_log_joint(model, z, batch, condition) - latents.log_posterior(posteriors, z))
        return {"nats": torch.cat(found).T}

    # Each image is decoded `draws` times, so fewer images go together.
    size = max(1, model.batch_size // draws)
    return in_batches(model, images, table, rows, run, size=size)["nats"]


def _log_joint(model: Model, z: Tensor, batch: Batch, condition: Tensor | None) -> Tensor:
    """Return log p(x, z) in nats of codes [draws, b, D]: [draws, b]."""
    decoded = model.vae.decode(z, condition).flatten(0, 1)
    repeated = batch.images.expand(len(z), *batch.images.shape).flatten(0, 1)
    nats = model.vae.likelihood.log_probability(decoded, repeated).reshape(len(z), -1)
    return nats + model.vae.latents.log_prior(z)


def annealed_log_weights(
    model: Model, images: Images, table: AttributeTable, rows: Rows, chains: int, *, seed: int = 0
) -> Floats:
    """Return weights whose mean is p(x), in nats, for `chains` chains of each image: [n, chains].

    Annealed importance sampling (`anneal`) from q(z | x), whose latents must all be normal.

    Raises:
        InputError: the model has no bound on log p(x).
    """
    reason = lacks_bound(model)
    if reason is not None:
        raise InputError(reason)
    generator = torch.Generator(model.device).manual_seed(seed)

    def run(batch: Batch, _: npt.NDArray[np.int64]) -> dict[str, Tensor]:
        with torch.inference_mode(False):
            # Tensors of the inference mode keep no gradients; their copies do.
            known = Batch(batch.images.clone(), {name: each.clone() for name, each in batch.labels.items()})
            condition = model.vae.condition_code(known.labels)
            with torch.no_grad():
                posteriors = model.vae.encode(known.images, condition)
            heads = [each for each in posteriors.values() if isinstance(each, Normal)]
            q = Normal(
                torch.cat([each.mean for each in heads], 1),
                torch.cat([each.log_variance for each in heads], 1),
            )
            nats = anneal(q, lambda z: _log_joint(model, z, known, condition), chains, generator)
        return {"nats": nats.T}

    return in_batches(model, images, table, rows, run, size=max(1, model.batch_size // chains))["nats"]


def anneal(
    q: Normal,
    log_joint: Callable[[Tensor], Tensor],
    chains: int,
    generator: torch.Generator | None = None,
    *,
    temperatures: int = 100,
    leaps: int = 5,
) -> Tensor:
    """Return the log weights of annealed importance sampling, [chains, b] (https://arxiv.org/abs/1611.04273).

    A chain begins at a draw of q and moves by Hamiltonian steps through q^(1 - t) p(x, z)^t for t from 0 to
    1; the mean of its weights is p(x), whatever q. Steps are counted in the deviations of q and grow or
    shrink so that two in three are accepted.

    Args:
        q: N(mean, variance) of each of b images, [b, d].
        log_joint: gives log p(x, z) [chains, b] of codes [chains, b, d].
        chains: how many for each image.
        generator: draws.
        temperatures: how many between q and p.
        leaps: of a Hamiltonian step, each of which costs a gradient.
    """
    mean, deviation = q.mean, torch.exp(0.5 * q.log_variance)
    shape = (chains, *mean.shape)
    rate = torch.full((chains, len(mean)), 0.2, device=mean.device)

    def noise() -> Tensor:
        return torch.randn(shape, generator=generator, device=mean.device)

    def look(u: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return log q and log p(x, .) of z = mean + deviation u, and the gradient of each by u."""
        u = u.detach().requires_grad_()
        with torch.enable_grad():
            p = log_joint(mean + deviation * u)
            (slope,) = torch.autograd.grad(p.sum(), u)
        own = q.log_prob(mean + deviation * u.detach())
        return own, p.detach(), -u.detach(), slope

    u = noise()
    own, joint, down, slope = look(u)
    log_w = torch.zeros_like(own)
    for number in range(1, temperatures + 1):
        t = number / temperatures
        log_w = log_w + (joint - own) / temperatures
        momentum = noise()
        start = (1 - t) * own + t * joint - 0.5 * momentum.square().sum(-1)
        step, v, now = rate.unsqueeze(-1), u, (own, joint, down, slope)
        for _ in range(leaps):
            momentum = momentum + 0.5 * step * ((1 - t) * now[2] + t * now[3])
            v = v + step * momentum
            now = look(v)
            momentum = momentum + 0.5 * step * ((1 - t) * now[2] + t * now[3])
        end = (1 - t) * now[0] + t * now[1] - 0.5 * momentum.square().sum(-1)
        luck = torch.rand(rate.shape, generator=generator, device=mean.device)
        taken = luck.log() < (end - start).nan_to_num(nan=-torch.inf)
        rate = torch.where(taken, rate * 1.02, rate * 0.96).clamp(1e-4, 1)
        own, joint = torch.where(taken, now[0], own), torch.where(taken, now[1], joint)
        u, down, slope = (
            torch.where(taken.unsqueeze(-1), new, old)
            for new, old in zip((v, *now[2:]), (u, down, slope), strict=True)
        )
    return log_w


def jacobians(model: Model, codes: npt.ArrayLike, indices: Mapping[str, npt.ArrayLike]) -> Floats:
    """Return the derivatives of the decoded pixels by the latents at codes [n, D]: [n, pixels, D].

    They are differences over a small distance.

    `indices` gives the condition of a conditional model as class indices or numbers, [n] each.
    """
    array = model.read_codes(codes)
    condition = model.condition_code(model.values(len(array), indices=indices), len(array))
    z = torch.from_numpy(array).to(model.device)

    columns = []
    with torch.inference_mode():
        for latent in range(z.shape[1]):
            away = torch.zeros_like(z)
            away[:, latent] = APART
            ends = torch.stack([z + away, z - away])
            high, low = (model.vae.likelihood.image(model.vae.decode(end, condition)) for end in ends)
            columns.append((high - low).flatten(1) / (2 * APART))
    found: Floats = torch.stack(columns, 2).cpu().numpy()
    return found


def lacks_bound(model: Model) -> str | None:
    """Return why the model has no bound on log p(x); None when it has one."""
    if model.has_bound:
        return None
    without = [block.name for block in model.vae.latents if not block.has_density]
    kinds = sorted({block.kind for block in model.vae.latents if not block.has_density})
    some = ", ".join(without[:5]) + (", ..." if len(without) > 5 else "")
    return (
        f"{', '.join(kinds)} latents have no density ({some}), so reconstruction and KL do not add up to a "
        "bound on log p(x)"
    )


def _kl(model: Model, posteriors: Posteriors, drawn: Tensor) -> dict[str, Tensor]:
    """Return the KL of each column of a batch by its name, in nats: [b] each; labels are not used."""
    latents = model.vae.latents
    nats: dict[str, Tensor] = {}
    for name, columns in latents.kl(posteriors, drawn, {}).items():
        nats |= dict(zip(latents[name].kl_names, columns.T, strict=True))
    if model.has_bound:
        # The bound needs every latent, so one without a divergence of its own is estimated by the drawn code.
        for block in latents:
            if not block.has_kl:
                z = drawn[..., latents.slices[block.name]]
                log_q = posteriors[block.name].log_prob(z)
                assert log_q is not None
                nats[block.name] = (log_q - block.prior.log_prob(z)).mean(0)
    return nats
