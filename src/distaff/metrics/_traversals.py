"""How codes move with factors, and images with codes: interventional robustness, flatness, the Jacobian."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics._registry import Score, metric
from distaff.metrics._sampler import FactorSampler, as_sampler
from distaff.metrics._tables import (
    Floats,
    Ints,
    Precision,
    Seed,
    check_classes,
    check_codes,
    check_option,
    random_state,
)

Headline = Literal["linear_ratio", "axis_ratio", "axis_alignment"]
_UNMOVED = 1e-3  # a latent that moves an image by less than this share of the one that moves it most


@metric()
def irs(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    quantile: float = 0.99,
    factor_bins: int | None = 20,
    precision: Precision = "float64",
) -> Score:
    """Interventional robustness: how little a code moves while its factor stays and all others change.

    dev[d, k] is the mean, over the values of factor k, of the q-quantile of abs(z_d - its mean at that
    value); IRS[d, k] = 1 - dev[d, k] / max abs(z_d - mean z_d); per code the best k, weighted by the
    maximal deviation. Invariant under shift, sign and scale of all codes together, and under their
    permutation.

    Interpretation:
        Range: at most 1.
        Chance: about 0.2 to 0.4 with the 0.99 quantile.
        Better: higher.
        Weaknesses: Measures spread by extremes, so outliers and the number of points per value matter. A code
            that copies a factor in part can still score 1.
        Continuous factors: binned into factor_bins.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1811.00007

    Args:
        codes: [n, D].
        factors: [n, K]; continuous ones too while `factor_bins` is set. Points with a missing value (NaN) are
            left out for that factor.
        quantile: of the deviations; 0.99 is disentanglement_lib's, 1 the paper's.
        factor_bins: equal-width bins the factors fall into first (disentanglement_lib); None takes every
            value as it is (Ubisoft).
        precision: of the codes.

    Returns:
        Score; details `matrix` [D, K], `per_code` [D], `parents` [D] (the best factor), `max_deviation` [D],
        `active_codes` (how many are not constant). A constant code has 0 in the matrix, no parent (-1) and no
        weight; when all are constant the score is 0.

    Raises:
        InputError: `quantile` is outside 0..1, or a table that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    >>> irs(factors + 0.0, factors).value
    1.0
    """
    if not 0 <= quantile <= 1:
        raise InputError(f"quantile must lie in 0..1, not {quantile}")
    table = check_codes(codes, precision=precision)
    classes = check_classes(factors, len(table), bins=factor_bins)
    active = np.flatnonzero(table.max(axis=0) > table.min(axis=0))
    D, K = table.shape[1], classes.labels.shape[1]
    matrix, deviation = np.zeros((D, K)), np.zeros(D)
    moving = np.ascontiguousarray(table[:, active].T)
    largest = np.abs(moving - moving.mean(axis=1, keepdims=True)).max(axis=1, initial=0)
    deviation[active] = largest
    for k, size in enumerate(classes.sizes):
        if len(active):
            matrix[active, k] = 1 - _group_deviation(moving, classes.labels[:, k], size, quantile) / largest
    per_code, parents = matrix.max(axis=1), matrix.argmax(axis=1)
    parents[deviation == 0] = -1
    total = deviation.sum()
    return Score(
        float(per_code @ deviation / total) if total > 0 else 0.0,
        {
            "matrix": matrix,
            "per_code": per_code,
            "parents": parents,
            "max_deviation": deviation,
            "active_codes": len(active),
        },
        {"quantile": quantile, "factor_bins": factor_bins, "precision": precision},
    )


def _group_deviation(columns: NDArray[Any], labels: Ints, size: int, quantile: float) -> Floats:
    """Mean over the values of one factor of the quantile of abs(z - group mean), for codes [D, n]: [D]."""
    # Narrow integers are sorted by radix, which a million points notice.
    order = np.argsort(labels.astype(np.int16) if size < 2**15 else labels, kind="stable")
    edges = np.searchsorted(labels[order], np.arange(size + 1))
    total = np.zeros(len(columns))
    for start, stop in pairwise(edges):
        group = columns[:, order[start:stop]]
        distance = np.abs(group - group.mean(axis=1, keepdims=True))
        total += np.quantile(distance, quantile, axis=1)
    return total / size


@metric(needs=("codes", "classes", "grid"), default=False)
def flatness(
    codes: ArrayLike | FactorSampler, factors: ArrayLike | None = None, *, repeats: int = 1024, seed: Seed = 0
) -> Score:
    """Whether a factor, moved from its first to its last value, moves the codes along an even, straight line.

    The width of a factor's traversal over the length of its path, averaged over factors with two values or
    more: the largest L2 distance within a full traversal, over (n_k - 1) times the mean L1 step, of the n_k
    cyclic steps the longest left out; both averaged over random traversals. 1 when every factor moves one
    code evenly; the L1 step makes a straight line that is not along an axis score less. Invariant under
    permutation, sign and common scale of codes.

    Interpretation:
        Range: 0 to 1.
        Chance: low, less for factors with more values.
        Better: higher.
        Weaknesses: Circular factors score low by nature. Needs ordered values.
        Continuous factors: refused, round them first.
        Missing labels: a complete grid has none.
        Paper: https://arxiv.org/abs/2202.13341

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

    >>> factors = np.stack(np.meshgrid(range(3), range(4)), -1).reshape(-1, 2)
    >>> round(flatness(factors + 0.0, factors, repeats=10).value, 6)
    1.0
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
        {"repeats": repeats, "seed": seed},
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


