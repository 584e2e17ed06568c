"""Strengths between codes and factors: summaries of their matrix, matches one to one, models that agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics._registry import Score, metric
from distaff.metrics._tables import Floats, check_codes, check_option, check_values, standardised

# Added to importances before they are normalised, so that a row of zeros counts as uniform; as the reference.
_FLOOR = 1e-11


Method = Literal["pearson", "spearman"]
Similarity = Literal["lasso", "spearman"]
Filter = Literal["drop", "keep"]
# Codes below this KL are set to zero before models are compared, whatever the filter; fixed in the reference.
_UNUSED = 0.01
_STILL = 0.1  # a code that varies by less than this share of the one that varies most has no vote


def check_matrix(matrix: ArrayLike, *, codes: int = 1, factors: int = 1) -> Floats:
    """A finite, non-negative matrix [codes, factors] of at least the given size; InputError otherwise."""
    table = np.asarray(matrix, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < codes or table.shape[1] < factors:
        raise InputError(f"needs at least {codes} codes and {factors} factors, not the shape {table.shape}")
    if not np.isfinite(table).all() or (table < 0).any():
        raise InputError("a matrix of strengths must be finite and not negative")
    return table


def top_two(matrix: Floats) -> tuple[Floats, Floats]:
    """The largest and the second largest of each column; a single row has 0 for its second."""
    ordered = np.sort(matrix, axis=0)
    return ordered[-1], ordered[-2] if len(matrix) > 1 else np.zeros(matrix.shape[1])


def gap(matrix: ArrayLike) -> Floats:
    """Largest minus second largest over codes, per factor: [K]."""
    first, second = top_two(check_matrix(matrix, codes=2))
    return first - second


def modularity_per_code(information: ArrayLike) -> Floats:
    """Modularity of each code from mutual information [D, K]: [D]; 0 where a code informs on no factor.

    1 - sum over k other than the best of I[d, k]^2 / (I[d, best]^2 (K - 1)).
    """
    squared = np.square(check_matrix(information, factors=2))
    best = squared.max(axis=1)
    rest = squared.sum(axis=1) - best
    informed = best > 0
    scores = np.zeros(len(squared))
    scores[informed] = 1 - rest[informed] / (best[informed] * (squared.shape[1] - 1))
    return scores


def _one_minus_entropy(importance: Floats) -> Floats:
    """1 - entropy of each row, log base its length; 1 for rows of length one."""
    if importance.shape[1] == 1:
        return np.ones(len(importance))
    shares = importance + _FLOOR
    shares = shares / shares.sum(axis=1, keepdims=True)
    return np.asarray(np.clip(1 + (shares * np.log(shares)).sum(axis=1) / np.log(shares.shape[1]), 0, 1))


def _weights(importance: Floats) -> Floats:
    strength = importance.sum(axis=1)
    total = strength.sum()
    return strength / total if total > 0 else np.full(len(strength), 1 / len(strength))


def disentanglement_per_code(importance: ArrayLike) -> Floats:
    """DCI disentanglement of each code from importances [D, K]: [D]."""
    return _one_minus_entropy(check_matrix(importance))


def disentanglement(importance: ArrayLike) -> float:
    """DCI disentanglement: per code 1 - H_K(row), weighted by the code's share of all importance."""
    table = check_matrix(importance)
    return float(disentanglement_per_code(table) @ _weights(table))


def completeness_per_factor(importance: ArrayLike) -> Floats:
    """DCI completeness of each factor from importances [D, K]: [K]."""
    return _one_minus_entropy(check_matrix(importance).T)


def completeness(importance: ArrayLike, *, weighting: str = "importance") -> float:
    """DCI completeness: per factor 1 - H_D(column), averaged.

    Args:
        importance: [D, K].
        weighting: ``"importance"`` weights by the factor's share of all importance (the study);
            ``"uniform"`` is the plain mean (the original paper).
    """
    table = check_matrix(importance)
    scores = completeness_per_factor(table)
    if weighting not in ("importance", "uniform"):
        raise InputError(f"weighting is 'importance' or 'uniform', not {weighting!r}")
    return float(scores @ _weights(table.T)) if weighting == "importance" else float(scores.mean())


