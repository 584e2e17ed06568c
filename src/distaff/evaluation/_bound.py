"""The evidence lower bound of measured images, in nats per image (https://arxiv.org/abs/1312.6114)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from distaff.metrics import Score, iwae_bound, metric

if TYPE_CHECKING:
    from distaff.analysis import Analysis

DRAWS = 100
"""Codes drawn for each image by the importance-weighted bound, K of Burda et al."""
MANY = 5000
"""Codes drawn where the bound should be the likelihood, as published tables have it."""
NLL_IMAGES = 1000
"""Images it is measured on."""
CHAINS, ANNEALED = 8, 100
"""Chains of annealed importance sampling for each image, and images."""


@metric(needs=("bound",), cost="seconds", parts=("reconstruction", "kl"))
def elbo(analysis: Analysis) -> Score:
    """Evidence lower bound on log p(x), in nats per image.

    The bound that training raises where every weight is 1: -(reconstruction + KL), with one code drawn for
    each image. Only for models whose latents all have densities.

    Interpretation:
        Range: nats per image; at most 0 with bernoulli.
        Better: higher.
        Weaknesses: Not comparable between likelihoods or image sizes. Blind to what the latents mean.
        Paper: https://arxiv.org/abs/1312.6114

    Returns:
        Score; details `reconstruction`, `kl`, `standard_error` of the mean over images, `images`.
    """
    nats = analysis.bound.elbo
    details = {
        "reconstruction": float(analysis.bound.reconstruction.mean(dtype=np.float64)),
        "kl": sum(analysis.kl.values()),
        "standard_error": _standard_error(nats),
        "images": len(nats),
    }
    return Score(float(nats.mean()), details | _kl_details(analysis) | _constant_note(analysis))


@metric(needs=("model",), cost="seconds")
def reconstruction(analysis: Analysis) -> Score:
    """How well images come back from one drawn code: -log p(x | z), in nats per image.

    Interpretation:
        Range: nats per image.
        Better: lower.
        Weaknesses: Not comparable between likelihoods or image sizes. A model that memorises does well.
        Paper: https://arxiv.org/abs/1312.6114

    Returns:
        Score; details `standard_error` of the mean over images, `images`.
    """
    nats = analysis.bound.reconstruction.astype(np.float64)
    details = {"standard_error": _standard_error(nats), "images": len(nats)}
    return Score(float(nats.mean()), details | _constant_note(analysis))


@metric(needs=("model",))
def kl(analysis: Analysis) -> Score:
    """How much the code says beyond its prior: KL(q(z | x) || p(z)), in nats per image.

    In all and by latent; exact where it is known for each dimension, else estimated by one drawn code.

    Interpretation:
        Range: 0 upwards, nats per image.
        Better: neither.
        Weaknesses: An upper bound on what the code tells of the image: a code may pay for what tells nothing.
        Paper: https://arxiv.org/abs/1312.6114

    Returns:
        Score; details `kl_per_dimension`, `images`, and `beta` and `normalised_beta` of each KL term.

    Raises:
        InputError: no latent of the model has a KL divergence.
    """
    from distaff.errors import InputError

    if not analysis.kl:
        raise InputError("no latent of this model has a KL divergence")
    details = {"images": len(analysis.encoded.kl)} | _kl_details(analysis)
    return Score(sum(analysis.kl.values()), details)


@metric(needs=("bound",), cost="seconds")
def nll(analysis: Analysis) -> Score:
    """Importance-weighted upper bound of -log p(x), in nats per image (IWAE, K = 100 draws).

    -log 1/K sum_k p(x, z_k) / q(z_k | x) with z_k ~ q(z | x), for 1,000 images: tighter than the ELBO. Only
    for models whose latents all have densities.

    Interpretation:
        Range: nats per image.
        Better: lower.
        Weaknesses: Not comparable between likelihoods or image sizes. Loose where few draws carry the weight:
            see the detail effective_samples.
        Paper: https://arxiv.org/abs/1509.00519

    Returns:
        Score; details `draws`, `images`, `standard_error`, `effective_samples`.
    """
    return _likelihood(analysis, analysis.log_weights(NLL_IMAGES, DRAWS), "draws")


@metric(needs=("bound",), default=False, cost="minutes")
def nll_5000(analysis: Analysis) -> Score:
    """-log p(x) by 5,000 draws of the code, in nats per image: the figure that papers print.

    `nll` with 5,000 draws, for 1,000 images.

    Interpretation:
        Range: nats per image.
        Better: lower.
        Weaknesses: Not comparable between likelihoods or image sizes, nor, of MNIST, between ways to
        binarise.
            Still too high where the detail effective_samples is near 1.
        Paper: https://arxiv.org/abs/1509.00519

    Returns:
        Score; details `draws`, `images`, `standard_error`, `effective_samples`.
    """
    analysis.progress(f"nll_5000: decoding {MANY:,} codes of each image")
    return _likelihood(analysis, analysis.log_weights(NLL_IMAGES, MANY), "draws")


@metric(needs=("bound", "normal_posterior"), default=False, cost="minutes")
def nll_annealed(analysis: Analysis) -> Score:
    """-log p(x) by annealed importance sampling, in nats per image.

    8 chains for each of 100 images, which move from q(z | x) to p(x, z) in 100 Hamiltonian steps: right also
    where q is far from the true posterior and no number of draws from it would do.

    Interpretation:
        Range: nats per image.
        Better: lower.
        Weaknesses: Not comparable between likelihoods or image sizes. Few images: see standard_error. Too
        high
            where chains do not mix.
        Paper: https://arxiv.org/abs/1611.04273

    Returns:
        Score; details `chains`, `images`, `standard_error`, `effective_samples`.
    """
    analysis.progress(f"nll_annealed: {CHAINS} chains for each of {ANNEALED} images")
    return _likelihood(analysis, analysis.annealed_log_weights(ANNEALED, CHAINS), "chains")


def _likelihood(analysis: Analysis, weights: npt.NDArray[np.float32], what: str) -> Score:
    """-log p(x) from weights [n, k], and how far it may be trusted."""
    found = iwae_bound(weights)
    details = {name: found.details[name] for name in ("standard_error", "effective_samples")}
    details |= {what: weights.shape[1], "images": len(weights)}
    return Score(-found.value, details | _constant_note(analysis))


def _standard_error(nats: Any) -> float:
    """How far chance may move the mean over other images and draws."""
    return float(nats.std(ddof=1) / np.sqrt(len(nats))) if len(nats) > 1 else float("nan")


def _kl_details(analysis: Analysis) -> dict[str, Any]:
    """KL by dimension, and the last weight (beta) of every KL term with its normalised form.

    Normalised beta = beta x latents / pixels (Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl).
    """
    from distaff.losses import KLTerm

    model = analysis.model
    details: dict[str, Any] = {"kl_per_dimension": dict(analysis.kl)}
    betas, normalised = {}, {}
    for term in model.objective:
        if isinstance(term, KLTerm):
            steps = model.recipe.train.steps
            latents = sum(model.vae.latents[name].outputs for name in term.blocks)
            betas[term.name] = term.schedules[term.name].value(steps, steps)
            normalised[term.name] = betas[term.name] * latents / prod(model.image_shape)
    return details | ({"beta": betas, "normalised_beta": normalised} if betas else {})


def _constant_note(analysis: Analysis) -> dict[str, str]:
    if analysis.model.recipe.likelihood.tag == "mse":
        return {
            "note": "squared error is a log-likelihood up to a constant: compare it with other mse models"
        }
    return {}