@metric(
    needs=("codes", "classes", "grid"),
    default=False,
    parts=("linear_ratio", "axis_ratio", "axis_alignment"),
    least_codes=2,
)
def linearity(
    codes: ArrayLike | FactorSampler,
    factors: ArrayLike | None = None,
    *,
    repeats: int = 1024,
    headline: Headline = "linear_ratio",
    seed: Seed = 0,
) -> Score:
    """How much of a factor's movement lies along one line of the code space (and along one axis).

    Per traversal r = largest / sum of the covariance's eigenvalues (linear_ratio) or of its diagonal
    (axis_ratio), rescaled to (r - 1/D) / (1 - 1/D); axis_alignment = axis_ratio / linear_ratio. The mean over
    traversals, then the geometric mean over factors with two values or more. Axis measures are invariant
    under permutation, sign and common scale of codes; linear_ratio under rotation too.

    Interpretation:
        Range: 0 to 1.
        Chance: low, less for factors with more values.
        Better: higher.
        Weaknesses: Factors with two values are always linear. Circular factors score low by nature.
        Continuous factors: refused, round them first.
        Missing labels: a complete grid has none.
        Paper: https://arxiv.org/abs/2202.13341

    Args:
        codes: [n, D] on a complete grid, or a `FactorSampler` from a function or a complete grid.
        factors: [n, K] classes, every combination exactly once.
        repeats: random traversals per factor.
        headline: which of the three is the value.
        seed: of the traversals.

    Returns:
        Score; details `linear_ratio`, `axis_ratio`, `axis_alignment`, and each `..._per_factor` [K].
        A traversal that moves nothing scores 0.

    Raises:
        InputError: not a complete grid, fewer than two codes, or no factor with three values (two values
            always lie on a line).

    >>> factors = np.stack(np.meshgrid(range(3), range(4)), -1).reshape(-1, 2)
    >>> round(linearity(factors + 0.0, factors, repeats=10).value, 6)
    1.0
    """
    check_option("headline", headline, Headline)
    sampler, state = as_sampler(codes, factors), random_state(seed)
    moving = [k for k, size in enumerate(sampler.sizes) if size > 1]
    if max(sampler.sizes) < 3:
        raise InputError("linearity needs a factor with at least three values: two always lie on a line")
    parts = {name: np.zeros(len(sampler.sizes)) for name in ("linear_ratio", "axis_ratio", "axis_alignment")}
    for k in moving:
        lines = sampler.traversals(k, repeats, state)
        if lines.shape[2] < 2:
            raise InputError("linearity needs at least two codes: one is a line")
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
    return Score(float(value), details, {"repeats": repeats, "headline": headline, "seed": seed})


def _rescaled(variances: Floats) -> Floats:
    """Largest share of each row, so that equal shares give 0: [R, D] -> [R]."""
    D, total = variances.shape[1], variances.sum(axis=1)
    moves = total > 0
    shares = np.divide(variances.max(axis=1), total, out=np.zeros(len(total)), where=moves)
    return np.asarray(np.where(moves, (shares - 1 / D) / (1 - 1 / D), 0))


@metric(needs=("jacobians",), default=False, cost="seconds", parts=("diagonal_share",))
def orthogonality(jacobians: ArrayLike) -> Score:
    """How far the directions in which latents move an image are from being at right angles.

    The mean |cosine| of two columns of the decoder's Jacobian J at a code, over pairs of latents and codes:
    the entries of J' J off its diagonal, with every column of length 1. Latents that hardly move the image
    are left out at that code. Invariant under scale and sign of each latent, not under rotation. Details: the
    share of J' J, as it is, that lies on its diagonal.

    Interpretation:
        Range: 0 to 1; 0 is orthogonal.
        Chance: near 0.8 / sqrt(pixels) for directions at random.
        Better: lower.
        Weaknesses: Latents that move different pixels are orthogonal, whatever they mean. Local: says
        nothing of
            what happens between codes.
        Paper: https://arxiv.org/abs/2606.21385

    Args:
        jacobians: derivatives of the pixels by the latents at n codes, [n, pixels, D].

    Returns:
        Score; details `cosines` [D, D] (the mean |cosine|, NaN where two latents never both move an image),
        `diagonal_share`, `codes`.

    Raises:
        InputError: not such an array, or no code at which two latents move the image.

    >>> orthogonality(np.eye(4)[None, :, :3]).value
    0.0
    """
    J = np.asarray(jacobians, dtype=np.float64)
    if J.ndim != 3 or not np.isfinite(J).all():
        raise InputError(f"jacobians must be finite numbers [codes, pixels, latents], not of shape {J.shape}")
    products = np.einsum("npi,npj->nij", J, J)
    lengths = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    moves = lengths > _UNMOVED * lengths.max(axis=1, keepdims=True)
    both = moves[:, :, None] & moves[:, None, :] & ~np.eye(J.shape[2], dtype=bool)
    if not both.any():
        raise InputError("there is no code at which two latents move the image")
    safe = np.where(moves, lengths, 1)
    cosines = np.where(both, np.abs(products / (safe[:, :, None] * safe[:, None, :])), 0)
    count = both.sum(axis=0)
    whole = np.sqrt(np.square(products).sum())
    diagonal = np.sqrt(np.square(lengths**2).sum())
    return Score(
        float(min(1.0, cosines.sum() / both.sum())),
        {
            "cosines": np.where(count > 0, cosines.sum(axis=0) / np.maximum(count, 1), np.nan),
            "diagonal_share": float(diagonal / whole),
            "codes": len(J),
        },
    )
