"""https://arxiv.org/abs/1312.6114: the evidence lower bound of test pictures, in nats per image."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from distaff import metrics
from distaff.evaluation.encoding import draw, given
from distaff.evaluation.subject import Subject
from distaff.likelihood import SquaredError
from distaff.model import has_bound, log_weights
from distaff.objective import KLTerm

DRAWS = 100
"""Codes drawn for each picture by the importance-weighted bound, K of Burda et al."""
NLL_PICTURES = 1000
"""Pictures it is measured on."""


def lacks_bound(subject: Subject) -> str | None:
    """Say why the model bounds no likelihood, or None when it does."""
    if has_bound(subject.model):
        return None
    kinds = sorted({block.kind for block in subject.model.network.latent if block.attribute is not None})
    return (
        f"the codes of its {', '.join(kinds)} latents are not drawn from a posterior, so "
        "reconstruction and KL do not add up to a bound on log p(x)"
    )


def elbo(subject: Subject) -> dict[str, Any]:
    """Return -(reconstruction + KL) in nats per image, higher is better."""
    parts = {name: part(subject)["value"] for name, part in (("reconstruction", reconstruction), ("kl", kl))}
    found = {"value": -(parts["reconstruction"] + parts["kl"]), **parts, **_deviation(subject)}
    return found | _kl_details(subject) | _constant_note(subject)


def reconstruction(subject: Subject) -> dict[str, Any]:
    """Return the mean of -log p(x | z) in nats per image, one code drawn for each; lower is better."""
    nats = subject.bound.reconstruction.astype(np.float64)
    return {"value": float(nats.mean()), "pictures": len(nats)} | _constant_note(subject)


def kl(subject: Subject) -> dict[str, Any]:
    """Return the mean of KL(q(z | x) || p(z)) in nats per image, in all and by dimension."""
    nats = subject.bound.kl.astype(np.float64)
    return {"value": float(nats.sum(1).mean()), "pictures": len(nats)} | _kl_details(subject)


def nll(subject: Subject) -> dict[str, Any]:
    """Return an upper bound of -log p(x) in nats per image by importance weighting, lower is better.

    -log 1/K sum_k p(x, z_k) / q(z_k | x), z_k ~ q (Burda et al. 2016, https://arxiv.org/abs/1509.00519).
    """
    rows = draw(subject.test_rows, NLL_PICTURES, subject.seed)
    weights = log_weights(
        subject.model,
        subject.dataset.images.take(rows),
        DRAWS,
        attributes=given(subject.model, subject.table, rows),
        seed=subject.seed,
    )
    bound = metrics.iwae_bound(weights)
    parts = {name: bound.details[name] for name in ("standard_error", "effective_samples")}
    return {"value": -bound.value, "draws": DRAWS, "pictures": len(rows), **parts} | _constant_note(subject)


def _deviation(subject: Subject) -> dict[str, float]:
    """How far chance may move the mean over other pictures and draws."""
    total = subject.bound.reconstruction.astype(np.float64) + subject.bound.kl.sum(1)
    return {"standard_error": float(total.std() / np.sqrt(len(total))), "pictures": len(total)}


def _kl_details(subject: Subject) -> dict[str, Any]:
    """KL by dimension, and the last weight (beta) of every KL term with its normalised form.

    Normalised beta = beta x latents / pixels (Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl).
    """
    model, bound = subject.model, subject.bound
    means = bound.kl.astype(np.float64).mean(0)
    details: dict[str, Any] = {
        "kl_per_dimension": {name: float(nats) for name, nats in zip(bound.dimensions, means, strict=True)}
    }
    betas, normalised = {}, {}
    for term in model.objective:
        if isinstance(term, KLTerm):
            steps = model.recipe.train.steps
            latents = sum(model.network.latent[name].outputs for name in term.blocks)
            betas[term.name] = term.schedules[term.name].value(steps, steps)
            normalised[term.name] = betas[term.name] * latents / prod(model.image_shape)
    return details | ({"beta": betas, "normalised_beta": normalised} if betas else {})


def _constant_note(subject: Subject) -> dict[str, str]:
    if isinstance(subject.model.network.likelihood, SquaredError):
        return {
            "note": "squared error is a log-likelihood up to a constant: compare it with other mse models"
        }
    return {}
