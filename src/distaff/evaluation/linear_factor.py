"""https://openreview.net/forum?id=Sy2fzU9gl: how linear the relation of true factors and codes is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data import Attribute
from distaff.evaluation.probes import varying
from distaff.evaluation.right import share
from distaff.evaluation.subject import Subject

Floats = npt.NDArray[np.float64]
NOTE = "orders round a circle are told as cosine and sine of the whole turn, so symmetric pictures lower R^2"


def linear_factor(subject: Subject) -> dict[str, Any]:
    """Return R^2 of the linear map from codes to factors on test pictures, the mean over factors.

    Numbers and ordered classes are told as they are, a circle as cosine and sine, unordered classes one-hot;
    R^2 = 1 - squared errors / squared distances to the mean, both summed over these columns. The map is
    that of least squares on training pictures, so R^2 is the same for any invertible linear map of the codes.
    """
    train, test = subject.train, subject.test
    found: dict[str, float] = {}
    attributes = varying(subject)
    for attribute in attributes:
        values, true = (_numbers(attribute, part.factors.column(attribute.name)) for part in (train, test))
        known, asked = ~np.isnan(values).any(1), ~np.isnan(true).any(1)
        codes, others = train.codes[known].astype(np.float64), test.codes[asked].astype(np.float64)
        found[attribute.name] = _r2(_linear(codes, values[known], others), true[asked])
    note = {"note": NOTE} if any(attribute.kind == "circular" for attribute in attributes) else {}
    return {"value": share(np.array(list(found.values()))), "r2_per_attribute": found, **note}


def _numbers(attribute: Attribute, values: npt.NDArray[np.float32]) -> Floats:
    """The columns that stand for an attribute's values [n]: [n, columns], NaN where unknown."""
    column = values.astype(np.float64)[:, None]
    if attribute.kind == "circular":
        turn = 2 * np.pi * column / (attribute.period or attribute.size)
        return np.concatenate([np.cos(turn), np.sin(turn)], axis=1)
    if attribute.kind == "categorical":
        return np.where(np.isnan(column), np.nan, column == np.arange(attribute.size))
    return column


def _linear(codes: Floats, values: Floats, others: Floats) -> Floats:
    """What least squares of `values` [n, k] on `codes` [n, D] say of `others` [m, D]: [m, k]."""
    centre, spread = codes.mean(0), codes.std(0)
    # Codes that hardly move would be told apart by their rounding alone.
    scale = np.where(spread > 1e-6, spread, np.inf)
    slope, *_ = np.linalg.lstsq((codes - centre) / scale, values - values.mean(0), rcond=1e-6)
    return np.asarray((others - centre) / scale @ slope + values.mean(0))


def _r2(read: Floats, true: Floats) -> float:
    """Share of the squared distance to the mean that is explained: [m, columns] each; NaN where none is."""
    spread = float(np.square(true - true.mean(0)).sum())
    return 1 - float(np.square(read - true).sum()) / spread if spread else float(np.nan)
