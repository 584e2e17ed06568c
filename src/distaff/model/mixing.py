"""Ways from one code to another, and the pictures along them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch

from distaff.errors import InputError, nearest
from distaff.model.model import Known, Model
from distaff.model.pixels import Floats, show_pictures

PathName = Literal["straight", "spherical"]


@dataclass(frozen=True)
class End:
    """Where a way begins or ends: a code float32 [D], and the condition it is decoded under, if known."""

    code: Floats
    condition: Known | None = None


@dataclass(frozen=True)
class Way:
    """Codes float32 [k, D] from one end to the other, and their pictures [k, h, w] or [k, h, w, c]."""

    codes: Floats
    pictures: Floats


def straight(first: Floats, last: Floats, shares: Floats) -> Floats:
    """Return the codes first + share (last - first): [D], [D], [k] -> [k, D]."""
    codes: Floats = (first + shares[:, None] * (last - first)).astype(np.float32)
    return codes


def spherical(first: Floats, last: Floats, shares: Floats) -> Floats:
    """Return codes along the arc between two: [D], [D], [k] -> [k, D]; https://arxiv.org/abs/1609.04468.

    With the angle w between them: (sin((1 - share) w) first + sin(share w) last) / sin w. The length moves
    with the direction, where a straight line between codes far from 0 passes nearer to 0 than either.
    Codes along one line, or at 0, have no arc, and are joined straight.
    """
    lengths = float(np.linalg.norm(first) * np.linalg.norm(last))
    angle = np.arccos(np.clip(float(first @ last) / lengths, -1, 1)) if lengths else 0.0
    if np.sin(angle) < 1e-4:
        return straight(first, last, shares)
    toward = shares.astype(np.float64)[:, None] * angle
    arc = (np.sin(angle - toward) * first + np.sin(toward) * last) / np.sin(angle)
    codes: Floats = arc.astype(np.float32)
    return codes


PATHS: dict[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "straight": straight,
    "spherical": spherical,
}


def walk(model: Model, first: End, last: End, *, steps: int = 11, path: PathName = "straight") -> Way:
    """Return `steps` codes and pictures from one end to the other, both included.

    A spherical path bends among the gaussian latents; attribute blocks, and the condition of a conditional
    model, are always mixed along a straight line.

    Raises:
        InputError: fewer than two steps, or an unknown path.
    """
    if steps < 2:
        raise InputError(f"steps must be 2 or more, both ends included, not {steps}")
    if path not in PATHS:
        raise InputError(f"there is no path {path!r}; {nearest(path, get_args(PathName))}")
    shares = np.linspace(0, 1, steps, dtype=np.float32)
    codes = straight(first.code, last.code, shares)
    normal = [each.index for each in model.latents if each.kind == "gaussian"]
    codes[:, normal] = PATHS[path](first.code[normal], last.code[normal], shares)
    return Way(codes, _decode(model, codes, shares, first, last))


def _decode(model: Model, codes: Floats, shares: Floats, first: End, last: End) -> Floats:
    """Return the pictures of codes [k, D] under the condition mixed by shares [k] of the last end."""
    ends = [model.condition_tensor(end.condition, 1) for end in (first, last)]
    pictures: list[npt.NDArray[np.float32]] = []
    with torch.inference_mode():
        for start in range(0, len(codes), model.batch_size):
            rows = slice(start, start + model.batch_size)
            share = torch.from_numpy(shares[rows, None]).to(model.device)
            before, after = ends
            condition = None if before is None or after is None else before + share * (after - before)
            z = torch.from_numpy(codes[rows]).to(model.device)
            decoded = model.network.decode(z, condition)
            pictures.append(model.network.likelihood.picture(decoded).cpu().numpy())
    return show_pictures(np.concatenate(pictures))
