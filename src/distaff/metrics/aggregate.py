"""https://arxiv.org/abs/1802.04942: the density of the aggregate posterior q(z), from posteriors."""

from __future__ import annotations

import numpy as np

from distaff.metrics.checks import Floats

_LOG_2PI = np.log(2 * np.pi)


def log_aggregate(points: Floats, mean: Floats, logvar: Floats, *, cells: int = 2_000_000) -> Floats:
    """Log q(z) in nats, q(z) = 1/N sum_n N(z; mean_n, exp(logvar_n)): points [S, D] -> [S].

    `mean` and `logvar` are [N, D], all in double precision. `cells` densities are held at a time. Squares
    become matrix products.
    """
    precision = np.exp(-logvar)
    constant = -0.5 * (np.square(mean) * precision + logvar + _LOG_2PI).sum(axis=1) - np.log(len(mean))
    out = np.empty(len(points))
    step = max(1, cells // len(mean))
    for start in range(0, len(points), step):
        z = points[start : start + step]
        block = z @ (mean * precision).T - 0.5 * np.square(z) @ precision.T + constant
        highest = block.max(axis=1)
        out[start : start + step] = highest + np.log(np.exp(block - highest[:, None]).sum(axis=1))
    return out
