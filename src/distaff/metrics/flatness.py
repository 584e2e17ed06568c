"""https://arxiv.org/abs/2202.13341: whether a factor moves codes along a straight, even line."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import Floats, Seed, random_state, seed_setting
from distaff.metrics.sampler import FactorSampler, as_sampler
from distaff.metrics.score import Score


def flatness(
    codes: ArrayLike | FactorSampler,
    factors: ArrayLike | None = None,
    *,
    repeats: int = 1024,
    seed: Seed = 0,
) -> Score:
    """Width of a factor's traversal over the length of its path: mean over factors with two values or more.

    Per factor: the largest L2 distance within a full traversal, over (n_k - 1) times the mean L1 step, of the
    n_k cyclic steps the longest left out; both averaged over random traversals. 1 when every factor moves one
    code evenly; the L1 step makes a straight line that is not along an axis score less. Invariant under
    permutation, sign and common scale of codes.

    Args:
        codes: [n, D] on a complete grid, or a `FactorSampler` from a function or a complete grid.
        factors: [n, K] classes, every combination exactly once.
        repeats: random traversals per factor.
        seed: of the traversals.

    Returns:
        Score; details `flatness_l1` and `flatness_l2` (one norm for both), `per_factor`, `width_l1`,
        `width_l2`, `length_l1`, `length_l2` [K], in units of the codes; 0 for a one-valued factor. A factor
        that moves nothing has flatness 0.

    Raises:
        InputError: not a complete grid, or no factor with two values.
    """
    sampler, state = as_sampler(codes, factors), random_state(seed)
    moving = [k for k, size in enumerate(sampler.sizes) if size > 1]
    if not moving:
        raise InputError("flatness needs a factor with at least two values")
    widths, lengths = np.zeros((2, len(sampler.sizes))), np.zeros((2, len(sampler.sizes)))
    for k in moving:
        lines = sampler.traversals(k, repeats, state)
        for row, power in enumerate((1, 2)):
            widths[row, k] = _width(lines, power).mean()
            steps = _norm(lines - np.roll(lines, -1, axis=1), power)
            # The cyclic steps but the longest, which for an ordered factor is the way back.
            lengths[row, k] = (steps.sum(axis=1) - steps.max(axis=1)).mean()
    flat = _ratio(widths[1], lengths[0])
    return Score(
        float(flat[moving].mean()),
        {
            "per_factor": flat,
            "flatness_l1": float(_ratio(widths[0], lengths[0])[moving].mean()),
            "flatness_l2": float(_ratio(widths[1], lengths[1])[moving].mean()),
            "width_l1": widths[0],
            "width_l2": widths[1],
            "length_l1": lengths[0],
            "length_l2": lengths[1],
        },
        {"repeats": repeats, "seed": seed_setting(seed)},
    )


def _norm(differences: Floats, power: int) -> Floats:
    return np.asarray(np.linalg.norm(differences, ord=power, axis=-1))


def _width(lines: Floats, power: int) -> Floats:
    """Largest distance between two points of each traversal: [R, n_k, D] -> [R]."""
    widest = np.zeros(len(lines))
    for shift in range(1, lines.shape[1] // 2 + 1):
        apart = _norm(lines - np.roll(lines, shift, axis=1), power).max(axis=1)
        np.maximum(widest, apart, out=widest)
    return widest


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
