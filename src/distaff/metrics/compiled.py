"""https://numba.pydata.org: loops compiled once and kept on disk, where there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over arrays; without a writable cache folder it is compiled anew in each process."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return cast("Callable[P, R]", njit(cache=True, **options)(function))
    except RuntimeError:
        return cast("Callable[P, R]", njit(**options)(function))
