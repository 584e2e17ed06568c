"""A stranger's first twenty minutes in Python: arrays in, numbers, figures, codes and edited images out."""

import importlib

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

import distaff

DIGITS = load_digits()
TINY = {"network.mlp.hidden": [32], "train.batch": 64}


class Frame(dict):
    """A data frame as far as distaff looks: columns by name, and a shape."""

    columns = property(dict.keys)
    shape = property(lambda self: (len(next(iter(self.values()))), len(self)))


class Photos(torch.utils.data.Dataset):
    """A map-style dataset as people write it for torch."""

    def __len__(self):
        return 120

    def __getitem__(self, index):
        image = torch.from_numpy(DIGITS.images[index] / 16).float()[None]
        return image, int(DIGITS.target[index])


def test_a_first_session(tmp_path, monkeypatch):
    """Fifteen calls, in the order in which they come to mind, without reading the source."""
    monkeypatch.chdir(tmp_path)
    X, y = DIGITS.images[:600], DIGITS.target[:600]

    run = distaff.train("vae", data=X, steps=40, settings=TINY, out="first", progress=False)  # 1
    assert "Run" in repr(run)
    assert run.recipe.train.steps == 40

    found = run.evaluate()  # 2
    assert found["metrics"]["reconstruction"]["value"] > 0
    assert found["settings"]["split"] == "test"

    drawn = run.figures()  # 3
    assert (tmp_path / "first/figures/reconstructions.png") in {
        tmp_path / each for each in drawn["reconstructions"]
    }
    assert not drawn.failed

    table = run.codes(split="test")  # 4
    assert list(table)[:3] == ["row", "split", "z0"]
    assert set(table["split"]) == {"test"}
    assert len(table["z0"]) == found["settings"]["images_of_split"]

    model = distaff.load("first")  # 5
    assert "8 x 8" in repr(model)

    z = model.encode(X / 16)  # 6
    assert z.shape == (len(X), 10)
    np.testing.assert_allclose(z[table["row"], 3], table["z3"], atol=1e-2)

    one = model.encode(X[0] / 16)  # 7: one image
    photo = model.encode(Image.fromarray((X[0] / 16 * 255).astype(np.uint8)))  # 8: an image of Pillow's
    assert one.shape == photo.shape == (1, 10)
    np.testing.assert_allclose(one[0], z[0], atol=1e-5)
    np.testing.assert_allclose(one, photo, atol=0.02)

    assert model.decode(z[:5]).shape == (5, 8, 8)  # 9
    assert model.sample(16, seed=1).shape == (16, 8, 8)  # 10

    film = model.traverse(X[0] / 16, "z3")  # 11
    assert film.shape == (11, 8, 8)
    path = model.interpolate(X[0] / 16, X[1] / 16, steps=5)  # 12
    np.testing.assert_allclose(path[[0, -1]], model.reconstruct(X[:2] / 16), atol=1e-5)

    named = distaff.train(
        "supervised", data=(X, y), steps=60, settings=TINY, out="named", progress=False
    )  # 13
    assert named.model.predict(X[:3] / 16)["label"].shape == (3,)
    assert named.evaluate("attribute_accuracy")["metrics"]["attribute_accuracy"]["value"] > 0
    edited = named.model.edit(X[:4] / 16, attributes={"label": 3})  # 14
    assert edited.shape == (4, 8, 8)
    np.testing.assert_array_equal(named.codes("test")["label (true)"], y[named.codes("test")["row"]])

    score = distaff.score(z, np.column_stack([y, y % 2]))  # 15
    assert score


def test_the_supervised_vae_learns_the_digits_of_8_x_8():
    X, y = DIGITS.images / 16, DIGITS.target
    model = distaff.SupervisedVAE(8, attr_list=["digit"], attr_sizes=[10])
    model.fit(X[:300], y[:300], epochs=1, progress=False)
    assert model.z_to_X([3]).shape == (8, 8)
    assert model.reconstruct(X[:2]).shape == (2, 8, 8)
    assert model.model.encode(X[0]).shape == (1, model.model.code_size)


