"""Paths from one code to another, and the images along them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch

from distaff.errors import InputError, nearest
from distaff.model._inputs import Floats, Indices, check_whole, show_images

if TYPE_CHECKING:
    from distaff.model._model import Model

PathName = Literal["straight", "spherical"]


@dataclass(frozen=True)
class End:
    """Where a path begins or ends: a code float32 [D], and the condition it is decoded under, if known.

    The condition holds class indices, or numbers, [1] for each attribute.
    """

    code: Floats
    condition: Indices | None = None


@dataclass(frozen=True)
class Interpolation:
    """Codes float32 [k, D] from one end to the other, and their images [k, h, w] or [k, h, w, c]."""

    codes: Floats
    images: Floats


def straight(first: Floats, last: Floats, shares: Floats) -> Floats:
    """Return the codes first + share (last - first): [D], [D], [k] -> [k, D].

    >>> straight(np.zeros(2), np.array([2.0, 4.0]), np.array([0.5])).tolist()
    [[1.0, 2.0]]
    """
    codes: Floats = (first + shares[:, None] * (last - first)).astype(np.float32)
    return codes


def spherical(first: Floats, last: Floats, shares: Floats) -> Floats:
    """Return codes along the arc between two: [D], [D], [k] -> [k, D]; https://arxiv.org/abs/1609.04468.

    With the angle w between them: (sin((1 - share) w) first + sin(share w) last) / sin w. The length moves
    with the direction, where a straight line between codes far from 0 passes nearer to 0 than either.
    Codes along one line, or at 0, have no arc, and are joined straight.

    >>> halfway = spherical(np.array([2.0, 0]), np.array([0, 2.0]), np.array([0.5]))
    >>> round(float(np.linalg.norm(halfway)), 5)
    2.0
    """
    lengths = float(np.linalg.norm(first) * np.linalg.norm(last))
    angle = np.arccos(np.clip(float(first @ last) / lengths, -1, 1)) if lengths else 0.0
    if np.sin(angle) < 1e-4:
        return straight(first, last, shares)
    toward = shares.astype(np.float64)[:, None] * angle
    arc = (np.sin(angle - toward) * first + np.sin(toward) * last) / np.sin(angle)
    codes: Floats = arc.astype(np.float32)
    return codes


PATHS: Mapping[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "straight": straight,
    "spherical": spherical,
}
"""Paths between two codes by name."""


def interpolate(
    model: Model, first: End, last: End, *, steps: int = 11, path: PathName = "straight"
) -> Interpolation:
    """Return `steps` codes and images from one end to the other, both included.

    A spherical path bends among the gaussian latents; attribute latents, and the condition of a conditional
    model, are always mixed along a straight line.

    Raises:
        InputError: fewer than two steps, or an unknown path.
    """
    steps = check_whole("steps, both ends included", steps, 2)
    if path not in PATHS:
        raise InputError(f"there is no path {path!r}; {nearest(path, get_args(PathName))}")
    shares = np.linspace(0, 1, steps, dtype=np.float32)
    codes = straight(first.code, last.code, shares)
    normal = [each.index for each in model.latents if each.kind == "gaussian"]
    codes[:, normal] = PATHS[path](first.code[normal], last.code[normal], shares)
    return Interpolation(codes, _decode(model, codes, shares, first, last))


def _decode(model: Model, codes: Floats, shares: Floats, first: End, last: End) -> Floats:
    """Return the images of codes [k, D] under the condition mixed by shares [k] of the last end."""
    before, after = (
        model.condition_code(model.values(1, indices=end.condition or {}), 1) for end in (first, last)
    )
    images: list[Floats] = []
    with torch.inference_mode():
        for start in range(0, len(codes), model.batch_size):
            rows = slice(start, start + model.batch_size)
            share = torch.from_numpy(shares[rows, None]).to(model.device)
            condition = None if before is None or after is None else before + share * (after - before)
            z = torch.from_numpy(codes[rows]).to(model.device)
            images.append(model.vae.likelihood.image(model.vae.decode(z, condition)).cpu().numpy())
    return show_images(np.concatenate(images))
