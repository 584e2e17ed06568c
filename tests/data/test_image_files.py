import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from distaff.data import changes, digest, read_images
from distaff.data._image_files import careful, decode, measure, white_of
from distaff.errors import InputError

GREY = np.random.default_rng(0).integers(0, 256, (12, 9), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (12, 9, 3), dtype=np.uint8)


def stored(path, array, **settings):
    Image.fromarray(array).save(path, **settings)
    return path


def test_images_of_their_own_size_are_untouched(tmp_path):
    path = stored(tmp_path / "a.png", COLOUR)
    assert measure(path).shape == (3, 12, 9)
    np.testing.assert_array_equal(read_images([path], (3, 12, 9))[0], np.moveaxis(COLOUR, -1, 0))
    path = stored(tmp_path / "b.png", GREY)
    assert measure(path).shape == (1, 12, 9)
    got = read_images([str(path), path], (1, 12, 9))
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, np.stack([GREY[None]] * 2))
    np.testing.assert_array_equal(read_images([path], (3, 12, 9))[0, 2], GREY)


def test_sixteen_bits_become_eight(tmp_path):
    path = stored(tmp_path / "a.png", GREY.astype(np.uint16) * 257)
    assert measure(path).shape[0] == 1
    np.testing.assert_array_equal(read_images([path], (1, 12, 9))[0, 0], GREY)
    path = stored(tmp_path / "b.tiff", GREY.astype(np.int32) * 257)
    np.testing.assert_array_equal(read_images([path], (1, 12, 9))[0, 0], GREY)
    path = stored(tmp_path / "c.tiff", (GREY / 255).astype(np.float32))
    np.testing.assert_array_equal(read_images([path], (1, 12, 9))[0, 0], GREY)


RAMP = np.linspace(0, 1, 108).reshape(12, 9)
DEEP = ((4000, 4095), (1000, 1023), (16000, 16383), (60000, 65535), (200, 255), (1, 1))


@pytest.mark.parametrize(
    ("suffix", "highest", "white", "type_"),
    [
        # PNG holds whole numbers of 16 bits, TIFF the others too.
        *((suffix, *each, np.uint16) for suffix in ("png", "tiff") for each in DEEP),
        ("tiff", 4000, 4095, np.int32),
        ("tiff", 250.5, 255, np.float32),
        ("tiff", 0.97, 1, np.float32),
        ("tiff", 3000.5, 4095, np.float32),
        ("tiff", 70_000, 70_000, np.float32),
    ],
)
def test_deep_pixels_are_scaled_by_the_bits_of_the_set(tmp_path, suffix, highest, white, type_):
    bright, dark = RAMP * highest, RAMP * highest / 10
    paths = [
        stored(tmp_path / f"{name}.{suffix}", each.astype(type_))
        for name, each in (("a", bright), ("b", dark))
    ]
    assert white_of(map(measure, paths)) == white
    got = read_images(paths, (1, 12, 9))[:, 0]
    for each, image in zip((bright, dark), got, strict=True):
        np.testing.assert_array_equal(image, np.rint(each.astype(type_) / white * 255).astype(np.uint8))
    # One image of the set alone, read as the set was.
    np.testing.assert_array_equal(read_images(paths[1:], (1, 12, 9), white=white)[0, 0], got[1])


def test_a_white_that_the_file_declares_is_taken(tmp_path):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[281] = 2000
    path = stored(tmp_path / "a.tiff", (RAMP * 1500).astype(np.uint16), tiffinfo=info)
    assert white_of([measure(path)]) == 2000
    assert read_images([path], (1, 12, 9)).max() == round(1500 / 2000 * 255)
    Image.fromarray((RAMP * 65535).astype(np.uint16)).save(tmp_path / "b.pgm")
    assert white_of([measure(tmp_path / "b.pgm")]) == 65535


def test_an_image_brighter_than_the_set_is_read_by_its_own_bits(tmp_path):
    path = stored(tmp_path / "a.png", (RAMP * 65535).astype(np.uint16))
    np.testing.assert_array_equal(
        read_images([path], (1, 12, 9), white=4095), read_images([path], (1, 12, 9))
    )


def test_masks_of_0_and_1_are_black_and_white(tmp_path):
    mask = (GREY > 99).astype(np.uint8)
    path = stored(tmp_path / "a.png", mask)
    np.testing.assert_array_equal(read_images([path], (1, 12, 9))[0, 0], mask * 255)
    assert decode(path, (1, 12, 9), None).binary
    assert not decode(stored(tmp_path / "b.png", mask * 2), (1, 12, 9), None).binary


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        (np.float32(GREY) - 20, "its pixels go down to -20; add what makes the lowest 0"),
        (np.where(GREY > 9, np.float32(0.5), np.float32("nan")), "NaN or infinite pixels"),
        (np.where(GREY > 9, np.float32(0.5), np.float32("inf")), "NaN or infinite pixels"),
        (np.int32(GREY) - 300, "go down to -300"),
    ],
)
def test_pixels_that_are_no_brightness_are_refused(tmp_path, pixels, says):
    path = stored(tmp_path / "a.tiff", pixels)
    with pytest.raises(InputError, match=says):
        read_images([path], (1, 12, 9))


