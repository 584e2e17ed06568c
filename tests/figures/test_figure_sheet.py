"""Pages of pictures: pixels come out whole, words keep clear of pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from distaff.figures import to_png
from distaff.figures.sheet import Row, scale_of, sheet
from distaff.figures.style import elide, text_width, wrap


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(to_png(figure))).convert("RGB"))


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (64, 64), (20, 33, 3), (128, 128, 3)])
def test_every_pixel_of_a_picture_is_a_square_of_whole_pixels(shape):
    pictures = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.float32) / 255
    figure = sheet([Row(pictures, label="row")], "A title", "A note")
    drawn = pixels(figure)
    scale = scale_of(*shape[:2])
    for picture, image in zip(pictures, figure.axes[0].images, strict=True):
        left, right, bottom, top = (round(side) for side in image.get_extent())
        block = drawn[top:bottom, left:right]
        wanted = picture if picture.ndim == 3 else picture[..., None].repeat(3, axis=2)
        expected = np.rint(255 * wanted.repeat(scale, axis=0).repeat(scale, axis=1))
        assert block.shape == expected.shape
        assert np.abs(block - expected).max() <= 1


def test_scale_is_whole_and_never_shrinks():
    assert [scale_of(side, side) for side in (8, 28, 32, 64, 96, 128, 300)] == [12, 3, 3, 2, 1, 1, 1]
    assert scale_of(20, 100) == 1


def test_labels_end_before_the_pictures_begin():
    rows = [Row(np.zeros((3, 8, 8)), label="a long label", detail="and a longer detail, in small letters")]
    figure = sheet(rows, "Title", "Note")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    edge = min(image.get_window_extent().x0 for image in axes.images)
    labels = [each for each in axes.texts if "lo" in each.get_text()]
    assert len(labels) == 2
    assert all(each.get_window_extent().x1 < edge for each in labels)
    assert all(each.get_window_extent().x0 > 0 for each in labels)


def test_heads_marks_gutter_and_frame():
    rows = [Row(np.zeros((4, 8, 8)), heads=["a", "b", "", "$c$"], marked=[1]), Row(np.zeros((4, 8, 8)))]
    plain, gapped = sheet(rows, "Title", "Note"), sheet(rows, "Title", "Note", gutter=2, framed=3)
    lefts = [[image.get_extent()[0] for image in figure.axes[0].images[:4]] for figure in (plain, gapped)]
    assert lefts[0][:2] == lefts[1][:2]
    assert lefts[1][2] - lefts[0][2] == lefts[1][3] - lefts[0][3] > 0
    frames = [len(figure.axes[0].collections[1].get_paths()) for figure in (plain, gapped)]
    assert frames == [1, 2]
    assert [each.get_text() for each in plain.axes[0].texts] == ["a", "b", "", "$c$"]
    to_png(gapped)


def test_a_narrow_page_still_holds_its_title():
    title = "A title that is much longer than the one small picture beneath it"
    figure = sheet([Row(np.zeros((1, 8, 8)))], title, "Note")
    figure.draw_without_rendering()
    assert figure.texts[0].get_text() == title
    assert figure.texts[0].get_window_extent().x1 < figure.bbox.width


def test_wrap_and_elide_keep_to_their_width():
    text = "What each latent does to a picture, from its first to its ninety-ninth percentile"
    lines = wrap(text, 9, 300)
    assert " ".join(lines) == text
    assert len(lines) > 1
    assert all(text_width(line, 9) <= 300 for line in lines)
    short = elide("a_very_long_attribute_value", 8, 90)
    assert short.endswith("…")
    assert text_width(short, 8) <= 90
    assert elide("short", 8, 90) == "short"
    assert wrap("kl\N{NO-BREAK SPACE}1", 9, 1) == ["kl\N{NO-BREAK SPACE}1"]
