"""https://doi.org/10.1214/aos/1013203451: the best split of a tree's node, exactly, in compiled loops.

Sums run in the order in which scikit-learn's `DecisionTreeRegressor` runs them, and features are drawn by the
same generator: where two splits are equally good, the last digit of their sums and the order of the draws
decide, so this is what makes equal trees out of equal seeds.

`values` [D, n] float32 are feature-major; `ranked` [D, n] holds a node's points, columns start..stop - 1, in
rising order of each feature.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distaff.metrics._loops import compiled
from distaff.metrics._tables import Floats, Ints

Points = NDArray[np.uint32]
CHUNK = 1024  # prefix sums held at a time: two of these fit in the first-level cache
FEATURE_THRESHOLD = np.float32(1e-7)  # values nearer than this are not told apart
MOSTLY_TIED = 0.05  # share of steps too small to split at from which a code is scanned with them in mind


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
    return float(gains[0])


@compiled
def scan_pair(
    target: Floats,
    first: Points,
    second: Points,
    total: float,
    work: Floats,
    bits: Ints,
    one: int,
    two: int,
    best: Floats,
    where: Ints,
    carry: Floats,
) -> None:
    """Best gain over all positions of two features, and the chunk it lies in with the sum before that chunk.

    Results go to places `one` and `two`. Two features at a time, since a running sum alone waits for each
    addition to end.
    """
    points = len(first)
    best[one] = best[two] = -np.inf
    a = b = 0.0
    for start in range(0, points - 1, CHUNK):
        count = min(CHUNK, points - 1 - start)
        a_before, b_before = a, b
        for i in range(count):
            a += target[first[start + i]]
            work[0, i] = a
            b += target[second[start + i]]
            work[1, i] = b
        gain = highest(work[0, :count], start + 1, points, total, work[2], bits)
        if gain > best[one]:
            best[one], where[one], carry[one] = gain, start, a_before
        gain = highest(work[1, :count], start + 1, points, total, work[2], bits)
        if gain > best[two]:
            best[two], where[two], carry[two] = gain, start, b_before


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
    start: int,
    stop: int,
    state: Ints,
    features: Ints,
    constants: Ints,
    known: int,
    drawn: Ints,
) -> tuple[int, int, int]:
    """Draw the features of a node in random order; set aside those constant in it.

    The node's points are `ranked` [:, start:stop]. Fisher-Yates without replacement by a 32-bit xorshift
    generator; constant features are remembered, for they stay constant below.

    Returns:
        How many features were drawn, how many are now known as constant, and the last one that was sorted.
    """
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
        low, high = values[feature, ranked[feature, start]], values[feature, ranked[feature, stop - 1]]
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
    for i in range(known):
        features[i] = constants[i]
    for i in range(known, total):
        constants[i] = features[i]
    return count, total, sorted_last


@compiled
def best_split(
    values: NDArray[np.float32],
    ranked: Points,
    start: int,
    stop: int,
    tied: NDArray[np.bool_],
    target: Floats,
    total: float,
    drawn: Ints,
    count: int,
    work: Floats,
    bits: Ints,
) -> tuple[int, int]:
    """The feature and position of the best split of a node, (-1, 0) when no two points can be separated.

    Of equal gains the feature drawn first wins, then the lowest position.
    """
    best, carry = np.empty(count + 1), np.empty(count + 1)
    where, exact = np.empty(count + 1, np.int64), np.zeros(count + 1, np.bool_)
    pair = np.empty(2, np.int64)
    waiting = 0
    for i in range(count):
        feature = drawn[i]
        exact[i] = tied[feature]
        if exact[i]:
            best[i], where[i] = scan_tied(target, values[feature], ranked[feature, start:stop], total)
        else:
            pair[waiting] = i
            waiting += 1
        if waiting == 2 or (waiting == 1 and i == count - 1):
            one, two = pair[0], pair[waiting - 1]
            scan_pair(
                target, ranked[drawn[one], start:stop], ranked[drawn[two], start:stop], total, work, bits,
                one, two, best, where, carry,
            )  # fmt: skip
            waiting = 0
    while True:
        winner, top = -1, -np.inf
        for i in range(count):
            if best[i] > top:
                winner, top = i, best[i]
        if winner < 0:
            return -1, 0
        feature = drawn[winner]
        order = ranked[feature, start:stop]
        position = where[winner]
        if exact[winner]:
            return feature, position
        position = locate(target, order, total, top, position, carry[winner])
        if values[feature, order[position]] > values[feature, order[position - 1]] + FEATURE_THRESHOLD:
            return feature, position
        # The winning position lies between two values that count as one: look again with that in mind.
        best[winner], where[winner] = scan_tied(target, values[feature], order, total)
        exact[winner] = True
