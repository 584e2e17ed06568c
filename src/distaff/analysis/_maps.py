"""Maps of codes in the plane, and which class lives where in them.

Two latents as they are, principal components, t-SNE and UMAP; votes of the nearest codes, over any points or
over the cells of a map.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Literal

import numpy as np
import numpy.typing as npt

from distaff.errors import InputError
from distaff.model import Floats

MapKind = Literal["pair", "pca", "tsne", "umap"]
FEWEST = 10
"""Codes that a projection needs at least."""
LEAST_SPREAD = 1e-6
"""A standard deviation under which all codes count as the same."""
PERPLEXITY, EXAGGERATED, STEPS = 30, 150, 300
FEW = 1000
"""Up to so many codes, t-SNE looks at every pair."""


@dataclass(frozen=True)
class Plane:
    """Where a place of a map lies in the code: `origin` [D] plus x and y times the `axes` [2, D]."""

    origin: Floats
    axes: Floats

    def codes(self, places: Floats) -> Floats:
        """Return the codes [n, D] of places [n, 2]."""
        return (self.origin + places @ self.axes).astype(np.float32)


@dataclass(frozen=True)
class Map:
    """Codes in the plane.

    Attributes:
        kind: pair, pca, tsne or umap.
        points: float32 [n, 2].
        plane: the plane of the code that the map is, if it is one.
        columns: the two code columns of a pair.
        variance: of principal components, the share of the codes' variance along each.
    """

    kind: MapKind
    points: Floats
    plane: Plane | None = None
    columns: tuple[int, int] | None = None
    variance: tuple[float, float] | None = None


def pair_map(codes: Floats, columns: tuple[int, int]) -> Map:
    """Return the plane of two code columns, all others at their median: codes [n, D].

    >>> pair_map(np.array([[0.0, 1, 2], [0, 1, 4]], np.float32), (0, 2)).points.tolist()
    [[0.0, 2.0], [0.0, 4.0]]
    """
    axes = np.zeros((2, codes.shape[1]), dtype=np.float32)
    axes[[0, 1], list(columns)] = 1
    origin = np.median(codes, axis=0).astype(np.float32)
    origin[list(columns)] = 0
    return Map("pair", codes[:, list(columns)].astype(np.float32), Plane(origin, axes), columns)


def principal_map(codes: Floats) -> Map:
    """Return the two directions in which codes [n, D] vary most.

    >>> codes = np.zeros((20, 3), np.float32)
    >>> codes[:10, 2], codes[::2, 0] = 4, 1
    >>> principal_map(codes).plane.axes[0].round(3).tolist()
    [0.0, 0.0, 1.0]

    Raises:
        InputError: the codes are too few, or vary along fewer than two directions.
    """
    _check(codes)
    mean = codes.mean(axis=0, dtype=np.float64)
    left, sizes, right = np.linalg.svd(codes - mean, full_matrices=False)
    # The sign of a component is free; the largest entry of its direction is made positive.
    signs = np.sign(right[np.arange(2), np.abs(right[:2]).argmax(axis=1)])
    shares = sizes**2 / max(float((sizes**2).sum()), 1e-12)
    return Map(
        "pca",
        (left[:, :2] * sizes[:2] * signs).astype(np.float32),
        Plane(mean.astype(np.float32), (right[:2] * signs[:, None]).astype(np.float32)),
        variance=(float(shares[0]), float(shares[1])),
    )


def tsne_map(codes: Floats) -> Map:
    """Return the t-SNE of codes [n, D], the same every time (https://arxiv.org/abs/1712.09005).

    150 steps with exaggerated attraction, then 300 without; perplexity 30, or a third of the codes. Beyond
    1,000 codes neighbours are found by random trees and the repulsion is interpolated on a grid.

    >>> tsne_map(np.random.default_rng(0).standard_normal((20, 3))).points.shape
    (20, 2)

    Raises:
        InputError: the codes are too few, or vary along fewer than two directions.
    """
    _check(codes)
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
    return Map("tsne", np.asarray(embedding.fit(codes.astype(np.float64)), dtype=np.float32))


def umap_map(codes: Floats) -> Map:
    """Return the UMAP of codes [n, D] by a fixed seed (https://arxiv.org/abs/1802.03426).

    Raises:
        InputError: umap-learn is not installed, or the codes are too few or do not vary.
    """
    _check(codes)
    if not has_umap():
        raise InputError("UMAP needs another package: pip install umap-learn")
    import umap

    embedding = umap.UMAP(random_state=0, n_jobs=1, n_neighbors=min(15, len(codes) - 1))
    return Map("umap", np.asarray(embedding.fit_transform(codes), dtype=np.float32))


def has_umap() -> bool:
    """Tell whether UMAP is installed."""
    return find_spec("umap") is not None


def _check(codes: Floats) -> None:
    if len(codes) < FEWEST:
        raise InputError(f"a map needs {FEWEST} images, there are {len(codes)}")
    varying = int((codes.std(axis=0) > LEAST_SPREAD).sum())
    if varying < 2:
        raise InputError(f"a map needs two latents that vary, the model has {varying}")


NEIGHBOURS = 10
"""Codes that vote."""
FAR = 3.0
"""A point is far from the data where its tenth neighbour is so many times as far as is usual among codes."""
Numbers = npt.NDArray[np.float64]


class Neighbours:
    """Codes of known class, of which the nearest vote.

    >>> found = Neighbours(np.array([[0.0], [0.1], [5.0]]), np.array([0, 0, 1]), 2, neighbours=2)
    >>> found.shares(np.array([[0.0]])).tolist()
    [[1.0, 0.0]]
    """

    def __init__(
        self, codes: npt.ArrayLike, labels: npt.ArrayLike, size: int, *, neighbours: int = NEIGHBOURS
    ) -> None:
        """Remember codes [n, D] and their class indices [n] of `size` classes; a missing class is NaN.

        Raises:
            InputError: no code has a class.
        """
        from sklearn.neighbors import NearestNeighbors

        values = np.asarray(labels, dtype=np.float64)
        known = np.isfinite(values)
        if not known.any():
            raise InputError("no code has a known class, so neighbours cannot vote")
        self.size = size
        self._codes = np.asarray(codes, dtype=np.float64)[known]
        self._classes = values[known].astype(np.int64)
        self._index = NearestNeighbors(n_neighbors=min(neighbours, len(self._codes))).fit(self._codes)

    def shares(self, points: npt.ArrayLike) -> Numbers:
        """Return the share of the nearest codes that each class has: [m, D] -> [m, size]."""
        return self.vote(points)[0]

    def read(self, points: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the class that most of the nearest codes have, the first of equals: [m, D] -> [m]."""
        return np.asarray(self.shares(points).argmax(axis=1), dtype=np.int64)

    def vote(self, points: npt.ArrayLike) -> tuple[Numbers, Numbers]:
        """Return the shares [m, size], and how far from the data each point is [m].

        1 is as far from its neighbours as is usual among the codes; from `FAR` on they say little.
        """
        distances, near = self._index.kneighbors(np.asarray(points, dtype=np.float64))
        classes = self._classes[near]
        shares = np.stack([(classes == value).mean(axis=1) for value in range(self.size)], axis=1)
        return shares, distances[:, -1] / self._usual

    @cached_property
    def _usual(self) -> float:
        """How far the last neighbour of a code usually is."""
        return max(float(np.median(self._index.kneighbors(self._codes)[0][:, -1])), 1e-12)


def confidence(shares: Numbers, distance: Numbers) -> Numbers:
    """Return how sure a vote is: the share of the first class, fading to 0 far from the data: [m].

    >>> confidence(np.array([[0.2, 0.8]] * 3), np.array([1.0, 4.5, 9.0])).tolist()
    [0.8, 0.4, 0.0]
    """
    return np.asarray(shares.max(axis=1) * np.clip(2 - distance / FAR, 0, 1))


def grid_points(x: tuple[float, float], y: tuple[float, float], side: int) -> npt.NDArray[np.float32]:
    """Return the centres of `side` x `side` cells that cover a box, x fastest: [side^2, 2].

    >>> grid_points((0, 2), (0, 4), 2).tolist()
    [[0.5, 1.0], [1.5, 1.0], [0.5, 3.0], [1.5, 3.0]]
    """
    steps = (np.arange(side) + 0.5) / side
    across, up = np.meshgrid(x[0] + steps * (x[1] - x[0]), y[0] + steps * (y[1] - y[0]))
    return np.stack([across.ravel(), up.ravel()], axis=1).astype(np.float32)
