"""Maps of the points: a pair of latents, principal components, and embeddings that keep neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from distaff.explorer.blocks import Blocks
from distaff.explorer.shown import Shown
from distaff.figures.embedding import neighbour_embedding
from distaff.model.pixels import Floats

FEWEST = 10
"""Points that an embedding needs at least."""
MOST_EMBEDDED = 10_000
"""Points at most that are embedded; it takes longer than all else."""
LEAST_SPREAD = 1e-6
"""A deviation under which all codes count as the same."""


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
    """One map: its points [count, 2], and the plane in the code that it is, if it is one."""

    name: str
    kind: str
    points: Floats
    plane: Plane | None = None
    inverse: dict[str, Any] | None = None
    variance: tuple[float, float] | None = None

    def entry(self, blocks: Blocks) -> dict[str, Any]:
        """Return how the manifest describes the map."""
        entry: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "count": len(self.points),
            "points": blocks.add(f"maps/{self.kind}", self.points.astype(np.float32)),
            "exact": self.plane is not None,
            "inverse": self.inverse,
        }
        return entry if self.variance is None else entry | {"variance": list(self.variance)}


def maps(shown: Shown, latents: list[dict[str, Any]]) -> list[Map]:
    """Return the maps that suit a code: its own plane if it has two numbers, else projections too."""
    codes = shown.kept
    width = codes.shape[1]
    pair = _pair(shown, latents)
    found = [] if pair is None else [pair]
    if width <= 2 or len(codes) < FEWEST or not (codes.std(axis=0) > LEAST_SPREAD).sum() >= 2:
        return found
    found.append(principal(codes))
    some = codes[:MOST_EMBEDDED]
    found.append(Map("t-SNE", "tsne", neighbour_embedding(some)))
    if find_spec("umap") is not None:
        found.append(Map("UMAP", "umap", _umap(some)))
    return found


def _pair(shown: Shown, latents: list[dict[str, Any]]) -> Map | None:
    """Return the plane of the two latents that carry most, the others at their median; None without two."""
    carrying = [each for each in latents if each["kl"] is not None]
    first = sorted(carrying, key=lambda each: -each["kl"])[:2]
    if len(first) < 2:
        return None
    i, j = sorted(each["index"] for each in first)
    rest = np.array([each["median"] for each in latents], dtype=np.float32)
    axes = np.zeros((2, len(latents)), dtype=np.float32)
    axes[0, i] = axes[1, j] = 1
    origin = rest.copy()
    origin[[i, j]] = 0
    name = f"{latents[i]['label']} and {latents[j]['label']}"
    inverse = {"pair": [i, j], "rest": rest.tolist()}
    return Map(name, "pair", shown.kept[:, [i, j]], Plane(origin, axes), inverse)


def principal(codes: Floats) -> Map:
    """Return the plane in which codes vary most, with the share of their variance along each axis."""
    mean = codes.mean(axis=0, dtype=np.float64)
    left, sizes, right = np.linalg.svd(codes - mean, full_matrices=False)
    # The sign of a component is free; the largest entry of its direction is made positive.
    signs = np.sign(right[np.arange(2), np.abs(right[:2]).argmax(axis=1)])
    axes = right[:2] * signs[:, None]
    shares = sizes**2 / (sizes**2).sum()
    inverse = {"mean": mean.tolist(), "components": axes.tolist()}
    points = (left[:, :2] * sizes[:2] * signs).astype(np.float32)
    plane = Plane(mean.astype(np.float32), axes.astype(np.float32))
    return Map("PCA", "pca", points, plane, inverse, (float(shares[0]), float(shares[1])))


def _umap(codes: Floats) -> Floats:
    """Return UMAP's embedding of codes [n, D] in the plane by a fixed seed: [n, 2]."""
    import umap

    embedding = umap.UMAP(random_state=0, n_jobs=1, n_neighbors=min(15, len(codes) - 1))
    points: Floats = np.asarray(embedding.fit_transform(codes), dtype=np.float32)
    return points
