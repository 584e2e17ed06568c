"""Shuffling by blocks: an order that is a function of seed and step, and images read window by window."""

import numpy as np
import pytest
from training_made import dataset_of, digest

from distaff.data import ArrayImages
from distaff.errors import InputError
from distaff.recipe import TrainOptions
from distaff.training import _batches, train
from distaff.training._batches import Stream, TrainBatches, WindowStream

NOTHING = ArrayImages(np.zeros((0, 1, 8, 8), np.uint8))


def order(n=1000, size=32, block=10, window=8, epochs=1, seed=3):
    stream = Stream(NOTHING, np.arange(0, 2 * n, 2), size, (seed, 0), block, window)
    return stream, [stream.batch(step) for step in range(epochs * stream.per_epoch)]


@pytest.mark.parametrize(
    ("n", "block", "window"), [(1000, 10, 8), (997, 10, 8), (64, 100, 3), (333, 1, 1), (500, 0, 1)]
)
def test_an_epoch_shows_every_image_at_most_once_and_the_next_is_shuffled_anew(n, block, window):
    stream, batches = order(n, block=block, window=window, epochs=2)
    first, second = np.split(np.concatenate(batches), 2)
    for epoch in (first, second):
        assert len(set(epoch.tolist())) == len(epoch) == stream.per_epoch * 32
        assert set(epoch.tolist()) <= set(range(0, 2 * n, 2))
    assert first.tolist() != second.tolist()


def test_a_batch_depends_on_seed_and_step_alone():
    stream, batches = order(epochs=3)
    for step in (70, 3, 45, 31, 32, 0):
        assert stream.batch(step).tolist() == batches[step].tolist()
    assert order(seed=4)[1][0].tolist() != batches[0].tolist()


def test_a_window_mixes_images_from_the_whole_set():
    # Sorted by class, as files often are: a batch must not be of one class.
    _, batches = order(n=10_000, size=100, block=20, window=100)
    classes = [set((batch // 2 // 1000).tolist()) for batch in batches]
    assert min(len(each) for each in classes) >= 7
    tenth = np.array([(batch // 2 // 1000 == 0).sum() for batch in batches])
    assert tenth.mean() == 10
    assert tenth.std() < 1.5 * np.sqrt(100 * 0.1 * 0.9)


def batches_of(n=300, labelled=None, share=0.0, **place):
    pixels = np.arange(n, dtype=np.uint8).repeat(4).reshape(n, 1, 2, 2)
    values = np.arange(n, dtype=np.float32)[:, None].copy()
    if labelled is not None:
        values[labelled:] = np.nan
    options = TrainOptions(batch=24, seed=7, labelled_share=share, shuffle="blocks")
    return TrainBatches(dataset_of(pixels, values, np.arange(n)), options, **place)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(_batches, "BLOCK", 20)
    monkeypatch.setattr(_batches, "WINDOW", 9)


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("first", [0, 1, 11, 12, 30])
def test_what_is_read_is_what_the_order_says_from_any_step_on(small_blocks, first, share):
    batches = batches_of(labelled=40, share=share)
    for step in range(first, first + 20):
        pixels, labels = batches.take(step)
        expected = np.concatenate([each.batch(step) for each in batches.streams])
        assert pixels[:, 0, 0, 0].tolist() == (expected % 256).tolist()
        known = labels[:, 0] == labels[:, 0]
        assert labels[known, 0].tolist() == expected[known.numpy()].tolist()
        assert not share or known.sum() == 12
    batches.close()


def test_processes_take_every_other_batch(small_blocks):
    whole = [batches_of().take(step)[0].flatten().tolist() for step in range(12)]
    for rank in range(3):
        part = batches_of(rank=rank, processes=3)
        assert [part.take(step)[0].flatten().tolist() for step in range(4)] == whole[rank::3]


def test_no_more_than_two_windows_are_in_memory(small_blocks):
    reader = WindowStream(batches_of().dataset.images, np.arange(300), 24, (0,), 5, 9)
    for step in range(60):
        reader.take(step)
        assert len(reader._windows) <= 2
    reader.close()


def test_a_disk_that_fails_is_named_by_the_step_that_needs_it():
    class Failing(ArrayImages):
        def take(self, indices):
            raise InputError("set.npy: cut short")

    reader = WindowStream(Failing(np.zeros((200, 1, 8, 8), np.uint8)), np.arange(200), 8, (0,), 4, 1)
    with pytest.raises(InputError, match=r"set\.npy: cut short"):
        reader.take(0)
    reader.close()


def test_training_from_disk_is_training_from_memory_in_the_same_order(tmp_path, monkeypatch):
    from distaff.data import _images, _npz

    pixels = np.random.default_rng(0).integers(0, 256, (400, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "set.npy", pixels)
    np.savez(tmp_path / "set.labels.npz", kind=np.arange(400) % 2)
    monkeypatch.setattr(_batches, "BLOCK", 8 * 64)
    monkeypatch.setattr(_batches, "WINDOW", 9)
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))
    settings = {"network": {"mlp": {"hidden": [16]}}, "train.batch": 32, "train.checkpoint_every": 7}

    def weights(name, **more):
        run = train(
            "supervised",
            data=str(tmp_path / "set.npy"),
            settings=settings | more,
            steps=15,
            out=tmp_path / name,
            progress=False,
        )
        return digest(run), " ".join(run.read_json("environment.json")["notes"])

    memory, said = weights("memory", **{"train.shuffle": "blocks"})
    assert "stay on disk" not in said
    monkeypatch.setattr(_images, "LARGE", 10)
    monkeypatch.setattr(_npz, "IN_MEMORY", 10)
    disk, said = weights("disk")
    assert "stay on disk; images are shuffled by blocks of 8 neighbours" in said
    mixed, said = weights("mixed", **{"train.shuffle": "images"})
    assert "read one by one" in said
    assert memory == disk != mixed
