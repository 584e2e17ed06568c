import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distaff.data import ArrayImages, PackedImages, _arrays, _npz, load, sprites
from distaff.errors import InputError

N = 30
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 3, 8, 10), dtype=np.uint8)


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        np.savez_compressed(tmp_path / "set.npz", **arrays)
        return str(tmp_path / "set.npz")

    return write


@pytest.mark.parametrize("name", ["imgs", "images", "x", "X"])
@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        (PIXELS, PIXELS),
        (np.ascontiguousarray(np.moveaxis(PIXELS, 1, -1)), PIXELS),
        (PIXELS[:, 0], PIXELS[:, :1]),
        (PIXELS[:, :1], PIXELS[:, :1]),
        (PIXELS.astype(np.float32), PIXELS),
        (PIXELS / 255, PIXELS),
        (PIXELS.astype(np.float16), PIXELS),
        (PIXELS.astype(">i4"), PIXELS),
        (PIXELS > 99, (PIXELS > 99) * np.uint8(255)),
        ((PIXELS > 99).astype(np.uint8), (PIXELS > 99) * np.uint8(255)),
        ((PIXELS[:, 0] > 99).astype(np.int64), (PIXELS[:, :1] > 99) * np.uint8(255)),
        (np.full((N, 4, 4), 1 + 1e-7), np.full((N, 1, 4, 4), 255)),
        (PIXELS.astype(np.uint16) * 257, PIXELS),
        (PIXELS[:, 0].astype(np.int32) * 16, np.rint(PIXELS[:, :1] * 16.0 / 4095 * 255)),
        (PIXELS[:, 0] * 16.5, np.rint(PIXELS[:, :1] * 16.5 / 16383 * 255)),
    ],
)
def test_images_of_any_layout_and_type(save, name, saved, expected):
    dataset = load(save(**{name: saved}))
    np.testing.assert_array_equal(dataset.images.take(slice(None)), expected)


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 9), st.integers(1, 5), st.integers(1, 12), st.integers(1, 12), st.integers(1, 500))
def test_images_read_in_pieces_are_whole(tmp_path_factory, n, c, h, w, chunk):
    pixels = np.random.default_rng(n).integers(0, 256, (n, max(h, c), w, c), dtype=np.uint8)
    pixels[0, 0, 0, 0] = 200
    path = tmp_path_factory.mktemp("npz") / "set.npz"
    np.savez(path, x=pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_arrays, "CHUNK", chunk)
        dataset = load(str(path), valid=0, test=0)
    np.testing.assert_array_equal(dataset.images.take(slice(None)), np.moveaxis(pixels, -1, 1))


@pytest.mark.parametrize("binary", [True, False])
def test_large_sets_stay_on_disk(save, monkeypatch, binary):
    pixels = (PIXELS > 99).astype(np.uint8) if binary else PIXELS
    path = save(x=pixels, shade=np.arange(N) % 3)
    small = load(path).images
    monkeypatch.setattr(_npz, "IN_MEMORY", 10)
    large = load(path).images
    assert isinstance(large, PackedImages if binary else ArrayImages)
    kept = large.bits if isinstance(large, PackedImages) else large.array
    assert isinstance(kept, np.memmap)
    np.testing.assert_array_equal(large.take(slice(None)), small.take(slice(None)))
    monkeypatch.setattr(_npz, "white_of_array", lambda _: pytest.fail("read again"))
    np.testing.assert_array_equal(load(path).images.take(slice(None)), small.take(slice(None)))
    few = load(path, count=7)
    np.testing.assert_array_equal(few.images.take(slice(None)).shape, (7, 3, 8, 10))


def test_a_white_that_is_found_is_said_and_may_be_written(save):
    path = save(x=PIXELS.astype(np.uint16) * 10)
    dataset = load(path)
    assert dataset.white == 4095
    assert "the value 4095 of set.npz is taken as white; data.white sets another" in dataset.notes
    written = load(path, white=2550)
    assert (written.white, written.notes) == (2550, ())
    np.testing.assert_array_equal(written.images.take(slice(None)), PIXELS)


def test_columns_of_one_number_each_are_labels(save):
    path = save(x=PIXELS, label=(np.arange(N) % 4)[:, None], pose=np.zeros((N, 3)))
    dataset = load(path)
    assert dataset.attributes.names == ("label",)
    assert "pose" in str(dataset.left_out[0])


