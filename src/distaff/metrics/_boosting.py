"""https://doi.org/10.1214/aos/1013203451: the trees of scikit-learn's boosting classifier, in less time.

`_boosting_splits` finds the best split of a node, `_boosting_trees` grows the trees of a stage. Exponentials
too are taken in scikit-learn's order, for the sake of equal trees.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distaff.metrics._boosting_splits import CHUNK, FEATURE_THRESHOLD, MOSTLY_TIED
from distaff.metrics._boosting_trees import DEPTH, LEAF, NODES, grow_classes
from distaff.metrics._loops import compiled
from distaff.metrics._tables import Floats, Ints

STAGES = 100
LEARNING_RATE = 0.1
MOST_WORKERS = 8  # each holds three copies of the codes' ranks
SLICE = 256  # points whose softmax is taken together


Run = Callable[[Callable[[int, int], None], int, int], None]


@compiled
def raise_to(top: Floats, row: Floats) -> None:
    """The larger of the two, point by point."""
    for i in range(len(top)):
        top[i] = row[i] if row[i] > top[i] else top[i]  # noqa: FURB136 - max() minds NaN and is not vectorised


@compiled
def exponentials(row: Floats, top: Floats, total: Floats, out: Floats) -> None:
    """exp(row - top), also added to the total."""
    for i in range(len(top)):
        out[i] = math.exp(row[i] - top[i])
        total[i] += out[i]


@compiled
def residuals(out: Floats, total: Floats, label: Ints, k: int) -> None:
    """1[label = k] - out / total."""
    for i in range(len(total)):
        out[i] = (1.0 if label[i] == k else 0.0) - out[i] / total[i]


@compiled
def softmax_gradient(first: int, last: int, raw: Floats, label: Ints, gradient: Floats) -> None:
    """Minus the gradient of the log loss at points first..last - 1: 1[label = k] - softmax(raw)_k, [K, n]."""
    classes = raw.shape[0]
    for start in range(first, last, SLICE):
        stop = min(start + SLICE, last)
        top = raw[0, start:stop].copy()
        total = np.zeros(stop - start)
        for k in range(1, classes):
            raise_to(top, raw[k, start:stop])
        for k in range(classes):
            exponentials(raw[k, start:stop], top, total, gradient[k, start:stop])
        for k in range(classes):
            residuals(gradient[k, start:stop], total, label[start:stop], k)


@compiled
def logistic_gradient(first: int, last: int, raw: Floats, label: Ints, gradient: Floats) -> None:
    """As `softmax_gradient` for two classes with one raw prediction: label - expit(raw), [1, n]."""
    for i in range(first, last):
        hit, score = float(label[i]), raw[0, i]
        if score > -37.0:
            weight = math.exp(-score)
            gradient[0, i] = -((1.0 - hit - hit * weight) / (1.0 + weight))
        else:  # 1 + exp(score) is 1 here, and exp(-score) may overflow
            gradient[0, i] = -(math.exp(score) - hit)


@compiled
def add_predictions(
    first: int,
    last: int,
    values: NDArray[np.float32],
    rate: float,
    feature: NDArray[np.int16],
    threshold: Floats,
    left_child: NDArray[np.int8],
    right_child: NDArray[np.int8],
    value: Floats,
    raw: Floats,
) -> None:
    """Add every stage's trees for the points first..last - 1 of `values` [D, n] to `raw` [K, n]."""
    stages, trees, nodes = feature.shape
    code, below = np.empty(nodes, np.int64), np.empty((nodes, 2), np.int64)
    for stage in range(stages):
        for k in range(trees):
            # Leaves lead to themselves: every point takes the same steps and no branch is mispredicted.
            for node in range(nodes):
                inner = left_child[stage, k, node] != LEAF
                code[node] = feature[stage, k, node] if inner else 0
                below[node, 0] = left_child[stage, k, node] if inner else node
                below[node, 1] = right_child[stage, k, node] if inner else node
            limit, leaf = threshold[stage, k], value[stage, k]
            for i in range(first, last):
                node = 0
                for _ in range(DEPTH):
                    node = below[node, 0 if values[code[node], i] <= limit[node] else 1]
                raw[k, i] += rate * leaf[node]


