import math
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distaff.data import load, sprites
from distaff.data.sprites import _drawing
from distaff.errors import InputError


def anything():
    return st.tuples(*(st.integers(0, size - 1) for size in sprites.SIZES))


def contour(shape):
    """The published outline of a shape, written again one point at a time."""
    if shape == 0:
        return [(-9.6, -9.6), (9.6, -9.6), (9.6, 9.6), (-9.6, 9.6)]
    if shape == 1:
        turns = [2 * math.pi * k / 100 for k in range(100)]
        return [(9.6 * 1.33 * math.cos(t), 9.6 / 1.33 * math.sin(t)) for t in turns]
    turns = [2 * math.pi * k / 150 for k in range(150)]
    return [
        (
            9.6 * math.sin(t) ** 3,
            -(19.2 / 29) * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t))
            - 1.44,
        )
        for t in turns
    ]


def drawn_slowly(shape, scale, orientation, pos_x, pos_y):
    """Point in polygon for every pixel, in exact fractions."""
    s, t = 0.5 + 0.1 * scale, 2 * math.pi * orientation / 39
    cx, cy = 16 + 32 * pos_x / 31, 16 + 32 * pos_y / 31
    points = [
        (
            round(256 * (cx + s * (math.cos(t) * u + math.sin(t) * v))),
            round(256 * (cy + s * (-math.sin(t) * u + math.cos(t) * v))),
        )
        for u, v in contour(shape)
    ]
    image = np.zeros((64, 64), dtype=np.uint8)
    for row in range(64):
        y = 256 * row + 128
        crossings = [
            x0 + Fraction((x1 - x0) * (y - y0), y1 - y0)
            for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True)
            if min(y0, y1) < y <= max(y0, y1)
        ]
        for column in range(64):
            x = 256 * column + 128
            image[row, column] = 255 * (sum(crossing <= x for crossing in crossings) % 2)
    return image


@settings(max_examples=25, deadline=None)
@given(anything())
def test_images_are_the_polygons_of_the_notes(factors):
    difference = sprites.render([factors])[0] != drawn_slowly(*factors)
    # Cosines of two libraries may differ in their last bit, and a corner then in 1/256 pixel.
    assert difference.sum() <= 1


def test_images_are_those_of_dsprites(shared):
    with np.load(shared / "dsprites" / "dsprites_subset.npz", allow_pickle=False) as file:
        real, factors = file["imgs"] > 0, file["latents_classes"]
    wrong = ((sprites.render(factors) > 0) != real).reshape(len(real), -1).sum(axis=1)
    assert len(real) == 20_000
    assert (wrong > 0).sum() <= 5
    assert wrong.max() <= 1


def test_compiled_and_plain_code_draw_the_same(monkeypatch):
    factors = np.array([[0, 5, 7, 0, 31], [2, 0, 20, 31, 0], [1, 3, 39, 10, 11]])
    compiled = sprites.render_packed(factors)
    monkeypatch.setattr(_drawing, "_compiled", lambda: _drawing.scan)
    np.testing.assert_array_equal(sprites.render_packed(factors), compiled)


def test_what_sticks_out_is_cut_off(monkeypatch):
    square = np.array([[(-40.0, -40.0), (40, -40), (40, 40), (-40, 40)]])
    monkeypatch.setattr(_drawing, "_compiled", lambda: _drawing.scan)
    centres = np.array([(0.0, 0.0), (64, 64), (32, 32), (200, 32)])
    bits = _drawing.rasterise(square, np.array([4]), np.zeros(4, dtype=np.int64), centres)
    images = np.unpackbits(bits, axis=1).reshape(4, 64, 64)
    assert images[0].sum() == images[1].sum() == 40 * 40
    assert images[2].all()
    assert not images[3].any()


def test_ties_go_left_and_bottom():
    corners = np.array([[(-1.0, -1.0), (1, -1), (1, 1), (-1, 1)]])
    bits = _drawing.rasterise(corners, np.array([4]), np.array([0]), np.array([(10.5, 10.5)]))
    rows, columns = np.nonzero(np.unpackbits(bits).reshape(64, 64))
    # Corners sit on pixel centres 9 and 11: of the columns 9 is in, of the rows (downwards) 11 is.
    assert sorted(set(columns.tolist())) == [9, 10]
    assert sorted(set(rows.tolist())) == [10, 11]


