"""The golden values and their arrays, and the closed-form maps of the metrics that sample."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "golden"


@cache
def values() -> dict[str, dict[str, dict[str, Any]]]:
    return json.loads((FOLDER / "golden_open.json").read_text())["cases"]


@cache
def case(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / "cases" / f"open_{name}.npz") as stored:
        arrays = {key: stored[key] for key in stored}
    return {
        key: part.astype(np.float64) if part.dtype == np.float32 else part for key, part in arrays.items()
    }


@cache
def maps() -> dict[str, dict[str, Any]]:
    return json.loads((FOLDER / "maps_open.json").read_text())


def sampled_map(name: str) -> tuple[Callable[[np.ndarray], np.ndarray], list[int]]:
    """The map factors -> codes of one case and its factor sizes."""
    sizes, latents = maps()[name]["sizes"], maps()[name]["latents"]

    def codes(factors: np.ndarray) -> np.ndarray:
        x = 2 * factors / (np.array(sizes) - 1) - 1
        return np.stack([_latent(latent, factors, x) for latent in latents], axis=1)

    return codes, sizes


@cache
def grid(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes and factors of one map's whole grid."""
    codes, sizes = sampled_map(name)
    factors = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), -1).reshape(-1, len(sizes))
    return codes(factors), factors


def _latent(latent: dict[str, Any], factors: np.ndarray, x: np.ndarray) -> np.ndarray:
    out = np.full(len(factors), latent["bias"], dtype=np.float64)
    for term in latent["terms"]:
        out = out + term["w"] * _term(term, factors, x)
    return out


def _term(term: dict[str, Any], factors: np.ndarray, x: np.ndarray) -> np.ndarray:
    if term["g"] == "table":
        return np.asarray(term["table"], dtype=np.float64)[factors[:, term["k"]]]
    if term["g"] == "modsum":
        return (factors @ np.asarray(term["m"])) % term["q"]
    inner = x @ np.asarray(term["a"]) + term["c"]
    return inner if term["g"] == "id" else getattr(np, term["g"])(inner)


@cache
def sampled_arrays(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The reference's 10,000 training and 5,000 test points: batches of 16, one draw per factor and batch."""
    codes, sizes = sampled_map(name)
    state = np.random.RandomState(seed)
    parts = []
    for points in (10_000, 5_000):
        batches = [min(16, points - start) for start in range(0, points, 16)]
        drawn = [np.stack([state.randint(size, size=b) for size in sizes], axis=1) for b in batches]
        factors = np.concatenate(drawn)
        parts += [codes(factors), factors]
    return tuple(parts)
