"""Images as people save them - any layout, bits, bytes or floats - into uint8 [n, c, h, w]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data.archive import Member
from distaff.data.images import Bytes, Rows
from distaff.data.progress import tell
from distaff.data.stored import rows_of
from distaff.errors import InputError

CHANNELS = 16
"""The most channels that are told from a height or a width."""


def channels_first(member: Member) -> tuple[int, int, int, int]:
    """The (n, c, h, w) of an array of images [n, h, w], [n, h, w, c] or [n, c, h, w].

    The channels are the smaller of the second and the last size; the last if they are equal.

    Raises:
        InputError: another number of dimensions, an empty array, or sizes of which none can be channels.
    """
    where = f"{member.path}: images {member.name!r}"
    if member.dtype.kind not in "biuf":
        raise InputError(f"{where} are {member.dtype}; they must be numbers")
    if len(member.shape) == 3:
        n, h, w = member.shape
        shape = (n, 1, h, w)
    elif len(member.shape) == 4:
        n, a, b, d = member.shape
        shape = (n, d, a, b) if _last(member) else (n, a, b, d)
    else:
        raise InputError(
            f"{where} are {list(member.shape)}; they must be [n, h, w], [n, h, w, c] or [n, c, h, w]"
        )
    if 0 in shape:
        raise InputError(f"{where} are {list(member.shape)}: there is nothing in them")
    if shape[1] > CHANNELS:
        raise InputError(
            f"{where} are {list(member.shape)}: no size in it can be channels (at most {CHANNELS})"
        )
    return shape


@dataclass(frozen=True)
class Scale:
    """How pixels become bytes.

    Attributes:
        shape: (n, c, h, w).
        last: channels come last.
        factor: what pixels are multiplied by.
        binary: pixels are 0 and 1 and may be packed.
    """

    shape: tuple[int, int, int, int]
    last: bool
    factor: int
    binary: bool

    def apply(self, pixels: npt.NDArray[Any]) -> Bytes:
        """Rows as they were saved -> uint8 [b, c, h, w], 0 to 255."""
        if self.last:
            pixels = np.moveaxis(pixels, -1, 1)
        pixels = pixels.reshape(-1, *self.shape[1:])
        if pixels.dtype == np.uint8 and self.factor == 1:
            return pixels
        if pixels.dtype.kind == "f":
            return np.rint(np.clip(pixels * float(self.factor), 0, 255)).astype(np.uint8)
        return pixels.astype(np.uint8) * np.uint8(self.factor)


def scale_of(member: Member) -> Scale:
    """Read the images, as far as it takes to see what their values mean.

    Bytes are known by the first that is neither 0 nor 1; of other types every pixel is read.

    Raises:
        InputError: NaN or infinite pixels, or values that are neither 0 to 1 nor 0 to 255.
    """
    where = f"{member.path}: images {member.name!r}"
    whole = member.dtype.kind in "biu"
    low, high, row = 0.0, 0.0, 0
    for chunk in () if member.dtype.kind == "b" else member.chunks():
        if not whole:
            finite = np.isfinite(chunk)
            if not finite.all():
                bad = row + int(np.argmin(finite.reshape(len(chunk), -1).all(axis=1)))
                raise InputError(
                    f"{where}: image {bad} has NaN or infinite pixels; pixels must be 0 to 1 or 0 to 255"
                )
        low, high, row = min(low, float(chunk.min())), max(high, float(chunk.max())), row + len(chunk)
        if member.dtype == np.uint8 and high > 1:
            break
        tell(f"reading {member.path.name}: {row / member.shape[0]:.0%}")
    if low < 0 or high > 255:
        raise InputError(f"{where} have values from {low:g} to {high:g}; pixels must be 0 to 1 or 0 to 255")
    # A float just above 1 is 1 with a rounding error, not a byte of 1.
    return known_scale(member, unit=high <= (1 if whole else 1 + 1e-6))


def known_scale(member: Member, *, unit: bool) -> Scale:
    """The scale of images of which it is known whether their largest value is 1."""
    whole = member.dtype.kind in "biu"
    return Scale(channels_first(member), _last(member), 255 if unit else 1, binary=whole and unit)


def _last(member: Member) -> bool:
    return len(member.shape) == 4 and member.shape[3] <= member.shape[1]


class ScaledImages:
    """Pictures left in the file as they were saved, turned into bytes as they are taken.

    Args:
        member: an array that lies in its file as it is.
        scale: what its values mean.
    """

    def __init__(self, member: Member, scale: Scale) -> None:
        self.rows, self.scale, self.on_disk = rows_of(member.mapped()), scale, member.nbytes

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, c, h, w)."""
        return self.scale.shape

    def __len__(self) -> int:
        return self.scale.shape[0]

    def take(self, indices: Rows | slice) -> Bytes:
        """Copy some pictures out: uint8 [b, c, h, w]."""
        return self.scale.apply(self.rows[indices])
