"""Black and white images: the same every time they are read, or drawn anew by seed and step alone."""

import numpy as np
import pytest

from distaff.data import draw_binary, load
from distaff.errors import InputError
from distaff.recipe import TrainOptions
from distaff.training._batches import TrainBatches


def test_a_threshold_and_one_draw_are_the_same_every_time_and_in_any_batch():
    grey = load("digits", count=300).images.take(slice(0, 300))
    for how in ("threshold", "once", "every_epoch"):
        images = load("digits", count=300, binarise=how).images
        whole = images.take(slice(0, 300))
        assert set(np.unique(whole)) == {0, 255}
        some = np.array([7, 3, 250, 3])
        assert np.array_equal(images.take(some), whole[some])
        if how == "threshold":
            assert np.array_equal(whole == 255, grey >= 128)
        else:
            assert abs(whole.mean() - grey.mean()) < 1
    once, epoch = (load("digits", count=300, binarise=how) for how in ("once", "every_epoch"))
    assert np.array_equal(once.images.take(slice(0, 9)), epoch.images.take(slice(0, 9)))
    assert once.grey is None
    other = load("digits", count=300, binarise="once", seed=1)
    assert not np.array_equal(once.images.take(slice(0, 9)), other.images.take(slice(0, 9)))


def test_every_grey_level_is_its_probability_and_the_ends_are_certain():
    levels = np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1).repeat(10_000, axis=3)
    share = draw_binary(levels, np.arange(256), (5,)).mean(axis=(1, 2, 3)) / 255
    assert share[0] == 0
    assert share[255] == 1
    error = share - np.arange(256) / 255
    assert np.abs(error).max() < 0.025
    assert np.abs(error.mean()) < 1e-3


def test_pixels_images_and_draws_are_independent():
    half = np.full((400, 1, 20, 20), 128, np.uint8)
    first, second = (draw_binary(half, np.arange(400), (0, step)).reshape(400, -1) / 255 for step in (1, 2))
    for one, other in ((first, second), (first[1:], first[:-1]), (first[:, 1:], first[:, :-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.01


def test_training_draws_anew_in_every_epoch_by_seed_and_step_alone():
    dataset = load("digits", count=300, binarise="every_epoch")
    batches = TrainBatches(dataset, TrainOptions(batch=50, seed=3))
    epoch = batches.streams[0].per_epoch
    shown = {}
    for number in range(2):
        rows = np.concatenate([batches.streams[0].batch(number * epoch + i) for i in range(epoch)])
        pixels = np.concatenate([batches.take(number * epoch + i)[0].numpy() for i in range(epoch)])
        shown[number] = pixels[np.argsort(rows)]
        assert set(np.unique(pixels)) == {0, 255}
    both = set(rows)
    assert len(both) == epoch * 50
    again = TrainBatches(dataset, TrainOptions(batch=50, seed=3))
    assert np.array_equal(again.take(7)[0].numpy(), batches.take(7)[0].numpy())
    other = TrainBatches(dataset, TrainOptions(batch=50, seed=4))
    assert not np.array_equal(other.take(7)[0].numpy(), batches.take(7)[0].numpy())
    assert not np.array_equal(shown[0], shown[1])
    grey = dataset.grey.take(batches.streams[0].batch(0))
    drawn = batches.take(0)[0].numpy()
    assert not drawn[grey == 0].any()
    assert drawn[grey == 255].all()


def test_a_subset_and_an_unknown_way():
    dataset = load("digits", count=300, binarise="every_epoch")
    part = dataset.only(dataset.splits["test"])
    assert np.array_equal(part.images.take(slice(0, 5)), dataset.images.take(dataset.splits["test"][:5]))
    assert part.grey.shape == part.images.shape
    with pytest.raises(InputError, match="binarise"):
        load("digits", binarise="often")
