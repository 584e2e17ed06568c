"""The latent that leans furthest from zero, and its range: the analysis of one beta-VAE's author."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from distaff.metrics.checks import Floats, check_codes


@dataclass(frozen=True)
class Strongest:
    """A code and its range.

    Attributes:
        index: of the code with the largest |mean| over the points; the first of equals.
        low: its least value.
        high: its largest value.
        mean: of every code over the points [D].
        size: mean of |code| over the points [D], the other reading of "absolute mean".
    """

    index: int
    low: float
    high: float
    mean: Floats
    size: Floats


def strongest(codes: ArrayLike) -> Strongest:
    """Find the code [n, D] with the largest |mean| over the points, and its own least and largest value.

    Raises:
        InputError: a table that `check_codes` refuses.
    """
    table = check_codes(codes)
    mean = table.mean(axis=0)
    index = int(np.abs(mean).argmax())
    column = table[:, index]
    return Strongest(index, float(column.min()), float(column.max()), mean, np.abs(table).mean(axis=0))
