"""What columns of labels mean: kinds, missing cells, and that what is left out is named with its reason."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distaff.data import DataOptions
from distaff.data._columns import MISSING, as_texts, read_columns
from distaff.errors import InputError


def read(name, column, *, folder=False, **settings):
    """One column: (its attribute, its values, the notes), or the reason why it is left out."""
    folders = frozenset({name} if folder else ())
    labels = read_columns(
        {name: np.array(column)}, len(column), "here", DataOptions(source="x", **settings), folders=folders
    )
    if labels.left_out:
        (left,) = labels.left_out
        assert left.names == (name,)
        return left.reason
    return labels.attributes.attributes[0], labels.attributes.values[:, 0], labels.notes


@pytest.mark.parametrize(
    ("name", "column", "kind", "values"),
    [
        ("colour", ["red", "blue", "", "red"], "categorical", ("blue", "red")),
        ("colour", [b"red", b"blue", b"", b"red"], "categorical", ("blue", "red")),
        ("flag", [True, False, True], "categorical", ("False", "True")),
        ("size", ["3", "1", "", "2"], "ordinal", (1, 2, 3)),
        ("size", [-2, -1, 0, 1], "ordinal", (-2, -1, 0, 1)),
        ("size", [3.0, 1.0, np.nan], "ordinal", (1, 3)),
        ("label", [3, 1, 2], "categorical", (1, 2, 3)),
        ("Class", ["3", "1", "nan"], "categorical", (1, 3)),
        ("digit", np.arange(30) % 10, "categorical", tuple(range(10))),
        ("age", [0.5, 1.5, np.nan], "continuous", ()),
        ("age", list(range(51)), "continuous", ()),
        ("age", list(range(50)), "ordinal", tuple(range(50))),
        # 1 and -1 are two classes, -1, 0 and 1 are three.
        ("Bright", ["1", "-1", "1"], "categorical", (-1, 1)),
        ("Bright", [1, -1, 1], "categorical", (-1, 1)),
        ("flag", ["0", "1", "0"], "categorical", (0, 1)),
        ("direction", ["-1", "0", "1"], "ordinal", (-1, 0, 1)),
        ("label", [-1, 0, 1], "categorical", (-1, 0, 1)),
        ("change", [-1, 0, 1, 2, 3], "ordinal", (-1, 0, 1, 2, 3)),
        ("label", [-1, 5, 9, 11], "categorical", (-1, 5, 9, 11)),
        # More classes than 50 under a name that says what they are.
        ("label", np.arange(600) % 300, "categorical", tuple(range(300))),
        (
            "breed",
            [f"breed {n % 300:03}" for n in range(1000)],
            "categorical",
            tuple(f"breed {n:03}" for n in range(300)),
        ),
        # What begins with a zero is written so for a reason.
        ("code", ["007", "012", "007"], "categorical", ("007", "012")),
        ("code", ["0.5", "0.25", "1"], "continuous", ()),
        ("code", ["1_000", "2_000", "1_000"], "categorical", ("1_000", "2_000")),
        ("when", ["2020-01", "2021-01", "2020-01"], "categorical", ("2020-01", "2021-01")),
    ],
)
def test_kinds_are_read_off_the_values(name, column, kind, values):
    attribute, numbers, _ = read(name, column)
    assert (attribute.name, attribute.kind, attribute.values) == (name, kind, values)
    assert numbers.dtype == np.float32


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (["cat", "dog"] * 2, ("cat", "dog")),
        (["10", "9", "0", "9"], (0, 9, 10)),
        ([f"{n:04}" for n in range(300)], tuple(f"{n:04}" for n in range(300))),
        ([str(n) for n in range(300)], tuple(range(300))),
        ([f"n{n}" for n in range(400)], tuple(sorted(f"n{n}" for n in range(400)))),
        (["only"] * 4, ("only",)),
        (["NA", "null", "-", "?"], ("-", "?", "NA", "null")),
        (["1,5", "2", "2"], ("1,5", "2")),
        (["1.0", "2.5", "2.5"], ("1.0", "2.5")),
        (["7"] * 3, (7,)),
    ],
)
def test_names_of_folders_are_always_classes(column, values):
    attribute, numbers, _ = read("label", column, folder=True)
    assert (attribute.kind, attribute.values) == ("categorical", values)
    assert [str(attribute.label(number)) for number in numbers] == column


@pytest.mark.parametrize("spelled", sorted(MISSING - {""}))
def test_the_usual_spellings_of_missing_are_missing_and_said(spelled):
    for column, kind in (
        (["red", spelled, "blue", spelled], "categorical"),
        (["1.5", spelled, "2.25", spelled], "continuous"),
        (["1", spelled, "2", spelled], "ordinal"),
    ):
        attribute, values, notes = read("x", column)
        assert attribute.kind == kind
        assert np.isnan(values).tolist() == [False, True, False, True]
        assert notes == (f"x: read as missing labels: {spelled!r} (2)",)


def test_an_empty_cell_is_missing_without_a_word():
    _, values, notes = read("colour", ["red", " ", "", "blue"])
    np.testing.assert_array_equal(values, np.array([1, np.nan, np.nan, 0], dtype=np.float32))
    assert notes == ()
    attribute, values, _ = read("age", np.array([0.5, np.nan, 1.5]))
    np.testing.assert_array_equal(values, np.array([0.5, np.nan, 1.5], dtype=np.float32))
    assert (attribute.mean, attribute.std, attribute.low, attribute.high) == (1, 0.5, 0.5, 1.5)


def test_minus_one_is_unknown_only_where_it_cannot_be_a_class_and_that_is_said():
    attribute, values, notes = read("label", [-1, 0, 1, 2, -1])
    assert attribute.values == (0, 1, 2)
    assert np.isnan(values).tolist() == [True, False, False, False, True]
    assert notes == ("label: 2 labels are -1, which is read as unknown",)
    attribute, values, notes = read("label", [-1, 0, 1, 2, -1], missing={"label": []})
    assert (attribute.values, notes) == ((-1, 0, 1, 2), ())


def test_missing_cells_can_be_written():
    attribute, values, notes = read("size", [3, -1, 99, 2], missing={"size": [-1, 99]})
    assert attribute.values == (2, 3)
    assert np.isnan(values).tolist() == [False, True, True, False]
    assert notes == ("size: read as missing labels, as data.missing says: 2",)
    attribute, values, _ = read("beard", ["None", "full", "unknown"], missing={"beard": "unknown"})
    assert attribute.values == ("None", "full")
    assert np.isnan(values).tolist() == [False, False, True]
    attribute, _, _ = read("size", ["3", "-9", "2.5"], missing={"size": [-9]})
    assert (attribute.low, attribute.high) == (2.5, 3)


@pytest.mark.parametrize(
    ("column", "kind", "expected", "values"),
    [
        ([1, 2, 3], "continuous", "continuous", ()),
        (["1", "2", "3"], "continuous", "continuous", ()),
        ([0.5, 1.5], "categorical", "categorical", (0.5, 1.5)),
        (list(range(70)), "categorical", "categorical", tuple(range(70))),
        (list(range(70)), "ordinal", "ordinal", tuple(range(70))),
        (
            [str(n) + "th" for n in range(60)],
            "categorical",
            "categorical",
            tuple(sorted(f"{n}th" for n in range(60))),
        ),
        ([0, 90, 180, 270], "circular", "circular", (0, 90, 180, 270)),
        (["1,250", "2,500"], "continuous", "continuous", ()),
        (["007", "12"], "continuous", "continuous", ()),
        (["same"] * 4, "categorical", "categorical", ("same",)),
        ([7, 7, 7], "continuous", "continuous", ()),
    ],
)
def test_kinds_can_be_written(column, kind, expected, values):
    attribute, numbers, _ = read("age", column, kinds={"age": kind})
    assert (attribute.kind, attribute.values) == (expected, values)
    assert attribute.std > 0
    assert not np.isnan(numbers).any()


@pytest.mark.parametrize(
    ("column", "kind", "says"),
    [
        (["1", "old"], "continuous", "is not continuous, since the cell 'old' is no number"),
        (["1.5", "2"], "ordinal", "not whole, such as 1.5"),
        ([0.5, 1], "circular", "not whole, such as 0.5"),
        (["red", "blue"], "ordinal", "'blue' is no number"),
    ],
)
def test_kinds_that_do_not_fit_are_refused(column, kind, says):
    with pytest.raises(InputError, match=f"here: column 'age' .*{says}"):
        read("age", column, kinds={"age": kind})


def test_decimal_commas_are_numbers_and_said():
    attribute, values, notes = read("length", ["0,25", "1,5", "", "2"])
    assert attribute.kind == "continuous"
    np.testing.assert_array_equal(values, np.float32([0.25, 1.5, np.nan, 2]))
    assert notes == ("length: the comma of '0,25' is read as a decimal point",)
    assert "thousands or decimals" in read("length", ["1,250", "2,500", "3,750"])
    attribute, _, notes = read("pair", ["a,b", "c,d", "a,b"])
    assert (attribute.values, notes) == (("a,b", "c,d"), ())


@given(st.lists(st.integers(0, 20) | st.none(), min_size=1))
def test_classes_are_read_back(cells):
    known = {cell for cell in cells if cell is not None}
    column = np.array(["" if cell is None else str(cell) for cell in cells])
    found = read("size", column)
    if len(known) < 2:
        assert isinstance(found, str)
        return
    attribute, values, _ = found
    assert [None if np.isnan(value) else attribute.label(value) for value in values] == cells


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (["same"] * 4, "every label is 'same'"),
        ([""] * 4, "every cell is empty"),
        (["NA", "", "n/a"], "every cell is empty"),
        ([7, 7, 7], "every label is '7'"),
        ([np.nan] * 3, "every cell is empty"),
        ([str(n) + "th" for n in range(60)], "60 different texts for 60 images are ids or notes"),
        ([str(n % 1100) + "th" for n in range(2000)], "1,100 different texts"),
        ([*(str(n / 8) for n in range(60)), "unknown"], "row 60: 'unknown' is no number, as most cells are"),
    ],
)
def test_what_is_left_out_is_named_and_refused_if_it_is_wanted(column, says):
    assert says in read("odd", column)
    columns = {"good": np.arange(len(column)) % 2, "odd": np.array(column)}
    assert read_columns(columns, len(column), "here", DataOptions(source="x")).attributes.names == ("good",)
    with pytest.raises(InputError, match=f"here: column 'odd': .*{says}"):
        read_columns(columns, len(column), "here", DataOptions(source="x", attributes=("odd",)))


@pytest.mark.parametrize(
    ("column", "numbers", "note"),
    [
        (["10%", "2.5 %", "30%"], [10, 2.5, 30], "the unit of '10%' is left out"),
        (["1.5 kg", "2 kg", "-3 kg"], [1.5, 2, -3], "the unit of '-3 kg' is left out"),
        (["$5", "$6.50", "$ 7"], [5, 6.5, 7], "the unit of '$ 7' is left out"),
        (["2,5 cm", "3 cm"], [2.5, 3], "the unit of '2,5 cm' is left out"),
        (["1,234.5", "2,000,000.0", "3.25"], [1234.5, 2e6, 3.25], "'1,234.5' is read as 1234.5"),
        (["1.234,5", "2.000,0", "3,25"], [1234.5, 2000, 3.25], "'1.234,5' is read as 1234.5"),
    ],
)
def test_units_and_parted_thousands_are_numbers_and_said(column, numbers, note):
    attribute, values, notes = read("size", column)
    assert attribute.kind == "continuous"
    assert values.tolist() == numbers
    assert any(note in each for each in notes)


@pytest.mark.parametrize(
    "column", [["5 kg", "6 g"], ["1 star", "2 stars"], ["5A", "6A"], ["10%", "20"], ["12:30 h", "13:45 h"]]
)
def test_texts_without_one_unit_are_classes(column):
    attribute, _, _ = read("size", column)
    assert (attribute.kind, attribute.values) == ("categorical", tuple(sorted(column)))


@pytest.mark.parametrize(
    "column",
    [
        ["123456789012345678901", "123456789012345678902"],
        ["1.2", "9007199254740993"],
        np.array([2**60, 2**60 + 1]),
        np.array([2**63, 2**63 + 1], dtype=np.uint64),
        np.array([-(2**60), -(2**60) - 1]),
    ],
)
def test_numbers_too_long_for_a_float_are_told_apart_as_texts(column):
    attribute, values, _ = read("patient", column)
    assert attribute.values == tuple(sorted(map(str, column)))
    assert [attribute.label(value) for value in values] == [str(each) for each in column]


@pytest.mark.parametrize(
    ("column", "note"),
    [
        (["1", "2", "3", "unknown"], "'unknown' is no number, as most cells are, so all are classes"),
        (["5", "6", "7", "<5", "8"], "'<5' is no number, as most cells are"),
        (["a|b", "a", "b"], "cells such as 'a|b' may name several classes"),
        (["cat, dog", "dog", "mouse; cat"], "cells such as 'cat, dog' may name several classes"),
        (["Caf\u00e9", "Cafe\u0301"], "are read as different classes"),
    ],
)
def test_cells_that_are_probably_meant_otherwise_are_told(column, note):
    attribute, _, notes = read("x", column)
    assert attribute.kind == "categorical"
    assert any(note in each for each in notes)


@pytest.mark.parametrize("column", [["Paris, France", "Lyon, France"], ["a;b", "c;d"], ["1", "2", "3"]])
def test_cells_that_mean_what_they_say_need_no_word(column):
    assert read("x", column)[2] == ()


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (["+", "-", "+"], "every label is '[+]'; read as missing labels: '-' [(]1[)]"),
        (["nan", "None"], "every cell is empty; read as missing labels: 'nan' [(]1[)], 'None'"),
        ([f"id{n}" for n in range(30)], "30 different texts for 30 images are ids or notes"),
        ([f"{n:05}" for n in range(60)], "60 different texts for 60 images are ids or notes"),
        ([2**60 + n for n in range(60)], "60 different texts for 60 images are ids or notes"),
    ],
)
def test_the_reason_of_a_lost_column_tells_all(column, says):
    assert re.search(says, read("odd", column))


def test_bytes_in_another_encoding_are_refused():
    with pytest.raises(InputError, match="here: column 'x' holds bytes that are no UTF-8"):
        read("x", np.array(["\u00e9".encode("latin-1"), b"b"]))


def test_a_column_that_is_not_asked_for_may_hold_anything():
    columns = {"good": np.arange(4) % 2, "odd": np.array([1.5, np.inf, 2, 3])}
    found = read_columns(columns, 4, "here", DataOptions(source="x", attributes=("good",)))
    assert found.attributes.names == ("good",)
    assert "infinite number in row 1" in found.left_out[0].reason


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"attributes": ("agee",)}, "unknown attribute 'agee'; did you mean 'age'"),
        ({"kinds": {"agee": "ordinal"}}, "data.kinds: unknown column 'agee'; did you mean 'age'"),
        ({"missing": {"agee": [1]}}, "data.missing: unknown column 'agee'; did you mean 'age'"),
    ],
)
def test_names_that_are_no_columns_are_refused(settings, says):
    with pytest.raises(InputError, match=says):
        read_columns({"age": np.arange(4)}, 4, "here", DataOptions(source="x", **settings))


@pytest.mark.parametrize(
    "column", [np.array([1.5, np.inf]), np.array(["1.5", "-inf"]), np.array(["Infinity", "2"])]
)
def test_infinite_numbers_are_refused(column):
    with pytest.raises(InputError, match="here: column 'age' holds an infinite number in row"):
        read("age", column)


def test_no_columns_make_an_empty_table():
    assert read_columns({}, 4, "here", DataOptions(source="x")).attributes.values.shape == (4, 0)


@pytest.mark.parametrize(
    ("numbers", "period", "values", "steps"),
    [
        ([8, 18, 23, 0], 24, tuple(range(24)), [8, 18, 23, 0]),
        ([1, 7, 9, 12], 12, tuple(range(1, 13)), [0, 6, 8, 11]),  # months, of which some never occur
        ([0, 90, 270, 360], 360, (0, 90, 180, 270), [0, 1, 3, 0]),
        ([-90, 0, 90, 180], 360, (-90, 0, 90, 180), [0, 1, 2, 3]),
        ([15, 45, 345, np.nan], 360, tuple(range(15, 375, 30)), [0, 1, 11, np.nan]),
    ],
)
def test_a_turn_is_as_long_as_the_period_says(numbers, period, values, steps):
    attribute, found, notes = read("t", np.array(numbers, dtype=float), periods={"t": period})
    assert (attribute.kind, attribute.values, attribute.period) == ("circular", values, len(values))
    np.testing.assert_array_equal(found, steps)
    assert ("360 is read as 0" in " ".join(notes)) == (360 in numbers)


def test_a_turn_of_unknown_length_is_told():
    [note] = read("hour", [8, 9, 11, 18], kinds={"hour": "circular"})[2]
    told = "hour: a turn is taken as the 4 values that occur, 18 beside 8, though they are not evenly spaced"
    assert note == f"{told}; data.periods says how long a turn is"


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("hour", {"kinds": {"hour": "ordinal"}, "periods": {"hour": 24}}, "hour is ordinal by data.kinds"),
        ("hour", {"periods": {"our": 24}}, "data.periods: unknown column 'our'; did you mean 'hour'"),
        ("minute", {"periods": {"minute": 1440}}, "1,440 steps in a turn of 1440; round it to 1,000 at most"),
    ],
)
def test_periods_that_do_not_fit_are_refused(name, settings, says):
    with pytest.raises(InputError, match=re.escape(says)):
        read(name, np.arange(60), **settings)


def test_numbers_that_float32_cannot_tell_apart_are_told():
    seconds = 1_700_000_000.0 + np.arange(60)
    assert read("ts", seconds) == "60 different numbers are 1 as float32; subtract 1700000000 from all"
    notes = read("date", 20230101.0 + np.arange(60))[2]
    assert notes == ("date: 60 different numbers are 31 as float32; subtract 20230101 from all",)
    assert not read("x", np.random.default_rng(0).random(100_000))[2]


@pytest.mark.parametrize("name", ["id", "person_id", "Unnamed: 0", "index"])
def test_numbers_that_count_the_images_are_no_labels(name):
    assert "an id and no label" in read(name, np.arange(60))
    assert read(name, np.arange(60), kinds={name: "continuous"})[0].kind == "continuous"
    assert read(name, np.arange(60) // 2)[0].size == 30
    assert read("grid", np.arange(60))[0].kind == "continuous"


def test_a_cell_too_long_for_a_class_costs_no_memory_and_is_told():
    column = as_texts(["1 3 10 5"] * 5999 + ["1 3 10 5 " * 12_000])
    assert column.nbytes < 1e6
    told = "cells of up to 108,000 characters are notes or encodings and no labels"
    assert read("pixels", column) == told
    assert as_texts(["a", "bc"]).dtype == np.dtype("<U2")


def test_cells_that_are_called_missing_and_never_occur_are_told():
    notes = read("answer", ["yes", "no", "maybe"], missing={"answer": ["nope", "maybe"]})[2]
    assert notes == (
        "answer: read as missing labels: 'maybe' (1)",
        "answer: no cell is 'nope', which data.missing names",
    )
    with pytest.raises(ValueError, match="answer: yes, no, true and false are texts in quotes only"):
        DataOptions(source="x", missing={"answer": [False]})


def test_a_unit_is_only_said_to_be_left_out_where_it_is():
    assert read("dur", ["05 min", "10 min", "15 min"])[0].values == (5, 10, 15)
    attribute, _, notes = read("ver", ["1.2.3 beta", "1.3.0 beta"])
    assert (attribute.kind, notes) == ("categorical", ())
    assert read("t", ["20,5 °C", "-3,25 °C"])[1].tolist() == [20.5, -3.25]
