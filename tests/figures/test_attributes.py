"""Attributes set to each value, and interpolations from class to class."""

import numpy as np
import pytest
from figure_runs import draw, images_of, page_of, same, texts

from distaff.attributes import Attribute
from distaff.figures._images import with_values
from distaff.figures._values import name_value, values_to_show
from distaff.model import interpolate


def test_one_attribute_is_set_and_the_value_read_is_framed(colours):
    figure = draw("attributes", colours)
    model, drawn = colours.model, images_of(figure)
    # Two images for each attribute, each row led by the image itself.
    widths = [1 + 2, 1 + 4, 1 + 8, 1 + 9]
    assert len(drawn) == 2 * sum(widths)
    assert same(drawn[0], colours.images(colours.rows[:1])[0].transpose(1, 2, 0) / 255)
    for value, label in enumerate(("left", "right")):
        edited = model.decode(model.write(colours.codes[[0]], attributes={"side": label}))[0]
        assert same(drawn[1 + value], edited)
    assert {"side", "size", "angle", "weight", "left", "right", "image"} <= set(texts(figure))
    assert len(figure.axes[0].collections[1].get_paths()) == 8
    page = page_of("attributes", colours)
    assert page.rows[0].marked == [1 + int(colours.read["side"][0])]


def test_a_condition_is_changed_and_the_code_kept(conditional):
    digit = conditional.model.attributes[0]
    made = with_values(conditional, 2, digit, [0.0, 7.0])
    wanted = conditional.model.decode(conditional.codes[[2, 2]], attributes={"digit": [0, 7]})
    np.testing.assert_allclose(made, wanted, atol=1e-6)
    page = page_of("attributes", conditional)
    assert "its label says" in page.note
    assert page.rows[0].marked == [1 + int(conditional.table.column("digit")[0])]


def test_of_long_attributes_some_values_are_shown():
    orientation = Attribute(name="orientation", kind="circular", values=tuple(range(40)), period=39)
    shown = values_to_show(orientation, 12)
    assert len(shown) == 12
    assert shown[0] == 0
    # A full turn is the first image again.
    assert shown[-1] < 38
    position = Attribute(name="pos_x", kind="ordinal", values=tuple(range(32)))
    assert values_to_show(position, 12)[::11] == [0, 31]
    few = Attribute(name="few", kind="categorical", values=("a", "b"))
    assert values_to_show(few, 12) == [0, 1]
    number = Attribute(name="x", kind="continuous", low=-1, high=3)
    assert values_to_show(number, 12)[::8] == [-1, 3]
    assert name_value(number, -0.5) == "−0.5"


@pytest.mark.parametrize(
    ("name", "told"), [("plane", "the model reads"), ("vae", "nearest codes"), ("conditional", None)]
)
def test_interpolations_say_what_is_read_on_the_way_unless_the_class_is_told(name, told, request):
    analysis = request.getfixturevalue(name)
    page = page_of("interpolations", analysis)
    assert len(page.rows) == 10
    assert all(len(row.images) == 11 for row in page.rows)
    assert all(len(row.heads) == (11 if told else 0) for row in page.rows)
    assert told is None or told in page.note
    digit = analysis.class_attribute
    ends = [analysis.class_end(digit, value) for value in (0.0, 1.0)]
    wanted = interpolate(analysis.model, *ends)
    np.testing.assert_allclose(page.rows[0].images, wanted.images, atol=1e-5)
    if name == "plane":
        read = analysis.model.read(wanted.codes)["digit"]
        assert list(page.rows[0].heads) == [str(int(each)) for each in read]
