"""Which image is which: digests of their content, splits that follow from them, and what changed since a run.

A split drawn by counting is another split when one image comes or goes, and what was trained on becomes
test. So an image's digest and the seed alone decide where it belongs, copies of an image stay together, and
a run keeps the digests of its images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from distaff.data._images import Bytes, Digests, Images, Rows
from distaff.data._source import DataOptions, Split
from distaff.errors import InputError

if TYPE_CHECKING:
    from distaff.data._dataset import Dataset


SPLITS = ("train", "valid", "test")
CHUNK = 2**24
"""Bytes of images hashed at a time."""
SPLIT, LABELLED = 2, 3
"""Salts: which split an image is in, and whether training sees its labels, are drawn apart."""
FEW = 20
"""Different images below which copies are drawn one by one: groups of them would make no splits of use."""


def digest(pixels: Bytes) -> int:
    """Return the 64-bit digest of one image, uint8 [c, h, w].

    >>> digest(np.zeros((1, 2, 2), np.uint8)) == digest(np.zeros((1, 1, 4), np.uint8))
    False
    """
    return int(_digests(pixels[None])[0])


def digest_images(images: Images) -> Digests:
    """Return the digest of each of n images, uint64 [n]."""
    digests = np.empty(len(images), dtype=np.uint64)
    step = max(1, CHUNK // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), step):
        digests[start : start + step] = _digests(images.take(slice(start, start + step)))
    return digests


def _digests(pixels: Bytes) -> Digests:
    """Return the digests of images in one array, uint8 [n, c, h, w]."""
    shape = hashlib.sha256(str(pixels.shape[1:]).encode())
    hashes = []
    for row in np.ascontiguousarray(pixels).reshape(len(pixels), -1):
        hashed = shape.copy()
        hashed.update(row.data)
        hashes.append(hashed.digest()[:8])
    return np.frombuffer(b"".join(hashes), dtype="<u8").astype(np.uint64)


def count_different(digests: Digests) -> int:
    """Return how many different images there are."""
    # numpy's own unique takes ten times as long.
    return int(np.count_nonzero(np.diff(np.sort(digests)))) + bool(len(digests))


def luck(digests: Digests, seed: int, salt: int) -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for each digest, drawn by the seed; `salt` tells one use from another."""
    key = np.random.default_rng([seed, salt]).integers(2**64, dtype=np.uint64)
    # The finaliser of splitmix64: every bit of a digest changes every bit of the number.
    mixed = digests + key
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2**53


@dataclass(frozen=True)
class Fingerprint:
    """What a run keeps of its images, to know them again.

    Attributes:
        digests: uint64 [n].
        splits: uint8 [n], 0 train, 1 valid, 2 test.
        labels: uint64 [n], a digest of each image's labels.
        names: the images' names, if they have some.
    """

    digests: Digests
    splits: npt.NDArray[np.uint8]
    labels: Digests
    names: tuple[str, ...] | None = None

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return it as plain arrays, to be kept in a file."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "digests": self.digests,
            "splits": self.splits,
            "labels": self.labels,
        }
        if self.names is not None:
            text = "\0".join(self.names).encode("utf-8", "surrogateescape")
            arrays["names"] = np.frombuffer(text, dtype=np.uint8)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Fingerprint:
        """Return what `to_arrays` wrote.

        Raises:
            InputError: the arrays are not such.
        """
        try:
            digests, splits, labels = (np.asarray(arrays[name]) for name in ("digests", "splits", "labels"))
            names = None
            if "names" in arrays:
                text = np.asarray(arrays["names"], dtype=np.uint8).tobytes()
                names = tuple(text.decode("utf-8", "surrogateescape").split("\0"))
        except (KeyError, TypeError, ValueError, UnicodeDecodeError):
            raise InputError("the fingerprint of the images is damaged") from None
        kinds = [str(array.dtype) for array in (digests, splits, labels)]
        if kinds != ["uint64", "uint8", "uint64"] or not len(digests) == len(splits) == len(labels):
            raise InputError("the fingerprint of the images is damaged")
        if names is not None and len(names) != len(digests):
            raise InputError("the fingerprint of the images is damaged")
        return cls(digests, splits, labels, names)


