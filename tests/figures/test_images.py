"""Reconstructions and samples are what the model makes."""

import numpy as np
import pytest
from figure_runs import draw, images_of, same, texts

from distaff.figures._images import COLUMNS, PAIRS, conditions


def test_reconstructions_stand_below_their_images(vae):
    drawn = images_of(draw("reconstructions", vae))
    count = min(COLUMNS * PAIRS, len(vae.rows))
    assert len(drawn) == 2 * count
    given = vae.images(vae.rows[:count])
    made = vae.model.reconstruct(given)
    for index in (0, 5, COLUMNS + 1):
        row, column = divmod(index, COLUMNS)
        start = 2 * row * COLUMNS
        assert same(drawn[start + column], given[index, 0] / 255)
        assert same(drawn[start + COLUMNS + column], made[index])


def test_conditional_reconstructions_are_told_the_labels(conditional):
    drawn = images_of(draw("reconstructions", conditional))
    images = conditional.images(conditional.rows[:12])
    labels = {"digit": conditional.model.labels("digit", conditional.table.column("digit")[:12])}
    assert same(drawn[COLUMNS], conditional.model.reconstruct(images, attributes=labels)[0])


def test_what_is_unknown_of_a_condition_is_the_likeliest(conditional, monkeypatch):
    places = np.arange(6)
    hidden = conditional.labels.values.copy()
    hidden[conditional.rows[:3]] = np.nan
    monkeypatch.setattr(
        conditional, "labels", type(conditional.labels)(conditional.labels.attributes, hidden)
    )
    found = conditions(conditional, places)["digit"]
    likeliest = conditional.model.condition_of(
        conditional.images(conditional.rows[:6]), conditional.codes[:6]
    )["digit"]
    assert found[:3].tolist() == likeliest[:3].tolist()
    assert found[3:].tolist() == hidden[conditional.rows[3:6], 0].tolist()


def test_samples_without_classes_come_from_the_prior(vae):
    drawn = images_of(draw("samples", vae))
    wanted = vae.model.sample(len(drawn), seed=0)
    assert all(same(image, each) for image, each in zip(drawn, wanted, strict=True))


@pytest.mark.parametrize("name", ["conditional", "plane"])
def test_samples_by_class_have_a_row_for_each(name, request):
    analysis = request.getfixturevalue(name)
    figure = draw("samples", analysis)
    drawn = images_of(figure)
    assert len(drawn) == 10 * COLUMNS
    seed = 0 if name == "conditional" else 3
    wanted = analysis.model.sample(COLUMNS, seed=seed, attributes={"digit": 3})
    assert same(drawn[3 * COLUMNS], wanted[0])
    assert [text for text in texts(figure) if text.isdigit()] == [str(digit) for digit in range(10)]
