import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distaff.data.columns import Uninformative, infer, table
from distaff.errors import InputError


@pytest.mark.parametrize(
    ("name", "column", "kind", "values"),
    [
        ("colour", ["red", "blue", "", "red"], "categorical", ("blue", "red")),
        ("colour", [b"red", b"blue", b"", b"red"], "categorical", ("blue", "red")),
        ("flag", [True, False, True], "categorical", ("False", "True")),
        ("size", ["3", "1", "", "2"], "ordinal", (1, 2, 3)),
        ("size", [3, 1, -1, 2], "ordinal", (1, 2, 3)),
        ("size", [-2, -1, 0, 1], "ordinal", (-2, -1, 0, 1)),
        ("size", [3.0, 1.0, np.nan], "ordinal", (1, 3)),
        ("label", [3, 1, 2], "categorical", (1, 2, 3)),
        ("Class", ["3", "1", "nan"], "categorical", (1, 3)),
        ("age", [0.5, 1.5, np.nan], "continuous", ()),
        ("age", list(range(51)), "continuous", ()),
        ("age", list(range(50)), "ordinal", tuple(range(50))),
    ],
)
def test_kinds_are_read_off_the_values(name, column, kind, values):
    attribute, _ = infer(name, np.array(column))
    assert (attribute.name, attribute.kind, attribute.values) == (name, kind, values)


def test_missing_values_are_nan():
    _, values = infer("colour", np.array(["red", " ", "NaN", "blue"]))
    np.testing.assert_array_equal(values, np.array([1, np.nan, np.nan, 0], dtype=np.float32))
    _, values = infer("size", np.array([-1, 4, 9]))
    np.testing.assert_array_equal(values, np.array([np.nan, 0, 1], dtype=np.float32))
    attribute, values = infer("age", np.array([0.5, np.nan, 1.5]))
    np.testing.assert_array_equal(values, np.array([0.5, np.nan, 1.5], dtype=np.float32))
    assert (attribute.mean, attribute.std, attribute.low, attribute.high) == (1, 0.5, 0.5, 1.5)


@given(st.lists(st.integers(0, 20) | st.none(), min_size=1))
def test_classes_are_read_back(cells):
    known = {cell for cell in cells if cell is not None}
    column = np.array(["" if cell is None else str(cell) for cell in cells])
    if len(known) < 2:
        with pytest.raises(Uninformative):
            infer("size", column)
        return
    attribute, values = infer("size", column)
    read = [None if np.isnan(value) else attribute.label(value) for value in values]
    assert read == cells


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (["same"] * 4, "fewer than two"),
        ([""] * 4, "fewer than two"),
        ([7, 7, 7], "fewer than two"),
        ([str(n) + "th" for n in range(60)], "60 different texts"),
        ([str(n % 300) + "th" for n in range(2000)], "300 different texts"),
    ],
)
def test_columns_that_say_nothing_are_left_out_unless_wanted(column, says):
    columns = {"good": np.arange(len(column)) % 2, "odd": np.array(column)}
    assert table(columns, None, len(column), "here").names == ("good",)
    with pytest.raises(InputError, match=f"here: column 'odd' has .*{says}"):
        table(columns, ("odd",), len(column), "here")


def test_infinite_numbers_are_refused():
    with pytest.raises(InputError, match="here: column 'age' holds an infinite number in row 1"):
        table({"age": np.array([1.5, np.inf])}, None, 2, "here")


def test_no_columns_make_an_empty_table():
    assert table({}, None, 4, "here").values.shape == (4, 0)