def test_an_image_is_known_by_its_pixels_whatever_its_file(tmp_path):
    digests = [
        decode(path, (3, 8, 8), None).digest
        for path in (
            stored(tmp_path / "a.png", COLOUR),
            stored(tmp_path / "b.bmp", COLOUR),
            stored(tmp_path / "c.tiff", COLOUR, compression="tiff_lzw"),
        )
    ]
    assert set(digests) == {digest(np.moveaxis(COLOUR, -1, 0))}
    path = stored(tmp_path / "d.png", GREY)
    assert decode(path, (3, 8, 8), None).digest == decode(path, (1, 4, 4), 9).digest == digest(GREY[None])
    deep = GREY.astype(np.uint16) * 16
    whole = stored(tmp_path / "e.png", deep)
    assert decode(whole, (1, 8, 8), None, white=4095).digest == decode(whole, (1, 8, 8), None).digest
    assert decode(whole, (1, 8, 8), None).digest != decode(path, (1, 8, 8), None).digest


def test_transparent_parts_are_black(tmp_path):
    alpha = np.where(np.arange(9) < 4, 0, 255).astype(np.uint8) * np.ones((12, 1), np.uint8)
    path = stored(tmp_path / "a.png", np.dstack([COLOUR, alpha]))
    expected = np.where(alpha[..., None] == 0, 0, COLOUR)
    np.testing.assert_array_equal(np.moveaxis(read_images([path], (3, 12, 9))[0], 0, -1), expected)
    palette = Image.fromarray(GREY // 2).convert("P")
    palette.save(tmp_path / "b.png", transparency=5)
    got = read_images([tmp_path / "b.png"], (1, 12, 9))[0, 0]
    np.testing.assert_array_equal(got, np.where(GREY // 2 == 5, 0, GREY // 2))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_black_ink_on_nothing_is_on_white(tmp_path, mode):
    alpha = np.where(GREY > 100, 255, 0).astype(np.uint8)
    image = Image.fromarray(np.dstack([0 * alpha, alpha])).convert("RGBA")
    if mode == "P":
        image = image.quantize(2)
    (image if mode == "P" else image.convert(mode)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_images([tmp_path / "a.png"], (1, 12, 9))[0, 0], 255 - alpha)
    Image.new("RGBA", (9, 12)).save(tmp_path / "b.png")
    assert not read_images([tmp_path / "b.png"], (3, 12, 9)).any()


@pytest.mark.parametrize("held", [1, 3, 6, 8])
def test_photographs_are_turned_upright(tmp_path, held):
    exif = Image.Exif()
    exif[0x0112] = held
    path = stored(tmp_path / "a.png", GREY, exif=exif)
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[held]
    upright = np.rot90(GREY, turns)
    assert measure(path).shape == (1, *upright.shape)
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
    with pytest.raises(InputError, match=r"a\.png: crop is 61, but an image is 60 x 90"):
        read_images([path], (1, 40, 40), crop=61)


@pytest.mark.parametrize(
    ("shape", "crop", "said"),
    [
        ((1, 12, 10), None, "1 image was made grey"),
        ((3, 12, 10), None, ""),
        ((3, 20, 20), None, "2 images were resized to 20 x 20"),
        ((1, 10, 12), None, "2 images were resized to 10 x 12; 1 was made grey"),
        ((3, 8, 8), 8, ""),
    ],
)
def test_what_is_changed_of_images_is_told(tmp_path, shape, crop, said):
    for name, mode in (("a", "RGB"), ("b", "L")):
        Image.new(mode, (10, 12)).save(tmp_path / f"{name}.png")
    assert changes([tmp_path / "a.png", tmp_path / "b.png"], shape, crop) == said


def test_what_is_no_image_is_named(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    whole = stored(tmp_path / "whole.jpg", COLOUR).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) - 60])
    for name, says in (
        ("none.png", "no such image"),
        ("text.png", "not an image, or a damaged one"),
        ("cut.jpg", "cannot be read .*truncated"),
        ("", "cannot be read"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            read_images([tmp_path / name], (3, 12, 9))
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_enormous_images_are_refused_before_they_are_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 10_000)).save(path)
    with careful(), pytest.raises(InputError, match=r"cannot be read .*exceeds limit"):
        measure(path)
    Image.new("1", (10_000, 10_000)).save(path)
    with careful(), pytest.raises(InputError, match=r"cannot be read .*exceeds limit"):
        decode(path, (1, 8, 8), None)


def test_no_paths_make_no_images():
    assert read_images([], (3, 4, 5)).shape == (0, 3, 4, 5)
