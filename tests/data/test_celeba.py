import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from distaff.data import _celeba, load
from distaff.errors import InputError

NAMES = [f"{number:06d}.jpg" for number in range(1, 25)]
HEADER = [f"Attribute_{number}" for number in range(38)] + ["Smiling", "Young"]
PARTS = [0] * 15 + [1] * 4 + [2] * 5
SIGNS = np.where(np.random.default_rng(3).random((24, 40)) < 0.5, -1, 1)
LISTS = (_celeba.ATTRIBUTES, _celeba.PARTITION)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """24 blocky random images of 178 x 218 as JPEG."""
    root = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(1)
    for name in NAMES:
        blocks = generator.integers(0, 256, (7, 6, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((178, 218)).save(root / name, quality=95)
    return root


def write_lists(root):
    rows = (
        f"{name} " + " ".join(f"{sign:2d}" for sign in signs)
        for name, signs in zip(NAMES, SIGNS, strict=True)
    )
    (root / _celeba.ATTRIBUTES).write_text("\n".join(["24", " ".join(HEADER) + " ", *rows]) + "\n")
    rows = (f"{name} {part}" for name, part in zip(NAMES, PARTS, strict=True))
    (root / _celeba.PARTITION).write_text("\n".join(rows) + "\n")


@pytest.fixture
def unpacked(tmp_path, images):
    root = tmp_path / "celeba"
    (root / _celeba.IMAGES).mkdir(parents=True)
    for name in NAMES:
        os.link(images / name, root / _celeba.IMAGES / name)
    write_lists(root)
    return root


@pytest.fixture
def packed(tmp_path, images):
    root = tmp_path / "packed"
    root.mkdir()
    with zipfile.ZipFile(root / f"{_celeba.IMAGES}.zip", "w") as file:
        for name in reversed(NAMES):
            file.write(images / name, f"{_celeba.IMAGES}/{name}")
    write_lists(root)
    return root


def cut(path, crop, side):
    """The centre square of an image, made smaller by Pillow alone."""
    with Image.open(path) as image:
        left, top = (178 - crop) // 2, (218 - crop) // 2
        part = image.crop((left, top, left + crop, top + crop))
        return np.moveaxis(np.asarray(part.resize((side, side), Image.Resampling.BILINEAR)), -1, 0).astype(
            int
        )


def test_the_published_layout(unpacked, images):
    dataset = load(f"celeba:{unpacked}")
    assert dataset.name == "celeba"
    assert dataset.images.shape == (24, 3, 64, 64)
    assert isinstance(dataset.images.array, np.memmap)
    # At the edges a filter may see past the cut, or not.
    np.testing.assert_allclose(dataset.images.take(np.array([6]))[0], cut(images / NAMES[6], 178, 64), atol=4)
    assert dataset.attributes.names == tuple(HEADER)
    assert dataset.attributes.get("Smiling").values == ("no", "yes")
    np.testing.assert_array_equal(dataset.attributes.values, SIGNS == 1)
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "train": list(range(15)),
        "valid": list(range(15, 19)),
        "test": list(range(19, 24)),
    }


def test_the_archive_holds_the_same(unpacked, packed):
    one, other = (load(f"celeba:{root}", crop=148, image_size=32) for root in (unpacked, packed))
    np.testing.assert_array_equal(one.images.take(slice(None)), other.images.take(slice(None)))
    np.testing.assert_array_equal(one.attributes.values, other.attributes.values)


def test_crop_size_and_count(packed, images):
    dataset = load(f"celeba:{packed}", crop=128, image_size=48, count=12, attributes=("Young",))
    assert dataset.images.shape == (12, 3, 48, 48)
    expected = np.stack([cut(images / name, 128, 48) for name in NAMES])
    found = []
    for image, young in zip(
        dataset.images.take(slice(None)), dataset.attributes.column("Young"), strict=True
    ):
        away = np.abs(expected - image).max(axis=(1, 2, 3))
        found.append(int(away.argmin()))
        assert away.min() <= 10
        assert young == (SIGNS[found[-1], 39] == 1)
    assert found == sorted(set(found))
    assert load(f"celeba:{packed}", crop=128, channels=1).images.shape == (24, 1, 64, 64)
    with pytest.raises(InputError, match="crop is 179, but an image is 218 x 178 pixels: at most 178"):
        load(f"celeba:{packed}", crop=179)


def test_decoding_happens_once(unpacked, monkeypatch):
    first = load(f"celeba:{unpacked}").images.take(slice(None))
    with monkeypatch.context() as patch:
        patch.setattr(_celeba, "decode", lambda *_: pytest.fail("decoded again"))
        np.testing.assert_array_equal(load(f"celeba:{unpacked}").images.take(slice(None)), first)
    (unpacked / _celeba.IMAGES / NAMES[0]).unlink()
    (unpacked / _celeba.IMAGES / NAMES[0]).write_bytes((unpacked / _celeba.IMAGES / NAMES[1]).read_bytes())
    changed = load(f"celeba:{unpacked}").images.take(slice(0, 2))
    np.testing.assert_array_equal(changed[0], changed[1])


def test_it_is_found_without_a_place(unpacked, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(InputError, match=r"not downloaded; write celeba:FOLDER: .* list_eval_partition\.txt"):
        load("celeba")
    monkeypatch.setenv("DISTAFF_DATA", str(tmp_path))
    assert len(load("celeba", image_size=8).images) == 24


def replaced(name, old, new):
    def spoil(root):
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new, 1))

    return spoil


