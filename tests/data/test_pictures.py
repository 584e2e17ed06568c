import numpy as np
import pytest
from PIL import Image

from distaff.data import read_images
from distaff.data.pictures import careful, decode, measure
from distaff.errors import InputError

GREY = np.random.default_rng(0).integers(0, 256, (12, 9), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (12, 9, 3), dtype=np.uint8)


def stored(path, array, **settings):
    Image.fromarray(array).save(path, **settings)
    return path


def test_pictures_of_their_own_size_are_untouched(tmp_path):
    path = stored(tmp_path / "a.png", COLOUR)
    assert measure(path) == (3, 12, 9)
    np.testing.assert_array_equal(read_images([path], (3, 12, 9))[0], np.moveaxis(COLOUR, -1, 0))
    path = stored(tmp_path / "b.png", GREY)
    assert measure(path) == (1, 12, 9)
    got = read_images([str(path), path], (1, 12, 9))
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, np.stack([GREY[None]] * 2))
    np.testing.assert_array_equal(read_images([path], (3, 12, 9))[0, 2], GREY)


def test_sixteen_bits_become_eight(tmp_path):
    path = stored(tmp_path / "a.png", GREY.astype(np.uint16) * 257)
    assert measure(path)[0] == 1
    np.testing.assert_array_equal(read_images([path], (1, 12, 9))[0, 0], GREY)
    path = stored(tmp_path / "b.tiff", GREY.astype(np.int32) * 257)
    np.testing.assert_array_equal(read_images([path], (1, 12, 9))[0, 0], GREY)
    path = stored(tmp_path / "c.tiff", (GREY / 255).astype(np.float32))
    np.testing.assert_array_equal(read_images([path], (1, 12, 9))[0, 0], GREY)


def test_float_pixels_out_of_range_are_refused(tmp_path):
    path = stored(tmp_path / "a.tiff", (GREY / 2).astype(np.float32))
    with pytest.raises(InputError, match="pixels are not from 0 to 1"):
        read_images([path], (1, 12, 9))


def test_transparent_parts_are_black(tmp_path):
    alpha = np.where(np.arange(9) < 4, 0, 255).astype(np.uint8) * np.ones((12, 1), np.uint8)
    path = stored(tmp_path / "a.png", np.dstack([COLOUR, alpha]))
    expected = np.where(alpha[..., None] == 0, 0, COLOUR)
    np.testing.assert_array_equal(np.moveaxis(read_images([path], (3, 12, 9))[0], 0, -1), expected)
    palette = Image.fromarray(GREY // 2).convert("P")
    palette.save(tmp_path / "b.png", transparency=5)
    got = read_images([tmp_path / "b.png"], (1, 12, 9))[0, 0]
    np.testing.assert_array_equal(got, np.where(GREY // 2 == 5, 0, GREY // 2))


@pytest.mark.parametrize("held", [1, 3, 6, 8])
def test_photographs_are_turned_upright(tmp_path, held):
    exif = Image.Exif()
    exif[0x0112] = held
    path = stored(tmp_path / "a.png", GREY, exif=exif)
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[held]
    upright = np.rot90(GREY, turns)
    assert measure(path) == (1, *upright.shape)
    np.testing.assert_array_equal(read_images([path], (1, *upright.shape))[0, 0], upright)


def test_proportions_are_kept(tmp_path):
    disc = (np.hypot(*(np.mgrid[:60, :90] - np.array([29.5, 44.5])[:, None, None])) < 20).astype(
        np.uint8
    ) * 255
    path = stored(tmp_path / "a.png", disc)
    half = read_images([path], (1, 30, 30))[0, 0] > 127
    assert half.any(axis=0).sum() == half.any(axis=1).sum() == 20
    cut = read_images([path], (1, 40, 40), crop=40)[0, 0]
    np.testing.assert_array_equal(cut, disc[10:50, 25:65])
    with pytest.raises(InputError, match=r"a\.png: crop is 61, but a picture is 60 x 90"):
        read_images([path], (1, 40, 40), crop=61)


def test_what_is_no_picture_is_named(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    whole = stored(tmp_path / "whole.jpg", COLOUR).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) - 60])
    for name, says in (
        ("none.png", "no such picture"),
        ("text.png", "not a picture, or a damaged one"),
        ("cut.jpg", "cannot be read .*truncated"),
        ("", "cannot be read"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            read_images([tmp_path / name], (3, 12, 9))
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_enormous_pictures_are_refused_before_they_are_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 10_000)).save(path)
    with careful(), pytest.raises(InputError, match=r"cannot be read .*exceeds limit"):
        measure(path)
    Image.new("1", (10_000, 10_000)).save(path)
    with careful(), pytest.raises(InputError, match=r"cannot be read .*exceeds limit"):
        decode(path, (1, 8, 8), None)


def test_no_paths_make_no_pictures():
    assert read_images([], (3, 4, 5)).shape == (0, 3, 4, 5)
