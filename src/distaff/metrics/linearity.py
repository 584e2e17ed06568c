"""https://arxiv.org/abs/2202.13341: whether a factor moves codes along one line, and one axis."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import Floats, Seed, random_state, seed_setting
from distaff.metrics.options import check_option
from distaff.metrics.sampler import FactorSampler, as_sampler
from distaff.metrics.score import Score

Headline = Literal["linear_ratio", "axis_ratio", "axis_alignment"]


def linearity(
    codes: ArrayLike | FactorSampler,
    factors: ArrayLike | None = None,
    *,
    repeats: int = 1024,
    headline: Headline = "linear_ratio",
    seed: Seed = 0,
) -> Score:
    """Share of a traversal's variance that lies along its best line, and along its best axis.

    Per traversal r = largest / sum of the covariance's eigenvalues (linear_ratio) or of its diagonal
    (axis_ratio), rescaled to (r - 1/D) / (1 - 1/D); axis_alignment = axis_ratio / linear_ratio. The mean over
    traversals, then the geometric mean over factors with two values or more. Axis measures are invariant
    under permutation, sign and common scale of codes; linear_ratio under rotation too.

    Args:
        codes: [n, D] on a complete grid, or a `FactorSampler` from a function or a complete grid.
        factors: [n, K] classes, every combination exactly once.
        repeats: random traversals per factor.
        headline: which of the three is the value.
        seed: of the traversals.

    Returns:
        Score in 0..1; details `linear_ratio`, `axis_ratio`, `axis_alignment`, and each `..._per_factor` [K].
        A traversal that moves nothing scores 0; with one code all three are 1 where it moves.

    Raises:
        InputError: not a complete grid, or no factor with two values.
    """
    check_option("headline", headline, Headline)
    sampler, state = as_sampler(codes, factors), random_state(seed)
    moving = [k for k, size in enumerate(sampler.sizes) if size > 1]
    if not moving:
        raise InputError("linearity needs a factor with at least two values")
    parts = {name: np.zeros(len(sampler.sizes)) for name in ("linear_ratio", "axis_ratio", "axis_alignment")}
    for k in moving:
        lines = sampler.traversals(k, repeats, state)
        centred = lines - lines.mean(axis=1, keepdims=True)
        covariance = np.matmul(centred.transpose(0, 2, 1), centred)
        axis = _rescaled(np.diagonal(covariance, axis1=1, axis2=2))
        line = _rescaled(np.clip(np.linalg.eigvalsh(covariance), 0, None))
        parts["axis_ratio"][k], parts["linear_ratio"][k] = axis.mean(), line.mean()
        aligned = np.divide(axis, line, out=np.zeros_like(axis), where=line > 0)
        parts["axis_alignment"][k] = aligned.mean()
    details: dict[str, float | Floats] = {}
    for name, per_factor in parts.items():
        details[name] = float(np.prod(per_factor[moving]) ** (1 / len(moving)))
        details[f"{name}_per_factor"] = per_factor
    value = details[headline]
    return Score(
        float(value), details, {"repeats": repeats, "headline": headline, "seed": seed_setting(seed)}
    )


def _rescaled(variances: Floats) -> Floats:
    """Largest share of each row, so that equal shares give 0: [R, D] -> [R]."""
    D, total = variances.shape[1], variances.sum(axis=1)
    moves = total > 0
    shares = np.divide(variances.max(axis=1), total, out=np.zeros(len(total)), where=moves)
    if D == 1:
        return np.asarray(shares)
    return np.asarray(np.where(moves, (shares - 1 / D) / (1 - 1 / D), 0))