def relative_strength(matrix: ArrayLike) -> float:
    """How nearly one-to-one a matrix of similarities is: mean of max^2 / sum over columns and over rows.

    A column or row of zeros scores 0. This is a pair's score in UDR.
    """
    table = check_matrix(matrix)
    return (_largest_share(table) + _largest_share(table.T)) / 2


def _largest_share(strengths: Floats) -> float:
    """Mean over columns of max^2 / sum; 0 for a column of zeros."""
    total = strengths.sum(axis=0)
    return float(np.mean(strengths.max(axis=0) ** 2 / np.where(total > 0, total, 1)))


def correlations(first: Floats, second: Floats, method: Method = "pearson") -> Floats:
    """Correlation of every column of `first` with every column of `second`; 0 where one is constant."""
    if method == "spearman":
        from scipy.stats import rankdata

        first, second = rankdata(first, axis=0), rankdata(second, axis=0)
    return np.clip(standardised(first).T @ standardised(second) / len(first), -1, 1)


@metric(needs=("codes", "numbers"))
def mcc(codes: ArrayLike, factors: ArrayLike, *, method: Method = "pearson") -> Score:
    """Mean correlation coefficient: how strongly codes and factors correlate, matched one to one.

    The mean absolute correlation over the best one-to-one assignment, in-sample, without a regression.
    Classes enter as numbers. Spearman's form is invariant under strictly monotone maps of each code,
    Pearson's under affine ones.

    Interpretation:
        Range: 0 to 1.
        Chance: near 0, growing with the number of codes and for few points.
        Better: higher.
        Weaknesses: Linear (or monotone) relations only: a code that goes round with an angle scores 0. Extra
            codes cost nothing.
        Continuous factors: as they are.
        Missing labels: a point is left out for the factor that it lacks.
        Paper: https://arxiv.org/abs/1605.06336

    Args:
        codes: [n, D].
        factors: [n, K] numbers; points with a missing value (NaN) are left out for that factor.
        method: ``"pearson"`` or ``"spearman"`` (ranks, ties averaged).

    Returns:
        Score, the mean over min(D, K) pairs; details `correlation` [D, K] (absolute; a constant code
        correlates 0), `assigned_codes` and `assigned_factors` [min(D, K)].

    Raises:
        InputError: a table that the checks refuse.

    >>> factors = np.array([[0.0, 3.0], [1.0, 1.0], [2.0, 0.0], [3.0, 2.0]])
    >>> round(mcc(-factors[:, ::-1], factors).value, 6)
    1.0
    """
    from scipy.optimize import linear_sum_assignment

    check_option("method", method, Method)
    table = check_codes(codes)
    values = check_values(factors, len(table))
    if np.isnan(values).any():
        known = [(~np.isnan(column), column) for column in values.T]
        columns = [correlations(table[rows], column[rows, None], method) for rows, column in known]
        strength = np.abs(np.hstack(columns))
    else:
        strength = np.abs(correlations(table, values, method))
    assigned_codes, assigned_factors = linear_sum_assignment(-strength)
    return Score(
        float(strength[assigned_codes, assigned_factors].mean()),
        {"correlation": strength, "assigned_codes": assigned_codes, "assigned_factors": assigned_factors},
        {"method": method},
    )


