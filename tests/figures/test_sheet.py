"""Sheets of images: pixels come out whole, words keep clear of images."""

import io

import numpy as np
import pytest
from PIL import Image

from distaff.errors import InputError
from distaff.figures import Row, Sheet, to_bytes
from distaff.figures._sheet import scale_of, visible


def pixels(page, **how):
    return np.asarray(Image.open(io.BytesIO(to_bytes(page, **how))).convert("RGB"))


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (64, 64), (20, 33, 3), (128, 128, 3)])
@pytest.mark.parametrize("width", [None, 3.25, 7.0])
def test_every_pixel_of_an_image_is_a_square_of_whole_pixels(shape, width):
    images = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.float32) / 255
    page = Sheet("A title", "A note", [Row(images, label="row")])
    figure = page.draw(width)
    drawn = pixels(page, width=width)
    for image, artist in zip(images, figure.axes[0].images, strict=True):
        left, right, bottom, top = (round(side) for side in artist.get_extent())
        scale = (bottom - top) // shape[0]
        block = drawn[top:bottom, left:right]
        wanted = image if image.ndim == 3 else image[..., None].repeat(3, axis=2)
        expected = np.rint(255 * wanted.repeat(scale, axis=0).repeat(scale, axis=1))
        assert block.shape == expected.shape
        assert np.abs(block - expected).max() <= 1


def test_scale_is_whole_and_never_shrinks():
    assert [scale_of(side, side) for side in (8, 28, 32, 64, 96, 128, 300)] == [12, 3, 3, 2, 1, 1, 1]
    assert scale_of(20, 100) == 1


def test_a_page_is_as_wide_as_it_is_asked_to_be():
    page = Sheet("A title", "", [Row(np.zeros((11, 64, 64)), label="a long label of the row")])
    for width in (3.25, 6.5):
        assert page.draw(width).get_size_inches()[0] == pytest.approx(width)
        with Image.open(io.BytesIO(to_bytes(page, width=width))) as image:
            assert image.size[0] / image.info["dpi"][0] == pytest.approx(width, abs=0.01)
    with pytest.raises(InputError, match="11 images in a row; give"):
        page.draw(1.5)
    with pytest.raises(InputError, match="a page has"):
        page.draw(0.1)


def words_and_images(page, width):
    figure = page.draw(width)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    words = [each.get_window_extent() for each in axes.texts if each.get_text()]
    return words, [image.get_window_extent() for image in axes.images], figure.bbox


@pytest.mark.parametrize("shape", [(8, 8), (4, 64)])
@pytest.mark.parametrize("width", [None, 12.0, 3.25])
def test_words_cover_neither_images_nor_each_other(width, shape):
    rows = [
        Row(np.zeros((9, *shape)), "a long label", "and a longer detail", [f"head {k}" for k in range(9)]),
        Row(np.zeros((9, *shape)), "another", "a detail"),
    ]
    words, images, page = words_and_images(Sheet("Title", "Note", rows), width)
    assert len(words) == 4 + 9
    for index, one in enumerate(words):
        assert page.x0 <= one.x0 < one.x1 <= page.x1
        # Letters may reach a pixel or two beyond what is counted for them.
        others = [each.padded(-2) for each in (*images, *words[:index])]
        assert one.count_overlaps(others) == 0, index


def test_labels_end_before_the_images_begin():
    rows = [Row(np.zeros((3, 8, 8)), label="a long label", detail="and a longer detail, in small letters")]
    words, images, _ = words_and_images(Sheet("Title", "Note", rows), None)
    assert max(each.x1 for each in words) < min(each.x0 for each in images)


def test_heads_marks_gutter_and_frame():
    rows = [Row(np.zeros((4, 8, 8)), heads=["a", "b", "", "$c$"], marked=[1]), Row(np.zeros((4, 8, 8)))]
    plain = Sheet("Title", "Note", rows).draw()
    gapped = Sheet("Title", "Note", rows, gutter=2).draw()
    lefts = [[image.get_extent()[0] for image in figure.axes[0].images[:4]] for figure in (plain, gapped)]
    assert lefts[0][:2] == lefts[1][:2]
    assert lefts[1][2] - lefts[0][2] == lefts[1][3] - lefts[0][3] > 0
    assert len(plain.axes[0].collections[1].get_paths()) == 1
    assert [each.get_text() for each in plain.axes[0].texts] == ["a", "b", "$c$"]


def test_a_narrow_page_still_holds_its_title():
    title = "A title that is much longer than the one small image beneath it"
    figure = Sheet(title, "Note", [Row(np.zeros((1, 8, 8)))]).draw()
    figure.draw_without_rendering()
    assert figure.texts[0].get_text() == title
    assert figure.texts[0].get_window_extent().x1 < figure.bbox.width


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_any_number_of_channels_is_shown_and_said(channels):
    images = np.random.default_rng(0).uniform(size=(2, 6, 6, channels)).astype(np.float32)
    figure = Sheet("Title", "Note.", [Row(images)]).draw()
    shown = figure.axes[0].images[0].get_array()
    assert shown.ndim == (3 if channels == 3 else 2)
    said = any("mean" in text.get_text() for text in figure.texts)
    assert said == (channels not in {1, 3})
    if channels == 5:
        np.testing.assert_allclose(visible(images), images.mean(axis=3), rtol=1e-5)


def test_rows_of_one_panel_make_a_page():
    rows = [Row(np.zeros((1, 8, 8)), panel=name) for name in ("a", "a", "b")]
    pages = Sheet("Title", "", rows).split()
    assert {name: len(page.draw().axes[0].images) for name, page in pages.items()} == {"a": 2, "b": 1}
    assert Sheet("Title", "", rows[:2]).split() == {}
