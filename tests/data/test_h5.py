"""HDF5 files: images and labels as from .npz, however packed; what lies elsewhere is not followed."""

import sys

import h5py
import numpy as np
import pytest

from distaff.data import _arrays, load, sprites
from distaff.errors import InputError

N = 60
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 8, 10, 3), dtype=np.uint8)
ARRAYS = {
    "images": PIXELS,
    "code": np.array([b"x", b"y"])[np.arange(N) % 2],
    "colour": np.array(["red", "blue", "grün"])[np.arange(N) % 3],
    "size": np.arange(N) % 7,
}
"""In the order of their names, which is that of HDF5."""
SPANS = ((0, 0.9, 10), (0, 0.9, 10), (0, 0.9, 10), (0.75, 1.25, 8), (0, 3, 4), (-30, 30, 15))


def write(path, arrays, **packing):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            texts = array.dtype.kind == "U"
            file.create_dataset(
                name,
                data=array.astype(object) if texts else array,
                dtype=h5py.string_dtype() if texts else None,
                **(packing if array.ndim > 1 else {}),
            )
    return str(path)


def same(one, two):
    np.testing.assert_array_equal(one.images.take(slice(None)), two.images.take(slice(None)))
    assert one.labels.attributes == two.labels.attributes
    np.testing.assert_array_equal(one.labels.values, two.labels.values)
    assert one.splits.keys() == two.splits.keys()
    for part, rows in one.splits.items():
        np.testing.assert_array_equal(rows, two.splits[part])


@pytest.mark.parametrize("packing", [{}, {"compression": "gzip", "chunks": (7, 2, 5, 1)}, {"chunks": True}])
@pytest.mark.parametrize("chunk", [50, 2**24])
def test_the_same_as_from_npz(tmp_path, packing, chunk, monkeypatch):
    monkeypatch.setattr(_arrays, "CHUNK", chunk)
    np.savez(tmp_path / "set.npz", **ARRAYS)
    same(load(write(tmp_path / "set.h5", ARRAYS, **packing)), load(str(tmp_path / "set.npz")))


def test_groups_and_a_published_split(tmp_path):
    parts = {
        f"{part}/{name}": array[rows]
        for part, rows in (("train", slice(40)), ("test", slice(40, N)))
        for name, array in ARRAYS.items()
    }
    found = load(write(tmp_path / "set.hdf5", parts))
    assert found.labels.names == ("code", "colour", "size")
    np.testing.assert_array_equal(found.splits["test"], np.arange(40, N))


def test_dsprites_as_hdf5(tmp_path):
    factors = np.random.default_rng(2).integers(0, sprites.SIZES, (N, 5))
    classes = np.concatenate([np.zeros((N, 1), dtype=np.int64), factors], axis=1)
    arrays = {"imgs": sprites.render(factors) // 255, "latents/classes": classes}
    found = load(write(tmp_path / "d.hdf5", arrays))
    np.testing.assert_array_equal(found.labels.values, factors)
    np.testing.assert_array_equal(found.images.take(slice(None))[:, 0], sprites.render(factors))


def test_shapes3d_is_known_by_its_values(tmp_path):
    rng = np.random.default_rng(1)
    ranks = np.stack([rng.permutation(600) % size for *_, size in SPANS], axis=1)
    labels = np.stack([np.linspace(*span)[rank] for span, rank in zip(SPANS, ranks.T, strict=True)], axis=1)
    images = rng.integers(0, 256, (600, 8, 8, 3), dtype=np.uint8)
    found = load(write(tmp_path / "3dshapes.h5", {"images": images, "labels": labels}, compression="gzip"))
    assert found.labels.names == ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    np.testing.assert_array_equal(found.labels.values, ranks)
    with pytest.raises(InputError, match="labels"):
        load(write(tmp_path / "other.h5", {"images": images, "labels": labels[:, :5]}))


def test_what_is_not_in_the_file_is_left_out(tmp_path):
    path = tmp_path / "set.h5"
    (tmp_path / "secret").write_bytes(bytes(N))
    write(path, {"images": PIXELS, "size": ARRAYS["size"]})
    write(tmp_path / "other.h5", {"kind": np.arange(N)})
    with h5py.File(path, "a") as file:
        layout = h5py.VirtualLayout((N,), "i8")
        layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "kind", (N,))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("external", (N,), "u1", external=str(tmp_path / "secret"))
        file["linked"] = h5py.ExternalLink("other.h5", "kind")
        file.create_dataset("unwritten", (10**12,), "f8", chunks=(10**6,))
        file.create_dataset("pairs", data=np.zeros(N, dtype=[("a", "i4"), ("b", "i4")]))
        file["number"] = 3
    found = load(str(path))
    assert found.labels.names == ("size",)
    left = {name for each in found.left_out for name in each.names}
    assert left == {"virtual", "external", "unwritten", "pairs", "number"}


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "text", "missing"])
def test_a_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "set.h5"
    write(path, ARRAYS, compression="gzip")
    content = path.read_bytes()
    wrong = content[len(content) // 2 :]
    if damage == "missing":
        path.unlink()
    else:
        changed = content[: -len(wrong)] + bytes(255 - byte for byte in wrong)
        path.write_bytes({"cut": content[:900], "changed": changed, "empty": b"", "text": b"no"}[damage])
    with pytest.raises(InputError, match=r"set\.h5"):
        load(str(path)).images.take(slice(None))


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"distaff\[h5\]"):
        load(str(tmp_path / "set.h5"))