def test_columns_become_attributes(save):
    path = save(
        x=PIXELS,
        colour=np.array(["red", "blue", ""] * 10),
        label=np.arange(N) % 4,
        age=np.linspace(0, 1, N),
        class_names=np.array(["a", "b", "c", "d"]),
        version=np.array(3),
    )
    dataset = load(path)
    assert [(each.name, each.kind) for each in dataset.attributes.attributes] == [
        ("colour", "categorical"),
        ("label", "categorical"),
        ("age", "continuous"),
    ]
    assert np.isnan(dataset.attributes.column("colour")[2])
    assert [(left.names, left.reason) for left in dataset.left_out] == [
        (("version",), "it is no label of an image"),
        (("class_names",), "it is [4], not one label for each of 30 images"),
    ]
    assert dataset.why_left_out("class_names") == dataset.left_out[1].reason
    assert dataset.why_left_out("age") is None
    assert load(path, attributes=("age",)).attributes.names == ("age",)
    with pytest.raises(InputError, match="unknown attribute 'colours'; did you mean 'colour'"):
        load(path, attributes=("colours",))


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("name", ["latents_classes", "latents_values"])
def test_the_published_sprites_file_is_read_as_it_is(save, colour, name):
    rows = np.arange(0, sprites.COUNT, 9001)
    factors = np.stack(np.unravel_index(rows, sprites.SIZES), axis=1)
    values = factors * [1, 0.1, 2 * np.pi / 39, 1 / 31, 1 / 31] + [1, 0.5, 0, 0, 0]
    latents = factors if name == "latents_classes" else values
    if colour:
        latents = np.concatenate([np.full((len(rows), 1), 1), latents], axis=1)
    metadata = np.array({"date": "April 2017"}, dtype=object)
    path = save(imgs=sprites.render(factors) // 255, metadata=metadata, **{name: latents})
    dataset = load(path)
    assert dataset.attributes.attributes == sprites.FACTORS
    np.testing.assert_array_equal(dataset.attributes.values, factors)
    np.testing.assert_array_equal(dataset.images.take(slice(None))[:, 0], sprites.render(factors))


def test_real_sprites_are_read(shared):
    dataset = load(str(shared / "dsprites" / "dsprites_subset.npz"), count=500)
    assert isinstance(dataset.images.take(slice(0, 1)), np.ndarray)
    drawn = sprites.render(dataset.attributes.values)
    assert (drawn != dataset.images.take(slice(None))[:, 0]).sum() <= 2


NAN, INFINITE = PIXELS / 255, PIXELS / 255
NAN[7, 0, 0, 0], INFINITE[3, 0, 0, 0] = np.nan, np.inf


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": NAN}, "image 7 has NaN or infinite pixels"),
        ({"x": INFINITE}, "image 3 has NaN or infinite pixels"),
        ({"x": PIXELS / 127.5 - 1}, "values from -1 to 1; pixels must be 0 to 1 or 0 to 255"),
        ({"faces": PIXELS}, "no images: name their array imgs or images or x or X; there is: faces"),
        ({"label": np.array(3)}, "there is: nothing"),
        ({"x": PIXELS.reshape(N, -1)}, r"\[30, 240\]; they must be \[n, h, w\]"),
        ({"x": PIXELS[:0]}, "nothing in them"),
        ({"x": np.zeros((4, 20, 20, 20), np.uint8)}, "no size in it can be channels"),
        ({"x": np.full((4, 8, 8), "a")}, "must be numbers"),
        ({"x": np.array([None] * 4)}, "holds object values"),
        ({"x": np.zeros((4, 8, 8), complex)}, "holds complex128 values"),
        ({"x": PIXELS, "owner": np.array([None] * N)}, "'owner' holds object values"),
        ({"x": PIXELS.T}, "Fortran order"),
        ({"x": PIXELS, "label": np.arange(29)}, r"'label' is \[29\] for 30 images: it must be \[30\]"),
        ({"x": PIXELS, "age": np.array([np.inf] * N)}, "column 'age' holds an infinite number"),
        ({"x": PIXELS, "latents_classes": np.zeros((N, 4))}, r"latents_classes is \[30, 4\] for 30 images"),
        (
            {"x": PIXELS, "latents_classes": np.full((N, 5), 9)},
            "latents_classes: sprites: shape 9 is out of range",
        ),
    ],
)
def test_arrays_that_are_not_images_or_labels(save, arrays, says):
    with pytest.raises(InputError, match=says) as caught:
        load(save(**arrays))
    assert "set.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: content[: len(content) // 2], "no .npz file, or a damaged one"),
        (lambda content: b"", "no .npz file"),
        (lambda content: content[:2000] + bytes(50) + content[2050:], "damaged|no .npz"),
    ],
)
def test_a_damaged_file_is_said_to_be(save, tmp_path, change, says):
    path = save(x=PIXELS)
    content = (tmp_path / "set.npz").read_bytes()
    (tmp_path / "set.npz").write_bytes(change(content))
    with pytest.raises(InputError, match=says):
        load(path)


