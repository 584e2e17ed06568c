import numpy as np
import pytest

from distaff.data import DataOptions, load, sprites
from distaff.errors import InputError


def test_ink_and_paper_are_the_colours_named():
    factors = np.array([[2, 5, 7, 10, 20, hue, shade] for hue in range(12) for shade in range(8)])
    images = sprites.render_colour(factors)
    assert images.shape == (96, 3, 64, 64)
    inside = sprites.render(factors[:1, :5])[0] == 255
    for (*_, hue, shade), image in zip(factors, images, strict=True):
        grey = round(255 * shade / 7)
        assert (image[:, ~inside] == grey).all()
        ink = image[:, inside]
        assert (ink == ink[:, :1]).all()
        # Seen against every paper: one of its three numbers is far from the grey.
        assert np.abs(ink[:, 0].astype(int) - grey).max() >= 127
        red, green, blue = (int(part) for part in ink[:, 0])
        turn = np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)) % 360
        assert min(abs(turn - 30 * hue), 360 - abs(turn - 30 * hue)) < 0.5


def test_the_source_is_what_its_factors_say():
    dataset = load("sprites-colour", count=300, seed=4)
    assert dataset.images.shape == (300, 3, 64, 64)
    assert dataset.attributes.names[-2:] == ("colour", "background")
    assert dataset.attributes.get("colour").label(12) == "red"
    np.testing.assert_array_equal(
        dataset.images.take(slice(None)), sprites.render_colour(dataset.attributes.values)
    )
    rows = np.array([7, 3, 250])
    np.testing.assert_array_equal(dataset.images.take(rows), dataset.images.take(slice(None))[rows])


def test_colours_belong_to_the_sprite_and_not_to_the_draw():
    one, other = (load("sprites-colour", count=6000, seed=seed).attributes.values for seed in (0, 1))
    known = {tuple(row[:5]): tuple(row[5:]) for row in one}
    both = [(known[tuple(row[:5])], tuple(row[5:])) for row in other if tuple(row[:5]) in known]
    assert len(both) > 20
    assert all(first == second for first, second in both)


def test_colours_are_independent_of_the_rest():
    found = sprites.SpritesColour().find(DataOptions(source="sprites-colour"))
    values = found.attributes.values.astype(int)
    assert len(values) == 737_280
    for column in range(6):
        for colour in range(max(column + 1, 5), 7):
            cells = sprites.COLOUR_FACTORS[column].size * sprites.COLOUR_FACTORS[colour].size
            both = values[:, column] * sprites.COLOUR_FACTORS[colour].size + values[:, colour]
            counts, even = np.bincount(both, minlength=cells), len(values) / cells
            # The mean of chi squared is its degrees of freedom, its variance twice as many.
            freedom = cells - 1
            assert ((counts - even) ** 2 / even).sum() < freedom + 5 * np.sqrt(2 * freedom)


@pytest.mark.parametrize(
    ("factors", "says"),
    [
        ([[0, 0, 0, 0, 0]], r"\[n, 7\]"),
        ([[0, 0, 0, 0, 0, 12, 0]], "colour 12 is out of range: 0 to 11"),
        ([[0, 0, 0, 0, 0, 0, -1]], "background -1 is out of range: 0 to 7"),
    ],
)
def test_wrong_factors_are_named(factors, says):
    with pytest.raises(InputError, match=says):
        sprites.render_colour(factors)


def test_it_has_no_place():
    with pytest.raises(InputError, match="no place; write sprites-colour"):
        load("sprites-colour:here")
