from __future__ import annotations

import numpy as np
import pytest

from distaff.analysis import headline, is_right, judge, known_mean, symmetry_folds, symmetry_note
from distaff.attributes import Attribute, AttributeTable
from distaff.data.sprites import FACTORS

SHAPE, SCALE, ORIENTATION, *_ = FACTORS


def table(shapes):
    return AttributeTable((SHAPE,), np.array(shapes, dtype=np.float32)[:, None])


def test_a_square_a_quarter_turn_off_is_right_and_a_heart_is_not():
    fold = symmetry_folds(ORIENTATION, table([0, 0, 1, 2, 2]))
    read, true = np.array([10.0, 5, 20, 10, 39]), np.zeros(5)
    assert is_right(ORIENTATION, read, true, fold).tolist() == [1, 0, 1, 0, 1]


def test_an_unknown_shape_has_no_symmetry():
    assert symmetry_folds(ORIENTATION, table([0, 1, 2, np.nan])).tolist() == [4, 2, 1, 1]
    assert symmetry_folds(ORIENTATION, AttributeTable((SCALE,), np.zeros((2, 1), np.float32))).tolist() == [
        1,
        1,
    ]


def test_one_step_round_the_circle_is_within_one_and_not_exact():
    verdict = judge(ORIENTATION, np.array([1.0, 38, 0, 5]), np.zeros(4), np.ones(4))
    assert verdict["accuracy"] == 0.25
    assert verdict["within_one"] == 0.75
    assert verdict["mean_absolute_error"] == pytest.approx((1 + 1 + 0 + 5) / 4)


def test_ordinal_and_categorical_values_must_be_met_exactly():
    one = np.ones(2)
    assert is_right(SCALE, np.array([2.0, 3]), np.array([2.0, 2]), one).tolist() == [1, 0]
    assert is_right(SHAPE, np.array([2.0, 1]), np.array([2.0, 2]), one).tolist() == [1, 0]
    assert "within_one" not in judge(SHAPE, np.zeros(2), np.zeros(2), one)


def test_missing_labels_are_left_out():
    read, true = np.array([1.0, 2, 3]), np.array([1.0, np.nan, 2])
    assert judge(SCALE, read, true, np.ones(3))["images"] == 2
    assert np.isnan(is_right(SCALE, read, true, np.ones(3))[1])
    assert judge(SCALE, read[1:2], true[1:2], np.ones(1)) == {"images": 0}


def test_continuous_values_are_judged_by_their_range():
    size = Attribute(name="size", kind="continuous", low=0, high=10)
    true = np.array([0.0, 5, 10])
    assert is_right(size, true + np.array([0.9, 1.1, 0]), true, np.ones(3)).tolist() == [1, 0, 1]
    assert judge(size, true, true, np.ones(3))["r2"] == 1
    assert judge(size, np.full(3, 5.0), true, np.ones(3))["r2"] == 0
    # Where nothing varies there is no share of the variance to explain.
    assert "r2" not in judge(size, np.full(3, 5.0), np.full(3, 5.0), np.ones(3))
    assert headline({"size": {"r2": 0.5}}) == 0.5
    assert headline({"size": {"r2": 0.5}, "shape": {"accuracy": 1.0}}) == 1.0


def test_what_is_not_known_does_not_count_and_symmetry_is_said():
    assert known_mean(np.array([1.0, np.nan, 0.0])) == 0.5
    assert np.isnan(known_mean(np.array([np.nan])))
    assert "true shape" in symmetry_note([SHAPE, ORIENTATION])["note"]
    assert symmetry_note([SHAPE, SCALE]) == {}
