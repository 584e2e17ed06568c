"""https://doi.org/10.1214/aos/1013203451: one stage of gradient boosting, in compiled loops.

As for the trees, sums and exponentials are taken in scikit-learn's order, for the sake of equal trees.
numba keeps compiled code by the date of its own file only: whoever changes `split_kernels` or `tree_kernels`
must empty `__pycache__`, or this module goes on with the old loops inside it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from distaff.metrics.checks import Floats, Ints
from distaff.metrics.compiled import compiled
from distaff.metrics.split_kernels import Points
from distaff.metrics.tree_kernels import DEPTH, LEAF, grow

SLICE = 256  # points whose softmax is taken together


@compiled
def pairwise_sum(values: Floats) -> float:
    """Sum in numpy's order: eight running sums per block of at most 128, blocks in halves."""
    n = len(values)
    if n < 8:
        total = 0.0
        for i in range(n):
            total += values[i]
        return total
    if n <= 128:
        a, b, c, d = values[0], values[1], values[2], values[3]
        e, f, g, h = values[4], values[5], values[6], values[7]
        whole = n - n % 8
        for i in range(8, whole, 8):
            a += values[i]
            b += values[i + 1]
            c += values[i + 2]
            d += values[i + 3]
            e += values[i + 4]
            f += values[i + 5]
            g += values[i + 6]
            h += values[i + 7]
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
        for i in range(whole, n):
            total += values[i]
        return float(total)
    half = n // 2
    half -= half % 8
    return float(pairwise_sum(values[:half]) + pairwise_sum(values[half:]))


@compiled
def leaf_values(
    target: Floats,
    label: Ints,
    one: int,
    factor: float,
    nodes: int,
    leaf: NDArray[np.int8],
    value: Floats,
) -> None:
    """One Newton step per leaf: factor * mean(gradient) / mean(p (1 - p)), 0 where the curvature vanishes."""
    n = len(target)
    numerators, denominators = np.empty(n), np.empty(n)
    begin, cursor = np.zeros(nodes + 1, np.int64), np.zeros(nodes, np.int64)
    counts = np.zeros(nodes, np.int64)
    for i in range(n):
        counts[leaf[i]] += 1
    for node in range(nodes):
        begin[node + 1] = begin[node] + counts[node]
        cursor[node] = begin[node]
    for i in range(n):
        node = leaf[i]
        probability = (1.0 if label[i] == one else 0.0) - target[i]
        numerators[cursor[node]] = target[i]
        denominators[cursor[node]] = probability * (1.0 - probability)
        cursor[node] += 1
    for node in range(nodes):
        value[node] = 0.0
        if counts[node] > 0:
            first, last, count = begin[node], begin[node + 1], float(counts[node])
            numerator = pairwise_sum(numerators[first:last]) / count * factor
            denominator = pairwise_sum(denominators[first:last]) / count
            if abs(denominator) >= 1e-150:
                value[node] = numerator / denominator


@compiled
def grow_classes(
    first: int,
    last: int,
    values: NDArray[np.float32],
    tied: NDArray[np.bool_],
    raw: Floats,
    gradient: Floats,
    label: Ints,
    ones: Ints,
    factor: float,
    rate: float,
    seeds: Ints,
    lists: Points,
    members: Points,
    goes_left: NDArray[np.uint8],
    work: Floats,
    bits: Ints,
    leaf: NDArray[np.int8],
    feature: NDArray[np.int16],
    threshold: Floats,
    left_child: NDArray[np.int8],
    right_child: NDArray[np.int8],
    impurity: Floats,
    size: Ints,
    value: Floats,
    count: Ints,
) -> None:
    """Grow the trees of classes first..last - 1 of a stage and add their leaves to `raw` [K, n]."""
    for k in range(first, last):
        nodes = grow(
            values, tied, gradient[k], seeds[k], lists, members, goes_left, work, bits,
            feature[k], threshold[k], left_child[k], right_child[k], impurity[k], size[k], leaf,
        )  # fmt: skip
        count[k] = nodes
        leaf_values(gradient[k], label, ones[k], factor, nodes, leaf, value[k])
        for i in range(raw.shape[1]):
            raw[k, i] += rate * value[k, leaf[i]]


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
