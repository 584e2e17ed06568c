"""A .npz, .npy or .h5 file of images and their attributes, read piece by piece, never unpickled.

An array of more than `_images.LARGE` bytes that is not compressed stays where it is, whatever its type.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from distaff.attributes import Attribute, AttributeTable, Kind
from distaff.data import _cache, _images
from distaff.data._arrays import (
    CHUNK,
    IMAGES,
    Archive,
    Member,
    Scale,
    ScaledImages,
    channels_first,
    folder_archive,
    halves,
    hdf5_archive,
    is_folder_of_arrays,
    labels_beside,
    npz_archive,
    scale_of,
    single,
    white_of_array,
)
from distaff.data._cache import tell
from distaff.data._columns import LABELS, Column, Labels, read_columns
from distaff.data._files import PARTS
from distaff.data._identity import digest_images
from distaff.data._images import ArrayImages, Bytes, Digests, Images, PackedImages, Rows, SubsetImages
from distaff.data._listing import ORDER, as_words, may_be_split, no_split, rows_of, split_of
from distaff.data._source import DataOptions, Found, LeftOut, Opened, Source, Split
from distaff.data.sprites import FACTORS, classes_of, tabulate
from distaff.errors import InputError

IGNORED = ("metadata", "original_dataset_indices")
IN_MEMORY = 2**28
"""Bytes of images up to which they are simply kept in memory."""
HUES = tuple(range(10))
SHAPES3D: tuple[Attribute, ...] = (
    Attribute(name="floor_hue", kind="circular", values=HUES),
    Attribute(name="wall_hue", kind="circular", values=HUES),
    Attribute(name="object_hue", kind="circular", values=HUES),
    Attribute(name="scale", kind="ordinal", values=tuple(range(8))),
    Attribute(name="shape", kind="categorical", values=tuple(range(4))),
    Attribute(name="orientation", kind="ordinal", values=tuple(range(15))),
)
"""The factors of Shapes3D (https://github.com/google-deepmind/3d-shapes), which its file holds as numbers."""
MPI3D_IMAGE = (64, 64, 3)
MPI3D = {1_036_800: (6, 6, 2, 3, 3, 40, 40), 460_800: (4, 4, 2, 3, 3, 40, 40)}
"""The sizes of the factors of MPI3D (https://arxiv.org/abs/1906.03292), by how many images a file has."""
MPI3D_FACTORS: tuple[tuple[str, Kind], ...] = (
    *(("object_color", "categorical"), ("object_shape", "categorical"), ("object_size", "ordinal")),
    *(("camera_height", "ordinal"), ("background_color", "categorical")),
    *(("horizontal_axis", "ordinal"), ("vertical_axis", "ordinal")),
)
"""Their names and kinds; the last varies fastest."""


class Npz(Source):
    """Images under imgs, images, x or X, and an attribute from every other array of one value an image.

    A published split is taken from an array `split` of words, or from arrays such as train_images and
    test_images, x_train and x_test, whose labels are called alike.

    Images are [n, h, w], [n, h, w, c] or [n, c, h, w]; bool or whole numbers (0 and 1, or 0 to 255) or floats
    (0 to 1, or 0 to 255). `latents_classes` or `latents_values` [n, 5 or 6] are dSprites' factors; those of
    MPI3D, whose file is images alone, follow from the row.
    """

    tag: ClassVar[str] = "npz"
    about: ClassVar[str] = (
        "your images as one array (imgs, images, x or X), also the published files of dSprites and MPI3D"
    )
    attributes: ClassVar[str] = "every other array of one label an image"
    size: ClassVar[str] = "any; large ones stay on disk"
    origin: ClassVar[str] = "a path that ends in .npz"
    path: ClassVar[str | None] = "FILE.npz"

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Claim what ends in .npz, whether it is there or not."""
        return path.suffix.lower() == ".npz" and not path.is_dir()

    def find(self, options: DataOptions) -> Found:
        """Read the table of arrays and the labels; see `Source.find`.

        Raises:
            InputError: no such file, no images, images or labels that are not as described.
        """
        return _find_in(npz_archive(Path(self.place or "").expanduser()), options)


class Hdf5(Source):
    """The arrays of an HDF5 file, named as those of `Npz`; `latents/classes` is called `latents_classes`.

    `labels` [n, 6] of Shapes3D are known by their values and get their names.
    """

    tag: ClassVar[str] = "h5"
    about: ClassVar[str] = (
        "your images as one array (imgs, images, x or X), also the published Shapes3D file; needs distaff[h5]"
    )
    attributes: ClassVar[str] = "every other array of one label an image"
    size: ClassVar[str] = "any; unpacked once into the cache"
    origin: ClassVar[str] = "a path that ends in .h5 or .hdf5"
    path: ClassVar[str | None] = "FILE.h5"

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Claim what ends in .h5 or .hdf5, whether it is there or not."""
        return path.suffix.lower() in {".h5", ".hdf5"} and not path.is_dir()

    def find(self, options: DataOptions) -> Found:
        """Read the table of arrays and the labels; see `Source.find`.

        Raises:
            InputError: no h5py, no such file, no images, images or labels that are not as described.
        """
        return _find_in(hdf5_archive(Path(self.place or "").expanduser()), options)


class Npy(Source):
    """Images in a .npy file, or a folder of such files, described as of `Npz`.

    NAME.labels.npz beside NAME.npy may hold the labels, or files that are called alike but for a word:
    y_train.npy beside X_train.npy, labels.npy beside images.npy, or cells_labels.npy beside cells.npy.
    """

    tag: ClassVar[str] = "npy"
    about: ClassVar[str] = "your images as one array, as numpy.save or numpy.lib.format.open_memmap writes it"
    attributes: ClassVar[str] = (
        "the arrays of NAME.labels.npz beside NAME.npy, or y.npy beside X.npy, one label an image"
    )
    size: ClassVar[str] = "any; large ones stay on disk"
    origin: ClassVar[str] = "a path that ends in .npy, or a folder of such files, as X_train, y_train, X_test"
    path: ClassVar[str | None] = "FILE.npy"

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Claim what ends in .npy, whether it is there or not, and a folder of images in such files."""
        return is_folder_of_arrays(path) if path.is_dir() else path.suffix.lower() == ".npy"

    def find(self, options: DataOptions) -> Found:
        """Read the header and the labels; see `Source.find`.

        Raises:
            InputError: no such file, images or labels that are not as described.
        """
        path = Path(self.place or "").expanduser()
        if path.is_dir():
            return _find_in(folder_archive(path), options)
        images, labels = single(path), path.with_suffix(".labels.npz")
        if labels.exists():
            return _split_by_array(images, npz_archive(labels), options)
        beside = labels_beside(path, LABELS)
        said = tuple(f"{each.path.name} beside it holds the labels" for each in beside.members.values())
        found = _split_by_array(images, beside, options)
        return replace(found, notes=(*said, *found.notes))


def _find_in(archive: Archive, options: DataOptions) -> Found:
    """Return the source of the images and labels in a file of several arrays."""
    owners = _join_parts(archive)
    name = next((name for name in IMAGES if name in archive.members), None)
    if name is None:
        raise InputError(
            f"{archive.path}: no images: name their array {' or '.join(IMAGES)}; there is: {archive.names}"
        )
    images = archive.members.pop(name)
    if owners:
        found = _found(images, attributes_of(archive, images.shape[0], options), options)
        return replace(found, parts=rows_of(owners))
    if not archive.members and images.shape[1:] == MPI3D_IMAGE and images.shape[0] in MPI3D:
        return _found(images, Labels(_mpi3d(MPI3D[images.shape[0]])), options)
    return _split_by_array(images, archive, options)


def _mpi3d(sizes: tuple[int, ...]) -> AttributeTable:
    """Return the factors of MPI3D, which follow from the row."""
    factors = [
        Attribute(name=name, kind=kind, values=tuple(range(size)))
        for (name, kind), size in zip(MPI3D_FACTORS, sizes, strict=True)
    ]
    places = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1)
    return AttributeTable(tuple(factors), places.astype(np.float32))


def _found(images: Member, labels: Labels, options: DataOptions) -> Found:
    """Return the source that an array of images is."""

    def open_rows(rows: Rows) -> Opened:
        opened, white, digests, notes = _open(images, options.white)
        if len(rows) == len(opened):
            known = digests(None)
            return Opened(opened, rows, notes, digests=known, white=white)
        known = digests(rows)
        if opened.on_disk and len(rows) * int(np.prod(opened.shape[1:])) <= IN_MEMORY:
            return Opened(ArrayImages(opened.take(rows)), rows, notes, digests=known, white=white)
        return Opened(SubsetImages(opened, rows), rows, notes, digests=known, white=white)

    channels_first(images)
    return Found(str(images.path), labels.attributes, open_rows, notes=labels.notes, left_out=labels.left_out)


@dataclass(frozen=True)
class Joined(Member):
    """Arrays of the parts of a published split, one behind the other."""

    members: tuple[Member, ...] = ()

    @property
    def stamp(self) -> str:
        """What changes when a file of one of them does."""
        return " ".join(each.stamp for each in self.members)

    def chunks(self) -> Iterator[npt.NDArray[Any]]:
        """Yield the rows of each in turn, some at a time."""
        for member in self.members:
            for chunk in member.chunks():
                yield chunk.astype(self.dtype, copy=False)


def _join_parts(archive: Archive) -> list[Split]:
    """Join arrays such as train_images and test_images, or x_train and x_test; return the part of each row.

    Their names without the part are those of the joined arrays: images and labels, x and y.

    Raises:
        InputError: the images of the parts differ in size, or labels are missing for some part.
    """
    found: dict[str, dict[Split, Member]] = {}
    for name, member in archive.members.items():
        for part, rest in halves(name):
            if part.lower() in PARTS and rest:
                found.setdefault(rest, {})[PARTS[part.lower()]] = member
                break
    key = next((name for name in IMAGES if "train" in found.get(name, {})), None)
    if key is None or key in archive.members:
        return []
    parts = [part for part in ORDER if part in found[key]]
    for name, members in found.items():
        there = [members[part] for part in parts if part in members]
        counts = [found[key][part].shape[0] for part in parts]
        if len(there) < len(parts) or len({each.shape[1:] for each in there}) > 1:
            continue  # Each is then left out by its own name, since it has no label for every image.
        if [each.shape[0] for each in there] != counts:
            told = " and ".join(f"{each.name} is {list(each.shape)}" for each in there)
            raise InputError(f"{archive.path}: {told}; {key} of the same parts are {counts}")
        shape = (sum(counts), *there[0].shape[1:])
        dtype = np.result_type(*(each.dtype for each in there))
        for each in there:
            del archive.members[each.name]
        archive.members[name] = Joined(archive.path, name, shape, dtype, 0, None, tuple(there))
    if key not in archive.members:
        told = ", ".join(f"{each.name} {list(each.shape)}" for each in found[key].values())
        raise InputError(f"{archive.path}: the images of the parts differ in size: {told}")
    return [part for part in parts for _ in range(found[key][part].shape[0])]


def _split_by_array(images: Member, archive: Archive, options: DataOptions) -> Found:
    """Return the source of images and labels, of which an array may name the part of each image."""
    n = images.shape[0]
    named = {
        name: member.read().reshape(-1)
        for name, member in archive.members.items()
        if member.shape in ((n,), (n, 1)) and may_be_split(name, member.dtype)
    }
    split = split_of(as_words(named))
    if split is not None:
        del archive.members[split[0]]
    found = _found(images, attributes_of(archive, n, options), options)
    if split is None:
        return replace(found, notes=(*no_split(as_words(named)), *found.notes))
    said = f"the array {split[0]!r} is the split"
    return replace(found, parts=rows_of(split[1]), notes=(said, *found.notes))


def attributes_of(archive: Archive, n: int, options: DataOptions) -> Labels:
    """Return the attributes of n images that the arrays of a file hold, and what was left out.

    Raises:
        InputError: an array that is asked for, or named like labels, is not one label an image.
    """
    why: dict[str, list[str]] = {}
    for name, reason in archive.left_out.items():
        why.setdefault(reason, []).append(name)
    left = [LeftOut.of("array", names, reason) for reason, names in why.items()]
    if archive.files:
        left.append(LeftOut.of("file", archive.files, "of this folder the .npy files are read"))
    for name in ("latents_classes", "latents_values"):
        if name in archive.members:
            member = archive.members[name]
            if member.shape not in ((n, len(FACTORS)), (n, len(FACTORS) + 1)):
                raise InputError(
                    f"{archive.path}: {name} is {list(member.shape)} for {n} images: [{n}, 6] or [{n}, 5]"
                )
            factors = classes_of(name, member.read(), str(archive.path))
            return _those_of(name, name, tabulate(factors), archive, left)
    labels3d = archive.members.get("labels")
    factors3d = _shapes3d(labels3d, n) if labels3d is not None else None
    if factors3d is not None:
        return _those_of("Shapes3D", "labels", AttributeTable(SHAPES3D, factors3d), archive, left)
    columns: dict[str, Column] = {}
    one_each = {name for name, member in archive.members.items() if member.shape in ((n,), (n, 1))}
    # Beside labels that fit, `classes` may be the names of the classes.
    labelled = any(name.lower() in LABELS for name in one_each)
    for name, member in archive.members.items():
        if name in IGNORED:
            left.append(LeftOut.of("array", [name], "it is no label but says where the images come from"))
        elif name in one_each:
            columns[name] = member.read().reshape(-1)
        elif (name.lower() in LABELS and not labelled) or name in (options.attributes or ()):
            one_hot = "; of one-hot labels take argmax(1)" * (len(member.shape) == 2)
            raise InputError(
                f"{archive.path}: {name!r} is {list(member.shape)} for {n} images: it must be [{n}]{one_hot}"
            )
        else:
            reason = f"it is {list(member.shape)}, not one label for each of {n} images"
            left.append(LeftOut.of("array", [name], reason))
    labels = read_columns(columns, n, str(archive.path), options)
    return replace(labels, left_out=(*left, *labels.left_out))


def _those_of(
    owner: str, name: str, factors: AttributeTable, archive: Archive, left: list[LeftOut]
) -> Labels:
    """Return the factors that one array holds; what else is there is left out."""
    others = [other for other in archive.members if other != name]
    more = [LeftOut.of("array", others, f"the labels are those of {owner}")] if others else []
    return Labels(factors, left_out=(*left, *more))


def _shapes3d(labels: Member, n: int) -> npt.NDArray[np.float32] | None:
    """Return the factors, float32 [n, 6], of labels that have as many values each as those of Shapes3D."""
    if labels.shape != (n, len(SHAPES3D)) or labels.dtype.kind not in "iuf":
        return None
    ranks = [np.unique(column, return_inverse=True) for column in labels.read().T]
    if [len(values) for values, _ in ranks] != [factor.size for factor in SHAPES3D]:
        return None
    return np.stack([rank.astype(np.float32) for _, rank in ranks], axis=1)


def _open(
    member: Member, wanted: float | None
) -> tuple[Images, float | None, Callable[[Rows | None], Digests], tuple[str, ...]]:
    """Open the images; returns them, the value that is white, what gives digests, and notes."""
    shape = channels_first(member)
    pixels = int(np.prod(shape[1:]))
    name = f"npz-{hashlib.sha256(member.stamp.encode()).hexdigest()[:24]}"
    large = member.nbytes > _images.LARGE and member.offset is not None
    big = shape[0] * pixels > IN_MEMORY
    if wanted is not None:
        white = wanted
    elif large or big:
        # Such a file is read through for its scale once, not at the beginning of every command.
        kept = _cache.keep(f"{name}-white", (8,), lambda: iter([_eight_bytes(white_of_array(member))]))
        white = float(kept.view(np.float64)[0])
    else:
        white = white_of_array(member)
    scale = scale_of(member, white)
    packed = (shape[0], -(-pixels // 8))
    images: Images
    kind = f"{name}-{white:g}"
    if large and not (scale.binary and packed[0] * packed[1] <= _images.LARGE):
        images = ScaledImages(member, scale)
    elif scale.binary:
        images = PackedImages(_gather(f"{kind}-packed", packed, member, scale), shape[1:])
    else:
        images = ArrayImages(_gather(kind, shape, member, scale))

    def digests(rows: Rows | None) -> Digests:
        if rows is not None and len(rows) < shape[0] // 2:
            return digest_images(SubsetImages(images, rows))
        if not big:
            known = digest_images(images)
        else:
            marks = (shape[0], 8)
            kept = _cache.keep(f"{kind}-digests", marks, lambda: _digests_of(images, member.path.name))
            known = kept.reshape(-1).view(np.uint64)
        return known if rows is None else known[rows]

    notes: tuple[str, ...] = ()
    if wanted is None and white not in {1.0, 255.0}:
        notes = (f"the value {white:g} of {member.path.name} is taken as white; data.white sets another",)
    plain = member.dtype == np.uint8 and white == 255
    return images, None if plain else white, digests, notes


def _eight_bytes(number: float) -> Bytes:
    return np.array([number], dtype=np.float64).view(np.uint8)


def _digests_of(images: Images, name: str) -> Iterator[Bytes]:
    """Yield the digests of images, as bytes [b, 8], and tell how far it has come."""
    step = max(1, CHUNK // int(np.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        tell(f"reading {name}: {start / len(images):.0%}")
        rows = np.arange(start, min(start + step, len(images)))
        yield digest_images(SubsetImages(images, rows)).view(np.uint8).reshape(-1, 8)


def _gather(name: str, shape: tuple[int, ...], member: Member, scale: Scale) -> Bytes:
    def chunks() -> Iterator[Bytes]:
        done = 0
        for chunk in member.chunks():
            done += len(chunk)
            tell(f"keeping the images of {member.path.name}: {done / member.shape[0]:.0%}")
            pixels = scale.apply(chunk)
            yield np.packbits(pixels.reshape(len(pixels), -1), axis=1) if scale.binary else pixels

    if int(np.prod(shape)) > IN_MEMORY:
        return _cache.keep(name, shape, chunks)
    return _cache.gather(shape, chunks())