@dataclass(frozen=True)
class BoostedTrees:
    """A fitted ensemble: 100 stages with one tree of depth 3 per class (one in all for two classes).

    Attributes:
        classes: [C] the labels, sorted.
        start: [T] raw prediction before the first stage; T = C, or 1 for two classes.
        feature: [100, T, 15] code each node splits on, -2 in leaves; nodes in depth-first order.
        threshold: [100, T, 15] values up to it go left.
        left, right: [100, T, 15] children, -1 in leaves.
        impurity: [100, T, 15] variance of the gradient in each node.
        size: [100, T, 15] points in each node.
        value: [100, T, 15] step of each leaf, before the learning rate.
        count: [100, T] nodes of each tree.
        raw: [T, n] raw predictions of the training points.
        codes: how many codes the points have.
    """

    classes: NDArray[Any]
    start: Floats
    feature: NDArray[np.int16]
    threshold: Floats
    left: NDArray[np.int8]
    right: NDArray[np.int8]
    impurity: Floats
    size: Ints
    value: Floats
    count: Ints
    raw: Floats
    codes: int

    @property
    def importance(self) -> Floats:
        """[codes]: decrease of the gradient's variance by each code, averaged over trees, made to sum to 1.

        All zero when no tree found a split.
        """
        inner = self.left >= 0
        mass = self.size * self.impurity
        stage, tree, _ = np.nonzero(inner)
        children = mass[stage, tree, self.left[inner]] + mass[stage, tree, self.right[inner]]
        decrease = np.bincount(self.feature[inner], mass[inner] - children, minlength=self.codes)
        total = decrease.sum()
        return decrease / total if total > 0 else np.zeros(self.codes)

    def decide(self, raw: Floats) -> NDArray[Any]:
        """[n] labels for raw predictions [T, n]; of equal ones the first class."""
        best = raw.argmax(axis=0) if len(raw) > 1 else (raw[0] >= 0).astype(np.int64)
        return np.asarray(self.classes[best])

    def decision(self, codes: NDArray[Any], *, workers: int | None = None) -> Floats:
        """[T, n]: raw predictions for new points [n, codes]."""
        values = np.ascontiguousarray(codes.T, dtype=np.float32)
        raw = np.repeat(self.start[:, None], values.shape[1], axis=1)
        trees = (self.feature, self.threshold, self.left, self.right, self.value)
        with _pool(workers) as (run, _):
            run(lambda a, b: add_predictions(a, b, values, LEARNING_RATE, *trees, raw), values.shape[1], 64)
        return raw

    def predict(self, codes: NDArray[Any], *, workers: int | None = None) -> NDArray[Any]:
        """[n]: the likeliest class of new points [n, codes]."""
        return self.decide(self.decision(codes, workers=workers))


