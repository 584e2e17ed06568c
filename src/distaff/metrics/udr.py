"""https://arxiv.org/abs/1905.12614: unsupervised disentanglement ranking, agreement between models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics.aggregation import relative_strength
from distaff.metrics.checks import Floats, check_codes
from distaff.metrics.mcc import correlations
from distaff.metrics.options import check_option
from distaff.metrics.score import Score

Similarity = Literal["lasso", "spearman"]
Filter = Literal["drop", "keep"]

# Codes below this KL are set to zero before models are compared, whatever the filter; fixed in the reference.
_SILENT = 0.01


def udr(
    codes: Sequence[ArrayLike],
    kl: ArrayLike,
    *,
    similarity: Similarity = "lasso",
    uninformative: Filter = "drop",
    kl_threshold: float = 0.01,
    alpha: float = 0.1,
    progress: Callable[[int, int], None] | None = None,
) -> Score:
    """How well the codes of models trained alike map one-to-one onto each other; needs no factors.

    For every ordered pair of models the similarity of code a of one with code b of the other gives a matrix;
    its score is the mean of max^2 / sum over columns and over rows. A model's score is the median over the
    other models. Invariant under permutation, shift, scale and sign of each model's codes.

    Args:
        codes: per model the codes [n, D_m] of the same n points.
        kl: per model the mean KL of each code, nats [models, D] (see `gaussian_kl`).
        similarity: ``"lasso"``: absolute weights of a lasso from one model's codes to each of the other's;
            ``"spearman"``: absolute rank correlation.
        uninformative: ``"drop"`` codes at or below `kl_threshold` (filter_low_kl), or
            ``"keep"`` them as zeros.
        kl_threshold: nats.
        alpha: of the lasso.
        progress: called with the ordered pairs done and the pairs in all.

    Returns:
        Score whose value is the best model's; details `model_scores` [models], `pairwise` [models, models]
        (row: whose codes predict; column: whose codes are predicted), `best`.
        A pair with no code left scores 0. With ``"keep"`` and ``"spearman"`` a column or row that meets a
        constant code scores 0, as in the reference, where it is NaN.

    Raises:
        InputError: fewer than two models, or models that disagree about points or codes.
    """
    check_option("similarity", similarity, Similarity)
    check_option("uninformative", uninformative, Filter)
    tables = [check_codes(table, name=f"codes of model {m}") for m, table in enumerate(codes)]
    strengths = [np.asarray(row, dtype=np.float64) for row in np.asarray(kl, dtype=object)]
    _check_models(tables, strengths)
    M = len(tables)
    ready = [_silenced(table, row) for table, row in zip(tables, strengths, strict=True)]
    kept = [row > kl_threshold for row in strengths]
    pairwise = np.zeros((M, M))
    pairs = list(permutations(range(M), 2))
    for done, (i, j) in enumerate(pairs, start=1):
        matrix, bad = _similarities(ready[i], ready[j], similarity, alpha)
        if uninformative == "drop":
            matrix, bad = matrix[np.ix_(kept[i], kept[j])], bad[np.ix_(kept[i], kept[j])]
        pairwise[i, j] = _pair_score(matrix, bad)
        if progress is not None:
            progress(done, len(pairs))
    scores = np.array([np.median(np.delete(pairwise[:, j], j)) for j in range(M)])
    return Score(
        float(scores.max()),
        {"model_scores": scores, "pairwise": pairwise, "best": int(scores.argmax())},
        {
            "similarity": similarity,
            "uninformative": uninformative,
            "kl_threshold": kl_threshold,
            "alpha": alpha,
        },
    )


def gaussian_kl(mean: ArrayLike, logvar: ArrayLike) -> Floats:
    """KL of each code from N(0, 1), nats, averaged over points: 0.5 (mu^2 + e^logvar - logvar - 1), [D]."""
    mu, rho = np.asarray(mean, dtype=np.float64), np.asarray(logvar, dtype=np.float64)
    if mu.shape != rho.shape or mu.ndim != 2:
        raise InputError(
            f"mean and logvar must share one shape [points, codes]: {mu.shape} against {rho.shape}"
        )
    return np.asarray(0.5 * (np.square(mu) + np.exp(rho) - rho - 1).mean(axis=0))


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


def _silenced(table: Floats, kl: Floats) -> Floats:
    moves = table.max(axis=0) > table.min(axis=0)
    spread = np.where(moves, table.std(axis=0), 1)
    return np.where(moves & (kl > _SILENT), (table - table.mean(axis=0)) / spread, 0)


def _similarities(
    first: Floats, second: Floats, similarity: Similarity, alpha: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Similarity of each code of one model with each of the other, and where it is undefined."""
    if similarity == "spearman":
        moves = np.outer((first != 0).any(axis=0), (second != 0).any(axis=0))
        return np.abs(correlations(first, second, "spearman")), ~moves
    from sklearn.linear_model import Lasso
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    with threadpool_limits(1):
        fitted = [Lasso(alpha=alpha).fit(first, target).coef_ for target in second.T]
    matrix = np.abs(np.stack(fitted, axis=1))
    return matrix, np.zeros(matrix.shape, dtype=np.bool_)


def _pair_score(matrix: Floats, bad: NDArray[np.bool_]) -> float:
    if matrix.size == 0:
        return 0.0
    if not bad.any():
        return relative_strength(matrix)
    columns = np.where(bad.any(axis=0), 0, matrix)
    rows = np.where(bad.any(axis=1, keepdims=True), 0, matrix)
    return (_side(columns) + _side(rows.T)) / 2


def _side(strengths: Floats) -> float:
    total = strengths.sum(axis=0)
    return float(np.mean(strengths.max(axis=0) ** 2 / np.where(total > 0, total, 1)))
