import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distaff.attributes import first_attribute
from distaff.data import Attribute, AttributeTable
from distaff.data.sprites import FACTORS
from distaff.errors import InputError

SHAPE, SCALE, ORIENTATION = FACTORS[:3]
AGE = Attribute(name="age", kind="continuous", mean=40, std=10, low=20, high=60)
ODD = Attribute(name="odd", kind="ordinal", values=(3, 5, 7))
FOLDERS = Attribute(name="folders", kind="categorical", values=("03", "07"))
AMBIGUOUS = Attribute(name="codes", kind="categorical", values=("007", "07"))
FLAG = Attribute(name="flag", kind="categorical", values=("False", "True"))


def table(n=100):
    values = np.stack([np.arange(n) % 3, np.arange(n) % 6], axis=1).astype(np.float32)
    return AttributeTable((SHAPE, SCALE), values)


@pytest.mark.parametrize(
    ("attribute", "label", "value"),
    [
        (SHAPE, "heart", 2),
        (SHAPE, " heart ", 2),
        (SHAPE, np.str_("heart"), 2),
        (SHAPE, b"heart", 2),
        (SCALE, "5", 5),
        (SCALE, "5.0", 5),
        (ORIENTATION, "39", 39),
        (AGE, "33.5", 33.5),
        (AGE, 33.5, 33.5),
        (FOLDERS, 7, 1),
        (FOLDERS, "07", 1),
        (FLAG, True, 1),
        (FLAG, np.bool_(False), 0),
        (FLAG, "True", 1),
    ],
)
def test_a_label_is_read_as_it_is_written(attribute, label, value):
    encoded = attribute.encode(label)
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [value]


@pytest.mark.parametrize("attribute", [ODD, AGE, FOLDERS])
@given(
    st.sampled_from([3, 5, 7, 31]),
    st.sampled_from([int, float, str, np.float32, np.int64, np.uint8, np.float16, lambda x: f" {x}.0"]),
    st.sampled_from(
        [lambda x: x, lambda x: [x], lambda x: np.array([x]), lambda x: np.array([x], dtype=object)]
    ),
)
def test_a_label_means_the_same_whatever_its_type(attribute, label, type_, shape):
    wanted = {ODD: {3: 0, 5: 1, 7: 2}, FOLDERS: {3: 0, 7: 1}, AGE: {31: 31}}[attribute].get(label)
    if wanted is None:
        with pytest.raises(InputError, match=attribute.name):
            attribute.encode(shape(type_(label)))
        return
    assert attribute.encode(shape(type_(label))).tolist() == [wanted]


@pytest.mark.parametrize("nothing", [None, np.nan, np.float32("nan")])
def test_labels_may_be_missing_only_where_that_is_said(nothing):
    np.testing.assert_array_equal(ODD.encode([7, nothing], missing=True), np.float32([2, np.nan]))
    np.testing.assert_array_equal(AGE.encode([nothing, 30], missing=True), np.float32([np.nan, 30]))
    for attribute in (ODD, AGE, SHAPE):
        with pytest.raises(InputError, match="a label is missing"):
            attribute.encode([nothing])


def test_numbers_of_float32_are_not_outside_what_they_are():
    tenth = Attribute(name="x", kind="continuous", low=0.1, high=0.3)
    assert tenth.encode(np.float32([0.1, 0.3])).tolist() == np.float32([0.1, 0.3]).tolist()


def test_many_labels_are_read_at_once():
    labels = np.random.default_rng(0).integers(0, 3, 70_000) * 2 + 3
    np.testing.assert_array_equal(ODD.encode(labels), (labels - 3) / 2)
    np.testing.assert_array_equal(ODD.encode(labels.astype(str)), (labels - 3) / 2)


