"""https://arxiv.org/abs/1811.12359: plug-in mutual information between binned codes and factors, in nats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from distaff.metrics.checks import Classes, Floats, Ints, Precision, check_classes, check_codes
from distaff.metrics.discretise import histogram_labels


@dataclass(frozen=True)
class Information:
    """One discretisation and one pass of counting, shared by every metric that reads it.

    Attributes:
        bins: labels per code.
        codes: [n, D] binned codes.
        factors: the factors as classes.
        mutual: I(code d; factor k) [D, K], nats.
        joint_entropy: H(code d, factor k) [D, K], nats.
        code_entropy: H(code d) [D], nats, over all points.
        factor_entropy: H(factor k) [K], nats, over the points where it is known.
    """

    bins: int
    codes: Ints
    factors: Classes
    mutual: Floats
    joint_entropy: Floats
    code_entropy: Floats
    factor_entropy: Floats


def entropy(counts: Floats | Ints) -> float:
    """Plug-in entropy in nats of a table of counts; 0 when it is empty."""
    filled = counts[counts > 0].astype(np.float64)
    total = filled.sum()
    return float(np.log(total) - (filled * np.log(filled)).sum() / total) if total > 0 else 0.0


def contingency(first: Ints, second: Ints, rows: int, columns: int) -> Ints:
    """Counts [rows, columns] of two label columns; points with a missing second label are left out."""
    if (second < 0).any():
        known = second >= 0
        first, second = first[known], second[known]
    return np.bincount(first * columns + second, minlength=rows * columns).reshape(rows, columns)


def plug_in(counts: Ints) -> tuple[float, float]:
    """Mutual information and joint entropy, nats, of a table of joint counts."""
    filled = counts[np.ix_(counts.any(axis=1), counts.any(axis=0))].astype(np.float64)
    total = filled.sum()
    if total == 0:
        return 0.0, 0.0
    outer = filled.sum(axis=1)[:, None] * filled.sum(axis=0)[None, :]
    cells = filled > 0
    joint = filled[cells]
    mutual = (joint * np.log(joint * total / outer[cells])).sum() / total
    return max(0.0, float(mutual)), entropy(joint)


def information(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    factor_bins: int | None = None,
    precision: Precision = "float64",
) -> Information:
    """Bin the codes and count each against each factor.

    A factor's missing values (NaN in a float table) are left out of that factor's counts only; bin edges
    always come from all points.

    Args:
        codes: [n, D].
        factors: [n, K] classes.
        bins: equal-width bins per code.
        factor_bins: bin the factors too, which admits continuous ones; None takes them as classes.
        precision: of the bin edges.

    Raises:
        InputError: see `check_codes` and `check_classes`.
    """
    table = check_codes(codes, precision=precision)
    classes = check_classes(factors, len(table), bins=factor_bins)
    labels = histogram_labels(table, bins)
    shape = (labels.shape[1], classes.labels.shape[1])
    mutual, joint = np.empty(shape), np.empty(shape)
    for k, size in enumerate(classes.sizes):
        column = np.ascontiguousarray(classes.labels[:, k])
        for d in range(shape[0]):
            mutual[d, k], joint[d, k] = plug_in(contingency(labels[:, d], column, bins, size))
    return Information(
        bins,
        labels,
        classes,
        mutual,
        joint,
        np.array([entropy(np.bincount(column)) for column in labels.T]),
        np.array([entropy(np.bincount(column[column >= 0])) for column in classes.labels.T]),
    )
