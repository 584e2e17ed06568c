"""https://doi.org/10.1214/aos/1013203451: the compiled loops of gradient boosting with exact regression trees.

Every sum runs in the order in which scikit-learn's `DecisionTreeRegressor` runs it, and features are drawn by
the same generator: where two splits are equally good, the last digit of their sums and the order of the draws
decide, so this is what makes equal trees out of equal seeds. Speed comes from sorting each feature once for
the whole ensemble: a node receives its sorted points by partitioning its parent's.

Arrays are feature-major: `values` [D, n] float32, `ranked` [D, n] the points of each feature in rising order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Points = NDArray[np.uint32]

NODES = 15  # of a full tree of depth 3, counted from the root in depth-first order
DEPTH = 3
LEAF = -1
CHUNK = 1024  # prefix sums held at a time: two of these fit in the first-level cache
FEATURE_THRESHOLD = np.float32(1e-7)  # values nearer than this are not told apart
IMPURITY_THRESHOLD = float(np.finfo(np.float64).eps)
MOSTLY_TIED = 0.05


def compiled(function: F) -> F:
    """Compile without Python, once per machine where a cache can be written, else once per process."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return cast(F, njit(cache=True, **options)(function))
    except RuntimeError:  # numba found no folder to write its cache to
        return cast(F, njit(**options)(function))


@compiled
def highest(prefix: Floats, first: int, points: int, total: float, gains: Floats, bits: Ints) -> float:
    """Best gain of the splits that leave first, first + 1, ... points on the left: S_l^2/n_l + S_r^2/n_r.

    `bits` is `gains` seen as integers: the bits of floats that are not negative are in the order of the
    floats, and a maximum of integers is compiled to vector instructions where one of floats is not.
    """
    count = len(prefix)
    for i in range(count):
        left = prefix[i]
        right = total - left
        size = float(first + i)
        gains[i] = left * left / size + right * right / (points - size)
    best = np.int64(0)
    for i in range(count):
        best = max(best, bits[i])
    bits[0] = best
    return gains[0]


@compiled
def scan_pair(
    target: Floats,
    one: Points,
    two: Points,
    total: float,
    work: Floats,
    bits: Ints,
    best: Floats,
    where: Ints,
    carry: Floats,
) -> None:
    """Best gain over all positions of two features, and the chunk it lies in with the sum before that chunk.

    Two features at a time, since a running sum alone waits for each addition to end.
    """
    points = len(one)
    best[0] = best[1] = -np.inf
    where[0] = where[1] = 0
    carry[0] = carry[1] = 0.0
    a = b = 0.0
    for start in range(0, points - 1, CHUNK):
        stop = min(start + CHUNK, points - 1)
        a_before, b_before = a, b
        for i in range(start, stop):
            a += target[one[i]]
            work[0, i - start] = a
            b += target[two[i]]
            work[1, i - start] = b
        gain = highest(work[0, : stop - start], start + 1, points, total, work[2], bits)
        if gain > best[0]:
            best[0], where[0], carry[0] = gain, start, a_before
        gain = highest(work[1, : stop - start], start + 1, points, total, work[2], bits)
        if gain > best[1]:
            best[1], where[1], carry[1] = gain, start, b_before


@compiled
def locate(target: Floats, ranked: Points, total: float, best: float, start: int, left: float) -> int:
    """How many points the first split of gain `best` leaves on the left, from a chunk's start."""
    points = len(ranked)
    for i in range(start, points - 1):
        left += target[ranked[i]]
        right = total - left
        size = float(i + 1)
        if left * left / size + right * right / (points - size) == best:
            return i + 1
    return points


@compiled
def scan_tied(target: Floats, value: NDArray[np.float32], ranked: Points, total: float) -> tuple[float, int]:
    """Best gain and its position where only a step larger than the threshold may part two points."""
    points = len(ranked)
    best, where = -np.inf, points
    left, summed = 0.0, 0
    before = value[ranked[0]]
    for i in range(1, points):
        now = value[ranked[i]]
        if now > before + FEATURE_THRESHOLD:
            if i - summed <= points - i:
                for j in range(summed, i):
                    left += target[ranked[j]]
            else:  # summed from the nearer end
                left = total
                for j in range(points - 1, i - 1, -1):
                    left -= target[ranked[j]]
            summed = i
            right = total - left
            size = float(i)
            gain = left * left / size + right * right / (points - size)
            if gain > best:
                best, where = gain, i
        before = now
    return best, where


