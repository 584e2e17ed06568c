"""https://www.jmlr.org/papers/v9/fan08a.html: linear support vector classifiers of one code, exactly.

On one code the points inside a class's margin are an end of the sorted values, so sums over them come from
running sums, and a Newton step costs two binary searches instead of a pass over the points.
"""

from __future__ import annotations

import numpy as np

from distaff.metrics.checks import Floats, Ints
from distaff.metrics.compiled import compiled


@compiled
def _end_sums(
    values: Floats, sums: Floats, start: int, stop: int, slope: float, cut: float, out: Floats
) -> None:
    """Count, sum and sum of squares of the sorted values with slope * (x - cut) < 0, within start:stop."""
    low, high = start, stop
    while low < high:
        middle = (low + high) // 2
        if values[middle] < cut or (slope < 0 and values[middle] == cut):
            low = middle + 1
        else:
            high = middle
    for power in range(3):
        if slope > 0:
            out[power] = sums[low, power] - sums[start, power]
        else:
            out[power] = sums[stop, power] - sums[low, power]


@compiled
def _inside(
    values: Floats, sums: Floats, start: int, stop: int, sign: float, w: float, b: float, out: Floats
) -> None:
    """Sums over the points of start:stop whose margin sign * (w x + b) is below 1."""
    slope = sign * w
    if slope == 0:
        all_in = sign * b < 1
        for power in range(3):
            out[power] = sums[stop, power] - sums[start, power] if all_in else 0.0
    else:
        _end_sums(values, sums, start, stop, slope, (1 - sign * b) / slope, out)


@compiled
def _loss(w: float, b: float, inside: Floats, outside: Floats, cost: float, rest: float) -> float:
    positive = (w * w * inside[2] + 2 * w * (b - 1) * inside[1]) + (b - 1) * (b - 1) * inside[0]
    negative = (w * w * outside[2] + 2 * w * (b + 1) * outside[1]) + (b + 1) * (b + 1) * outside[0]
    return float(0.5 * (w * w + b * b) + cost * positive + rest * negative)


@compiled
def fit_classes(
    values: Floats, sums: Floats, own: Floats, own_sums: Floats, starts: Ints, costs: Floats, rests: Floats
) -> Floats:
    """Weight and intercept [C, 2] of each class against the rest.

    Minimises (w^2 + b^2) / 2 + cost sum over own of max(0, 1 - w x - b)^2 + rest sum over others of
    max(0, 1 + w x + b)^2 by Newton's method with halved steps.

    Args:
        values: [n] sorted.
        sums: [n + 1, 3] running count, sum and sum of squares of `values`.
        own: [n] the values sorted within each class, class after class.
        own_sums: [n + 1, 3] the same of `own`.
        starts: [C + 1] where each class begins in `own`.
        costs: [C] cost of a point of the class.
        rests: [C] cost of any other point.
    """
    classes, n = len(costs), len(values)
    out = np.zeros((classes, 2))
    inside, outside, both = np.zeros(3), np.zeros(3), np.zeros(3)
    for c in range(classes):
        w, b, step_w, step_b, loss, scale = 0.0, 0.0, 0.0, 0.0, np.inf, 1.0
        for _ in range(200):
            try_w, try_b = w + scale * step_w, b + scale * step_b
            _inside(own, own_sums, starts[c], starts[c + 1], 1.0, try_w, try_b, inside)
            _inside(values, sums, 0, n, -1.0, try_w, try_b, outside)
            _inside(own, own_sums, starts[c], starts[c + 1], -1.0, try_w, try_b, both)
            outside -= both
            tried = _loss(try_w, try_b, inside, outside, costs[c], rests[c])
            if tried > loss + 1e-13 * abs(loss):
                scale /= 2
                if scale < 1e-10:
                    break
                continue
            w, b, loss, scale = try_w, try_b, tried, 1.0
            cost, rest = 2 * costs[c], 2 * rests[c]
            slope_w = w + cost * (w * inside[2] + (b - 1) * inside[1])
            slope_w += rest * (w * outside[2] + (b + 1) * outside[1])
            slope_b = b + cost * (w * inside[1] + (b - 1) * inside[0])
            slope_b += rest * (w * outside[1] + (b + 1) * outside[0])
            curve_w = 1 + cost * inside[2] + rest * outside[2]
            curve_b = 1 + cost * inside[0] + rest * outside[0]
            cross = cost * inside[1] + rest * outside[1]
            determinant = curve_w * curve_b - cross * cross
            step_w = (cross * slope_b - curve_b * slope_w) / determinant
            step_b = (cross * slope_w - curve_w * slope_b) / determinant
            if abs(step_w) <= 1e-12 * (1 + abs(w)) and abs(step_b) <= 1e-12 * (1 + abs(b)):
                break
        out[c, 0], out[c, 1] = w, b
    return out


@compiled
def count_right(values: Floats, labels: Ints, lines: Floats) -> int:
    """How many points have their own class's line on top; equal lines go to the first class."""
    right = 0
    for i in range(len(values)):
        best, top = 0, -np.inf
        for c in range(len(lines)):
            height = lines[c, 0] * values[i] + lines[c, 1]
            if height > top:
                best, top = c, height
        right += best == labels[i]
    return right


def svm_right(values: Floats, labels: Ints, test_values: Floats, test_labels: Ints, C: float) -> int:
    """How many test points the one-vs-rest balanced squared-hinge classifiers of one code get right.

    A class weighs n / (classes x its count) against the rest, which weighs 1; two classes weigh both and
    share one line.

    Args:
        values: [n] sorted training values.
        labels: [n] of the same points, 0..classes - 1, all occurring.
        test_values: [m].
        test_labels: [m]; a label that training lacks counts as wrong.
        C: cost of a point.
    """
    counts = np.bincount(labels)
    classes = len(counts)
    # Narrow integers are sorted by radix, which a million points notice.
    own = values[np.argsort(labels.astype(np.int16) if classes < 2**15 else labels, kind="stable")]
    weights = C * len(labels) / (classes * counts)
    rests = weights[::-1].copy() if classes == 2 else np.full(classes, C)
    starts = np.concatenate([[0], np.cumsum(counts)])
    lines = fit_classes(values, _running(values), own, _running(own), starts, weights, rests)
    return count_right(test_values, test_labels, lines)


def _running(values: Floats) -> Floats:
    sums = np.zeros((len(values) + 1, 3))
    sums[1:, 0] = np.arange(1, len(values) + 1)
    np.cumsum(values, out=sums[1:, 1])
    np.cumsum(np.square(values), out=sums[1:, 2])
    return sums
