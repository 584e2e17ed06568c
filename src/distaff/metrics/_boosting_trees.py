"""https://doi.org/10.1214/aos/1013203451: exact regression trees of depth 3, grown in compiled loops.

The points are ranked by each feature once for the whole ensemble: a node receives its ranks by partitioning
its parent's, order kept. Sums run in scikit-learn's order, see `_boosting_splits`.
numba keeps compiled code by the date of its own file only: whoever changes `_boosting_splits` must empty
`__pycache__`, or this module goes on with the old loops inside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distaff.metrics._boosting_splits import Points, best_split, draw_features
from distaff.metrics._loops import compiled
from distaff.metrics._tables import Floats, Ints

DEPTH = 3
NODES = 15  # of a full tree, counted from the root in depth-first order
LEAF = -1
IMPURITY_THRESHOLD = float(np.finfo(np.float64).eps)


@compiled
def moments(target: Floats, members: Points, start: int, stop: int) -> tuple[float, float]:
    """Sum and sum of squares over the members, in their order."""
    total = squares = 0.0
    for i in range(start, stop):
        y = target[members[i]]
        total += y
        squares += y * y
    return total, squares


@compiled
def part(members: Points, goes_left: NDArray[np.uint8], start: int, stop: int) -> None:
    """Bring the members that go left to the front, swapping each other one with the last not yet seen."""
    while start < stop:
        member = members[start]
        if goes_left[member]:
            start += 1
        else:
            stop -= 1
            members[start] = members[stop]
            members[stop] = member


@compiled
def hand_down(
    ranked: Points, goes_left: NDArray[np.uint8], below: Points, start: int, stop: int, pos: int
) -> None:
    """Part one feature's sorted points into the children's, order kept."""
    left, right = start, pos
    for i in range(start, stop):
        point = ranked[i]
        goes = goes_left[point]
        below[left if goes else right] = point
        left += goes
        right += 1 - goes


@compiled
def grow(
    values: NDArray[np.float32],
    tied: NDArray[np.bool_],
    target: Floats,
    seed: int,
    lists: Points,
    members: Points,
    goes_left: NDArray[np.uint8],
    work: Floats,
    bits: Ints,
    feature: NDArray[np.int16],
    threshold: Floats,
    left_child: NDArray[np.int8],
    right_child: NDArray[np.int8],
    impurity: Floats,
    size: Ints,
    leaf: NDArray[np.int8],
) -> int:
    """Grow one regression tree on `target` [n] and return its number of nodes.

    Node arrays are [15]; `leaf` [n] receives the leaf of each point. `lists` [3, D, n] holds the points of
    the root ranked by each feature and has room for those of two levels below. `members` [n], `goes_left`
    [n], `work` [3, CHUNK] and `bits`, its last row as integers, are scratch.
    """
    features_n, n = values.shape
    features, constants = np.empty(features_n, np.int64), np.empty(features_n, np.int64)
    drawn, state = np.empty(features_n, np.int64), np.empty(1, np.int64)
    state[0] = seed if seed != 0 else 1
    for i in range(features_n):
        features[i] = i
    starts, stops = np.empty(NODES, np.int64), np.empty(NODES, np.int64)
    depths, parents = np.empty(NODES, np.int64), np.empty(NODES, np.int64)
    known = np.empty(NODES, np.int64)
    totals, squares, impurities = np.empty(NODES), np.empty(NODES), np.empty(NODES)
    for i in range(n):
        members[i] = i
    totals[0], squares[0] = moments(target, members, 0, n)
    impurities[0] = squares[0] / n - (totals[0] / n) ** 2
    starts[0], stops[0], depths[0], parents[0], known[0] = 0, n, 0, -1, 0
    waiting, nodes = 1, 0
    while waiting > 0:
        waiting -= 1
        start, stop, depth, parent = starts[waiting], stops[waiting], depths[waiting], parents[waiting]
        total, square, dirt = totals[waiting], squares[waiting], impurities[waiting]
        node = nodes
        nodes += 1
        # Left children are grown right after their parent, so any other child of it is the right one.
        if parent >= 0:
            if node == parent + 1:
                left_child[parent] = node
            else:
                right_child[parent] = node
        feature[node], left_child[node], right_child[node], threshold[node] = -2, LEAF, LEAF, -2.0
        impurity[node], size[node] = dirt, stop - start
        split, constant = -1, 0
        if depth < DEPTH and stop - start >= 2 and dirt > IMPURITY_THRESHOLD:
            here = lists[depth]
            count, constant, sorted_last = draw_features(
                values, here, start, stop, state, features, constants, known[waiting], drawn
            )
            split, position = best_split(
                values, here, start, stop, tied, target, total, drawn, count, work, bits
            )
            if split >= 0:
                pos = start + position
                low, high = values[split, here[split, pos - 1]], values[split, here[split, pos]]
                for i in range(start, stop):
                    goes_left[here[split, i]] = i < pos
                    members[i] = here[sorted_last, i]
                part(members, goes_left, start, stop)
                left_total, left_square = moments(target, members, start, pos)
                left_sum = left_total
                if position > stop - pos:  # summed from the nearer end
                    left_sum = total
                    for i in range(stop - 1, pos - 1, -1):
                        left_sum -= target[members[i]]
                left_n, right_n, all_n = float(position), float(stop - pos), float(stop - start)
                left_dirt = left_square / left_n - (left_sum / left_n) ** 2
                right_dirt = (square - left_square) / right_n - ((total - left_sum) / right_n) ** 2
                gain = all_n / n * (dirt - right_n / all_n * right_dirt - left_n / all_n * left_dirt)
                if gain + IMPURITY_THRESHOLD < 0.0:
                    split = -1
        if split < 0:
            for i in range(start, stop):
                leaf[members[i]] = node
            continue
        feature[node], threshold[node] = split, np.float64(low) / 2.0 + np.float64(high) / 2.0
        right_total, right_square = 0.0, 0.0
        if depth + 1 < DEPTH:
            right_total, right_square = moments(target, members, pos, stop)
            for i in range(constant, features_n):
                # After the draws the features that vary here are those behind the constant ones.
                hand_down(here[features[i]], goes_left, lists[depth + 1, features[i]], start, stop, pos)
        starts[waiting], stops[waiting], totals[waiting], squares[waiting] = (
            pos,
            stop,
            right_total,
            right_square,
        )
        starts[waiting + 1], stops[waiting + 1] = start, pos
        totals[waiting + 1], squares[waiting + 1] = left_total, left_square
        impurities[waiting], impurities[waiting + 1] = right_dirt, left_dirt
        for i in range(waiting, waiting + 2):
            depths[i], parents[i], known[i] = depth + 1, node, constant
        waiting += 2
    return nodes


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
    target: Floats, label: Ints, one: int, factor: float, nodes: int, leaf: NDArray[np.int8], value: Floats
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
