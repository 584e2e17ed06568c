"""https://arxiv.org/abs/1811.12359: how dependent the codes are, as if they were jointly Gaussian."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import Floats, Ints, check_codes
from distaff.metrics.score import Score


def gaussian_total_correlation(covariance: ArrayLike) -> float:
    """0.5 (sum of log C_dd - log det C), nats, of a covariance [D, D]; infinite when C is singular."""
    C = _check_covariance(covariance)
    if len(C) == 0:
        return 0.0
    scale = np.sqrt(np.diag(C))
    sign, logdet = np.linalg.slogdet(C / np.outer(scale, scale))
    return max(0.0, float(-0.5 * logdet)) if sign > 0 else float("inf")


def gaussian_wasserstein_correlation(covariance: ArrayLike) -> float:
    """Squared 2-Wasserstein distance between N(0, C) and N(0, S = diag C): 2 tr C - 2 tr (S^.5 C S^.5)^.5."""
    C = _check_covariance(covariance)
    scale = np.sqrt(np.diag(C))
    roots = np.linalg.eigvalsh(C * np.outer(scale, scale))
    return float(2 * np.trace(C) - 2 * np.sqrt(np.clip(roots, 0, None)).sum())


def _check_covariance(covariance: ArrayLike) -> Floats:
    C = np.asarray(covariance, dtype=np.float64)
    if C.ndim != 2 or C.shape[0] != C.shape[1] or not np.isfinite(C).all() or (np.diag(C) < 0).any():
        raise InputError("a covariance must be a finite square matrix with no negative variance")
    return C


def _covariance(codes: ArrayLike) -> tuple[Floats, Ints]:
    table = check_codes(codes)
    if len(table) < 2:
        raise InputError("a covariance needs at least two points")
    covariance = np.atleast_2d(np.cov(table, rowvar=False))
    return covariance, np.flatnonzero(table.max(axis=0) > table.min(axis=0))


def total_correlation(codes: ArrayLike, factors: ArrayLike | None = None) -> Score:
    """Gaussian total correlation of the codes, nats: 0.5 (sum of log variances - log det covariance).

    0 for uncorrelated codes, without upper bound; invariant under permutation, shift and scale of each code.
    It needs no factors and is blind to dependence that is not linear. Constant codes are independent of
    everything and are left out; the value is infinite when one code is a linear function of the others.

    Args:
        codes: [n, D], n >= 2.
        factors: taken for the common signature and not used.

    Returns:
        Score in nats; details `covariance` [D, D] (ddof 1), `active` (the codes that are not constant).
    """
    del factors
    covariance, active = _covariance(codes)
    value = gaussian_total_correlation(covariance[np.ix_(active, active)])
    return Score(value, {"covariance": covariance, "active": active}, {})


def wasserstein_correlation(
    codes: ArrayLike, factors: ArrayLike | None = None, *, normalise: bool = False
) -> Score:
    """Gaussian Wasserstein correlation of the codes: squared distance between N(0, C) and N(0, diag C).

    0 for uncorrelated codes; grows with their variance unless normalised by tr C. Needs no factors.

    Args:
        codes: [n, D], n >= 2.
        factors: taken for the common signature and not used.
        normalise: make the headline the value divided by tr C.

    Returns:
        Score; details `raw`, `normalised` (0 when all codes are constant), `covariance` [D, D] (ddof 1).
    """
    del factors
    covariance, _ = _covariance(codes)
    raw, trace = gaussian_wasserstein_correlation(covariance), float(np.trace(covariance))
    share = raw / trace if trace > 0 else 0.0
    details = {"raw": raw, "normalised": share, "covariance": covariance}
    return Score(share if normalise else raw, details, {"normalise": normalise})
