import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from distaff.data import celeba, load
from distaff.errors import InputError

NAMES = [f"{number:06d}.jpg" for number in range(1, 25)]
HEADER = [f"Attribute_{number}" for number in range(38)] + ["Smiling", "Young"]
PARTS = [0] * 15 + [1] * 4 + [2] * 5
SIGNS = np.where(np.random.default_rng(3).random((24, 40)) < 0.5, -1, 1)
LISTS = (celeba.ATTRIBUTES, celeba.PARTITION)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """24 blocky random pictures of 178 x 218 as JPEG."""
    root = tmp_path_factory.mktemp("pictures")
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
    (root / celeba.ATTRIBUTES).write_text("\n".join(["24", " ".join(HEADER) + " ", *rows]) + "\n")
    rows = (f"{name} {part}" for name, part in zip(NAMES, PARTS, strict=True))
    (root / celeba.PARTITION).write_text("\n".join(rows) + "\n")


@pytest.fixture
def unpacked(tmp_path, pictures):
    root = tmp_path / "celeba"
    (root / celeba.PICTURES).mkdir(parents=True)
    for name in NAMES:
        os.link(pictures / name, root / celeba.PICTURES / name)
    write_lists(root)
    return root


@pytest.fixture
def packed(tmp_path, pictures):
    root = tmp_path / "packed"
    root.mkdir()
    with zipfile.ZipFile(root / f"{celeba.PICTURES}.zip", "w") as file:
        for name in reversed(NAMES):
            file.write(pictures / name, f"{celeba.PICTURES}/{name}")
    write_lists(root)
    return root


def cut(path, crop, side):
    """The centre square of a picture, made smaller by Pillow alone."""
    with Image.open(path) as image:
        left, top = (178 - crop) // 2, (218 - crop) // 2
        part = image.crop((left, top, left + crop, top + crop))
        return np.moveaxis(np.asarray(part.resize((side, side), Image.Resampling.BILINEAR)), -1, 0).astype(
            int
        )


def test_the_published_layout(unpacked, pictures):
    dataset = load(f"celeba:{unpacked}")
    assert dataset.name == "celeba"
    assert dataset.images.shape == (24, 3, 64, 64)
    assert isinstance(dataset.images.array, np.memmap)
    # At the edges a filter may see past the cut, or not.
    np.testing.assert_allclose(
        dataset.images.take(np.array([6]))[0], cut(pictures / NAMES[6], 178, 64), atol=4
    )
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


def test_crop_size_and_count(packed, pictures):
    dataset = load(f"celeba:{packed}", crop=128, image_size=48, count=12, attributes=("Young",))
    assert dataset.images.shape == (12, 3, 48, 48)
    expected = np.stack([cut(pictures / name, 128, 48) for name in NAMES])
    found = []
    for picture, young in zip(
        dataset.images.take(slice(None)), dataset.attributes.column("Young"), strict=True
    ):
        away = np.abs(expected - picture).max(axis=(1, 2, 3))
        found.append(int(away.argmin()))
        assert away.min() <= 10
        assert young == (SIGNS[found[-1], 39] == 1)
    assert found == sorted(set(found))
    assert load(f"celeba:{packed}", crop=128, channels=1).images.shape == (24, 1, 64, 64)
    with pytest.raises(InputError, match="crop is 179, but a picture is 218 x 178 pixels: at most 178"):
        load(f"celeba:{packed}", crop=179)


def test_decoding_happens_once(unpacked, monkeypatch):
    first = load(f"celeba:{unpacked}").images.take(slice(None))
    with monkeypatch.context() as patch:
        patch.setattr(celeba, "decode", lambda *_: pytest.fail("decoded again"))
        np.testing.assert_array_equal(load(f"celeba:{unpacked}").images.take(slice(None)), first)
    (unpacked / celeba.PICTURES / NAMES[0]).unlink()
    (unpacked / celeba.PICTURES / NAMES[0]).write_bytes((unpacked / celeba.PICTURES / NAMES[1]).read_bytes())
    changed = load(f"celeba:{unpacked}").images.take(slice(0, 2))
    np.testing.assert_array_equal(changed[0], changed[1])


@pytest.mark.parametrize("where", ["DISTAFF_DATA", "beside"])
def test_it_is_found_without_a_place(unpacked, tmp_path, monkeypatch, where):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(InputError, match=r"not downloaded; write celeba:FOLDER: .* list_eval_partition\.txt"):
        load("celeba")
    if where == "beside":
        (tmp_path / "shared" / "data").mkdir(parents=True)
        unpacked.rename(tmp_path / "shared" / "data" / "celeba")
    else:
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
        (removed(celeba.ATTRIBUTES), r"no list_attr_celeba\.txt there; the folder must hold"),
        (removed(celeba.PARTITION), r"no list_eval_partition\.txt there"),
        (removed(f"{celeba.PICTURES}.zip"), r"no img_align_celeba or img_align_celeba\.zip there"),
        (replaced(celeba.ATTRIBUTES, "Smiling ", ""), "line 3 has 40 values for the 39 attributes of line 2"),
        (replaced(celeba.ATTRIBUTES, "Smiling", "Young"), "two attributes are called 'Young'"),
        (
            replaced(celeba.ATTRIBUTES, "24\n", "202599\n"),
            "lists 24 pictures where its first line says 202599",
        ),
        (replaced(celeba.ATTRIBUTES, "24\n", ""), "its first line must be the number of pictures"),
        (replaced(celeba.ATTRIBUTES, " 1", " 2"), "has the value '2'; values are -1 or 1"),
        (replaced(celeba.ATTRIBUTES, "000002.jpg", "000001.jpg"), "lists a picture twice"),
        (replaced(celeba.ATTRIBUTES, "000002.jpg", "000099.jpg"), "'000099.jpg' is in no part"),
        (
            replaced(celeba.PARTITION, "000002.jpg 0", "000002.jpg 3"),
            "line 2 must be a picture's name and 0, 1",
        ),
        (lambda root: (root / celeba.PARTITION).write_bytes(b"\xff\xfe"), "no text"),
        (lambda root: (root / f"{celeba.PICTURES}.zip").write_bytes(b"PK"), "no .zip file, or a damaged one"),
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


def test_a_listed_picture_is_missing(unpacked):
    (unpacked / celeba.PICTURES / NAMES[4]).unlink()
    with pytest.raises(InputError, match=r"no picture '000005\.jpg', which list_attr_celeba\.txt lists"):
        load(f"celeba:{unpacked}")


@pytest.mark.parametrize("layout", ["unpacked", "packed"])
def test_a_damaged_picture(layout, request):
    root = request.getfixturevalue(layout)
    if layout == "unpacked":
        path = root / celeba.PICTURES / NAMES[2]
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[: len(content) // 2])
    else:
        content = bytearray((root / f"{celeba.PICTURES}.zip").read_bytes())
        middle = content.index(NAMES[2].encode()) + 2000
        content[middle : middle + 9] = b"scratched"
        (root / f"{celeba.PICTURES}.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"000003\.jpg: the picture cannot be read .*--skip-bad"):
        load(f"celeba:{root}")
    dataset = load(f"celeba:{root}", skip_bad=True)
    assert dataset.notes == ("skipped 1 pictures that cannot be read: 000003.jpg",)
    assert len(dataset.images) == 23
    np.testing.assert_array_equal(dataset.attributes.values, np.delete(SIGNS == 1, 2, axis=0))
    assert len(dataset.splits["train"]) == 14
