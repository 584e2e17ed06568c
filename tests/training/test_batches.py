import itertools

import numpy as np
import pytest

from distaff.data import ArrayImages, Attribute, AttributeTable
from distaff.training.batches import TrainBatches, valid_batches


def batches(n=100, labelled=None, first=0, share=0.0, size=8):
    pixels = np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1)
    values = np.zeros((n, 1), np.float32)
    if labelled is not None:
        values[labelled:] = np.nan
    table = AttributeTable((Attribute(name="a", kind="categorical", values=("x", "y")),), values)
    return TrainBatches(ArrayImages(pixels), table, np.arange(n), size, 7, lambda: first, share)


def numbers(stream, count):
    return [batch[0].flatten().tolist() for batch in itertools.islice(iter(stream), count)]


def test_an_epoch_shows_every_picture_at_most_once_and_the_next_is_shuffled_anew():
    seen = numbers(batches(96), 24)
    first, second = (list(itertools.chain(*part)) for part in (seen[:12], seen[12:]))
    assert sorted(first) == sorted(second) == list(range(96))
    assert first != second


@pytest.mark.parametrize("first", [1, 11, 12, 30])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_stream_may_begin_anywhere(first, share):
    whole = numbers(batches(labelled=10, share=share), 40)
    assert numbers(batches(labelled=10, share=share, first=first), 10) == whole[first : first + 10]


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


def test_validation_spreads_over_a_large_set():
    rows = valid_batches(np.arange(10_000), 128, most=1000)
    assert sum(len(each) for each in rows) == 1000
    assert rows[0][0] == 0
    assert rows[-1][-1] == 9999