@compiled
def draw_features(
    values: NDArray[np.float32],
    ranked: Points,
    state: Ints,
    features: Ints,
    constants: Ints,
    known: int,
    drawn: Ints,
) -> tuple[int, int, int]:
    """Draw the features of a node in random order; set aside those constant in it.

    `ranked` [D, m] holds the node's points. Fisher-Yates without replacement by a 32-bit xorshift generator;
    constant features are remembered, for they stay constant below.

    Returns:
        How many features were drawn, how many are now known as constant, and the last one that was sorted.
    """
    last = ranked.shape[1] - 1
    left, found, skipped, total, count, sorted_last = len(features), 0, 0, known, 0, -1
    while left > total:
        number = state[0]
        number ^= (number << 13) & 0xFFFFFFFF
        number ^= number >> 17
        number ^= (number << 5) & 0xFFFFFFFF
        state[0] = number
        pick = skipped + (number & 0x7FFFFFFF) % (left - found - skipped)
        if pick < known:
            features[skipped], features[pick] = features[pick], features[skipped]
            skipped += 1
            continue
        pick += found
        feature = features[pick]
        low, high = values[feature, ranked[feature, 0]], values[feature, ranked[feature, last]]
        if low != high:
            sorted_last = feature
        if high <= low + FEATURE_THRESHOLD:
            features[pick], features[total] = features[total], features[pick]
            found += 1
            total += 1
            continue
        left -= 1
        features[left], features[pick] = features[pick], features[left]
        drawn[count] = feature
        count += 1
    features[:known] = constants[:known]
    constants[known:total] = features[known:total]
    return count, total, sorted_last


@compiled
def best_split(
    values: NDArray[np.float32],
    ranked: Points,
    tied: NDArray[np.bool_],
    target: Floats,
    total: float,
    drawn: Ints,
    work: Floats,
    bits: Ints,
) -> tuple[int, int]:
    """The feature and position of the best split of a node, (-1, m) when no two points can be parted.

    Of equal gains the feature drawn first wins, then the lowest position.
    """
    count, points = len(drawn), ranked.shape[1]
    best, carry = np.full(count + 1, -np.inf), np.zeros(count + 1)
    where, exact = np.zeros(count + 1, np.int64), np.zeros(count, np.bool_)
    waiting = -1
    for i in range(count):
        feature = drawn[i]
        if tied[feature]:
            best[i], where[i] = scan_tied(target, values[feature], ranked[feature], total)
            exact[i] = True
        elif waiting < 0:
            waiting = i
        else:
            gains, starts, sums = np.empty(2), np.empty(2, np.int64), np.empty(2)
            scan_pair(target, ranked[drawn[waiting]], ranked[feature], total, work, bits, gains, starts, sums)
            best[waiting], where[waiting], carry[waiting] = gains[0], starts[0], sums[0]
            best[i], where[i], carry[i] = gains[1], starts[1], sums[1]
            waiting = -1
    if waiting >= 0:
        gains, starts, sums = np.empty(2), np.empty(2, np.int64), np.empty(2)
        alone = ranked[drawn[waiting]]
        scan_pair(target, alone, alone, total, work, bits, gains, starts, sums)
        best[waiting], where[waiting], carry[waiting] = gains[0], starts[0], sums[0]
    while True:
        winner = 0
        for i in range(1, count):
            if best[i] > best[winner]:
                winner = i
        if count == 0 or best[winner] == -np.inf:
            return -1, points
        feature = drawn[winner]
        if exact[winner]:
            return feature, where[winner]
        order = ranked[feature]
        position = locate(target, order, total, best[winner], where[winner], carry[winner])
        if values[feature, order[position]] > values[feature, order[position - 1]] + FEATURE_THRESHOLD:
            return feature, position
        # The winning position lies between two values that count as one: look again with that in mind.
        best[winner], where[winner] = scan_tied(target, values[feature], order, total)
        exact[winner] = True


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
def hand_down(ranked: Points, goes_left: NDArray[np.uint8], below: Points, pos: int) -> None:
    """Part one feature's sorted points into the children's, order kept."""
    left, right = 0, pos
    for i in range(len(ranked)):
        point = ranked[i]
        goes = goes_left[point]
        below[left if goes else right] = point
        left += goes
        right += 1 - goes