def fingerprint(dataset: Dataset) -> Fingerprint:
    """Return what tells the images of a dataset, their labels and their splits from others.

    >>> from distaff.data import load
    >>> fingerprint(load("digits", count=50)).digests.shape
    (50,)
    """
    splits = np.zeros(len(dataset.images), dtype=np.uint8)
    for index, name in enumerate(SPLITS):
        splits[dataset.splits[name]] = index  # type: ignore[index]
    digests = dataset.digests if dataset.digests is not None else digest_images(dataset.images)
    names = None if dataset.names is None else tuple(dataset.names)
    return Fingerprint(digests, splits, _digest_labels(dataset.labels.values), names)


def _digest_labels(values: npt.NDArray[np.float32]) -> Digests:
    """Return a digest of each row of labels, uint64 [n]."""
    mixed = np.zeros(len(values), dtype=np.uint64)
    # Adding 0 makes -0 0; a missing label is NaN, of which there are many.
    for column in np.where(np.isnan(values), np.float32(np.nan), values + np.float32(0)).T:
        mixed = _mix(mixed, np.ascontiguousarray(column).view(np.uint32))
    return mixed


@dataclass(frozen=True)
class Comparison:
    """How the images of now differ from those of a run.

    Attributes:
        came: rows, of now, of images that the run had not.
        went: rows, of the run's images, of those that are no longer there.
        moved: rows, of now, of images that are in another split.
        relabelled: rows, of now, of images that have other labels.
        seen: bool [n], the images that the run trained on or chose its weights by (its train and valid).
        same: nothing differs, the order included: training can go on as if it had never stopped.
    """

    came: Rows
    went: Rows
    moved: Rows
    relabelled: Rows
    seen: npt.NDArray[np.bool_]
    same: bool
    _before: Fingerprint
    _now: Fingerprint

    def __str__(self) -> str:
        """Say in one line what differs, "" if nothing does.

        >>> now = Fingerprint(np.uint64([1, 3]), np.uint8([0, 2]), np.uint64([0, 0]), ("a.png", "c.png"))
        >>> before = Fingerprint(np.uint64([1, 2]), np.uint8([0, 0]), np.uint64([0, 0]), ("a.png", "b.png"))
        >>> str(compare(before, now))
        '1 image came (c.png), 1 image went (b.png)'
        """
        said = []
        for rows, names, what in (
            (self.came, self._now.names, "came"),
            (self.went, self._before.names, "went"),
            (self.moved, self._now.names, "moved to another split"),
            (self.relabelled, self._now.names, "changed labels"),
        ):
            if len(rows):
                said.append(f"{len(rows):,} image{'s' if len(rows) > 1 else ''} {what}{_some(rows, names)}")
        if not said and len(self._now.digests) != len(self._before.digests):
            more = len(self._now.digests) - len(self._before.digests)
            said.append(f"{abs(more):,} {'more' if more > 0 else 'fewer'} copies of images that are there")
        if not said and not self.same:
            said.append("the images are in another order")
        return ", ".join(said)


def compare(before: Fingerprint, now: Fingerprint) -> Comparison:
    """Tell how the images of now differ from those of a run.

    What may be measured as unseen are the rows that are not `seen`; if nothing changed (`same`), that is the
    test split, unless the data are copies of a few images.

    >>> one = Fingerprint(np.uint64([1, 2]), np.uint8([0, 2]), np.uint64([0, 0]))
    >>> compare(one, one).same, compare(one, one).seen.tolist()
    (True, [True, False])
    """
    known = np.isin(now.digests, before.digests)
    trained = np.isin(now.digests, before.digests[before.splits < SPLITS.index("test")])
    return Comparison(
        came=np.flatnonzero(~known),
        went=np.flatnonzero(~np.isin(before.digests, now.digests)),
        moved=np.flatnonzero(known & ~_has(before.digests, before.splits, now.digests, now.splits)),
        relabelled=np.flatnonzero(known & ~_has(before.digests, before.labels, now.digests, now.labels)),
        seen=trained,
        same=all(
            np.array_equal(one, two)
            for one, two in (
                (before.digests, now.digests),
                (before.splits, now.splits),
                (before.labels, now.labels),
            )
        ),
        _before=before,
        _now=now,
    )


