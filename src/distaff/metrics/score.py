"""What every metric returns: one number, what it was made of, and under which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    found = []
    for package in ("distaff", "numpy", "scipy", "scikit-learn"):
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            found.append((package, "not installed"))
    return tuple(found)


def versions() -> dict[str, str]:
    """Versions of distaff and of the packages a number may depend on."""
    return dict(_installed())


@dataclass(frozen=True)
class Score:
    """The result of one metric.

    Attributes:
        value: the headline number; what ``float(score)`` gives.
        details: every intermediate matrix and part, by name. Matrices are numpy arrays, [codes, factors]
            unless the metric says otherwise.
        settings: every option the number depends on, by the name of the keyword that sets it.
        versions: of distaff, numpy, scipy and scikit-learn at the time.
    """

    value: float
    details: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=versions)

    def __float__(self) -> float:
        return self.value

    def as_dict(self) -> dict[str, Any]:
        """The score as plain Python, ready for JSON: ``{"value": ..., **details}`` with arrays as lists."""
        return {"value": self.value, **{name: plain(part) for name, part in self.details.items()}}


def plain(part: Any) -> Any:
    """Turn arrays and numpy scalars, at any depth, into lists and Python numbers."""
    if isinstance(part, np.ndarray):
        return part.tolist()
    if isinstance(part, np.generic):
        return part.item()
    if isinstance(part, Mapping):
        return {str(name): plain(inner) for name, inner in part.items()}
    if isinstance(part, list | tuple):
        return [plain(inner) for inner in part]
    return part
