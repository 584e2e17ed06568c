"""Batches: a pure function of seed and step, with their share of labels, and pairs."""

import itertools

import numpy as np
import pytest
from training_made import dataset_of

from distaff.data import ArrayImages, load
from distaff.recipe import TrainOptions
from distaff.training._batches import TrainBatches, evenly_spread, valid_batches


def batches(n=100, labelled=None, share=0.0, size=8, **place):
    pixels = np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1)
    values = np.zeros((n, 1), np.float32)
    if labelled is not None:
        values[labelled:] = np.nan
    options = TrainOptions(batch=size, seed=7, labelled_share=share)
    return TrainBatches(dataset_of(pixels, values, np.arange(n)), options, **place)


def numbers(stream, count, first=0):
    return [stream.take(step)[0].flatten().tolist() for step in range(first, first + count)]


def test_an_epoch_shows_every_image_at_most_once_and_the_next_is_shuffled_anew():
    seen = numbers(batches(96), 24)
    first, second = (list(itertools.chain(*part)) for part in (seen[:12], seen[12:]))
    assert sorted(first) == sorted(second) == list(range(96))
    assert first != second


@pytest.mark.parametrize("first", [1, 11, 12, 30])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_any_batch_may_be_the_first(first, share):
    whole = numbers(batches(labelled=10, share=share), 40)
    assert numbers(batches(labelled=10, share=share), 10, first) == whole[first : first + 10]


def test_few_labels_get_their_share_of_every_batch():
    for batch in numbers(batches(labelled=10, share=0.5), 30):
        assert len(batch) == 8
        assert sum(number < 10 for number in batch) == 4


def test_a_share_leaves_room_for_the_rest():
    assert [len(batch) for batch in numbers(batches(labelled=30, share=0.99), 5)] == [8] * 5
    assert len(numbers(batches(labelled=30, share=0.6, size=1), 3)) == 3


def test_many_labels_need_no_share():
    assert len(batches(labelled=90, share=0.5).streams) == 1


def test_a_set_smaller_than_a_batch_is_one_batch():
    assert [len(batch) for batch in numbers(batches(n=5), 3)] == [5, 5, 5]


def test_processes_take_every_other_batch():
    whole = numbers(batches(), 30)
    parts = [numbers(batches(rank=rank, processes=3), 10) for rank in range(3)]
    assert [each for step in zip(*parts, strict=True) for each in step] == whole


def test_a_batch_of_pairs_agrees_on_what_does_not_change():
    dataset = load("sprites", count=600, pairs={"changed": ("shape", "scale")})
    taken = TrainBatches(dataset, TrainOptions(batch=50, seed=3))
    for step in (0, 1, 9):
        images, labels = taken.take(step)
        assert len(images) == len(labels) == 100
        names = dataset.labels.names
        stays = [names.index(name) for name in names if name not in {"shape", "scale"}]
        assert (labels[:50, stays] == labels[50:, stays]).all()
    again = TrainBatches(dataset, TrainOptions(batch=50, seed=3)).take(9)
    assert (again[0] == images).all()
    assert (again[1] == labels).all()


def test_validation_spreads_over_a_large_set():
    rows = valid_batches(np.arange(10_000), 128)
    assert sum(len(each) for each in rows) == 2048
    assert rows[0][0] == 0
    assert rows[-1][-1] == 9999


def test_processes_share_the_validation_images_unless_there_are_too_few():
    parts = [np.concatenate(valid_batches(np.arange(100), 16, rank=rank, processes=3)) for rank in range(3)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(100))
    assert [len(valid_batches(np.arange(2), 16, rank=rank, processes=3)[0]) for rank in range(3)] == [2, 2, 2]


def test_few_rows_stay_as_they_are():
    assert evenly_spread(np.arange(5), 8).tolist() == [0, 1, 2, 3, 4]
    assert evenly_spread(np.arange(9), 3).tolist() == [0, 4, 8]


def test_images_in_memory_are_mixed_over_the_whole_set():
    # Sorted by class, as files often are: a batch must not be of one class.
    stream = batches(n=250, size=50).streams[0]
    assert isinstance(stream.images, ArrayImages)
    tenths = np.stack([np.bincount(stream.batch(step) // 25, minlength=10) for step in range(50)])
    assert tenths.mean() == 5
    assert 1.5 < tenths.std() < 2.6  # hypergeometric: 1.9
