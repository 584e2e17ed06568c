"""Images and labels that are given in Python, as other programs hold them."""

import numpy as np
import pytest
import torch
from PIL import Image

from distaff.data import load
from distaff.errors import InputError

N = 30
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 8, 8), dtype=np.uint8)
KINDS = np.arange(N) % 3


def labels_of(dataset, name):
    attribute = dataset.attributes.get(name)
    return [None if np.isnan(value) else attribute.label(value) for value in dataset.attributes.column(name)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.ma.masked_array(KINDS, KINDS == 0), [None, 1, 2]),
        (np.ma.masked_array(KINDS / 2, KINDS == 1), [0, None, 1]),
        ([b"a", b"b", b"c"] * 10, ["a", "b", "c"]),
        (np.array([b"a", "b", None] * 10, dtype=object), ["a", "b", None]),
        ([torch.tensor([0]), torch.tensor(1), np.array([[2]])] * 10, [0, 1, 2]),
        ([2**70, 2**70 + 1, 2**70] * 10, [str(2**70), str(2**70 + 1), str(2**70)]),
    ],
)
def test_labels_of_any_holder_are_read_as_they_are(given, expected):
    for data, name in (((IMAGES, given), "label"), ({"images": IMAGES, "kind": given}, "kind")):
        assert labels_of(load(data), name) == expected * 10


@pytest.mark.parametrize(
    "cell",
    [np.zeros(4), torch.zeros(2, 4), {"x": 1}, {1, 2}, [[1], [1, 2]]],
)
def test_cells_of_several_values_are_no_label_and_are_named(cell, tmp_path):
    for row in range(N):
        Image.fromarray(IMAGES[row]).save(tmp_path / f"{row}.png")
    paths = [tmp_path / f"{row}.png" for row in range(N)]
    boxes = [cell] * (N - 1) + [None]
    for data in (
        {"images": IMAGES, "kind": KINDS, "box": boxes},
        {"path": paths, "kind": KINDS, "box": boxes},
        [
            {"image": image, "kind": kind, "box": box}
            for image, kind, box in zip(IMAGES, KINDS, boxes, strict=True)
        ],
    ):
        dataset = load(data)
        assert dataset.attributes.names == ("kind",)
        assert "lists or arrays" in (dataset.why_left_out("box") or "")
    assert "lists or arrays" in (load((IMAGES, boxes)).why_left_out("label") or "")


def test_lists_of_several_labels_are_columns_as_arrays_are():
    rows = [[int(kind), 0.5 * row] for row, kind in enumerate(KINDS)]
    assert load((IMAGES, rows)).attributes.names == ("label0", "label1")


def test_images_in_a_column_are_images():
    pillow = [Image.fromarray(image) for image in IMAGES]
    for images in (IMAGES, list(IMAGES), pillow, torch.tensor(IMAGES)):
        dataset = load({"image": images, "kind": KINDS})
        assert np.array_equal(dataset.images.take(slice(None))[:, 0], IMAGES)
        assert dataset.attributes.names == ("kind",)


def test_paths_are_images_with_labels_or_without(tmp_path):
    paths = [tmp_path / f"{row}.png" for row in range(N)]
    for path, image in zip(paths, IMAGES, strict=True):
        Image.fromarray(image).save(path)
    texts = [str(path) for path in paths]
    for listed in (paths, texts, np.array(texts)):
        assert np.array_equal(load(listed).images.take(slice(None))[:, 0], IMAGES)
        assert labels_of(load((listed, KINDS)), "label") == KINDS.tolist()
    assert load((texts, {"kind": KINDS, "size": KINDS / 2})).attributes.names == ("kind", "size")
    lost = [*texts[:-1], None]
    with pytest.raises(InputError, match="row 29 names no image in the column 'path'"):
        load({"path": lost, "kind": KINDS})
    dataset = load({"path": lost, "kind": KINDS}, skip_bad=True)
    assert len(dataset.images) == N - 1
    assert any("names no image there" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.ma.masked_array(IMAGES, IMAGES < 9), "images have masked pixels; fill them"),
        ({"images": IMAGES, 1: KINDS, "1": KINDS}, "two columns are called '1'"),
        ({"images": IMAGES, "label": np.eye(3)[KINDS]}, r"of one-hot labels take argmax\(1\)"),
        ((IMAGES, [b"\xe9", b"a", b"b"] * 10), "bytes that are no UTF-8"),
        (IMAGES.reshape(N, -1), r"reshape rows of pixels to \[n, 8, 8\]"),
        ({"photographs": IMAGES, "kind": KINDS}, "no images under imgs or images"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(given, says):
    with pytest.raises(InputError, match=says) as caught:
        load(given)
    assert "\n" not in str(caught.value)
