import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distaff.data import Attribute, AttributeTable
from distaff.data.sprites import FACTORS
from distaff.errors import InputError

SHAPE, SCALE, ORIENTATION = FACTORS[:3]
AGE = Attribute(name="age", kind="continuous", mean=40, std=10, low=20, high=60)
ODD = Attribute(name="odd", kind="ordinal", values=(3, 5, 7))


def table(n=100):
    values = np.stack([np.arange(n) % 3, np.arange(n) % 6], axis=1).astype(np.float32)
    return AttributeTable((SHAPE, SCALE), values)


@pytest.mark.parametrize(
    ("attribute", "text", "value"),
    [
        (SHAPE, "heart", 2),
        (SHAPE, " heart ", 2),
        (SHAPE, "1", 1),
        (SCALE, "5", 5),
        (SCALE, "5.0", 5),
        (ODD, "5", 1),
        (ORIENTATION, "39", 39),
        (AGE, "33.5", 33.5),
    ],
)
def test_parse_reads_a_label_or_number(attribute, text, value):
    assert attribute.parse(text) == value


@pytest.mark.parametrize(
    ("attribute", "text", "says"),
    [
        (SHAPE, "hart", "did you mean 'heart'"),
        (SHAPE, "3", "there is: square, ellipse, heart"),
        (SCALE, "6", "from 0 to 5"),
        (SCALE, "nan", "there is: 0, 1"),
        (ODD, "0", "from 3 to 7"),
        (ORIENTATION, "big", "from 0 to 39"),
        (AGE, "61", "from 20 to 60"),
        (AGE, "old", "from 20 to 60"),
        (AGE, "inf", "from 20 to 60"),
    ],
)
def test_parse_says_what_would_be_right(attribute, text, says):
    with pytest.raises(InputError, match=says) as caught:
        attribute.parse(text)
    assert attribute.name in str(caught.value)


def test_every_label_is_parsed_back():
    for attribute in (*FACTORS, ODD):
        for index, value in enumerate(attribute.values):
            assert attribute.parse(str(value)) == index
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


@given(st.floats(0.001, 1), st.integers(0, 1000))
def test_hide_keeps_that_fraction_and_all_other_rows(fraction, seed):
    whole = table()
    hidden = whole.hide(fraction, seed, np.arange(80))
    known = ~np.isnan(hidden.values).any(axis=1)
    assert known[:80].sum() == max(1, round(fraction * 80))
    assert known[80:].all()
    np.testing.assert_array_equal(hidden.values[known], whole.values[known])
    assert not np.isnan(whole.values).any()


def test_hide_keeps_of_a_smaller_fraction_what_it_keeps_of_a_larger():
    few, many = (~np.isnan(table().hide(part, 7, np.arange(100)).column("shape")) for part in (0.1, 0.4))
    assert (many | ~few).all()
    assert few.sum() == 10


@pytest.mark.parametrize("fraction", [0, -0.1, 1.5, np.nan])
def test_hide_refuses_other_fractions(fraction):
    with pytest.raises(InputError, match="labelled"):
        table().hide(fraction, 0, np.arange(5))


def test_table_finds_columns_by_name():
    whole = table(6)
    assert len(whole) == 6
    assert whole.names == ("shape", "scale")
    assert whole.get("scale") is SCALE
    assert whole.select(["scale"]).column("scale").tolist() == [0, 1, 2, 3, 4, 5]
    assert whole.rows(slice(1, 3)).column("shape").tolist() == [1, 2]
    with pytest.raises(InputError, match="unknown attribute 'scal': did you mean 'scale'"):
        whole.column("scal")


def test_attributes_survive_json():
    for attribute in (*FACTORS, AGE):
        again = Attribute.model_validate_json(attribute.model_dump_json())
        assert again == attribute
        assert [type(value) for value in again.values] == [type(value) for value in attribute.values]
