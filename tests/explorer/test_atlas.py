"""The atlas: every thumbnail is the picture of its point, and its size has bounds that are said."""

import io

import numpy as np
import pytest
from PIL import Image

from distaff.explorer import atlas
from distaff.explorer.blocks import Blocks


class Pictures:
    def __init__(self, images):
        self.images = images


def draw(images):
    blocks = Blocks(0)
    entry = atlas.thumbnails(Pictures(images), blocks)
    return entry, np.asarray(Image.open(io.BytesIO(blocks.content["0/thumbnails"])))


def cell(entry, sheet, number):
    row, column = divmod(number, entry["columns"])
    top, left = row * entry["height"], column * entry["width"]
    return sheet[top : top + entry["height"], left : left + entry["width"]]


@pytest.mark.parametrize("shape", [(1, 9, 9), (3, 12, 10), (1, 8, 20)])
def test_small_pictures_are_kept_as_they_are(shape):
    images = np.random.default_rng(0).integers(0, 256, (23, *shape), dtype=np.uint8)
    entry, sheet = draw(images)
    assert (entry["height"], entry["width"], entry["side"]) == (*shape[1:], max(shape[1:]))
    assert entry["count"] == 23
    for number in (0, 7, 22):
        expected = images[number].transpose(1, 2, 0)
        np.testing.assert_array_equal(cell(entry, sheet, number).reshape(expected.shape), expected)


def test_large_pictures_shrink_and_many_are_thinned_out(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 100, 50), dtype=np.uint8)
    images[5] = 200
    entry, sheet = draw(images)
    assert (entry["height"], entry["width"], entry["count"]) == (64, 32, 40)
    assert (cell(entry, sheet, 5) == 200).all()
    monkeypatch.setattr(atlas, "BYTES", 20_000)
    entry, sheet = draw(images)
    assert entry["height"] == atlas.SMALLEST
    assert 0 < entry["count"] < 40
    assert (cell(entry, sheet, 5) == 200).all()


def test_other_channels_are_shown_as_their_mean():
    images = np.zeros((2, 2, 8, 8), dtype=np.uint8)
    images[:, 1] = 100
    entry, sheet = draw(images)
    assert (cell(entry, sheet, 1) == 50).all()