@metric(needs=("models",), default=False, cost="seconds")
def udr(
    codes: Sequence[ArrayLike],
    kl: ArrayLike,
    *,
    similarity: Similarity = "lasso",
    uninformative: Filter = "drop",
    progress: Callable[[int, int], None] | None = None,
) -> Score:
    """Unsupervised disentanglement ranking: how well the codes of models trained alike match one to one.

    For every ordered pair of models the similarity of code a of one with code b of the other gives a matrix;
    its score is the mean of max^2 / sum over columns and over rows. A model's score is the median over the
    other models. Invariant under permutation, shift, scale and sign of each model's codes.

    Interpretation:
        Range: 0 to 1 with rank correlation; lasso weights can exceed 1 a little.
        Chance: near 0.
        Better: higher.
        Weaknesses: Needs several models trained alike. Models that agree on the wrong axes rank high.
        Paper: https://arxiv.org/abs/1905.12614

    Args:
        codes: per model the codes [n, D_m] of the same n points.
        kl: per model the mean KL of each code, nats [models, D] (see `gaussian_kl`).
        similarity: ``"lasso"``: absolute weights of a lasso from one model's codes to each of the other's;
            ``"spearman"``: absolute rank correlation.
        uninformative: ``"drop"`` codes whose KL is 0.01 nats or less (filter_low_kl), or
            ``"keep"`` them as zeros.
        progress: called with the ordered pairs done and the pairs in all.

    Returns:
        Score whose value is the best model's; details `model_scores` [models], `pairwise` [models, models]
        (row: whose codes predict; column: whose codes are predicted), `best`. A pair with no code left
        scores 0. With ``"keep"`` and ``"spearman"`` a column or row that meets a constant code scores 0, as
        in the reference, where it is NaN.

    Raises:
        InputError: fewer than two models, or models that disagree about points or codes.

    >>> codes = np.random.default_rng(0).standard_normal((200, 3))
    >>> round(udr([codes, -codes[:, ::-1]], np.ones((2, 3)), similarity="spearman").value, 1)
    0.9
    """
    check_option("similarity", similarity, Similarity)
    check_option("uninformative", uninformative, Filter)
    tables = [check_codes(table, name=f"codes of model {m}") for m, table in enumerate(codes)]
    strengths = [np.asarray(row, dtype=np.float64) for row in np.asarray(kl, dtype=object)]
    _check_models(tables, strengths)
    M = len(tables)
    ready = [np.where(row > _UNUSED, standardised(z), 0) for z, row in zip(tables, strengths, strict=True)]
    kept = [row > _UNUSED for row in strengths]
    pairwise = np.zeros((M, M))
    pairs = list(permutations(range(M), 2))
    for done, (i, j) in enumerate(pairs, start=1):
        matrix, bad = _similarities(ready[i], ready[j], similarity)
        if uninformative == "drop":
            matrix, bad = matrix[np.ix_(kept[i], kept[j])], bad[np.ix_(kept[i], kept[j])]
        pairwise[i, j] = _pair_score(matrix, bad)
        if progress is not None:
            progress(done, len(pairs))
    scores = np.array([np.median(np.delete(pairwise[:, j], j)) for j in range(M)])
    return Score(
        float(scores.max()),
        {"model_scores": scores, "pairwise": pairwise, "best": int(scores.argmax())},
        {"similarity": similarity, "uninformative": uninformative},
    )


def _check_models(tables: Sequence[Floats], strengths: Sequence[Floats]) -> None:
    if len(tables) < 2:
        raise InputError("udr compares models: it needs at least two")
    if len(strengths) != len(tables):
        raise InputError(f"codes and kl disagree: {len(tables)} models against {len(strengths)}")
    for m, (table, row) in enumerate(zip(tables, strengths, strict=True)):
        if len(table) != len(tables[0]):
            raise InputError(f"model {m} has {len(table)} points where model 0 has {len(tables[0])}")
        if row.shape != (table.shape[1],):
            raise InputError(f"model {m} has {table.shape[1]} codes but kl of shape {row.shape}")


def _similarities(first: Floats, second: Floats, similarity: Similarity) -> tuple[Floats, NDArray[np.bool_]]:
    """Similarity of each code of one model with each of the other, and where it is undefined."""
    if similarity == "spearman":
        moves = np.outer((first != 0).any(axis=0), (second != 0).any(axis=0))
        return np.abs(correlations(first, second, "spearman")), ~moves
    from sklearn.linear_model import Lasso
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    with threadpool_limits(1):
        fitted = [Lasso(alpha=0.1).fit(first, target).coef_ for target in second.T]
    matrix = np.abs(np.stack(fitted, axis=1))
    return matrix, np.zeros(matrix.shape, dtype=np.bool_)


