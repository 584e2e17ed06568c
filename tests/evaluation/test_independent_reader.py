from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_pictures import TOY

from distaff.data import Attribute, load
from distaff.data.sprites import FACTORS
from distaff.evaluation import reader_cache
from distaff.evaluation.reader import ReaderNetwork, decide
from distaff.evaluation.reader_cache import reader_of
from distaff.evaluation.reader_targets import Targets
from distaff.evaluation.reader_training import rights, train_reader


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 13), (1, 28, 28), (3, 64, 64), (3, 50, 218)])
def test_any_picture_fits(shape):
    numbers = ReaderNetwork(shape, TOY)(torch.rand(2, *shape))
    assert [each.shape for each in numbers] == [(2, 3), (2, 12), (2, 5)]


def test_a_symmetric_shape_is_taught_every_orientation_that_looks_the_same():
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


def test_unlabelled_pictures_teach_nothing_and_numbers_are_standardised():
    age = Attribute(name="age", kind="continuous", mean=50, std=10, low=20, high=80)
    targets = Targets((age, TOY[0]))
    numbers = [torch.zeros(2, 1), torch.zeros(2, 3)]
    nothing = torch.full((2, 2), float("nan"))
    assert float(targets.loss(numbers, nothing)) == 0
    labels = torch.tensor([[70.0, float("nan")], [float("nan"), float("nan")]])
    assert float(targets.loss(numbers, labels)) == 4
    assert decide(age, torch.tensor([[2.0]])).tolist() == [70]


def test_a_reader_learns_digits_and_the_same_one_each_time(tmp_path):
    data = load("digits")
    train, test = data.splits["train"], data.splits["test"]
    reader = train_reader(data.images, data.attributes, train, budget=20_000)
    assert rights(reader, data.images, data.attributes, test)["digit"] > 0.95
    assert not reader.binary
    images = data.images.take(test[:20])
    chances = reader.probabilities(images)["digit"]
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(chances.argmax(axis=1), reader.read(images)["digit"])
    small = [train_reader(data.images, data.attributes, train[:200], budget=1000) for _ in range(2)]
    for one, two in zip(*(each.network.state_dict().values() for each in small), strict=True):
        assert torch.equal(one, two)


def test_a_reader_of_black_and_white_cuts_greys():
    data = load("sprites", count=60)
    reader = train_reader(data.images, data.attributes, data.splits["train"], budget=200)
    assert reader.binary
    pictures = data.images.take(data.splits["test"]) / 255
    for name, values in reader.read(pictures).items():
        np.testing.assert_array_equal(values, reader.read(0.6 * pictures)[name])


def test_a_kept_reader_is_used_again_unless_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))
    data = load("digits", count=100)
    first = reader_of(data, data.attributes, budget=500)
    (path,) = (tmp_path / "cache").iterdir()
    trained = []
    monkeypatch.setattr(
        reader_cache, "train_reader", lambda *args, **given: trained.append(1) or train_reader(*args, **given)
    )
    again = reader_of(data, data.attributes, budget=500)
    pictures = data.images.take(data.splits["test"])
    np.testing.assert_array_equal(first.read(pictures)["digit"], again.read(pictures)["digit"])
    assert not trained
    path.write_bytes(path.read_bytes()[:-100])
    reader_of(data, data.attributes, budget=500)
    assert len(trained) == 1
    other = load("digits", count=101)
    reader_of(other, other.attributes, budget=500)
    assert len(trained) == 2


def test_a_cache_that_cannot_be_written_is_said_and_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "file"))
    data = load("digits", count=50)
    said = []
    assert reader_of(data, data.attributes, budget=100, progress=said.append).attributes
    assert any("not kept" in line for line in said)
