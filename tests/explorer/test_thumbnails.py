"""The atlas: every thumbnail is the image of its point, and its size has bounds that are said."""

import io

import numpy as np
import pytest
from PIL import Image

from distaff.explorer import _points
from distaff.explorer._bundle import Blocks


def draw(images):
    blocks = Blocks()
    entry = _points.thumbnails(images, blocks)
    return entry, np.asarray(Image.open(io.BytesIO(blocks.content["0/thumbnails"])))


def cell(entry, sheet, number):
    row, column = divmod(number, entry["columns"])
    top, left = row * entry["height"], column * entry["width"]
    return sheet[top : top + entry["height"], left : left + entry["width"]]


@pytest.mark.parametrize("shape", [(1, 9, 9), (3, 12, 10), (1, 8, 20)])
def test_small_images_are_kept_as_they_are(shape):
    images = np.random.default_rng(0).integers(0, 256, (23, *shape), dtype=np.uint8)
    entry, sheet = draw(images)
    assert (entry["height"], entry["width"], entry["side"]) == (*shape[1:], max(shape[1:]))
    assert entry["count"] == 23
    for number in (0, 7, 22):
        expected = images[number].transpose(1, 2, 0)
        found = cell(entry, sheet, number)
        np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))


def test_large_images_shrink_and_many_are_thinned_out(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 100, 50), dtype=np.uint8)
    images[5] = 200
    entry, sheet = draw(images)
    assert (entry["height"], entry["width"], entry["count"]) == (64, 32, 40)
    assert (cell(entry, sheet, 5) == 200).all()
    monkeypatch.setattr(_points, "BYTES", 20_000)
    entry, sheet = draw(images)
    assert entry["height"] == _points.SMALLEST
    assert 0 < entry["count"] < 40
    assert (cell(entry, sheet, 5) == 200).all()


def test_other_channels_are_shown_as_their_mean():
    images = np.zeros((2, 2, 8, 8), dtype=np.uint8)
    images[:, 1] = 100
    entry, sheet = draw(images)
    assert (cell(entry, sheet, 1) == 50).all()