@pytest.mark.parametrize(
    ("attribute", "label", "says"),
    [
        (SHAPE, "hart", "did you mean 'heart'"),
        (SHAPE, "3", "there is: ellipse, heart, square"),
        (SHAPE, 2, "'2'; there is: ellipse, heart, square"),
        (SHAPE, ["heart"] * 5000 + ["x"], "'x'"),
        (SHAPE, {"a": 1}, "has no value"),
        (SCALE, "6", "from 0 to 5"),
        (SCALE, 0.5, "from 0 to 5"),
        (SCALE, "nan", "there is: 0, 1"),
        (ODD, "0", "from 3 to 7"),
        (ORIENTATION, "big", "from 0 to 39"),
        (AMBIGUOUS, 7, "has no value '7'"),
        (AGE, "61", "from 20 to 60"),
        (AGE, "old", "from 20 to 60"),
        (AGE, np.inf, "from 20 to 60"),
        (AGE, "4_0", "from 20 to 60"),
    ],
)
def test_what_is_no_label_is_refused_with_what_would_be_right(attribute, label, says):
    with pytest.raises(InputError, match=says) as caught:
        attribute.encode(label)
    assert attribute.name in str(caught.value)
    assert len(str(caught.value)) < 300


def test_every_label_is_encoded_and_said_again():
    for attribute in (*FACTORS, ODD, FOLDERS, FLAG, AMBIGUOUS):
        assert attribute.encode(attribute.values).tolist() == list(range(attribute.size))
        for index, value in enumerate(attribute.values):
            assert attribute.encode(str(value)).tolist() == [index]
            assert attribute.label(index) == value


def test_label_takes_the_nearest_class():
    assert SHAPE.label(1.6) == "heart"
    assert SHAPE.label(7) == "heart"
    assert SCALE.label(-2) == 0
    assert ORIENTATION.label(39.2) == 39
    assert ORIENTATION.label(40) == 1
    assert ORIENTATION.label(-1) == 38
    assert AGE.label(33.25) == 33.25


def test_error_is_in_the_steps_of_its_kind():
    assert SHAPE.error([0, 1, np.nan], [0, 2, 1]).tolist()[:2] == [0, 1]
    assert np.isnan(SHAPE.error(np.nan, 1))
    assert SCALE.error([0, 5], [3, 4]).tolist() == [3, 1]
    assert AGE.error([20.5], [20]).tolist() == [0.5]
    assert ORIENTATION.error([0, 38, 0], [39, 0, 20]).tolist() == [0, 1, 19]
    np.testing.assert_allclose(ORIENTATION.error([0, 0], [10, 10], fold=[4, 2]), [0.25, 9.5])


@given(st.floats(0, 39), st.floats(0, 39), st.sampled_from([1, 2, 4]), st.integers(-3, 3))
def test_circular_error_is_a_distance_on_the_turn(read, true, fold, turns):
    error = ORIENTATION.error(read, true, fold=fold)
    assert 0 <= error <= 39 / fold / 2 + 1e-9
    assert error == pytest.approx(ORIENTATION.error(true, read, fold=fold), abs=1e-9)
    assert error == pytest.approx(ORIENTATION.error(read + turns * 39 / fold, true, fold=fold), abs=1e-9)


def test_hide_takes_every_label_of_the_rows_and_no_other():
    whole = table()
    hidden = whole.hide(np.array([3, 7]))
    assert np.flatnonzero(np.isnan(hidden.values).all(axis=1)).tolist() == [3, 7]
    assert np.isnan(hidden.values).sum() == 4
    assert not np.isnan(whole.values).any()


def test_table_finds_columns_by_name():
    whole = table(6)
    assert len(whole) == 6
    assert whole.names == ("shape", "scale")
    assert whole.get("scale") is SCALE
    assert whole.select(["scale"]).column("scale").tolist() == [0, 1, 2, 3, 4, 5]
    assert whole.rows(slice(1, 3)).column("shape").tolist() == [1, 2]
    with pytest.raises(InputError, match="unknown attribute 'scal'; did you mean 'scale'"):
        whole.column("scal")


def test_attributes_survive_json():
    for attribute in (*FACTORS, AGE):
        again = Attribute.model_validate_json(attribute.model_dump_json())
        assert again == attribute
        assert [type(value) for value in again.values] == [type(value) for value in attribute.values]


def test_data_of_numbers_alone_say_how_one_of_them_would_have_classes():
    age = Attribute(name="age", kind="continuous")
    with pytest.raises(
        InputError, match=r"the data has none; age is continuous, unless data[.]kinds says otherwise"
    ):
        first_attribute({"age": age}, "condition")
    with pytest.raises(InputError, match=r"the data has none$"):
        first_attribute({}, "condition")
