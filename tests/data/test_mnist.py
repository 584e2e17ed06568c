import gzip
import http.server
import socket
import threading

import numpy as np
import pytest

from distaff.data import FashionMnist, Mnist, load
from distaff.data._mnist import GARMENT, STEMS, read_idx
from distaff.errors import InputError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Work where no published file lies near."""
    (tmp_path / "work" / "project").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / "project")


@pytest.fixture
def unreachable(monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setattr(Mnist, "url", url)


@pytest.fixture
def server(tmp_path):
    """A web server of the folder `served`, which counts what it is asked for."""
    (tmp_path / "served").mkdir()
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *rest):
            super().__init__(*rest, directory=str(tmp_path / "served"))

        def log_message(self, *rest):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        running.folder, running.asked = tmp_path / "served", asked
        running.url = f"http://127.0.0.1:{running.server_address[1]}"
        yield running
        running.shutdown()
        thread.join()


def test_mnist_is_the_published_one(shared):
    dataset = load(f"mnist:{shared / 'mnist'}")
    assert dataset.images.shape == (70_000, 1, 28, 28)
    assert sum(map(len, dataset.splits.values())) == 70_000
    assert abs(len(dataset.splits["valid"]) - 3000) < 250
    np.testing.assert_array_equal(dataset.splits["test"], np.arange(60_000, 70_000))
    digits = dataset.attributes.column("digit")
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(digits[:60_000].astype(int)).tolist() == counts
    assert digits[:5].tolist() == [5, 0, 4, 1, 9]
    # The files themselves, read with nothing of ours.
    for start, stem, n in ((0, "train", 60_000), (60_000, "t10k", 10_000)):
        content = gzip.decompress((shared / "mnist" / f"{stem}-images-idx3-ubyte.gz").read_bytes())
        pixels = np.frombuffer(content, np.uint8)[16:].reshape(n, 1, 28, 28)
        np.testing.assert_array_equal(dataset.images.take(slice(start, start + n)), pixels)


def test_the_checksums_are_those_of_the_published_content(shared):
    import hashlib

    for stem, sha256 in zip(STEMS, Mnist.sha256, strict=True):
        (path,) = (shared / "mnist").glob(f"{stem}*")
        assert hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest() == sha256


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("form", ["{}-idx{}-ubyte", "{}.idx{}-ubyte"])
@pytest.mark.parametrize("inside", ["", "MNIST/raw"])
def test_files_are_found_as_people_keep_them(tmp_path, write_idx_set, end, form, inside):
    images, labels = write_idx_set(tmp_path / "mine" / inside, end, form)
    dataset = load(f"mnist:{tmp_path / 'mine'}")
    np.testing.assert_array_equal(dataset.images.take(slice(None))[:, 0], images)
    np.testing.assert_array_equal(dataset.attributes.column("digit"), labels)
    assert len(load(f"mnist:{tmp_path / 'mine'}", count=20).images) == 20


@pytest.mark.parametrize("place", ["env", "env itself", "env raw"])
def test_files_are_found_without_a_place(tmp_path, monkeypatch, write_idx_set, unreachable, place):
    where = {
        "env": tmp_path / "all" / "mnist",
        "env itself": tmp_path / "mnist",
        "env raw": tmp_path / "all" / "MNIST" / "raw",
    }[place]
    write_idx_set(where)
    monkeypatch.setenv("DISTAFF_DATA", str(tmp_path / ("mnist" if place == "env itself" else "all")))
    assert len(load("mnist").images) == 50


def test_no_folder_is_looked_into_that_nobody_named(tmp_path, write_idx_set, unreachable):
    for place in ("shared/data/mnist", "work/shared/data/mnist", "work/project/mnist"):
        write_idx_set(tmp_path / place)
    with pytest.raises(InputError, match="cannot be downloaded"):
        load("mnist")


def test_a_folder_of_other_files_alike_is_not_taken(tmp_path, monkeypatch, write_idx_set, unreachable):
    write_idx_set(tmp_path / "fashion-mnist")
    monkeypatch.setenv("DISTAFF_DATA", str(tmp_path / "fashion-mnist"))
    with pytest.raises(InputError, match="cannot be downloaded"):
        load("mnist")


def test_garments_have_their_published_names(tmp_path, write_idx_set):
    write_idx_set(tmp_path)
    dataset = load(f"fashion-mnist:{tmp_path}")
    assert dataset.attributes.attributes == (GARMENT,)
    assert GARMENT.values[9] == "Ankle boot"
    assert len(set(FashionMnist.sha256)) == GARMENT.size - 6


def test_what_is_missing_is_named(tmp_path, write_idx_set):
    write_idx_set(tmp_path / "some")
    (tmp_path / "some" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match="no t10k-labels-idx1-ubyte"):
        load(f"mnist:{tmp_path / 'some'}")
    with pytest.raises(InputError, match="no such folder"):
        load(f"mnist:{tmp_path / 'none'}")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not a folder"):
        load(f"mnist:{tmp_path / 'file'}")
    with pytest.raises(InputError, match="no place after the colon"):
        load("mnist:")


def test_labels_must_fit_the_images(tmp_path, write_idx, write_idx_set):
    write_idx_set(tmp_path)
    labels = tmp_path / "train-labels-idx1-ubyte.gz"
    write_idx(labels, np.zeros(39))
    with pytest.raises(InputError, match=r"train-labels-idx1-ubyte\.gz: 39 labels for 40 images"):
        load(f"mnist:{tmp_path}")
    write_idx(labels, np.full(40, 10))
    with pytest.raises(InputError, match="label 10 is out of range: 0 to 9"):
        load(f"mnist:{tmp_path}")
    write_idx_set(tmp_path)
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", np.zeros((10, 8, 7)))
    with pytest.raises(InputError, match=r"\[8, 7\]"):
        load(f"mnist:{tmp_path}")


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: content[:-1], "cut short: 1615 bytes where its header asks for 1616"),
        (lambda content: content + b"x", "too long"),
        (lambda content: content[:9], "cut short in its header"),
        (lambda content: b"", "starts with nothing"),
        (lambda content: b"\0\0\x08\x01" + content[4:], "starts with 00000801, not with 00000803"),
        (lambda content: content[:4] + b"\xff" * 12 + content[16:], "cut short"),
    ],
)
def test_a_damaged_file_is_said_to_be(tmp_path, write_idx, end, change, says):
    path = write_idx(tmp_path / f"images-idx3-ubyte{end}", np.zeros((25, 8, 8)))
    content = change(gzip.decompress(path.read_bytes()) if end else path.read_bytes())
    path.write_bytes(gzip.compress(content) if end else content)
    with pytest.raises(InputError, match=says) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_damaged_gzip_is_said_to_be(tmp_path, write_idx):
    path = write_idx(tmp_path / "images-idx3-ubyte.gz", np.random.default_rng(0).integers(0, 256, (25, 8, 8)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut short or damaged"):
        read_idx(path)
    path.write_bytes(whole[:100] + bytes(20) + whole[120:])
    with pytest.raises(InputError, match=r"damaged|cannot be read"):
        read_idx(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_idx(tmp_path / "no-images")


def test_files_are_downloaded_once_and_checked(server, monkeypatch, write_idx_set, cache_folder):
    import hashlib

    images, _ = write_idx_set(server.folder)
    content = [gzip.decompress(next(server.folder.glob(f"{stem}*")).read_bytes()) for stem in STEMS]
    sums = tuple(hashlib.sha256(part).hexdigest() for part in content)
    monkeypatch.setattr(Mnist, "url", server.url)
    monkeypatch.setattr(Mnist, "sha256", sums)
    for _ in range(2):
        np.testing.assert_array_equal(load("mnist").images.take(slice(None))[:, 0], images)
    assert len(server.asked) == 4
    assert len(list((cache_folder / "mnist").iterdir())) == 4


def test_a_download_of_other_content_is_not_kept(server, monkeypatch, write_idx_set, cache_folder):
    write_idx_set(server.folder)
    monkeypatch.setattr(Mnist, "url", server.url)
    with pytest.raises(InputError, match="not the published file; write mnist:FOLDER"):
        load("mnist")
    assert list((cache_folder / "mnist").iterdir()) == []


def test_no_network_is_one_line(unreachable, cache_folder):
    with pytest.raises(
        InputError, match=r"cannot be downloaded .* write mnist:FOLDER or set DISTAFF_DATA"
    ) as caught:
        load("mnist")
    assert "\n" not in str(caught.value)
    assert not any(path.is_file() for path in cache_folder.rglob("*"))
