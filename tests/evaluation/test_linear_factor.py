"""R^2 of a linear map from codes to factors of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from toy_images import SHAPE, SIZE, TURN, TURNS

from distaff.attributes import Attribute, AttributeTable
from distaff.errors import InputError
from distaff.evaluation import linear_factor

AGE = Attribute(name="age", kind="continuous", mean=50, std=10, low=20, high=80)


class Measured:
    """Codes and labels, where an analysis has a model and images."""

    def __init__(self, codes, values):
        attributes = (SHAPE, TURN, SIZE, AGE)
        self.labels = AttributeTable(attributes, values.astype(np.float32))
        half = len(codes) // 2
        self.held_out = slice(None)
        self.train_codes, self.train_table = codes[:half], self.labels.rows(slice(0, half))
        self.codes, self.table = codes[half:], self.labels.rows(slice(half, None))


def draw(n=2000):
    rng = np.random.default_rng(0)
    values = np.stack([rng.integers(size, size=n) for size in (3, TURNS, 5)], axis=1).astype(float)
    return np.concatenate([values, rng.uniform(20, 80, (n, 1))], axis=1), rng


def test_codes_that_are_factors_in_other_axes_explain_all():
    values, rng = draw()
    turn = 2 * np.pi * values[:, 1] / TURNS
    truth = [np.cos(turn), np.sin(turn), values[:, 2], values[:, 3], *(values[:, :1] == np.arange(3)).T]
    codes = np.stack(truth, axis=1) @ rng.standard_normal((7, 9))
    found = linear_factor(Measured(codes.astype(np.float32), values))
    assert found.value == pytest.approx(1, abs=0.01)
    assert set(found.details["r2_per_attribute"]) == {"shape", "turn", "size", "age"}
    assert "circle" in found.details["note"]


def test_noise_explains_nothing_and_half_of_the_variance_half():
    values, rng = draw()
    codes = rng.standard_normal((len(values), 3))
    assert linear_factor(Measured(codes, values)).value == pytest.approx(0, abs=0.02)
    codes[:, 0] = values[:, 2] + values[:, 2].std() * rng.standard_normal(len(values))
    r2 = linear_factor(Measured(codes, values)).details["r2_per_attribute"]
    assert r2["size"] == pytest.approx(0.5, abs=0.06)


def test_a_relation_that_bends_is_not_linear_and_missing_labels_are_left_out():
    values, _ = draw()
    codes = np.square(values[:, 2:3] - 2)
    values[::7, 2] = np.nan
    found = linear_factor(Measured(codes, values)).details["r2_per_attribute"]
    assert found["size"] == pytest.approx(0, abs=0.02)


def test_a_code_that_hardly_moves_says_nothing_and_constant_factors_have_no_number():
    values, rng = draw()
    codes = np.stack([rng.standard_normal(len(values)), 3 + 1e-7 * values[:, 2]], axis=1)
    found = linear_factor(Measured(codes, values)).details["r2_per_attribute"]
    assert found["size"] == pytest.approx(0, abs=0.02)
    values[:, 3] = 40
    assert set(linear_factor(Measured(codes, values)).details["r2_per_attribute"]) == {
        "shape",
        "turn",
        "size",
    }
    with pytest.raises(InputError, match="no factor varies"):
        linear_factor(Measured(codes, np.ones_like(values)))