def test_a_machine_without_a_place_for_compiled_code(monkeypatch):
    import numba

    real = numba.njit

    def njit(*, cache=False, **rest):
        if cache:
            raise RuntimeError("cannot cache function 'scan': no locator available")
        return real(**rest)

    monkeypatch.setattr(numba, "njit", njit)
    _drawing._compiled.cache_clear()
    try:
        assert sprites.render([[0, 0, 0, 0, 0]]).sum() > 0
    finally:
        _drawing._compiled.cache_clear()


def test_a_batch_is_drawn_within_15_ms():
    generator = np.random.default_rng(0)
    times = []
    for _ in range(20):
        factors = np.stack([generator.integers(size, size=256) for size in sprites.SIZES], axis=1)
        start = time.perf_counter()
        batch = sprites.render(factors)
        times.append(time.perf_counter() - start)
    assert batch.shape == (256, 64, 64)
    assert batch.dtype == np.uint8
    assert set(np.unique(batch)) == {0, 255}
    assert np.median(times) <= 0.015


def test_the_whole_set_is_drawn_once_and_kept(cache_folder, monkeypatch):
    start = time.perf_counter()
    dataset = load("sprites")
    assert time.perf_counter() - start <= 60
    assert dataset.images.shape == (737_280, 1, 64, 64)
    assert isinstance(dataset.images.bits, np.memmap)
    rows = np.sort(np.random.default_rng(0).choice(sprites.COUNT, 200, replace=False))
    expected = sprites.render(dataset.attributes.values[rows])
    np.testing.assert_array_equal(dataset.images.take(rows)[:, 0], expected)
    monkeypatch.setattr(_drawing, "_draw_all", lambda: pytest.fail("drawn again"))
    again = load("sprites")
    np.testing.assert_array_equal(again.images.take(rows)[:, 0], expected)


def test_a_sample_is_drawn_alone(cache_folder):
    one, same, other = (load("sprites", count=300, seed=seed) for seed in (4, 4, 5))
    assert one.images.shape == (300, 1, 64, 64)
    assert not cache_folder.exists()
    np.testing.assert_array_equal(one.images.take(slice(None)), same.images.take(slice(None)))
    np.testing.assert_array_equal(one.images.take(slice(None))[:, 0], sprites.render(one.attributes.values))
    assert (one.attributes.values != other.attributes.values).any()


def test_symmetry_is_as_the_attribute_says():
    orientation = sprites.FACTORS[2]
    assert orientation.folds.by == "shape"
    assert orientation.folds.counts == (4, 2, 1)
    first, last = (sprites.render([[shape, 3, turn, 5, 9] for shape in range(3)]) for turn in (0, 39))
    # 39 steps are a full turn, to the last bit of a cosine.
    assert ((first != last).reshape(3, -1).sum(axis=1) <= 1).all()


@pytest.mark.parametrize(
    ("factors", "says"),
    [
        ([0, 0, 0, 0, 0], r"shape \[5\]"),
        ([[0, 0, 0, 0]], r"\[1, 4\]"),
        ([[3, 0, 0, 0, 0]], "shape 3 is out of range: 0 to 2"),
        ([[0, 0, 0, -1, 0]], "pos_x -1 is out of range: 0 to 31"),
        ([[0.5, 0, 0, 0, 0]], "whole numbers"),
        ([[np.nan, 0, 0, 0, 0]], "whole numbers"),
        ([["heart", 0, 0, 0, 0]], "whole numbers"),
    ],
)
def test_factors_out_of_range_are_refused(factors, says):
    with pytest.raises(InputError, match=says):
        sprites.render(factors)


def test_no_factors_make_no_images():
    assert sprites.render(np.zeros((0, 5), dtype=int)).shape == (0, 64, 64)


def test_sprites_have_no_place():
    with pytest.raises(InputError, match="has no place; write sprites"):
        load("sprites:somewhere")
