"""Traversals of every kind of latent, over the range of its own codes."""

from dataclasses import replace

import numpy as np
import pytest
from figure_runs import analyse, draw, images_of, page_of, same, texts
from small_runs import write_run

from distaff.errors import InputError
from distaff.figures._latents import LATENTS, SIDE, STEPS, code_path, free_latents


def test_the_middle_of_a_traversal_is_the_code_of_the_image(vae):
    drawn = images_of(draw("traversals", vae))
    assert len(drawn) == LATENTS * STEPS
    own = vae.model.decode(vae.codes[[vae.typical]])[0]
    assert all(same(drawn[row * STEPS + SIDE], own) for row in range(LATENTS))


def test_one_latent_moves_over_its_range_the_most_active_first(vae):
    latents = free_latents(vae)
    assert (np.diff([each.kl for each in latents]) <= 0).all()
    figure = draw("traversals", vae)
    drawn, first = images_of(figure), latents[0]
    code = vae.codes[vae.typical].copy()
    for at, value in (
        (0, min(first.low, code[first.index])),
        (STEPS - 1, max(first.high, code[first.index])),
    ):
        code[first.index] = value
        assert same(drawn[at], vae.model.decode(code[None])[0])
    assert [text for text in texts(figure) if text.startswith("z")] == [each.label for each in latents]


def test_of_many_latents_the_most_active_are_shown(tmp_path):
    analysis = analyse(write_run(tmp_path, "vae", **{"latent.gaussian.size": 14}))
    page = page_of("traversals", analysis)
    assert len(page.rows) == LATENTS
    assert "10 most active of 14" in page.note


def test_nothing_is_drawn_of_unused_latents(vae, monkeypatch):
    unused = tuple(replace(each, used=each.index not in {2, 4}) for each in vae.latents)
    monkeypatch.setitem(vae.__dict__, "latents", unused)
    page = page_of("traversals", vae)
    assert {row.label for row in page.rows} == {f"z{index}" for index in range(10)} - {"z2", "z4"}
    assert "2 latents unused" in page.note
    monkeypatch.setitem(vae.__dict__, "latents", tuple(replace(each, used=False) for each in vae.latents))
    with pytest.raises(InputError, match="all 10 latents are unused"):
        page_of("traversals", vae)


def test_a_conditional_traversal_keeps_the_label_of_the_image(conditional):
    place = conditional.typical
    label = {"digit": conditional.table.column("digit")[[place]]}
    own = conditional.model.decode(conditional.codes[[place]], indices=label)[0]
    assert same(images_of(draw("traversals", conditional))[SIDE], own)


def test_quantised_latents_go_over_their_values(quantised):
    page = page_of("traversals", quantised)
    column = {each.label: each.index for each in quantised.model.latents}
    code = quantised.codes[quantised.typical]
    for row in page.rows:
        values = np.unique(quantised.codes[:, column[row.label]].round(5))
        assert len(row.images) == len(row.heads) == len(values)
        (own,) = row.marked
        assert values[own] == pytest.approx(code[column[row.label]], abs=1e-4)
        np.testing.assert_allclose(row.images[own], quantised.model.decode(code[None])[0], atol=1e-4)


def test_latents_that_share_one_kl_go_over_their_range_too(mixture):
    page = page_of("traversals", mixture)
    assert len(page.rows) == 10
    spreads = {each.label: each.variance for each in mixture.latents}
    assert [row.label for row in page.rows] == sorted(spreads, key=lambda name: -spreads[name])
    assert all("nats" not in row.detail for row in page.rows)


def test_a_path_has_its_middle_in_the_middle_even_beyond_the_range():
    values = code_path(-1, 0.5, 2)
    assert values[0] == -1
    assert values[SIDE] == np.float32(0.5)
    assert values[-1] == 2
    assert (np.diff(code_path(-1, 3, 2)) >= 0).all()


def test_the_strongest_latent_is_the_one_of_the_analysis_over_its_own_range(vae):
    found = vae.strongest
    figure = draw("strongest", vae)
    drawn = images_of(figure)
    assert len(drawn) == STEPS
    for image, value in ((drawn[0], found.low), (drawn[-1], found.high)):
        code = np.zeros((1, 10), dtype=np.float32)
        code[0, found.index] = value
        assert same(image, vae.model.decode(code)[0])
    assert found.label in texts(figure)
    leaning = np.abs(vae.codes[:1000].mean(axis=0))
    assert found.index == leaning.argmax()


def test_the_strongest_latent_leaves_attributes_as_they_are(colours):
    page = page_of("strongest", colours)
    code = colours.codes[colours.typical].copy()
    code[colours.gaussian] = 0
    code[colours.strongest.index] = colours.strongest.low
    np.testing.assert_allclose(page.rows[0].images[0], colours.model.decode(code[None])[0], atol=1e-4)


def test_variation_keeps_the_class_of_a_row_and_moves_the_most_active_latent(conditional):
    page = page_of("variation", conditional)
    assert [row.label for row in page.rows] == [str(digit) for digit in range(10)]
    latent = free_latents(conditional)[0]
    code = np.zeros((1, conditional.model.code_size), dtype=np.float32)
    code[0, latent.index] = latent.high
    wanted = conditional.model.decode(code, attributes={"digit": 3})[0]
    np.testing.assert_allclose(page.rows[3].images[-1], wanted, atol=1e-5)
    assert latent.label in page.note
