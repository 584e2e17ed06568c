"""The passes over the pictures that the metrics share, each in pieces that fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from distaff.data import AttributeTable, Images
from distaff.model import BoundTerms, Model, bound_terms
from distaff.model.posterior import posterior

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
PIECE = 1024
"""Pictures unpacked at a time."""


@dataclass(frozen=True)
class Encoded:
    """Mean codes float32 [n, D] of n pictures and their labels."""

    codes: Floats
    factors: AttributeTable


def draw(rows: Rows, most: int, seed: int) -> Rows:
    """Return at most `most` of the rows, drawn at random and sorted."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng([seed, 4]).choice(rows, most, replace=False))


def given(model: Model, table: AttributeTable, rows: Rows) -> dict[str, Floats] | None:
    """Return the labels that a conditional model is told, as far as the data have them."""
    if not model.condition:
        return None
    return {name: table.column(name)[rows] for name in model.condition if name in table.names}


def encode(model: Model, images: Images, table: AttributeTable, rows: Rows) -> Encoded:
    """Return the mean codes of some pictures; a conditional model is told their labels."""
    codes = np.empty((len(rows), len(model.latents)), dtype=np.float32)
    for start, piece in pieces(rows):
        codes[start : start + len(piece)] = model.encode(
            images.take(piece), attributes=given(model, table, piece)
        )
    return Encoded(codes, table.rows(rows))


@dataclass(frozen=True)
class Posteriors:
    """The normal posteriors of n pictures, and codes drawn from those of m unseen pictures.

    `mean`, `logvar` float64 [n, D]; `unseen` float64 [m, D], one draw each.
    """

    mean: npt.NDArray[np.float64]
    logvar: npt.NDArray[np.float64]
    unseen: npt.NDArray[np.float64]


def posteriors(model: Model, images: Images, rows: Rows, unseen: Rows, seed: int) -> Posteriors:
    """Return the posteriors of `rows` and a draw from each of `unseen`, of a model without a condition."""
    mean, logvar = _posterior(model, images, rows)
    means, logvars = _posterior(model, images, unseen)
    noise = np.random.default_rng([seed, 9]).standard_normal(means.shape)
    return Posteriors(mean, logvar, means + np.exp(logvars / 2) * noise)


def _posterior(
    model: Model, images: Images, rows: Rows
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    parts = [posterior(model, images.take(piece)) for _, piece in pieces(rows)]
    mean, logvar = (np.concatenate(part).astype(np.float64) for part in zip(*parts, strict=True))
    return mean, logvar


def terms(model: Model, images: Images, table: AttributeTable, rows: Rows, seed: int) -> BoundTerms:
    """Return the reconstruction, the KL and the normal posterior of some pictures; see `BoundTerms`."""
    parts = [
        bound_terms(model, images.take(piece), attributes=given(model, table, piece), seed=seed + start)
        for start, piece in pieces(rows)
    ]
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("reconstruction", "kl", "mean", "variance")
    }
    return BoundTerms(**joined, dimensions=parts[0].dimensions, columns=parts[0].columns)


def pieces(rows: Rows) -> Iterator[tuple[int, Rows]]:
    """Cut rows into pieces: (where the piece starts, its rows)."""
    for start in range(0, len(rows), PIECE):
        yield start, rows[start : start + PIECE]
