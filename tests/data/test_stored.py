"""Arrays left on disk: every row read is the row that is there, and little else is in memory."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distaff.data import ArrayImages, PackedImages, _arrays, _images, _npz, load, telling
from distaff.data._arrays import ScaledImages
from distaff.data._images import StoredArray, rows_of
from distaff.errors import InputError

N = 60
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 8, 10, 3), dtype=np.uint8)
CHANNELS_FIRST = np.moveaxis(PIXELS, -1, 1)


@pytest.fixture
def large(monkeypatch, tmp_path):
    """Everything is too large for memory."""
    monkeypatch.setattr(_images, "LARGE", 10)
    monkeypatch.setattr(_npz, "IN_MEMORY", 10)
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("stored") / "rows.bin"
    np.arange(7 + 500 * 6, dtype=np.uint16).tofile(path)
    return path


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-500, 499), max_size=40), st.sampled_from([1, 30, 10**6]), st.integers(1, 2000))
def test_rows_in_any_order_are_those_of_the_file(file, rows, gap, span):
    expected = np.fromfile(file, np.uint16)[7:].reshape(500, 2, 3)
    array = StoredArray(file, 14, (500, 2, 3), np.dtype(np.uint16))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_images, "GAP", gap)
        patch.setattr(_images, "SPAN", span)
        np.testing.assert_array_equal(array[np.array(rows, dtype=np.int64)], expected[rows])
        np.testing.assert_array_equal(array[3:-3:7], expected[3:-3:7])
    assert array.nbytes == expected.nbytes


def test_rows_that_are_not_there_are_refused(file):
    array = StoredArray(file, 14, (500, 2, 3), np.dtype(np.uint16))
    with pytest.raises(IndexError):
        array[np.array([500])]
    with pytest.raises(IndexError):
        array[np.array([-501])]


def test_a_file_that_was_cut_short_is_named(tmp_path):
    path = tmp_path / "rows.bin"
    np.zeros(1000, np.uint8).tofile(path)
    array = StoredArray(path, 0, (100, 10), np.dtype(np.uint8))
    os.truncate(path, 500)
    assert array[np.arange(50)].shape == (50, 10)
    with pytest.raises(InputError, match=r"rows\.bin: cut short since it was opened"):
        array[np.arange(60)]


def test_small_maps_and_memory_stay_as_they_are(file):
    for array in (np.zeros(3, np.uint8), np.memmap(file, np.uint8, "r")):
        assert rows_of(array) is array


def write(path, array, kind):
    if kind == "npy":
        np.save(path / "set.npy", array)
        np.savez_compressed(path / "set.labels.npz", shade=np.arange(N) % 3, other=np.zeros(4))
        return str(path / "set.npy")
    save = np.savez if kind == "stored" else np.savez_compressed
    save(path / "set.npz", x=array, shade=np.arange(N) % 3, other=np.zeros(4))
    return str(path / "set.npz")


@pytest.mark.parametrize("kind", ["npy", "stored", "compressed"])
@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        (PIXELS, CHANNELS_FIRST),
        (CHANNELS_FIRST, CHANNELS_FIRST),
        (PIXELS[..., 0], CHANNELS_FIRST[:, :1]),
        (PIXELS.astype(np.float32) / 255, CHANNELS_FIRST),
        (PIXELS.astype(">i4"), CHANNELS_FIRST),
        (PIXELS > 99, (CHANNELS_FIRST > 99) * np.uint8(255)),
        ((PIXELS > 99).astype(np.uint8), (CHANNELS_FIRST > 99) * np.uint8(255)),
    ],
)
def test_sets_of_any_type_are_left_on_disk(large, tmp_path, kind, saved, expected):
    path = write(tmp_path, saved, kind)
    dataset = load(path)
    images = dataset.images
    assert isinstance(images, (ArrayImages, PackedImages) if kind == "compressed" else ScaledImages)
    assert images.on_disk
    assert dataset.attributes.names == ("shade",)
    assert dataset.left_out[0].names == ("other",)
    np.testing.assert_array_equal(images.take(slice(None)), expected)
    rows = np.array([5, 3, 59, 3])
    np.testing.assert_array_equal(images.take(rows), expected[rows])
    assert images.take(rows).dtype == np.uint8


def test_black_and_white_is_packed_where_that_makes_it_small(large, monkeypatch, tmp_path):
    path = write(tmp_path, PIXELS > 99, "npy")
    monkeypatch.setattr(_images, "LARGE", PIXELS.nbytes // 8)
    assert isinstance(load(path).images, PackedImages)


def test_some_of_a_large_set_are_taken_into_memory(large, monkeypatch, tmp_path):
    path = write(tmp_path, PIXELS, "npy")
    assert load(path, count=7).images.on_disk == PIXELS.nbytes
    monkeypatch.setattr(_npz, "IN_MEMORY", 7 * 240)
    few = load(path, count=7)
    assert few.images.on_disk == 0
    whole = {image.tobytes() for image in CHANNELS_FIRST}
    assert all(image.tobytes() in whole for image in few.images.take(slice(None)))


def test_what_pixels_mean_is_found_out_once(large, monkeypatch, tmp_path):
    path = write(tmp_path, PIXELS / 255, "npy")
    said = []
    with telling(said.append):
        load(path)
    assert said == ["reading set.npy: 100%", "reading set.npy: 0%"]
    monkeypatch.setattr(_npz, "white_of_array", lambda _: pytest.fail("read again"))
    np.testing.assert_array_equal(load(path).images.take(slice(None)), CHANNELS_FIRST)


def test_bytes_are_known_by_the_first_grey_one(large, monkeypatch, tmp_path):
    monkeypatch.setattr(_arrays, "tell", lambda _: pytest.fail("read on"))
    load(write(tmp_path, PIXELS, "npy"))


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.array(3), "a single number"),
        (PIXELS.T, "Fortran order"),
        (np.array([None] * 4), "holds object values"),
        (PIXELS / 127.5 - 1, "values from -1 to 1"),
        (PIXELS.reshape(N, -1), r"\[60, 240\]; they must be \[n, h, w\]"),
    ],
)
def test_a_npy_that_is_no_images(tmp_path, array, says):
    np.save(tmp_path / "set.npy", array)
    with pytest.raises(InputError, match=says) as caught:
        load(str(tmp_path / "set.npy"))
    assert "set.npy" in str(caught.value)


def test_a_damaged_or_missing_npy_and_labels_that_do_not_fit(tmp_path):
    path = tmp_path / "set.npy"
    with pytest.raises(InputError, match=r"set\.npy: no such file"):
        load(str(path))
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"no \.npy file, or a damaged one"):
        load(str(path))
    np.save(path, PIXELS)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="are not the"):
        load(str(path))
    np.save(path, PIXELS)
    np.savez(tmp_path / "set.labels.npz", label=np.arange(5))
    with pytest.raises(InputError, match=r"set\.labels\.npz: 'label' is \[5\] for 60 images"):
        load(str(path))
