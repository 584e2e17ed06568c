import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from distaff.data import ArrayImages, PackedImages, SubsetImages
from distaff.data._images import ResizedImages, window
from distaff.errors import InputError


@given(st.integers(1, 5), st.sampled_from([1, 3]), st.integers(1, 9), st.integers(1, 9))
def test_packed_images_come_out_as_they_went_in(n, c, h, w):
    pixels = np.random.default_rng(n * h * w).integers(0, 2, (n, c, h, w), dtype=np.uint8) * np.uint8(255)
    packed = PackedImages(np.packbits(pixels.reshape(n, -1) > 0, axis=1), (c, h, w))
    assert packed.shape == pixels.shape
    assert len(packed) == n
    np.testing.assert_array_equal(packed.take(slice(None)), pixels)
    rows = np.array([n - 1, 0])
    np.testing.assert_array_equal(packed.take(rows), pixels[rows])
    np.testing.assert_array_equal(SubsetImages(packed, rows).take(slice(0, 1)), pixels[[n - 1]])


def test_taken_images_are_copies():
    array = np.zeros((4, 1, 2, 2), dtype=np.uint8)
    for images in (ArrayImages(array), SubsetImages(ArrayImages(array), np.array([1, 2]))):
        images.take(slice(0, 2))[:] = 9
        assert images.shape[1:] == (1, 2, 2)
        assert len(images) == images.shape[0]
    assert not array.any()


def test_arrays_of_another_kind_are_refused():
    with pytest.raises(TypeError, match="uint8"):
        ArrayImages(np.zeros((4, 1, 2, 2)))
    with pytest.raises(TypeError, match="packed"):
        PackedImages(np.zeros((4, 3), dtype=np.uint8), (1, 4, 4))


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (31, 40), (5, 9)])
@pytest.mark.parametrize("channels", [1, 3])
def test_batches_are_resized_as_pillow_resizes_one(size, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (4, channels, 40, 50), dtype=np.uint8)
    got = ResizedImages(ArrayImages(pixels), (channels, *size)).take(slice(None))
    top, left, height, width = window(40, 50, size, None)
    for image, resized in zip(pixels, got, strict=True):
        for plane, mine in zip(image, resized, strict=True):
            cut = Image.fromarray(plane[top : top + height, left : left + width])
            theirs = np.asarray(cut.resize(size[::-1], Image.Resampling.BILINEAR))
            assert np.abs(mine.astype(int) - theirs).max() <= 1


def test_grey_and_colour_are_made_of_each_other():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, 8, 8), dtype=np.uint8)
    grey = ResizedImages(ArrayImages(pixels), (1, 8, 8))
    assert grey.shape == (3, 1, 8, 8)
    assert len(grey) == 3
    theirs = np.asarray(Image.fromarray(np.moveaxis(pixels[1], 0, -1)).convert("L"))
    assert np.abs(grey.take(np.array([1]))[0, 0].astype(int) - theirs).max() <= 1
    colour = ResizedImages(grey, (3, 8, 8)).take(slice(0, 1))
    assert (colour == grey.take(slice(0, 1))).all()
    with pytest.raises(InputError, match="2 channels"):
        ResizedImages(ArrayImages(pixels[:, :2]), (3, 8, 8))


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(1, 80),
    st.integers(1, 80),
    st.none() | st.integers(1, 300),
)
def test_window_lies_inside_and_in_the_middle(height, width, h, w, crop):
    if crop is not None and crop > min(height, width):
        with pytest.raises(InputError, match=f"at most {min(height, width)}"):
            window(height, width, (h, w), crop)
        return
    top, left, rows, columns = window(height, width, (h, w), crop)
    assert rows >= 1
    assert columns >= 1
    assert 0 <= top <= top + rows <= height
    assert 0 <= left <= left + columns <= width
    assert abs(height - rows - 2 * top) <= 1
    assert abs(width - columns - 2 * left) <= 1
    # Proportions are right to the pixel.
    assert abs(rows - columns * h / w) <= max(1, h / w)