def _pair_score(matrix: Floats, bad: NDArray[np.bool_]) -> float:
    if matrix.size == 0:
        return 0.0
    columns = np.where(bad.any(axis=0), 0, matrix)
    rows = np.where(bad.any(axis=1, keepdims=True), 0, matrix)
    return (_largest_share(columns) + _largest_share(rows.T)) / 2


@metric(needs=("models",), default=False, cost="minutes")
def model_centrality(codes: Sequence[Sequence[ArrayLike]], fixed: Sequence[ArrayLike]) -> Score:
    """How well other models find the latent that was fixed in images of one: the model that agrees most.

    Of models i and j: i makes groups of images that share one of its latents; the code of j that varies least
    over a group, relative to all images, votes for that latent (FactorVAE's score with the latents of i as
    factors, half of the votes to learn from and half to test). The mean of both directions is a pair's
    similarity, and a model's centrality the mean over the others.

    Interpretation:
        Range: 0 to 1.
        Chance: 1 / number of latents.
        Better: higher.
        Weaknesses: Needs several models trained alike. Models that agree on the wrong axes rank high.
        Paper: https://arxiv.org/abs/1906.06034

    Args:
        codes: `codes[i][j]`, what model j reads in the images of model i, [votes, images, D_j].
        fixed: `fixed[i]`, which latent of model i was the same in each vote, int [votes].

    Returns:
        Score whose value is the most central model's; details `model_scores` [models], `similarity` [models,
        models] (of both directions), `one_way` [models, models] (row: whose images; column: who reads),
        `best`.

    Raises:
        InputError: fewer than two models, or tables that disagree.

    >>> rng = np.random.default_rng(0)
    >>> fixed = np.arange(40) % 2
    >>> groups = rng.standard_normal((40, 20, 2))
    >>> groups[np.arange(40), :, fixed] = groups[np.arange(40), :1, fixed]
    >>> model_centrality([[groups, -groups[:, :, ::-1]]] * 2, [fixed, fixed]).value
    1.0
    """
    models = len(codes)
    if models < 2:
        raise InputError("model_centrality compares models: it needs at least two")
    if len(fixed) != models or any(len(row) != models for row in codes):
        raise InputError("codes must have a row and a column for each model, and fixed an entry")
    one_way = np.array([[_votes(codes[i][j], fixed[i]) for j in range(models)] for i in range(models)])
    similarity = (one_way + one_way.T) / 2
    scores = np.array([np.mean(np.delete(similarity[i], i)) for i in range(models)])
    details = {"model_scores": scores, "similarity": similarity, "one_way": one_way}
    return Score(float(scores.max()), {**details, "best": int(scores.argmax())})


def _votes(codes: ArrayLike, fixed: ArrayLike) -> float:
    """How often the code that varies least in a group tells which latent was fixed, on half of the votes."""
    groups, latent = np.asarray(codes, dtype=np.float64), np.asarray(fixed)
    if groups.ndim != 3 or len(groups) != len(latent) or len(groups) < 2:
        raise InputError(f"codes must be [votes, images, codes] of {len(latent)} votes, not {groups.shape}")
    check_codes(groups.reshape(-1, groups.shape[2]))
    deviation = groups.std(axis=(0, 1))
    used = np.flatnonzero(deviation > _STILL * deviation.max())
    least = (groups[:, :, used].var(axis=1) / deviation[used] ** 2).argmin(axis=1)
    table = np.zeros((len(used), int(latent.max()) + 1), dtype=np.int64)
    learnt, asked = np.array_split(np.random.default_rng(0).permutation(len(latent)), 2)
    np.add.at(table, (least[learnt], latent[learnt]), 1)
    return float(np.mean(table.argmax(axis=1)[least[asked]] == latent[asked]))