def _has(
    digests: Digests, values: npt.NDArray[Any], wanted: Digests, with_value: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Tell for each wanted pair of digest and value whether it is among those of the first two."""
    return np.isin(_mix(wanted, with_value), _mix(digests, values))


def _mix(one: Digests, other: npt.NDArray[Any]) -> Digests:
    """Return a digest of each pair: of two pairs that differ it is equal once in 2^64."""
    mixed = (one ^ (other.astype(np.uint64) + np.uint64(1))) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray((mixed ^ (mixed >> np.uint64(29))) + one)


def _some(rows: Rows, names: Sequence[str] | None) -> str:
    """Return the first names, in brackets."""
    if names is None:
        return ""
    shown = ", ".join(names[int(row)] for row in rows[:3])
    return f" ({shown}{', ...' if len(rows) > 3 else ''})"


def straddlers(digests: Digests, parts: Mapping[Split, Rows]) -> Rows:
    """Return the rows whose image a published part also holds that must not be trained on: int64, sorted.

    Of a copy in two parts the one in test stays, else the one in valid.
    """
    left = [np.empty(0, dtype=np.int64)]
    taken = digests[:0]
    for name in ("test", "valid", "train"):
        rows = parts.get(name, np.empty(0, dtype=np.int64))
        left.append(rows[np.isin(digests[rows], taken)])
        taken = np.concatenate([taken, digests[rows]])
    return np.sort(np.concatenate(left))


def apart(digests: Digests) -> Digests:
    """Return digests that tell copies of one image apart by their number, in any order: uint64 [n]."""
    order = np.argsort(digests, kind="stable")
    first = np.flatnonzero(np.diff(digests[order], prepend=digests[order[:1]] + np.uint64(1)))
    number = np.empty(len(digests), dtype=np.uint64)
    number[order] = np.arange(len(order)) - np.repeat(first, np.diff(first, append=len(order)))
    return digests + number * np.uint64(0x9E3779B97F4A7C15)


def draw_splits(
    digests: Digests, parts: Mapping[Split, Rows] | None, options: DataOptions
) -> dict[Split, Rows]:
    """Return the sorted rows of each split.

    What no published part decides is drawn: an image is in test, valid or train with the chances that the
    options say, whatever other images there are. So sizes are those shares on average only; but a split that
    is asked for has at least one image.

    Args:
        digests: uint64 [n].
        parts: the published parts' rows among them; None if there are none.
        options: the shares and the seed.

    Raises:
        InputError: too few images to leave some to train on.
    """
    n = len(digests)
    given = dict(parts or {})
    free = given.get("train", np.arange(n)) if parts else np.arange(n)
    place = luck(digests[free], options.seed, SPLIT)
    splits: dict[Split, Rows] = {}
    start = 0.0
    wanted: tuple[tuple[Split, float], ...] = (("test", options.test), ("valid", options.valid))
    left = np.ones(len(free), dtype=bool)
    for name, share in wanted:
        if name in given:
            splits[name] = np.sort(given[name])
        else:
            mine = left & (place >= start) & (place < start + share)
            if share > 0 and not mine.any() and left.any():
                # The image nearest to the range, and its copies.
                distance = np.where(left, np.abs(place - start), np.inf)
                mine = place == place[distance.argmin()]
            left &= ~mine
            splits[name] = free[mine]
        # Ranges stay where they are whether a part is published or not.
        start += share
    if not left.any():
        raise InputError(
            f"{n} images are too few: valid {options.valid:g}, test {options.test:g} leave none to train on"
        )
    return {"train": np.sort(free[left]), "valid": np.sort(splits["valid"]), "test": np.sort(splits["test"])}


def hidden_rows(digests: Digests, seen: Rows, options: DataOptions) -> Rows:
    """Return which of the rows `seen` lose their labels: all but the share `labelled`, at least one image.

    The images kept for a smaller share are among those kept for a larger one of the same seed.
    """
    order = np.argsort(luck(digests[seen], options.seed, LABELLED), kind="stable")
    kept = max(1, round(options.labelled * len(seen)))
    hidden: npt.NDArray[np.int64] = seen[order[kept:]]
    return hidden