@pytest.mark.parametrize("name", ["tuple", "mapping", "dataset", "list", "frame of labels"])
def test_every_way_to_give_the_same_images_gives_the_same_dataset(name):
    X, y = DIGITS.images[:120], DIGITS.target[:120]
    pillow = [Image.fromarray(np.rint(each / 16 * 255).astype(np.uint8)) for each in X]
    given = {
        "tuple": (X, y),
        "mapping": {"images": torch.from_numpy(X), "label": y.tolist()},
        "dataset": Photos(),
        "list": list(zip(pillow, y.tolist(), strict=True)),
        "frame of labels": (X, Frame(label=list(y))),
    }[name]
    dataset, expected = distaff.data.load(given), distaff.data.load((X, y))
    np.testing.assert_array_equal(dataset.images.take(slice(None)), expected.images.take(slice(None)))
    assert dataset.attributes.attributes == expected.attributes.attributes
    np.testing.assert_array_equal(dataset.attributes.values, expected.attributes.values)
    for split, rows in expected.splits.items():
        np.testing.assert_array_equal(dataset.splits[split], rows)


def test_a_data_frame_of_paths_is_read_as_its_csv_file_would_be(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    names = [f"photos/{index}.png" for index in range(30)]
    for index, name in enumerate(names):
        Image.fromarray(np.rint(DIGITS.images[index] * 15).astype(np.uint8)).save(tmp_path / name)
    kinds, ages = ["cat", "dog", None] * 10, [float("nan"), 1.5, 2.25] * 10
    frame = Frame(path=names, kind=kinds, age=ages, note=["same"] * 30, split=["train", "train", "test"] * 10)
    monkeypatch.chdir(tmp_path)
    relative = distaff.data.load(frame)
    assert relative.attributes.names == ("kind", "age")
    assert relative.attributes.get("kind").values == ("cat", "dog")
    assert np.isnan(relative.attributes.column("age")).sum() == 10
    assert [left.names for left in relative.left_out] == [("note",)]
    assert "the column 'split' is the split" in relative.notes
    assert len(relative.splits["test"]) == 10
    monkeypatch.chdir("/")
    absolute = distaff.data.load(Frame(frame, path=[str(tmp_path / name) for name in names]))
    np.testing.assert_array_equal(absolute.attributes.values, relative.attributes.values)
    np.testing.assert_array_equal(absolute.images.take(slice(None)), relative.images.take(slice(None)))
    missing = Frame(frame, path=[str(tmp_path / name) for name in [*names[:-1], "gone.png"]])
    with pytest.raises(distaff.InputError, match=r"row 29: no image '.*gone\.png'"):
        distaff.data.load(missing)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.zeros(5), r"images are float64 \[5\]; they must be numbers \[n, h, w\]"),
        ((np.zeros((5, 8, 8)), np.zeros(4)), r"label is \[4\] for 5 images"),
        ({"pixels": np.zeros((5, 8, 8))}, "no images under imgs or images or x or X"),
        ([np.zeros((8, 8)), np.zeros((8, 9))], r"image 1 is \[8, 9\] and image 0 is \[8, 8\]; resize them"),
        ((each for each in ()), "generator holds no images that can be counted"),
        ([[[1.0], [2.0]], [[1.0]]], "not an array of one shape"),
        (np.full((5, 8, 8), np.nan), "NaN or infinite pixels"),
        ([{"label": 3}], "item 0 has no image"),
        ([], "images are float64"),
        (object(), "object holds no images"),
    ],
)
def test_what_holds_no_images_is_refused_in_a_line(given, says):
    with pytest.raises(distaff.InputError, match=says) as caught:
        distaff.data.load(given)
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_no_label_is_named():
    given = {"x": np.zeros((30, 8, 8)), "boxes": np.zeros((30, 4)), "kind": np.arange(30) % 3}
    dataset = distaff.data.load(given)
    assert dataset.attributes.names == ("kind",)
    assert [left.names for left in dataset.left_out] == [("boxes",)]


@pytest.fixture(scope="module")
def of_arrays(tmp_path_factory):
    out = tmp_path_factory.mktemp("arrays") / "run"
    images = DIGITS.images[:400]
    return images, distaff.train("vae", data=images, steps=3, settings=TINY, out=out, progress=False)


