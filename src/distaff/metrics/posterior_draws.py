"""https://arxiv.org/abs/1908.09961: draws from posteriors and their densities under the mixture of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distaff.errors import InputError
from distaff.metrics.checks import Floats, Ints, check_codes
from distaff.metrics.compiled import compiled

# Densities enter a logarithm no smaller than this, and no posterior is narrower than its root. Both are the
# reference's, and part of its estimates: without the floor a lone posterior's density would be unbounded.
FLOOR = 1e-8
_LARGEST_LOG = 700.0
_ROOT_2PI = float(np.sqrt(2 * np.pi))


@dataclass(frozen=True)
class Draws:
    """Samples z ~ q(z | x) of points drawn with replacement.

    Attributes:
        mean: of every posterior [N, D].
        sigma: standard deviation of every posterior [N, D].
        rows: the point behind each sample [S].
        points: the samples [S, D].
    """

    mean: Floats
    sigma: Floats
    rows: Ints
    points: Floats

    def own_densities(self) -> Floats:
        """q(z_d | x) of each sample under its own posterior: [S, D]."""
        sigma = self.sigma[self.rows]
        away = (self.points - self.mean[self.rows]) / sigma
        return np.asarray(np.exp(-0.5 * np.square(away)) / (sigma * _ROOT_2PI))


def draw_posteriors(mean: ArrayLike, logvar: ArrayLike, samples: int, state: np.random.RandomState) -> Draws:
    """Check the tables and draw, in the reference's order.

    Raises:
        InputError: tables that disagree, no sample, or posteriors so narrow that densities overflow.
    """
    mu, rho = check_codes(mean, name="mean"), check_codes(logvar, name="logvar")
    if mu.shape != rho.shape:
        raise InputError(f"mean and logvar disagree: {mu.shape} against {rho.shape}")
    if samples < 1:
        raise InputError(f"num_samples must be 1 or more, not {samples}")
    sigma = np.maximum(np.exp(rho / 2), np.sqrt(FLOOR))
    if not np.isfinite(sigma).all():
        raise InputError(f"logvar is too large: {rho.max():.3g}")
    if np.maximum(-np.log(sigma * _ROOT_2PI).min(axis=0), 0).sum() > _LARGEST_LOG:
        raise InputError("the posteriors are too narrow for so many codes: their densities overflow")
    rows = state.choice(len(mu), size=samples, replace=True, p=np.full(len(mu), 1 / len(mu)))
    points = mu[rows] + state.randn(samples, mu.shape[1]) * sigma[rows]
    return Draws(mu, sigma, rows, points)


@compiled
def mixture_densities(
    points: Floats, mean: Floats, sigma: Floats, alone: Floats, without: Floats, together: Floats
) -> None:
    """Densities of each sample under the mean of all posteriors, products floored code by code.

    Fills `alone` [S, D] with those of each code, `without` [S, D] of all other codes, `together` [S] of all.
    """
    N, D = mean.shape
    own = np.empty(D)
    for s in range(len(points)):
        for d in range(D):
            alone[s, d] = 0.0
            without[s, d] = 0.0
        together[s] = 0.0
        for n in range(N):
            product = 1.0
            for d in range(D):
                away = (points[s, d] - mean[n, d]) / sigma[n, d]
                density = np.exp(-0.5 * away * away) / (sigma[n, d] * _ROOT_2PI)
                alone[s, d] += density / N
                own[d] = max(density, FLOOR)
                product *= own[d]
            for d in range(D):
                without[s, d] += product / own[d] / N
            together[s] += product / N


@compiled
def labelled_densities(
    points: Floats,
    mean: Floats,
    sigma: Floats,
    labels: Ints,
    own_labels: Ints,
    alone: Floats,
    shared: NDArray[np.float64],
) -> None:
    """Densities of each sample's codes under the mean of all posteriors, in all and among those alike.

    Fills `alone` [S, D] with the former and `shared` [S, D, K] with the part of the posteriors whose factor
    [N, K] is the sample's own [S, K].
    """
    N, D = mean.shape
    K = labels.shape[1]
    for s in range(len(points)):
        for d in range(D):
            alone[s, d] = 0.0
            for k in range(K):
                shared[s, d, k] = 0.0
        for n in range(N):
            for d in range(D):
                away = (points[s, d] - mean[n, d]) / sigma[n, d]
                density = np.exp(-0.5 * away * away) / (sigma[n, d] * _ROOT_2PI) / N
                alone[s, d] += density
                for k in range(K):
                    if labels[n, k] == own_labels[s, k]:
                        shared[s, d, k] += density
