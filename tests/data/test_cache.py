import resource

import numpy as np
import pytest

from distaff.data import _cache
from distaff.errors import InputError

ARRAY = np.arange(5 * 1000, dtype=np.uint16).reshape(5, 1000).astype(np.uint8)


class Maker:
    """Counts how often the array is made."""

    def __init__(self):
        self.made = 0

    def __call__(self):
        self.made += 1
        yield ARRAY[:2]
        yield ARRAY[2:]


def test_an_array_is_made_once(cache_folder):
    maker = Maker()
    for _ in range(3):
        kept = _cache.keep("name", ARRAY.shape, maker)
        np.testing.assert_array_equal(kept, ARRAY)
        assert isinstance(kept, np.memmap)
        assert not kept.flags.writeable
    assert maker.made == 1
    assert [path.name for path in cache_folder.iterdir()] == ["name.npy"]


@pytest.mark.parametrize("damage", ["cut", "flip", "longer", "empty", "other shape", "no array"])
def test_a_damaged_file_is_made_again(cache_folder, damage):
    maker = Maker()
    _cache.keep("name", ARRAY.shape, maker)
    path = cache_folder / "name.npy"
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[-500] ^= 1
    written = {
        "cut": content[:-700],
        "flip": content,
        "longer": content + b"more",
        "empty": b"",
        "other shape": bytes(content).replace(b"(5, 1000)", b"(4, 1000)"),
        "no array": b"something else" * 500,
    }[damage]
    path.write_bytes(written)
    np.testing.assert_array_equal(_cache.keep("name", ARRAY.shape, maker), ARRAY)
    assert maker.made == 2
    np.testing.assert_array_equal(_cache.keep("name", ARRAY.shape, maker), ARRAY)
    assert maker.made == 2


def test_what_fails_while_it_is_made_leaves_nothing(cache_folder):
    def chunks():
        yield ARRAY[:2]
        raise InputError("an image is damaged")

    with pytest.raises(InputError, match="damaged"):
        _cache.keep("name", ARRAY.shape, chunks)
    assert list(cache_folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_only_memory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "file" / "cache"))
    kept = _cache.keep("name", ARRAY.shape, Maker())
    np.testing.assert_array_equal(kept, ARRAY)
    assert not isinstance(kept, np.memmap)


def test_a_write_that_fails_half_way_leaves_nothing(cache_folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    cache_folder.mkdir()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        kept = _cache.keep("name", ARRAY.shape, Maker())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    np.testing.assert_array_equal(kept, ARRAY)
    assert list(cache_folder.iterdir()) == []


def test_a_full_disk_is_one_line_when_memory_is_too_small(cache_folder, monkeypatch):
    cache_folder.mkdir()
    monkeypatch.setattr(_cache.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    monkeypatch.setattr(_cache, "IN_MEMORY", 1000)
    with pytest.raises(InputError, match="No space left on device; set DISTAFF_CACHE") as caught:
        _cache.keep("name", ARRAY.shape, Maker())
    assert "\n" not in str(caught.value)
    assert list(cache_folder.iterdir()) == []


def test_the_folder_is_the_users_own_unless_set(monkeypatch):
    monkeypatch.delenv("DISTAFF_CACHE")
    assert "distaff" in _cache.cache_folder().name