def test_a_header_that_promises_more_than_there_is(tmp_path):
    header = io.BytesIO()
    layout = {"descr": "|u1", "fortran_order": False, "shape": (2**40, 64, 64)}
    np.lib.format.write_array_header_1_0(header, layout)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as file:
        file.writestr("x.npy", header.getvalue() + bytes(100))
    with pytest.raises(InputError, match="has 228 bytes, which are not the"):
        load(str(tmp_path / "bomb.npz"))


def test_enormous_images_are_refused_before_they_are_read(save, monkeypatch):
    monkeypatch.setattr(_arrays, "ROW", 2**20)
    with pytest.raises(InputError, match="rows of 4 MiB: at most 1 MiB an image"):
        load(save(x=np.zeros((3, 2048, 2048), np.uint8)))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load(str(tmp_path / "none.npz"))
    with pytest.raises(InputError, match=r"none\.npz: no such file"):
        load("none.npz")
    (tmp_path / "folder.npz").symlink_to(tmp_path / "folder.npz")
    with pytest.raises(InputError, match="cannot be read"):
        load(str(tmp_path / "folder.npz"))


@pytest.mark.parametrize("form", ["{part}_{name}", "{name}_{part}"])
@pytest.mark.parametrize("words", [("train", "val", "test"), ("train", "test")])
def test_arrays_of_parts_are_a_published_split(save, form, words):
    counts = {"train": 14, "val": 6, "test": 10}
    labels = np.arange(N)[:, None] % 3
    arrays, start = {}, 0
    for part in words:
        rows = slice(start, start + counts[part])
        arrays[form.format(part=part, name="images")] = PIXELS[rows]
        arrays[form.format(part=part, name="kind")] = labels[rows]
        start = rows.stop
    dataset = load(save(**arrays))
    assert dataset.attributes.names == ("kind",)
    assert np.array_equal(dataset.images.take(slice(None)), PIXELS[:start])
    assert np.array_equal(dataset.attributes.values[:, 0], labels[:start, 0])
    assert np.array_equal(np.sort(dataset.splits["test"]), np.arange(start - 10, start))
    if "val" in words:
        assert np.array_equal(np.sort(dataset.splits["valid"]), np.arange(14, 20))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"y_train": range(20), "y_test": range(9)},
            r"y_train is \[20\] and y_test is \[9\]; x of",
        ),
        (
            {"x_test": PIXELS[20:, :, :4]},
            r"in size: x_train \[20, 3, 8, 10\], x_test \[10, 3, 4, 10\]",
        ),
    ],
)
def test_parts_that_do_not_fit_are_named(save, arrays, message):
    whole = {"x_train": PIXELS[:20], "x_test": PIXELS[20:]} | arrays
    with pytest.raises(InputError, match=message):
        load(save(**{name: np.asarray(each) for name, each in whole.items()}))


def test_labels_of_some_parts_alone_are_named_and_left_out(save):
    dataset = load(save(x_train=PIXELS[:20], x_test=PIXELS[20:], y_train=np.arange(20) % 2))
    assert not dataset.attributes.names
    assert [each.names for each in dataset.left_out] == [("y_train",)]


@pytest.mark.parametrize(("name", "words"), [("split", ["train", "test"]), ("partition", [0, 2])])
@pytest.mark.parametrize("in_python", [False, True])
def test_an_array_that_names_the_part_of_each_image_is_the_split(save, name, words, in_python):
    arrays = {"images": PIXELS, name: np.array(words)[np.arange(N) % 2], "kind": np.arange(N) % 3}
    dataset = load(arrays if in_python else save(**arrays))
    assert dataset.attributes.names == ("kind",)
    assert np.array_equal(np.sort(dataset.splits["test"]), np.arange(1, N, 2))
    assert any("is the split" in note for note in dataset.notes)


def test_a_file_is_known_by_its_suffix_in_any_case(tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (N, 8, 8), dtype=np.uint8)
    with (tmp_path / "X.NPY").open("wb") as file:
        np.save(file, images)
    with (tmp_path / "X.NPZ").open("wb") as file:
        np.savez(file, images=images)
    for name in ("X.NPY", "X.NPZ"):
        assert np.array_equal(load(str(tmp_path / name)).images.take(slice(None))[:, 0], images)


def test_the_labels_beside_an_array_may_hold_the_split(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(1).integers(0, 256, (N, 8, 8), dtype=np.uint8))
    np.savez(
        tmp_path / "x.labels.npz", kind=np.arange(N) % 2, split=np.array(["train"] * (N - 3) + ["test"] * 3)
    )
    dataset = load(str(tmp_path / "x.npy"))
    assert dataset.attributes.names == ("kind",)
    assert dataset.splits["test"].tolist() == [N - 3, N - 2, N - 1]