def boost(
    codes: NDArray[Any],
    labels: NDArray[Any],
    *,
    random: np.random.RandomState,
    workers: int | None = None,
    progress: Callable[[], None] | None = None,
) -> BoostedTrees:
    """Fit the trees of `sklearn.ensemble.GradientBoostingClassifier()` with its defaults.

    Bit for bit those trees for the same `random`, unless a code repeats values: then splits of equal gain may
    be chosen otherwise. Codes are read as float32, as there.

    Args:
        codes: [n, D], finite.
        labels: [n], at least two different ones.
        random: gives the order in which the codes are tried, which decides between equal splits.
        workers: threads; None takes one per processor this process may use, 8 at most.
        progress: called after each of the 100 stages.

    >>> codes = np.linspace(0, 1, 40)[:, None]
    >>> labels = (codes[:, 0] > 0.5).astype(int)
    >>> trees = boost(codes, labels, random=np.random.RandomState(0))
    >>> bool((trees.predict(codes) == labels).all()), trees.importance.tolist()
    (True, [1.0])
    """
    classes, label = np.unique(labels, return_inverse=True)
    label = label.astype(np.int64)
    trees = len(classes) if len(classes) > 2 else 1
    values = np.ascontiguousarray(codes.T, dtype=np.float32)
    width, n = values.shape
    order = np.argsort(values, axis=1, kind="stable")
    steps = np.diff(np.take_along_axis(values, order, axis=1), axis=1)
    tied = (steps <= FEATURE_THRESHOLD).mean(axis=1) > MOSTLY_TIED
    start = _start(np.bincount(label) / n)
    raw = np.repeat(start[:, None], n, axis=1)
    gradient = np.empty((trees, n))
    ones = np.arange(trees) if trees > 1 else np.array([1])
    factor = (trees - 1) / trees if trees > 1 else 1.0
    seeds = _seeds(random, trees)
    shape = (STAGES, trees, NODES)
    nodes = (
        np.full(shape, -2, dtype=np.int16),
        np.full(shape, -2.0),
        np.full(shape, LEAF, dtype=np.int8),
        np.full(shape, LEAF, dtype=np.int8),
        np.zeros(shape),
        np.zeros(shape, dtype=np.int64),
        np.zeros(shape),
        np.zeros(shape[:2], dtype=np.int64),
    )
    slope = softmax_gradient if trees > 1 else logistic_gradient
    with _pool(workers) as (run, threads):
        scratch: SimpleQueue[tuple[NDArray[Any], ...]] = SimpleQueue()
        for _ in range(threads):
            lists = np.empty((DEPTH, width, n), dtype=np.uint32)
            lists[0] = order
            work = np.empty((3, CHUNK))
            scratch.put(
                (
                    lists,
                    np.empty(n, np.uint32),
                    np.empty(n, np.uint8),
                    work,
                    work[2].view(np.int64),
                    np.empty(n, np.int8),
                )
            )
        for stage in range(STAGES):
            at = tuple(part[stage] for part in nodes)

            def grow(first: int, last: int, stage: int = stage, at: tuple[Any, ...] = at) -> None:
                own = scratch.get()
                grow_classes(
                    first, last, values, tied, raw, gradient, label, ones, factor, LEARNING_RATE,
                    seeds[stage], *own, *at,
                )  # fmt: skip
                scratch.put(own)

            run(lambda first, last: slope(first, last, raw, label, gradient), n, 1024)
            run(grow, trees, 1)
            if progress is not None:
                progress()
    return BoostedTrees(classes, start, *nodes, raw, width)


def skip_draws(random: np.random.RandomState, labels: NDArray[Any]) -> None:
    """Advance `random` as `boost` on these labels would, without growing trees."""
    classes = len(np.unique(labels))
    _seeds(random, classes if classes > 2 else 1)


def _seeds(random: np.random.RandomState, trees: int) -> NDArray[Any]:
    return random.randint(0, 2**31 - 1, size=(STAGES, trees))


def _start(share: Floats) -> Floats:
    """Raw predictions whose classes' probabilities are their shares: centred logs, or one logit for two."""
    eps = np.finfo(np.float64).eps
    share = np.clip(share, eps, 1 - eps)
    if len(share) == 2:
        from scipy.special import logit

        return np.asarray(logit(share[1:]), dtype=np.float64)
    return np.asarray(np.log(share / np.exp(np.mean(np.log(share)))), dtype=np.float64)


@contextmanager
def _pool(workers: int | None) -> Iterator[tuple[Run, int]]:
    """Give `run(task, items, least)`, which calls task(first, last) over slices of the items, in threads."""
    threads = workers if workers is not None else min(_processors(), MOST_WORKERS)
    with ThreadPoolExecutor(threads) as pool:

        def run(task: Callable[[int, int], None], items: int, least: int) -> None:
            # A few slices per thread, so that one held up by other work does not hold up the stage.
            step = max(least, -(-items // (4 * threads))) if threads > 1 else items
            futures = [pool.submit(task, a, min(a + step, items)) for a in range(0, items, step)]
            for future in futures:
                future.result()

        yield run, threads


def _processors() -> int:
    """How many processors this process may use, which in a container can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
