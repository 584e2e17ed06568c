"""A metric: how few latents carry each code (Hoyer 2004, https://jmlr.org/papers/v5/hoyer04a.html)."""

import numpy as np
import numpy.typing as npt

from distaff.metrics import Score, metric


@metric(needs=("codes",), default=False, least_codes=2)
def hoyer_sparseness(codes: npt.NDArray[np.floating]) -> Score:
    """How few latents carry each code; the mean over the codes.

    (sqrt(D) - |z|_1 / |z|_2) / (sqrt(D) - 1) for codes of D numbers.

    Interpretation:
        Range: 0 to 1; 1 where a single latent is not 0.
        Chance: 0.2 to 0.3 for normal codes.
        Better: neither.
        Weaknesses: Says nothing of what the latents mean.
        Paper: https://jmlr.org/papers/v5/hoyer04a.html

    >>> hoyer_sparseness(np.array([[3.0, 0.0], [0.0, 1.0]])).value
    1.0
    """
    root = np.sqrt(codes.shape[1])
    ratio = np.abs(codes).sum(axis=1) / np.maximum(np.linalg.norm(codes, axis=1), 1e-12)
    return Score(float(np.mean((root - ratio) / (root - 1))))
