from __future__ import annotations

import numpy as np

from distaff.analysis import match
from distaff.attributes import Attribute, AttributeTable


def one(name, kind, values, column):
    return AttributeTable(
        (Attribute(name=name, kind=kind, values=values),), np.array(column, dtype=np.float32)[:, None]
    )


def test_classes_are_matched_by_label_and_unknown_ones_become_missing():
    model = Attribute(name="shape", kind="categorical", values=("square", "heart"))
    table = one("shape", "categorical", ("circle", "heart", "square"), [0, 1, 2, np.nan])
    matched = match(table, [model])
    assert matched.attributes == (model,)
    np.testing.assert_array_equal(matched.column("shape"), [np.nan, 1, 0, np.nan])


def test_numbers_and_classes_meet_where_they_are_equal():
    classes = Attribute(name="size", kind="ordinal", values=(2, 4, 8))
    numbers = Attribute(name="size", kind="continuous", low=2, high=8)
    np.testing.assert_array_equal(
        match(one("size", "continuous", (), [4, 8, 5]), [classes]).column("size"), [1, 2, np.nan]
    )
    np.testing.assert_array_equal(
        match(one("size", "ordinal", (8, 2), [0, 1, np.nan]), [numbers]).column("size"), [8, 2, np.nan]
    )


def test_what_the_model_does_not_know_stays():
    table = one("colour", "categorical", ("red", "blue"), [0, 1])
    assert match(table, []).names == ("colour",)
    np.testing.assert_array_equal(match(table, []).values, table.values)
    assert match(AttributeTable((), np.zeros((3, 0), np.float32)), []).values.shape == (3, 0)
