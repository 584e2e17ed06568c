"""https://arxiv.org/abs/1712.09005: t-SNE with interpolation; time grows with the codes alone."""

from __future__ import annotations

import numpy as np

from distaff.model.pixels import Floats

PERPLEXITY, EXAGGERATED, STEPS = 30, 150, 300
FEW = 1000
"""Up to so many codes, every pair is looked at."""


def neighbour_embedding(codes: Floats) -> Floats:
    """Return the t-SNE of codes [n, D] in the plane, the same every time: float32 [n, 2].

    150 steps with exaggerated attraction, then 300 without; perplexity 30, or a third of the codes. Beyond
    1,000 codes neighbours are found by random trees and the repulsion is interpolated on a grid.
    """
    from openTSNE import TSNE

    many = len(codes) > FEW
    embedding = TSNE(
        perplexity=min(PERPLEXITY, (len(codes) - 1) / 3),
        early_exaggeration_iter=EXAGGERATED,
        n_iter=STEPS,
        initialization="pca",
        neighbors="annoy" if many else "exact",
        negative_gradient_method="fft" if many else "bh",
        # Sums over several threads come out in another order each time, and the map with them.
        n_jobs=1,
        random_state=0,
    )
    points: Floats = np.asarray(embedding.fit(codes.astype(np.float64)), dtype=np.float32)
    return points
