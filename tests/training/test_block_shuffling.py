"""Shuffling by blocks: an order that is a function of seed and step, and pictures read window by window."""

import hashlib
import itertools

import numpy as np
import pytest

from distaff.data import ArrayImages, Attribute, AttributeTable, npz, stored
from distaff.errors import InputError
from distaff.training import blocks
from distaff.training.batches import TrainBatches
from distaff.training.blocks import BlockShuffled, WindowReader
from distaff.training.train import train


def order(n=1000, size=32, block=10, window=8, epochs=1, seed=3):
    stream = BlockShuffled(np.arange(0, 2 * n, 2), size, (seed, 0), block=block, window=window)
    return stream, [stream.batch(step) for step in range(epochs * stream.per_epoch)]


@pytest.mark.parametrize(("n", "block", "window"), [(1000, 10, 8), (997, 10, 8), (64, 100, 3), (333, 1, 1)])
def test_an_epoch_shows_every_picture_at_most_once_and_the_next_is_shuffled_anew(n, block, window):
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


def test_a_window_mixes_pictures_from_the_whole_set():
    # Sorted by class, as files often are: a batch must not be of one class.
    _, batches = order(n=10_000, size=100, block=20, window=100)
    classes = [set((batch // 2 // 1000).tolist()) for batch in batches]
    assert min(len(each) for each in classes) >= 7
    tenth = np.array([(batch // 2 // 1000 == 0).sum() for batch in batches])
    assert tenth.mean() == 10
    assert tenth.std() < 1.5 * np.sqrt(100 * 0.1 * 0.9)


def batches_of(n=300, labelled=None, first=0, share=0.0, **place):
    pixels = np.arange(n, dtype=np.uint8).repeat(4).reshape(n, 1, 2, 2)
    values = np.arange(n, dtype=np.float32)[:, None].copy()
    if labelled is not None:
        values[labelled:] = np.nan
    table = AttributeTable((Attribute(name="a", kind="continuous"),), values)
    return TrainBatches(
        ArrayImages(pixels), table, np.arange(n), 24, 7, lambda: first, share, by_blocks=True, **place
    )


def shown(stream, count):
    return [batch[0][:, 0, 0, 0].tolist() for batch in itertools.islice(iter(stream), count)]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 20)
    monkeypatch.setattr("distaff.training.batches.WINDOW", 9)


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("first", [0, 1, 11, 12, 30])
def test_what_is_read_is_what_the_order_says_from_any_step_on(small_blocks, first, share):
    stream = batches_of(labelled=40, first=first, share=share)
    for step, (pixels, labels) in zip(range(first, first + 20), stream, strict=False):
        expected = np.concatenate([each.batch(step) for each in stream.streams])
        assert pixels[:, 0, 0, 0].tolist() == (expected % 256).tolist()
        known = labels[:, 0] == labels[:, 0]
        assert labels[known, 0].tolist() == expected[known.numpy()].tolist()
        assert not share or known.sum() == 12


@pytest.mark.parametrize("by_blocks", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_processes_share_every_batch(small_blocks, share, by_blocks):
    def stream(**place):
        batches = batches_of(labelled=40, share=share, **place)
        if by_blocks:
            return batches
        return TrainBatches(batches.images, batches.labels, np.arange(300), 24, 7, lambda: 0, share, **place)

    whole = shown(stream(), 30)
    parts = [shown(stream(rank=rank, of=3), 30) for rank in range(3)]
    for step, batch in enumerate(whole):
        for rank in range(3):
            assert parts[rank][step] == batch[rank::3]


def test_no_more_than_two_windows_are_in_memory(small_blocks):
    stream = BlockShuffled(np.arange(300), 24, (0,), block=5, window=9)
    reader = WindowReader(batches_of().images, stream)
    for step in range(60):
        reader.take(step)
        assert len(reader._windows) <= 2
    reader.close()


def test_a_disk_that_fails_is_named_by_the_step_that_needs_it(tmp_path):
    path = tmp_path / "set.npy"
    np.save(path, np.full((200, 8, 8), 9, np.uint8))
    images = ArrayImages(np.load(path, mmap_mode="r")[:, None])
    images.array = stored.StoredArray(path, 128, (200, 1, 8, 8), np.dtype(np.uint8))
    path.write_bytes(b"")
    reader = WindowReader(images, BlockShuffled(np.arange(200), 8, (0,), block=4, window=3))
    with pytest.raises(InputError, match=r"set\.npy: cut short"):
        reader.take(0)
    reader.close()


def test_training_from_disk_is_training_from_memory_in_the_same_order(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (400, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "set.npy", pixels)
    np.savez(tmp_path / "set.labels.npz", kind=np.arange(400) % 2)
    monkeypatch.setattr(blocks, "BLOCK", 8 * 64)
    monkeypatch.setattr("distaff.training.batches.WINDOW", 9)
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))
    settings = {"network": {"mlp": {"hidden": [16]}}, "train.batch": 32, "train.checkpoint_every": 7}

    def weights(name, **more):
        run = train(
            "supervised",
            data=str(tmp_path / "set.npy"),
            settings=settings | more,
            steps=15,
            out=tmp_path / name,
            resume=True,
            progress=False,
        )
        notes = " ".join(run.read_json("environment.json")["notes"])
        return hashlib.sha256((run.path / "model.safetensors").read_bytes()).hexdigest(), notes

    memory, said = weights("memory", **{"train.shuffle": "blocks"})
    assert "stay on disk" not in said
    monkeypatch.setattr(stored, "LARGE", 10)
    monkeypatch.setattr(npz, "IN_MEMORY", 10)
    disk, said = weights("disk")
    assert "stay on disk; its pictures are shuffled by blocks of 8 neighbours" in said
    mixed, said = weights("mixed", **{"train.shuffle": "pictures"})
    assert "read one by one" in said
    assert memory == disk != mixed
