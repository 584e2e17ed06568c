"""https://arxiv.org/abs/1811.12359: plug-in mutual information of binned codes, in nats, and modularity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics._matrices import modularity_per_code
from distaff.metrics._registry import Score, metric
from distaff.metrics._tables import (
    Classes,
    Floats,
    Ints,
    Precision,
    check_classes,
    check_codes,
    check_option,
    histogram_labels,
)

Uninformative = Literal["zero", "leave_out"]


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
    mutual = float((joint * np.log(joint * total / outer[cells])).sum() / total)
    # Rounding is kept within the bounds that hold: a share of an entropy is never above 1.
    most = min(entropy(filled.sum(axis=0)), entropy(filled.sum(axis=1)))
    return min(max(0.0, mutual), most), max(entropy(joint), most)


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
        InputError: a table is not finite, is continuous where classes are needed, or has another length.

    >>> shared = information([[0.0], [1.0], [0.0], [1.0]], [[0], [1], [0], [1]])
    >>> float(shared.mutual[0, 0]) == float(np.log(2))
    True
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


@metric(default=False)
def mutual_information(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    factor_bins: int | None = None,
    precision: Precision = "float64",
    shared: Information | None = None,
) -> Score:
    """The largest share of a factor's entropy that one code knows, averaged over factors.

    The mean over k of max_d I[d, k] / H(v_k), with the matrix I of binned codes and factors in its details:
    the table behind MIG. Plug-in estimates, without a correction for their bias.

    Interpretation:
        Range: 0 to 1.
        Chance: about 0.
        Better: higher.
        Weaknesses: Biased upwards by about (bins - 1)(classes - 1) / (2 points) nats. Says how much is known,
            not how separately.
        Continuous factors: refused, or binned with factor_bins.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1811.12359

    Arguments are those of `information`, and `shared`, a pass of it already made, in place of the tables.

    Returns:
        Score; details `mutual_information`, `joint_entropy` [D, K], `code_entropy` [D] and `factor_entropy`
        [K], all in nats.

    Raises:
        InputError: a table that the checks refuse.

    >>> factors = np.arange(12).reshape(-1, 1) % 3
    >>> mutual_information(factors + 0.0, factors)
    Score(1; details: mutual_information, joint_entropy, code_entropy, factor_entropy)
    """
    pass_ = shared or information(codes, factors, bins=bins, factor_bins=factor_bins, precision=precision)
    return Score(
        float((pass_.mutual.max(axis=0) / pass_.factor_entropy).mean()),
        {
            "mutual_information": pass_.mutual,
            "joint_entropy": pass_.joint_entropy,
            "code_entropy": pass_.code_entropy,
            "factor_entropy": pass_.factor_entropy,
        },
        {"bins": pass_.bins, "factor_bins": factor_bins, "precision": precision},
    )


@metric(needs=("codes",), default=False, least_codes=2)
def code_mutual_information(
    codes: ArrayLike, factors: ArrayLike | None = None, *, bins: int = 20, precision: Precision = "float64"
) -> Score:
    """Mean mutual information between two different binned codes, in nats.

    Interpretation:
        Range: 0 upwards.
        Chance: about (bins - 1)^2 / (2 points).
        Better: lower.
        Weaknesses: Sees pairs of codes only. Biased upwards by small samples. Codes that never vary lower it.
        Paper: https://arxiv.org/abs/1811.12359

    Args:
        codes: [n, D], two or more of which vary.
        factors: taken for the common signature and not used.
        bins: equal-width bins per code.
        precision: of the codes and so of the bin edges.

    Returns:
        Score in nats; details `matrix` [D, D], with the codes' entropies on its diagonal.

    Raises:
        InputError: fewer than two codes that vary.

    >>> code_mutual_information([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).value
    0.0
    """
    del factors
    table = check_codes(codes, precision=precision)
    D = table.shape[1]
    if (table.max(axis=0) > table.min(axis=0)).sum() < 2:
        raise InputError("code_mutual_information needs at least two codes that vary: it is 0 otherwise")
    labels = histogram_labels(table, bins)
    matrix = np.empty((D, D))
    for first in range(D):
        for second in range(first, D):
            value, _ = plug_in(contingency(labels[:, first], labels[:, second], bins, bins))
            matrix[first, second] = matrix[second, first] = value
    mean = (matrix.sum() - np.trace(matrix)) / (D * D - D)
    return Score(float(mean), {"matrix": matrix}, {"bins": bins, "precision": precision})


@metric(least_factors=2)
def modularity(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    uninformative: Uninformative = "zero",
    factor_bins: int | None = None,
    precision: Precision = "float64",
    shared: Information | None = None,
) -> Score:
    """Whether each code knows of one factor only.

    Per code 1 - sum over k other than the best of I[d, k]^2 / (I[d, best]^2 (K - 1)); the plain mean over
    codes.

    Interpretation:
        Range: 0 to 1.
        Chance: well above 0, as noise leans to some factor by accident.
        Better: higher.
        Weaknesses: Ratios of tiny informations look modular, so codes without meaning can score high. Says
            nothing about factors that no code holds: read it beside explicitness.
        Continuous factors: refused, or binned with factor_bins.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1802.05312

    Args:
        codes: [n, D].
        factors: [n, K] classes, K >= 2.
        bins: equal-width bins per code.
        uninformative: a code that informs on nothing scores ``"zero"`` (disentanglement_lib) or is left out
            of the mean, ``"leave_out"`` (where other libraries return NaN).
        factor_bins: bin the factors as well, for continuous ones.
        precision: of the codes and so of the bin edges.
        shared: an `information` pass already made, used in place of codes and factors.

    Returns:
        Score; details `per_code` [D] and `mutual_information` [D, K] in nats.

    Raises:
        InputError: fewer than two factors, no code that informs on any where those are left out, or a table
            that the checks refuse.

    >>> factors = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    >>> round(modularity(factors + 0.0, factors).value, 6)
    1.0
    """
    check_option("uninformative", uninformative, Uninformative)
    pass_ = shared or information(codes, factors, bins=bins, factor_bins=factor_bins, precision=precision)
    if pass_.mutual.shape[1] < 2:
        raise InputError("modularity needs at least two factors: with one, every code is modular")
    per_code = modularity_per_code(pass_.mutual)
    counted = per_code if uninformative == "zero" else per_code[pass_.mutual.max(axis=1) > 0]
    if len(counted) == 0:
        raise InputError("no code informs on any factor: modularity has nothing to average")
    return Score(
        float(np.mean(counted)),
        {"per_code": per_code, "mutual_information": pass_.mutual},
        {
            "bins": pass_.bins,
            "uninformative": uninformative,
            "factor_bins": factor_bins,
            "precision": precision,
        },
    )
