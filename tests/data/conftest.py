"""Every data test keeps its files to itself; real images come from ../shared/data beside the repository."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DISTAFF_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def shared():
    """The folder of real data; a test that needs it is skipped where it is absent, but never in CI."""
    place = Path(os.environ.get("DISTAFF_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not place.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"no real data at {place}")
        pytest.skip("no real data in ../shared/data (set DISTAFF_SHARED)")
    return place


@pytest.fixture(scope="session")
def write_idx():
    """write_idx(path, array): an idx file, gzipped if the name says so."""

    def write(path, array):
        array = np.asarray(array, np.uint8)
        content = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write


@pytest.fixture
def write_idx_set(write_idx):
    """write_idx_set(folder): 40 + 10 images of 8 x 8 in four files; returns the images of both parts."""

    def write(folder, end=".gz", form="{}-idx{}-ubyte"):
        generator = np.random.default_rng(5)
        images = generator.integers(0, 256, (50, 8, 8))
        labels = np.arange(50) % 10
        for stem, part in (("train", slice(0, 40)), ("t10k", slice(40, 50))):
            write_idx(folder / (form.format(f"{stem}-images", 3) + end), images[part])
            write_idx(folder / (form.format(f"{stem}-labels", 1) + end), labels[part])
        return images, labels

    return write
