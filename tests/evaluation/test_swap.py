from __future__ import annotations

import numpy as np
import pytest
from toy_pictures import SIZE, TOY, TURN, ToyReader

from distaff.data import Attribute
from distaff.evaluation.reading import attribute_accuracy
from distaff.evaluation.swap import another, swap_test


def test_a_perfect_model_passes_for_every_pair(toy):
    found = swap_test(toy)
    assert found["value"] == 1
    names = {each.name for each in TOY}
    assert {name: set(row) for name, row in found["matrix"].items()} == dict.fromkeys(names, names)
    assert found["reader"] == dict.fromkeys(names, 1.0)
    assert "warning" not in found
    assert "larger symmetry" in found["note"]


def test_a_perfect_model_reads_every_attribute(toy):
    found = attribute_accuracy(toy)
    assert found["value"] == 1
    assert found["per_attribute"]["turn"]["within_one"] == 1


@pytest.mark.parametrize(
    ("shape", "turned", "right"), [(0, 3, True), (1, 6, True), (1, 3, False), (2, 6, False)]
)
def test_a_turn_by_the_shapes_own_symmetry_is_no_error(toy, shape, turned, right):
    toy.__dict__["reader"] = ToyReader(shape, turned)
    matrix = swap_test(toy)["matrix"]
    assert (matrix["size"]["turn"] == 1) is right
    assert matrix["size"]["shape"] == 1


def test_an_attribute_that_cannot_be_set_is_found_out(toy, monkeypatch):
    drawn = type(toy.model).decode
    frozen = slice(3 + 12, 3 + 12 + 5)

    def forget_size(self, codes, *, attributes=None):
        codes = codes.copy()
        codes[:, frozen] = np.eye(5, dtype=np.float32)[2]
        return drawn(self, codes)

    monkeypatch.setattr(type(toy.model), "decode", forget_size)
    found = swap_test(toy)
    assert found["value"] < 0.3
    assert found["matrix"]["shape"]["shape"] == 1
    assert found["matrix"]["shape"]["size"] < 0.5


def test_a_poor_reader_earns_a_warning(toy):
    toy.__dict__["reader"] = ToyReader(2, 6)
    assert "turn" in swap_test(toy)["warning"]


@pytest.mark.parametrize("attribute", [SIZE, TURN])
def test_another_value_is_never_the_old_one_and_any_other(attribute):
    true = np.repeat(np.arange(attribute.size, dtype=np.float32), 300)
    drawn = another(attribute, true, np.random.default_rng(0))
    assert not (drawn == true).any()
    for value in range(attribute.size):
        assert set(drawn[true == value]) == set(range(attribute.size)) - {value}


def test_another_number_lies_in_the_range():
    attribute = Attribute(name="x", kind="continuous", low=-2, high=3)
    drawn = another(attribute, np.zeros(100, np.float32), np.random.default_rng(0))
    assert -2 <= drawn.min() < -1
    assert 2 < drawn.max() <= 3
