"""https://arxiv.org/abs/1509.00519: how many codes the encoder uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics.checks import check_codes
from distaff.metrics.score import Score


def active_units(codes: ArrayLike, factors: ArrayLike | None = None, *, threshold: float = 0.01) -> Score:
    """Count the codes whose posterior mean varies over the data: var(E[z_d | x]) > threshold.

    Args:
        codes: posterior means [n, D], n >= 2.
        factors: taken for the common signature and not used.
        threshold: on the variance; 0.01 is the paper's.

    Returns:
        Score 0..D; details `variance` [D] (ddof 1), `active` [D] bool, `share` of the codes that are active.

    Raises:
        InputError: fewer than two points, or a table that `check_codes` refuses.
    """
    del factors
    table = check_codes(codes)
    if len(table) < 2:
        raise InputError("active_units needs at least two points")
    moves = table.max(axis=0) > table.min(axis=0)
    variance = np.where(moves, table.var(axis=0, ddof=1), 0)
    active = variance > threshold
    return Score(
        float(active.sum()),
        {"variance": variance, "active": active, "share": float(active.mean())},
        {"threshold": threshold},
    )
