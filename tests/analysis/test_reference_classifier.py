"""The reference classifier: what it is told, that it learns, and that it is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distaff.analysis import Analysis, _reference
from distaff.analysis._reference import (
    ReferenceNetwork,
    Targets,
    decide,
    reference_classifier,
    train_reference_classifier,
)
from distaff.attributes import Attribute, AttributeTable, Folds
from distaff.data import ArrayImages, load
from distaff.data.sprites import FACTORS
from distaff.errors import InputError

SHAPE = Attribute(name="shape", kind="categorical", values=("square", "ellipse", "heart"))
TURN = Attribute(
    name="turn",
    kind="circular",
    values=tuple(range(12)),
    period=12,
    folds=Folds(by="shape", counts=(4, 2, 1)),
)
SIZE = Attribute(name="size", kind="ordinal", values=tuple(range(5)))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 13), (1, 28, 28), (3, 64, 64), (3, 50, 218)])
def test_any_image_fits(shape):
    numbers = ReferenceNetwork(shape, (SHAPE, TURN, SIZE))(torch.rand(2, *shape))
    assert [each.shape for each in numbers] == [(2, 3), (2, 12), (2, 5)]


def test_a_symmetric_shape_is_told_every_orientation_that_looks_the_same():
    targets = Targets(FACTORS)
    labels = torch.zeros(1, 5)
    numbers = [torch.zeros(1, each.size) for each in FACTORS]

    def loss(shape, guess):
        labels[0, 0] = shape
        numbers[2] = torch.zeros(1, 40)
        numbers[2][0, guess] = 5.0
        return float(targets.loss(numbers, labels))

    # 39 steps are a full turn; a quarter is 9.75.
    assert loss(0, 39) == loss(0, 0)
    assert loss(2, 39) == loss(2, 0)
    assert loss(0, 10) < loss(0, 5) - 0.5
    assert loss(2, 10) == pytest.approx(loss(2, 5), abs=1e-3)
    assert loss(1, 20) < loss(1, 10) - 0.5
    assert loss(float("nan"), 10) == pytest.approx(loss(float("nan"), 5), abs=1e-3)


def test_unlabelled_images_teach_nothing_and_numbers_are_standardised():
    age = Attribute(name="age", kind="continuous", mean=50, std=10, low=20, high=80)
    targets = Targets((age, SHAPE))
    numbers = [torch.zeros(2, 1), torch.zeros(2, 3)]
    nothing = torch.full((2, 2), float("nan"))
    assert float(targets.loss(numbers, nothing)) == 0
    labels = torch.tensor([[70.0, float("nan")], [float("nan"), float("nan")]])
    assert float(targets.loss(numbers, labels)) == 4
    assert decide(age, torch.tensor([[2.0]])).tolist() == [70]


@pytest.mark.parametrize("labelled", [1, 3])
def test_it_learns_of_the_few_images_that_have_labels(labelled, tmp_path, monkeypatch):
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path))
    images = ArrayImages(np.random.default_rng(0).integers(0, 256, (600, 1, 8, 8), dtype=np.uint8))
    values = np.full((600, 2), np.nan, dtype=np.float32)
    values[:labelled, 0] = np.arange(labelled)
    table = AttributeTable((SHAPE, SIZE), values)
    rows = np.arange(600)
    found = reference_classifier(images, table, rows, budget=2000)
    read = found.read(images.take(np.arange(labelled)))["shape"]
    assert read.tolist() == list(range(labelled))
    with pytest.raises(InputError, match="no training image has a label"):
        reference_classifier(images, table, rows[labelled:], budget=2000)


def test_it_learns_digits_and_the_same_each_time(digits_analysis):
    data = load("digits")
    train, test = data.splits["train"], data.splits["test"]
    found = train_reference_classifier(data.images, data.attributes, train, budget=20_000)
    analysis = digits_analysis("vae", **{"data.count": None})
    analysis.__dict__["reference_classifier"] = found
    assert analysis.reference_accuracy["digit"] > 0.95
    assert not found.binary
    images = data.images.take(test[:20])
    chances = found.probabilities(images)["digit"]
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(chances.argmax(axis=1), found.read(images)["digit"])
    assert found.features(images).shape == (20, 256)
    small = [
        train_reference_classifier(data.images, data.attributes, train[:200], budget=1000) for _ in range(2)
    ]
    for one, two in zip(*(each.network.state_dict().values() for each in small), strict=True):
        assert torch.equal(one, two)


def test_one_of_black_and_white_images_cuts_greys():
    data = load("sprites", count=60)
    found = train_reference_classifier(data.images, data.attributes, data.splits["train"], budget=200)
    assert found.binary
    images = data.images.take(data.splits["test"]) / 255
    for name, values in found.read(images).items():
        np.testing.assert_array_equal(values, found.read(0.6 * images)[name])


def test_a_kept_one_is_used_again_unless_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))

    def classifier(data):
        return reference_classifier(data.images, data.attributes, data.splits["train"], budget=500)

    trained = []
    train = train_reference_classifier
    monkeypatch.setattr(
        _reference,
        "train_reference_classifier",
        lambda *args, **given: trained.append(1) or train(*args, **given),
    )
    data = load("digits", count=100)
    first = classifier(data)
    (path,) = (tmp_path / "cache").iterdir()
    again = classifier(data)
    images = data.images.take(data.splits["test"])
    np.testing.assert_array_equal(first.read(images)["digit"], again.read(images)["digit"])
    assert len(trained) == 1
    path.write_bytes(path.read_bytes()[:-100])
    classifier(data)
    assert len(trained) == 2
    classifier(load("digits", count=101))
    assert len(trained) == 3


def test_a_cache_that_cannot_be_written_is_said_and_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "file"))
    data = load("digits", count=50)
    said = []
    found = reference_classifier(
        data.images, data.attributes, data.splits["train"], budget=100, progress=said.append
    )
    assert found.attributes
    assert any("not kept" in line for line in said)


def test_where_only_training_images_are_it_never_saw_the_measured_half(digits_analysis, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "distaff.analysis._analysis.reference_classifier",
        lambda images, table, rows, **given: seen.extend(rows),
    )
    analysis: Analysis = digits_analysis("vae", **{"data.valid": 0.0, "data.test": 0.0})
    assert analysis.reference_classifier is None
    assert analysis.split == "train"
    assert not set(seen) & set(analysis.rows[analysis.held_out])
    assert len(seen) + len(analysis.rows[analysis.held_out]) == len(analysis.dataset.images)