def removed(name):
    return lambda root: (root / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (removed(_celeba.ATTRIBUTES), r"no list_attr_celeba\.txt there; the folder must hold"),
        (
            lambda root: (root / _celeba.ATTRIBUTES).rename(root / "list_attr_celeba.csv"),
            r"no list_attr_celeba\.txt there; .*; a copy with \.csv tables is read as a folder",
        ),
        (removed(_celeba.PARTITION), r"no list_eval_partition\.txt there"),
        (removed(f"{_celeba.IMAGES}.zip"), r"no img_align_celeba or img_align_celeba\.zip there"),
        (
            replaced(_celeba.ATTRIBUTES, "Smiling ", ""),
            "line 3 has 40 values for the 39 attributes of line 2",
        ),
        (replaced(_celeba.ATTRIBUTES, "Smiling", "Young"), "two attributes are called 'Young'"),
        (
            replaced(_celeba.ATTRIBUTES, "24\n", "202599\n"),
            "lists 24 images where its first line says 202599",
        ),
        (replaced(_celeba.ATTRIBUTES, "24\n", ""), "its first line must be the number of images"),
        (replaced(_celeba.ATTRIBUTES, " 1", " 2"), "has the value '2'; values are -1 or 1"),
        (replaced(_celeba.ATTRIBUTES, "000002.jpg", "000001.jpg"), "lists an image twice"),
        (replaced(_celeba.ATTRIBUTES, "000002.jpg", "000099.jpg"), "'000099.jpg' is in no part"),
        (
            replaced(_celeba.PARTITION, "000002.jpg 0", "000002.jpg 3"),
            "line 2 must be an image's name and 0, 1",
        ),
        (lambda root: (root / _celeba.PARTITION).write_bytes(b"\xff\xfe"), "no text"),
        (lambda root: (root / f"{_celeba.IMAGES}.zip").write_bytes(b"PK"), "no .zip file, or a damaged one"),
    ],
)
def test_files_that_do_not_fit(packed, spoil, says):
    spoil(packed)
    with pytest.raises(InputError, match=says) as caught:
        load(f"celeba:{packed}")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such folder; the folder must hold img_align_celeba/ or"):
        load(f"celeba:{tmp_path / 'gone'}")


def test_a_listed_image_is_missing(unpacked):
    (unpacked / _celeba.IMAGES / NAMES[4]).unlink()
    with pytest.raises(InputError, match=r"no image '000005\.jpg', which list_attr_celeba\.txt lists"):
        load(f"celeba:{unpacked}")


@pytest.mark.parametrize("layout", ["unpacked", "packed"])
def test_a_damaged_image(layout, request):
    root = request.getfixturevalue(layout)
    if layout == "unpacked":
        path = root / _celeba.IMAGES / NAMES[2]
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[: len(content) // 2])
    else:
        content = bytearray((root / f"{_celeba.IMAGES}.zip").read_bytes())
        middle = content.index(NAMES[2].encode()) + 2000
        content[middle : middle + 9] = b"scratched"
        (root / f"{_celeba.IMAGES}.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"000003\.jpg: the image cannot be read .*--skip-bad"):
        load(f"celeba:{root}")
    dataset = load(f"celeba:{root}", skip_bad=True)
    assert dataset.notes == ("left out the image 000003.jpg: cannot be read",)
    assert len(dataset.images) == 23
    np.testing.assert_array_equal(dataset.attributes.values, np.delete(SIGNS == 1, 2, axis=0))
    assert len(dataset.splits["train"]) == 14
