"""R^2 of a linear map from codes to factors of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from toy_pictures import SHAPE, SIZE, TURN, TURNS

from distaff.data import Attribute, AttributeTable
from distaff.evaluation.encoding import Encoded
from distaff.evaluation.linear_factor import linear_factor

AGE = Attribute(name="age", kind="continuous", mean=50, std=10, low=20, high=80)


class Measured:
    """Codes and labels, where a subject has a model and pictures."""

    seed = 0

    def __init__(self, codes, values):
        attributes = (SHAPE, TURN, SIZE, AGE)
        self.table = self.factors = AttributeTable(attributes, values.astype(np.float32))
        half = len(codes) // 2
        self.train_rows, self.labelled = np.arange(half), attributes
        self.train = Encoded(codes[:half], self.table.rows(slice(0, half)))
        self.test = Encoded(codes[half:], self.table.rows(slice(half, None)))


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
    assert found["value"] == pytest.approx(1, abs=0.01)
    assert set(found["r2_per_attribute"]) == {"shape", "turn", "size", "age"}
    assert "circle" in found["note"]


def test_noise_explains_nothing_and_half_of_the_variance_half():
    values, rng = draw()
    codes = rng.standard_normal((len(values), 3))
    assert linear_factor(Measured(codes, values))["value"] == pytest.approx(0, abs=0.02)
    codes[:, 0] = values[:, 2] + values[:, 2].std() * rng.standard_normal(len(values))
    assert linear_factor(Measured(codes, values))["r2_per_attribute"]["size"] == pytest.approx(0.5, abs=0.06)


def test_a_relation_that_bends_is_not_linear_and_missing_labels_are_left_out():
    values, _ = draw()
    codes = np.square(values[:, 2:3] - 2)
    values[::7, 2] = np.nan
    found = linear_factor(Measured(codes, values))["r2_per_attribute"]
    assert found["size"] == pytest.approx(0, abs=0.02)