def test_pixels_below_0_by_a_rounding_error_are_0(save):
    images = np.random.default_rng(1).uniform(0, 1, (N, 8, 8))
    images[:, 0, 0] = -1e-9
    assert (load(save(images=images)).images.take(slice(None))[:, 0, 0, 0] == 0).all()


def test_names_of_classes_beside_labels_are_left_out_and_named(save):
    images = np.random.default_rng(1).integers(0, 256, (N, 8, 8), dtype=np.uint8)
    dataset = load(save(images=images, y=np.arange(N) % 3, classes=np.array(["a", "b", "c"])))
    assert dataset.attributes.names == ("y",)
    assert dataset.why_left_out("classes") is not None
    with pytest.raises(
        InputError, match=r"'labels' is .*: it must be \[\d+\]; of one-hot labels take argmax"
    ):
        load(save(images=images, labels=np.eye(3)[np.arange(N) % 3]))


def test_texts_in_another_encoding_are_refused(save):
    images = np.random.default_rng(1).integers(0, 256, (N, 8, 8), dtype=np.uint8)
    with pytest.raises(InputError, match="column 'kind' holds bytes that are no UTF-8"):
        load(save(images=images, kind=np.array(["\u00e9".encode("latin-1"), *[b"a"] * (N - 1)])))


def test_rows_of_pixels_say_what_they_should_be(save):
    with pytest.raises(InputError, match=r"are \[30, 64\]; .*; reshape rows of pixels to \[n, 8, 8\]"):
        load(save(images=np.zeros((N, 64), np.uint8)))


def test_mpi3d_is_known_by_its_size(save, monkeypatch):
    sizes = (4, 4, 2, 3, 3, 40, 40)
    images = np.zeros((460_800, 1, 1, 3), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(len(images)) % 251
    assert not load(save(images=images)).labels.names
    monkeypatch.setattr(_npz, "MPI3D_IMAGE", (1, 1, 3))
    found = load(save(images=images))
    np.testing.assert_array_equal(
        np.ravel_multi_index(found.labels.values.astype(int).T, sizes), np.arange(len(images))
    )
    assert tuple(each.size for each in found.labels.attributes) == sizes
    assert not load(save(images=images[:-1])).labels.names
    assert load(save(images=images, label=np.arange(len(images)) % 5)).labels.names == ("label",)


def test_a_folder_of_arrays_is_an_npz_of_them(save, tmp_path):
    """X_train, y_train, X_test and y_test, each a file of its own."""
    label = np.arange(N) % 3
    arrays = {"X_train": PIXELS[:20], "y_train": label[:20], "X_test": PIXELS[20:], "y_test": label[20:]}
    folder = tmp_path / "arrays"
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "notes.txt").write_text("hello")
    found, expected = load(str(folder)), load(save(**arrays))
    np.testing.assert_array_equal(found.images.take(slice(None)), expected.images.take(slice(None)))
    np.testing.assert_array_equal(found.labels.values, expected.labels.values)
    assert found.labels.names == ("y",)
    np.testing.assert_array_equal(found.splits["test"], np.arange(20, N))
    assert [each.names for each in found.left_out] == [("notes.txt",)]
    np.save(folder / "X_train.npy", PIXELS[20:][::-1].repeat(2, axis=0))
    assert (load(str(folder)).images.take(slice(0, 1)) == PIXELS[-1]).all()


@pytest.mark.parametrize(
    ("images", "labels", "name"),
    [
        ("X", "y", "y"),
        ("images", "labels", "labels"),
        ("x_train", "y_train", "y"),
        ("train_images", "train_labels", "labels"),
        ("cells", "cells_labels", "labels"),
    ],
)
def test_labels_beside_an_array_of_images(tmp_path, images, labels, name):
    np.save(tmp_path / f"{images}.npy", PIXELS)
    np.save(tmp_path / f"{labels}.npy", np.arange(N) % 3)
    np.save(tmp_path / "other.npy", np.arange(N) % 5)
    found = load(str(tmp_path / f"{images}.npy"))
    assert found.labels.names == (name,)
    assert any(f"{labels}.npy" in note for note in found.notes)


def test_labels_beside_that_cannot_be_read_are_left_out(tmp_path):
    np.save(tmp_path / "X.npy", PIXELS)
    np.save(tmp_path / "y.npy", np.array([{}] * N, dtype=object), allow_pickle=True)
    found = load(str(tmp_path / "X.npy"))
    assert not found.labels.names
    assert [each.names for each in found.left_out] == [("y",)]
    np.save(tmp_path / "y.npy", np.arange(N - 1))
    with pytest.raises(InputError, match=str(N - 1)):
        load(str(tmp_path / "X.npy"))
