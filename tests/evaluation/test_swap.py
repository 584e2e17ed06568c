from __future__ import annotations

import numpy as np
import pytest
from toy_images import SIZE, TOY, TURN, ToyClassifier, give

from distaff.attributes import Attribute
from distaff.evaluation import attribute_accuracy, swap_test
from distaff.evaluation._swap import another_value


def test_a_perfect_model_passes_for_every_pair(toy):
    found = swap_test(toy)
    assert found.value == found.details["mean"] == 1
    names = {each.name for each in TOY}
    matrix = found.details["matrix"]
    assert {name: set(row) for name, row in matrix.items()} == dict.fromkeys(names, names)
    assert found.details["reference_accuracy"] == dict.fromkeys(names, 1.0)
    assert "warning" not in found.details
    assert "larger symmetry" in found.details["note"]


def test_a_perfect_model_reads_every_attribute(toy):
    found = attribute_accuracy(toy)
    assert found.value == 1
    assert found.details["per_attribute"]["turn"]["within_one"] == 1


@pytest.mark.parametrize(
    ("shape", "turned", "right"), [(0, 3, True), (1, 6, True), (1, 3, False), (2, 6, False)]
)
def test_a_turn_by_the_shapes_own_symmetry_is_no_error(toy, shape, turned, right):
    matrix = swap_test(give(toy, reference_classifier=ToyClassifier(shape, turned))).details["matrix"]
    assert (matrix["size"]["turn"] == 1) is right
    assert matrix["size"]["shape"] == 1


def test_an_attribute_that_cannot_be_set_is_found_out(toy, monkeypatch):
    decode = type(toy.model).decode
    frozen = slice(3 + 12, 3 + 12 + 5)

    def forget_size(self, codes, **given):
        codes = codes.copy()
        codes[:, frozen] = np.eye(5, dtype=np.float32)[2]
        return decode(self, codes)

    monkeypatch.setattr(type(toy.model), "decode", forget_size)
    found = swap_test(toy)
    assert found.value < 0.3
    assert found.details["matrix"]["shape"]["shape"] == 1
    assert found.details["matrix"]["shape"]["size"] < 0.5


def test_a_poor_reference_classifier_earns_a_warning(toy):
    assert "turn" in swap_test(give(toy, reference_classifier=ToyClassifier(2, 6))).details["warning"]


@pytest.mark.parametrize("attribute", [SIZE, TURN])
def test_another_value_is_never_the_old_one_and_any_other(attribute):
    true = np.repeat(np.arange(attribute.size, dtype=np.float32), 300)
    drawn = another_value(attribute, true, np.random.default_rng(0))
    assert not (drawn == true).any()
    for value in range(attribute.size):
        assert set(drawn[true == value]) == set(range(attribute.size)) - {value}


def test_another_number_lies_in_the_range():
    attribute = Attribute(name="x", kind="continuous", low=-2, high=3)
    drawn = another_value(attribute, np.zeros(100, np.float32), np.random.default_rng(0))
    assert -2 <= drawn.min() < -1
    assert 2 < drawn.max() <= 3