def test_a_run_of_arrays_takes_its_arrays_again_and_measures_what_training_never_saw(of_arrays, caplog):
    images, run = of_arrays
    opened = distaff.Run.open(run.path)
    with pytest.raises(distaff.InputError, match=r"not kept with the run; give them again \(data=...\)"):
        opened.evaluate()
    asked = ["reconstruction"]
    before, again = run.evaluate(asked), opened.evaluate(asked, data=images)
    assert before["metrics"] == again["metrics"]
    more = np.concatenate([images, DIGITS.images[400:420]])
    changed = opened.evaluate(asked, data=more[::-1])
    assert changed["settings"]["split"] == "test"
    trained = {each.tobytes() for each in _pixels(run.dataset(), "train", "valid")}
    assert not trained & {each.tobytes() for each in _pixels(opened.dataset(more[::-1]), "test")}
    assert "20 images came" in caplog.text
    resumed = distaff.train(
        "vae", data=images, steps=3, settings=TINY, out=run.path, resume=True, progress=False
    )
    assert resumed.model.recipe == run.recipe
    with pytest.raises(distaff.InputError, match="changed since the run began"):
        distaff.train("vae", data=more, steps=3, settings=TINY, out=run.path, resume=True, progress=False)


def _pixels(dataset, *splits):
    return [each for split in splits for each in dataset.images.take(dataset.splits[split])]


def test_images_that_training_saw_are_not_measured_under_another_name(of_arrays, tmp_path, caplog):
    images, run = of_arrays
    shown = (images * 15.9375).round().astype(np.uint8)
    own = run.dataset()
    trained = shown[np.concatenate([own.splits["train"], own.splits["valid"]])]
    np.savez(tmp_path / "copy.npz", images=np.concatenate([trained[:30], 255 - trained[:10]]))
    found = run.evaluate(["reconstruction"], data=tmp_path / "copy.npz")
    assert (found["settings"]["split"], found["settings"]["test_images"]) == ("test", 10)
    assert "30 of 40 images" in caplog.text
    np.savez(tmp_path / "seen.npz", images=trained[:30])
    with pytest.raises(distaff.InputError, match="training saw all of its 30 images"):
        run.evaluate(["reconstruction"], data=str(tmp_path / "seen.npz"))


def test_the_pixel_that_is_white_belongs_to_the_model():
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 4096, (60, 8, 8), dtype=np.uint16)
    run = distaff.train("vae", data=deep, steps=2, settings=TINY, progress=False, out=None)
    assert run.white == run.model.white == 4095
    dim = deep[:1] // 16
    expected = run.model.encode(dim / 4095)
    np.testing.assert_allclose(run.model.encode(dim), expected, atol=1e-6)
    pillow = Image.fromarray(dim[0])
    np.testing.assert_allclose(run.model.encode(pillow), expected, atol=2e-3)
    binary = rng.integers(0, 2, (60, 8, 8), dtype=np.uint8)
    run = distaff.train("vae", data=binary, steps=2, settings=TINY, progress=False)
    np.testing.assert_array_equal(run.model.encode(binary), run.model.encode(binary * np.uint8(255)))


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_traversals_and_interpolations_refuse_what_they_cannot_do(of_arrays):
    model, image = of_arrays[1].model, DIGITS.images[0] / 16
    np.testing.assert_array_equal(
        model.traverse(image, 3, values=[0, 1]), model.traverse(image, "z3", values=[0, 1])
    )
    code = model.encode(image)[0]
    np.testing.assert_allclose(model.traverse(code, 3), model.traverse(image, 3), atol=1e-6)
    for work, says in (
        (lambda: model.traverse(image, "z33"), "did you mean 'z3'"),
        (lambda: model.traverse(image, 10), "its columns are 0 to 9"),
        (lambda: model.traverse(DIGITS.images[:2] / 16, 0), "expected one image or one code, got 2"),
        (lambda: model.interpolate(image, image, steps=1), "2 or more"),
        (lambda: of_arrays[1].codes("tset"), "did you mean 'test'"),
    ):
        with pytest.raises(distaff.InputError, match=says):
            work()


def test_a_notebook_shows_one_line_that_is_replaced(monkeypatch, tmp_path):
    shown = []

    class Handle:
        def update(self, line, *, raw):
            shown.append(line["text/plain"])

    def display(line, **options):
        if options.get("display_id"):
            shown.append(line["text/plain"])
        return Handle()

    monkeypatch.setattr(importlib.import_module("IPython.display"), "display", display)
    monkeypatch.setattr("distaff.process.EVERY", 0.0)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    distaff.train("vae", data=DIGITS.images[:100], steps=4, settings=TINY, out=tmp_path / "run")
    assert [line.split(",")[0] for line in shown] == [
        f"step {step} of 4 ({step / 4:.0%})" for step in (1, 2, 3, 4)
    ]
