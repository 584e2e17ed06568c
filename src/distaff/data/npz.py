"""A .npz or .npy file of images and their attributes, read piece by piece, never unpickled.

An array of more than `stored.LARGE` bytes that is not compressed stays where it is, whatever its type.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from distaff.data import cache, stored
from distaff.data.archive import Archive, Member, single
from distaff.data.attributes import AttributeTable
from distaff.data.columns import LABELS, Column, table
from distaff.data.dataset import Found, Opened
from distaff.data.images import ArrayImages, Bytes, Images, PackedImages, Rows, SubsetImages
from distaff.data.options import DataOptions
from distaff.data.pixels import Scale, ScaledImages, channels_first, known_scale, scale_of
from distaff.data.progress import tell
from distaff.data.sprites import FACTORS, classes_of, tabulate
from distaff.errors import InputError

IMAGES = ("imgs", "images", "x", "X")
"""Names under which the images are looked for, in this order."""
IGNORED = ("metadata", "original_dataset_indices")
IN_MEMORY = 2**28
"""Bytes of images up to which they are simply kept in memory."""


def find(place: str | None, options: DataOptions) -> Found:
    """Images under imgs, images, x or X, and an attribute from every other array of one value an image.

    Images are [n, h, w], [n, h, w, c] or [n, c, h, w]; bool or whole numbers (0 and 1, or 0 to 255) or floats
    (0 to 1, or 0 to 255). `latents_classes` or `latents_values` [n, 5 or 6] are dSprites' factors.

    Raises:
        InputError: no such file, no images, images or labels that are not as described.
    """
    path = Path(place or "").expanduser()
    archive = Archive(path)
    name = next((name for name in IMAGES if name in archive.members), None)
    if name is None:
        raise InputError(
            f"{path}: no images: name their array {' or '.join(IMAGES)}; there is: {archive.names}"
        )
    images = archive.members.pop(name)
    return found(images, *attributes_of(archive, images.shape[0], options.attributes))


def find_single(place: str | None, options: DataOptions) -> Found:
    """Images in a .npy file, described as in `find`; NAME.labels.npz beside NAME.npy may hold their labels.

    Raises:
        InputError: no such file, images or labels that are not as described.
    """
    path = Path(place or "").expanduser()
    images = single(path)
    labels, n = path.with_suffix(".labels.npz"), images.shape[0]
    if labels.exists():
        return found(images, *attributes_of(Archive(labels), n, options.attributes))
    return found(images, table({}, options.attributes, n, str(path)), ())


def found(images: Member, attributes: AttributeTable, notes: tuple[str, ...]) -> Found:
    """The source that an array of images is."""

    def open_rows(rows: Rows) -> Opened:
        opened = _open(images)
        if len(rows) == len(opened):
            return Opened(opened, rows, notes)
        if opened.on_disk and len(rows) * int(np.prod(opened.shape[1:])) <= IN_MEMORY:
            return Opened(ArrayImages(opened.take(rows)), rows, notes)
        return Opened(SubsetImages(opened, rows), rows, notes)

    channels_first(images)
    return Found(str(images.path), attributes, open_rows)


def attributes_of(
    archive: Archive, n: int, wanted: tuple[str, ...] | None
) -> tuple[AttributeTable, tuple[str, ...]]:
    """The attributes of n images that the arrays of a file hold, and what was left out.

    Raises:
        InputError: an array that is asked for, or named like labels, is not one label an image.
    """
    for name in ("latents_classes", "latents_values"):
        if name in archive.members:
            member = archive.members[name]
            if member.shape not in ((n, len(FACTORS)), (n, len(FACTORS) + 1)):
                raise InputError(
                    f"{archive.path}: {name} is {list(member.shape)} for {n} images: [{n}, 6] or [{n}, 5]"
                )
            return tabulate(classes_of(name, member.read(), str(archive.path))), ()
    columns: dict[str, Column] = {}
    notes = []
    for name, member in archive.members.items():
        if name in IGNORED:
            continue
        if member.shape == (n,):
            columns[name] = member.read()
        elif name.lower() in LABELS or name in (wanted or ()):
            raise InputError(
                f"{archive.path}: {name!r} is {list(member.shape)} for {n} images: it must be [{n}]"
            )
        else:
            notes.append(
                f"{archive.path}: array {name!r} {list(member.shape)} is not one label an image; left out"
            )
    return table(columns, wanted, n, str(archive.path)), tuple(notes)


def _open(member: Member) -> Images:
    shape = channels_first(member)
    pixels = int(np.prod(shape[1:]))
    packed, plain = (shape[0], -(-pixels // 8)), shape
    status = member.path.stat()
    written = f"{member.path.resolve()} {status.st_size} {status.st_mtime_ns} {member.name}"
    name = f"npz-{hashlib.sha256(written.encode()).hexdigest()[:24]}"
    # What was kept tells by its name whether it is packed, which spares a reading of the whole file.
    kept = cache.find(f"{name}-packed", packed)
    if kept is not None:
        return PackedImages(kept, shape[1:])
    kept = cache.find(name, plain)
    if kept is not None:
        return ArrayImages(kept)
    if member.offset is None or member.nbytes <= stored.LARGE:
        scale = scale_of(member)
    else:
        # Such a file is read through for its scale once, not at the beginning of every command.
        unit = cache.keep(f"{name}-unit", (1,), lambda: iter([_unit(member)]))
        scale = known_scale(member, unit=bool(unit[0]))
        if not scale.binary or packed[0] * packed[1] > stored.LARGE:
            return ScaledImages(member, scale)
    if scale.binary:
        return PackedImages(_gather(f"{name}-packed", packed, member, scale), shape[1:])
    return ArrayImages(_gather(name, plain, member, scale))


def _unit(member: Member) -> Bytes:
    """Whether the largest value is 1: uint8 [1], 0 or 1."""
    return np.array([scale_of(member).factor == 255], dtype=np.uint8)


def _gather(name: str, shape: tuple[int, ...], member: Member, scale: Scale) -> Bytes:
    def chunks() -> Iterator[Bytes]:
        done = 0
        for chunk in member.chunks():
            done += len(chunk)
            tell(f"keeping the pictures of {member.path.name}: {done / member.shape[0]:.0%}")
            pixels = scale.apply(chunk)
            yield np.packbits(pixels.reshape(len(pixels), -1), axis=1) if scale.binary else pixels

    if int(np.prod(shape)) > IN_MEMORY:
        return cache.keep(name, shape, chunks)
    return cache.gather(shape, chunks())
