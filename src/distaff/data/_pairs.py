"""Pairs of training images that agree on most attributes, or follow one another: https://arxiv.org/abs/2002.02886.

A pair is weak supervision: that few attributes changed is known, but neither which nor their values; or which
are the same (`same`); or that little time has gone by (`within`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.attributes import AttributeTable, first_attribute
from distaff.data._images import Rows
from distaff.data._source import PairOptions
from distaff.errors import InputError, UnknownAttributeError

CACHED = 2**29
"""Bytes of groupings that are kept."""
TRIED = 1000
"""Images drawn to tell how many have a partner other than themselves."""
GUESSES = 8
"""Partners guessed for an image at once where every changed attribute must differ."""
REDRAWN = 20
"""Draws of other attributes for an image without a partner, before it is its own."""
Groups = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]


class PairSampler:
    """Draws a partner for each image, among the training images, that agrees on all attributes but a few.

    Args:
        values: [n, K], the class index of each attribute; NaN where a label is missing.
        rows: int [m], the training images: only they are drawn, and only those whose labels are all known.
        pairs: which attributes may differ.
        names: the K names, to find those that `pairs` names.

    Attributes:
        anchors: int64 [a], sorted: the rows that have all their labels and so may be in a pair.

    Raises:
        InputError: more changed attributes than there are, a name that is unknown, or no image with labels.

    >>> values = np.stack(np.unravel_index(np.arange(12), (3, 4)), axis=1)
    >>> sampler = PairSampler(values, np.arange(12), PairOptions(changed=("size",)), ("shape", "size"))
    >>> partners = sampler.partners(np.array([0, 5]), np.random.default_rng(0))
    >>> bool((values[partners, 0] == values[[0, 5], 0]).all())
    True
    """

    def __init__(
        self, values: npt.ArrayLike, rows: Rows, pairs: PairOptions, names: Sequence[str] = ()
    ) -> None:
        table = np.asarray(values, dtype=np.float32)
        rows = np.sort(np.asarray(rows, dtype=np.int64))
        known = ~np.isnan(table[rows]).any(axis=1)
        self.anchors: Rows = rows[known]
        if not len(self.anchors):
            raise InputError("data.pairs: no training image has a label of every attribute that has classes")
        self.pairs = pairs
        self._values = np.rint(table[self.anchors]).astype(np.int32)
        self._k = self._values.shape[1]
        self._chosen = _columns(pairs, names, self._k)
        self._groups: OrderedDict[tuple[int, ...], Groups] = OrderedDict()
        self._weights = _weights(self._values)

    def partners(self, rows: Rows, generator: np.random.Generator) -> Rows:
        """Draw a partner for each of m images.

        A partner is drawn uniformly among the training images that agree on the attributes which do not
        change, so it may be the image itself unless `may_repeat` is false. An image without any other
        partner is its own.

        Args:
            rows: int [m], some of `anchors`.
            generator: draws; the partners follow from its state alone.

        Returns:
            int64 [m], rows of training images.

        Raises:
            ValueError: a row is no anchor.
        """
        rows = np.asarray(rows, dtype=np.int64)
        places = np.searchsorted(self.anchors, rows)
        if len(rows) and (
            places.max() == len(self.anchors) or not np.array_equal(self.anchors[places], rows)
        ):
            raise ValueError("partners are asked of a row that is no training image with all its labels")
        drawn = self._draw(places, self._changes(len(rows), generator), generator)
        if not self.pairs.may_repeat:
            for _ in range(REDRAWN):
                alone = np.flatnonzero(drawn < 0)
                if not len(alone) or self._chosen is not None:
                    break
                changes = self._changes(len(alone), generator)
                drawn[alone] = self._draw(places[alone], changes, generator)
            drawn = np.where(drawn < 0, places, drawn)
        return self.anchors[drawn]

    def share_alone(self) -> float:
        """Return the share of pairs, of a thousand drawn, that are an image with itself."""
        generator = np.random.default_rng(0)
        rows = generator.choice(self.anchors, min(TRIED, len(self.anchors)), replace=False)
        return float(np.mean(self.partners(rows, generator) == rows))

    def _changes(self, n: int, generator: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Draw which attributes may differ: bool [n, K]."""
        if self._chosen is not None:
            return np.broadcast_to(self._chosen, (n, self._k))
        if self.pairs.changed == "uniform":
            count = generator.integers(1, self._k, size=n)
        else:
            count = np.full(n, self.pairs.changed)
        if self.pairs.coin:
            count = np.where(generator.integers(2, size=n) == 1, count, 1)
        ranks = generator.random((n, self._k)).argsort(axis=1).argsort(axis=1)
        return np.asarray(ranks < count[:, None])

    def _draw(
        self, places: Rows, changes: npt.NDArray[np.bool_], generator: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """Draw a partner's place for each place; -1 if all that changes must differ and no such image is."""
        repeat = self.pairs.may_repeat
        luck = generator.random((len(places), 1 if repeat else GUESSES))
        drawn = np.empty(len(places), dtype=np.int64)
        subsets, which = np.unique(changes, axis=0, return_inverse=True)
        for index, subset in enumerate(subsets):
            mine = np.flatnonzero(which.reshape(-1) == index)
            order, group, starts = self._grouping(subset)
            first, end = starts[group[places[mine]]], starts[group[places[mine]] + 1]
            guesses = order[first[:, None] + (luck[mine] * (end - first)[:, None]).astype(np.int64)]
            own = self._values[places[mine]][:, None]
            right = np.ones(guesses.shape, bool) if repeat else self._differ(guesses, own, subset)
            drawn[mine] = guesses[np.arange(len(mine)), right.argmax(axis=1)]
            # Guesses are quick where many are right. Where none was, every candidate is looked at.
            for each in np.flatnonzero(~right.any(axis=1)):
                others = order[first[each] : end[each]]
                others = others[self._differ(others, own[each], subset)]
                drawn[mine[each]] = others[int(luck[mine[each], 0] * len(others))] if len(others) else -1
        return drawn

    def _differ(
        self, places: npt.NDArray[Any], own: npt.NDArray[Any], subset: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Tell of which places every changed attribute differs from the anchor's own."""
        return np.asarray((self._values[places][..., subset] != own[..., subset]).all(axis=-1))

    def _grouping(self, changed: npt.NDArray[np.bool_]) -> Groups:
        """Group the anchors by the attributes that stay.

        Returns:
            the anchors ordered by group [a], the group of each anchor [a], where each group starts [g + 1].
        """
        key = tuple(np.flatnonzero(changed).tolist())
        if key in self._groups:
            self._groups.move_to_end(key)
            return self._groups[key]
        keys = self._values @ np.where(changed, 0, self._weights)
        order = np.argsort(keys, kind="stable").astype(np.int32)
        new = np.diff(keys[order], prepend=keys[order[0]]) != 0
        group = np.empty(len(order), dtype=np.int32)
        group[order] = np.cumsum(new)
        starts = np.concatenate([[0], np.flatnonzero(new), [len(order)]]).astype(np.int32)
        self._groups[key] = (order, group, starts)
        while len(self._groups) > 1 and sum(map(_bytes, self._groups.values())) > CACHED:
            self._groups.popitem(last=False)
        return self._groups[key]


class Successors:
    """Draws a partner for each training image among those that follow it, at most `within` images on.

    The last of a sequence has one before it, and one without any neighbour is its own partner.

    Args:
        rows: int [m], the training images; their order is that of time.
        within: images from one to the other at most.
        sequences: [n], what both images of a pair must agree on; None if all are one sequence.

    >>> pairs = Successors(np.array([0, 1, 2, 5]), within=2)
    >>> pairs.partners(np.array([0, 2, 5]), np.random.default_rng(0)).tolist()
    [2, 1, 5]
    """

    def __init__(self, rows: Rows, within: int, sequences: npt.NDArray[Any] | None = None) -> None:
        self.anchors: Rows = np.sort(np.asarray(rows, dtype=np.int64))
        places = np.arange(len(self.anchors))
        self._last = np.searchsorted(self.anchors, self.anchors + within, side="right") - 1
        self._first = np.searchsorted(self.anchors, self.anchors - within)
        if sequences is not None:
            values = np.asarray(sequences)[self.anchors]
            new = np.flatnonzero(values[1:] != values[:-1]) + 1
            run = np.searchsorted(new, places, side="right")
            starts = np.concatenate([[0], new, [len(values)]])
            self._first = np.maximum(self._first, starts[run])
            self._last = np.minimum(self._last, starts[run + 1] - 1)

    def partners(self, rows: Rows, generator: np.random.Generator) -> Rows:
        """Draw a partner for each of m images, some of `anchors`: int64 [m]."""
        places = np.searchsorted(self.anchors, rows)
        luck = generator.random(len(places))
        after, before = self._last[places] - places, places - self._first[places]
        step = 1 + (luck * np.where(after > 0, after, before)).astype(np.int64)
        drawn: Rows = self.anchors[places + np.where(after > 0, step, np.where(before > 0, -step, 0))]
        return drawn


def pair_sampler(
    labels: AttributeTable, rows: Rows, pairs: PairOptions
) -> tuple[PairSampler | Successors, tuple[str, ...]]:
    """Return the sampler of a table's training rows, and what the user should hear of it.

    Raises:
        InputError: no attribute has classes, or `pairs` does not fit those that have.
    """
    classes = [attribute.name for attribute in labels.attributes if attribute.size]
    same = pairs.same
    if same == "auto":
        known = {attribute.name: attribute for attribute in labels.attributes}
        same = (first_attribute(known, "data.pairs.same"),)
    for name in same or ():
        if name not in classes:
            raise UnknownAttributeError("data.pairs.same", name, classes)
    if pairs.within is not None:
        sequences = None
        if same:
            values = np.nan_to_num(labels.select(same).values, nan=-1)
            sequences = np.unique(values, axis=0, return_inverse=True)[1].reshape(-1)
        return Successors(rows, pairs.within, sequences), ()
    if not classes:
        raise InputError("data.pairs: the data have no attribute with classes, so no images can agree on any")
    classes = list(same or classes)
    table = labels.select(classes)
    sampler = PairSampler(table.values, rows, pairs, classes)
    notes = []
    numbers = [name for name in labels.names if name not in classes]
    if numbers and not same:
        notes.append(f"pairs may differ in the continuous attributes ({', '.join(numbers)})")
    lost = len(rows) - len(sampler.anchors)
    if lost:
        notes.append(
            f"{lost:,} of {len(rows):,} training images are in no pair: a label of theirs is missing"
        )
    cells = np.prod([float(attribute.size) for attribute in table.attributes])
    if len(sampler.anchors) < cells / 2:
        alone = sampler.share_alone()
        if alone > 0.5:
            notes.append(
                f"{alone:.0%} of the pairs are an image with itself, since few images agree on the others; "
                "set data.pairs.changed higher, or name fewer data.attributes"
            )
    return sampler, tuple(notes)


def _columns(pairs: PairOptions, names: Sequence[str], k: int) -> npt.NDArray[np.bool_] | None:
    """Return which columns change if they are named, bool [K]; None if they are drawn."""
    changed = pairs.changed
    if pairs.same:
        return np.zeros(k, bool)
    if isinstance(changed, tuple):
        unknown = next((name for name in changed if name not in names), None)
        if unknown is not None:
            raise UnknownAttributeError("data.pairs.changed", unknown, names)
        return np.array([name in changed for name in names])
    if changed == "uniform" and k < 2:
        raise InputError("data.pairs.changed: uniform needs 2 attributes with classes, there is 1; write 1")
    if changed != "uniform" and changed > k:
        raise InputError(
            f"data.pairs.changed is {changed}, but {k} attributes have classes; write at most {k}"
        )
    return None


def _weights(values: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return a number for each column, so that a row's sum of value times number tells rows apart."""
    sizes = [int(size) + 1 for size in values.max(axis=0)]
    weights = [1]
    for size in sizes[:-1]:
        weights.append(weights[-1] * size)
    if weights[-1] * sizes[-1] < 2**63:
        return np.array(weights, dtype=np.int64)
    # Sums that wrap round at random: of a million rows two that differ are equal in one of 30 million tables.
    odd = np.random.default_rng(0).integers(-(2**63), 2**63, size=len(sizes), dtype=np.int64) | 1
    return np.asarray(odd)


def _bytes(groups: tuple[npt.NDArray[Any], ...]) -> int:
    return sum(array.nbytes for array in groups)