@compiled
def grow(
    values: NDArray[np.float32],
    ranked: Points,
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

    Node arrays are [15]; `leaf` [n] receives the leaf of each point. `lists` [2, D, n], `members` [n],
    `goes_left` [n], `work` [3, CHUNK] and `bits`, its last row as integers, are scratch.
    """
    features_n, n = values.shape
    features, constants = np.arange(features_n), np.empty(features_n, np.int64)
    drawn = np.empty(features_n, np.int64)
    state = np.array([seed if seed != 0 else 1], np.int64)
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
            here = ranked if depth == 0 else lists[depth - 1, :, start:stop]
            count, constant, sorted_last = draw_features(
                values, here, state, features, constants, known[waiting], drawn
            )
            split, position = best_split(values, here, tied, target, total, drawn[:count], work, bits)
            if split >= 0:
                order = here[split]
                for i in range(stop - start):
                    goes_left[order[i]] = i < position
                low, high = values[split, order[position - 1]], values[split, order[position]]
                members[start:stop] = here[sorted_last]
                part(members, goes_left, start, stop)
                pos = start + position
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
                hand_down(here[features[i]], goes_left, lists[depth, features[i], start:stop], position)
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
        return total
    half = n // 2
    half -= half % 8
    return pairwise_sum(values[:half]) + pairwise_sum(values[half:])


@compiled
def leaf_values(
    target: Floats,
    label: Ints,
    one: int,
    factor: float,
    nodes: int,
    size: Ints,
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
    ranked: Points,
    tied: NDArray[np.bool_],
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
    raw: Floats,
) -> None:
    """Grow the trees of classes first..last - 1 of a stage and add their leaves to `raw` [K, n]."""
    for k in range(first, last):
        nodes = grow(
            values, ranked, tied, gradient[k], seeds[k], lists, members, goes_left, work, bits,
            feature[k], threshold[k], left_child[k], right_child[k], impurity[k], size[k], leaf,
        )  # fmt: skip
        count[k] = nodes
        leaf_values(gradient[k], label, ones[k], factor, nodes, size[k], leaf, value[k])
        for i in range(raw.shape[1]):
            raw[k, i] += rate * value[k, leaf[i]]


@compiled
def softmax_gradient(first: int, last: int, raw: Floats, label: Ints, gradient: Floats) -> None:
    """Minus the gradient of the log loss at points first..last - 1: 1[label = k] - softmax(raw)_k, [K, n]."""
    classes = raw.shape[0]
    for start in range(first, last, 256):  # few enough that the two sums stay in the cache
        stop = min(start + 256, last)
        top = raw[0, start:stop].copy()
        total = np.zeros(stop - start)
        for k in range(1, classes):
            for i in range(start, stop):
                top[i - start] = max(top[i - start], raw[k, i])
        for k in range(classes):
            for i in range(start, stop):
                weight = np.exp(raw[k, i] - top[i - start])
                gradient[k, i] = weight
                total[i - start] += weight
        for k in range(classes):
            for i in range(start, stop):
                hit = 1.0 if label[i] == k else 0.0
                gradient[k, i] = -(gradient[k, i] / total[i - start] - hit)


@compiled
def logistic_gradient(first: int, last: int, raw: Floats, label: Ints, gradient: Floats) -> None:
    """As `softmax_gradient` for two classes with one raw prediction: label - expit(raw), [1, n]."""
    for i in range(first, last):
        hit, score = float(label[i]), raw[0, i]
        if score > -37.0:
            weight = np.exp(-score)
            gradient[0, i] = -((1.0 - hit - hit * weight) / (1.0 + weight))
        else:  # 1 + exp(score) is 1 here, and exp(-score) may overflow
            gradient[0, i] = -(np.exp(score) - hit)


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
    for stage in range(feature.shape[0]):
        for k in range(feature.shape[1]):
            for i in range(first, last):
                node = 0
                while left_child[stage, k, node] != LEAF:
                    if values[feature[stage, k, node], i] <= threshold[stage, k, node]:
                        node = left_child[stage, k, node]
                    else:
                        node = right_child[stage, k, node]
                raw[k, i] += rate * value[stage, k, node]
