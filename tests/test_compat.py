import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import distaff
from distaff import InputError, SupervisedVAE, WriteError, compat, files
from distaff.data.sprites import FACTORS, render

NAMES = [factor.name for factor in FACTORS]
SIZES = [factor.size for factor in FACTORS]
SEED = Path(__file__).parents[2] / "shared" / "seeds" / "supervised-vae.md"


def sprites(n, seed=0):
    rng = np.random.default_rng(seed)
    factors = np.stack([rng.integers(size, size=n) for size in SIZES], axis=1)
    return (render(factors) > 0).astype(np.uint8)[..., None], factors


def small(model_type="softmax", **more):
    return SupervisedVAE(16, model_type=model_type, attr_list=["row", "side"], attr_sizes=[4, 2], **more)


def squares(n=200, seed=0):
    """Images of 16 x 16 whose lit row of blocks and side are the attributes."""
    rng = np.random.default_rng(seed)
    y = np.stack([rng.integers(4, size=n), rng.integers(2, size=n)], axis=1)
    X = np.zeros((n, 16, 16), np.uint8)
    for image, (row, side) in zip(X, y, strict=True):
        image[4 * row : 4 * row + 4, 8 * side : 8 * side + 8] = 1
    return X, y


@pytest.fixture(scope="module")
def trained():
    X, y = squares()
    return small().fit(X, y, epochs=40, progress=False)


def test_indices_become_the_image_and_the_image_its_indices(trained):
    X, y = squares(20, seed=1)
    assert (trained.X_to_z(X) == y).mean() > 0.95
    decoded = trained.z_to_X(y)
    assert np.abs(decoded - X).mean() < 0.05
    assert decoded.shape == (20, 16, 16)
    assert trained.X_to_z(X[0]) == y[0].tolist()
    assert np.allclose(trained.z_to_X(y[0].tolist()), decoded[0], atol=1e-5)


def test_between_two_indices_lies_something_of_both(trained):
    low, middle, high = (trained.z_to_X([row, 0]) for row in (1, 1.5, 2))
    assert np.abs(middle - low).mean() > 0.01
    assert np.abs(middle - high).mean() > 0.01
    assert middle[4:12, :8].mean() > 3 * middle[12:].mean()


def test_what_is_not_given_is_drawn_the_same_each_time(trained):
    by_name = trained.z_to_X({"side": 1})
    assert np.array_equal(by_name, trained.z_to_X([None, 1]))
    assert by_name[:, 8:].mean() > 5 * by_name[:, :8].mean()


def test_attributes_may_be_called_anything():
    X, y = squares(40)
    model = SupervisedVAE(16, attr_list=["seed", "self"], attr_sizes=[4, 2])
    model.fit(X, y, epochs=1, progress=False)
    assert not np.array_equal(model.z_to_X({"seed": 3, "self": 0}), model.z_to_X({"seed": 0, "self": 0}))


def test_a_saved_model_is_a_run_and_loads_both_ways(trained, tmp_path):
    X, _ = squares(5)
    trained.save(tmp_path / "model")
    trained.save(tmp_path / "model")
    again, other = SupervisedVAE.load(tmp_path / "model"), small("l2")
    other.load(tmp_path / "model")
    for each in (again, other):
        assert (each.model_type, each.attr_list, each.attr_sizes) == ("softmax", ["row", "side"], [4, 2])
        assert np.array_equal(each.reconstruct(X), trained.reconstruct(X))
    assert distaff.load(tmp_path / "model").encode(X * 255).shape == (5, 6)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_saved_model_is_replaced_in_one_step(trained, tmp_path, monkeypatch):
    path = tmp_path / "model"
    trained.save(path)
    (path / "mine.txt").write_text("of the first")
    seen = []
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda old, new: seen.append(path.exists()) or rename(old, new))
    trained.save(path)
    assert not (path / "mine.txt").exists()
    assert seen == []
    assert SupervisedVAE.load(path).attr_list == ["row", "side"]
    monkeypatch.setattr(files, "exchange", lambda *_: False)
    (path / "mine.txt").write_text("of the second")
    trained.save(path)
    assert len(seen) == 3
    assert not (path / "mine.txt").exists()
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_a_save_that_fails_leaves_what_was_there(trained, tmp_path, monkeypatch):
    path = tmp_path / "model"
    trained.save(path)
    before = {each.name: each.read_bytes() for each in path.iterdir() if each.is_file()}

    def refuse(*_):
        raise OSError(28, "No space left on device")

    for module, name in ((compat, "copy_file"), (compat, "put_in_place")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, refuse)
            with pytest.raises(WriteError, match=r"cannot be written: .*No space left on device"):
                trained.save(path)
    monkeypatch.setattr(files, "exchange", lambda *_: False)
    rename = Path.rename
    monkeypatch.setattr(
        Path, "rename", lambda old, new: refuse() if new == path and old.name == "run" else rename(old, new)
    )
    with pytest.raises(WriteError, match="No space left on device"):
        trained.save(path)
    assert {each.name: each.read_bytes() for each in path.iterdir() if each.is_file()} == before
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_digits_of_8_x_8():
    from sklearn.datasets import load_digits

    digits = load_digits()
    X, y = (digits.images[:800] / 16).astype(np.float32), digits.target[:800]
    model = SupervisedVAE(8, attr_list=["digit"], attr_sizes=[10])
    model.fit(X[:700], y[:700], epochs=12, progress=False)
    assert (model.X_to_z(X[700:])[:, 0] == y[700:]).mean() > 0.7
    decoded = model.z_to_X(np.arange(10)[:, None])
    means = np.stack([X[y == digit].mean(axis=0) for digit in range(10)])
    nearest = np.square(decoded[:, None] - means).sum(axis=(2, 3)).argmin(axis=1)
    assert (nearest == np.arange(10)).mean() >= 0.8
    with pytest.raises(InputError, match=r"must lie from 0 to 1, got 0\.0 to 16\.0"):
        model.reconstruct(digits.images[:5])
    with pytest.raises(InputError, match="both sides need 8 pixels"):
        SupervisedVAE(6, attr_list=["digit"], attr_sizes=[10]).fit(X[:, 1:7, 1:7], y, progress=False)


def test_a_saved_model_is_measured_on_images_that_are_named(trained, tmp_path):
    X, y = squares(60, seed=2)
    X = X * 0.9  # no image that training saw
    trained.save(tmp_path / "model")
    np.savez(tmp_path / "some.npz", imgs=X, row=y[:, 0], side=y[:, 1])
    run = distaff.Run.open(tmp_path / "model")
    with pytest.raises(InputError, match="not kept with the run; give them again"):
        distaff.evaluation.evaluate(run, metrics=["attribute_accuracy"])
    result = distaff.evaluation.evaluate(run, metrics=["attribute_accuracy"], data=str(tmp_path / "some.npz"))
    assert result["metrics"]["attribute_accuracy"]["value"] > 0.9


@pytest.mark.parametrize("model_type", ["sampled", "argmax", "argmax_norm", "l2"])
def test_every_space_trains_and_answers(model_type):
    X, y = squares(64)
    labels = y.astype(object)
    labels[:10] = None  # images without labels train beside the others
    model = small(model_type, seed=1).fit(X[..., None], labels, X[..., None], y, epochs=2, progress=False)
    assert model.reconstruct(X[:3, :, :, None]).shape == (3, 16, 16, 1)
    assert model.z_to_X([3, 1]).shape == (16, 16)
    assert all(0 <= index < size for index, size in zip(model.X_to_z(X[0]), (4, 2), strict=True))
    weight = {"l2": 2, "sampled": 6, "argmax": 2, "argmax_norm": 2}
    assert model.model.code_size == weight[model_type]


def test_an_index_that_is_not_there_is_refused(trained):
    for wrong, message in [
        ([4, 0], "row is 4, outside its indices 0 to 3"),
        ([0, -1], "side is -1, outside its indices 0 to 1"),
        ([0], r"expected 2 values \(row, side\), got shape \[1\]"),
        ({"rwo": 1}, "no attribute 'rwo'; did you mean 'row'"),
        (["a", "b"], "expected numbers"),
    ]:
        with pytest.raises(InputError, match=message):
            trained.z_to_X(wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, y[:-1]), "y: 19 rows of labels for 20 images"),
        (lambda X, y: (X, y + 1), "row has the label 4, but its size 4 in attr_sizes allows"),
        (lambda X, y: (X, y[:, :1]), r"y: expected \[n, 2\] for row, side, got \[20, 1\]"),
        (lambda X, y: (X[:, :8], y), r"X: expected images \[n, 16, 16\]"),
        (lambda X, y: (X.astype(float) * 3, y), "must lie from 0 to 1, got 0.0 to 3.0"),
        (lambda X, y: (X, y + 0.5), "row has the label"),
    ],
)
def test_data_that_do_not_fit_are_refused(change, message):
    X, y = squares(20)
    y[0, 0] = 3
    with pytest.raises(InputError, match=message):
        small().fit(*change(X, y), progress=False)


def test_a_wrong_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="no 'softmx'; did you mean 'softmax'"):
        small("softmx")
    with pytest.raises(InputError, match="there is no None; there is: argmax"):
        small(None)
    with pytest.raises(InputError, match="names 1 attributes and attr_sizes gives 2 sizes"):
        SupervisedVAE(16, attr_list=["row"], attr_sizes=[4, 2])
    with pytest.raises(InputError, match="has not been trained"):
        small().z_to_X([0, 0])
    with pytest.raises(ValueError, match="no such run folder"):
        SupervisedVAE.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("precious")
    X, y = squares(20)
    with pytest.raises(InputError, match="not a run folder; choose another path"):
        small().fit(X, y, epochs=1, progress=False).save(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.slow
def test_the_authors_example_runs_as_he_wrote_it(tmp_path):
    if not SEED.is_file():
        pytest.skip("the author's README is not beside this repository")
    lines = SEED.read_text().splitlines()
    script = "\n".join(lines[lines.index("import numpy as np") :]) + "\n"
    script = script.replace("from ssvae.vae import SupervisedVAE", "from distaff import SupervisedVAE")
    script = re.sub(r'"\.\./(\w+\.npz)"', r'"\1"', script)
    script += "assert my_model.z_to_X([2, 0, 1, 0, 0]).shape == (64, 64)\n"
    images, factors = sprites(330)
    classes = np.concatenate([np.zeros((330, 1), np.int64), factors], axis=1)
    np.savez(tmp_path / "dsprites.npz", imgs=images[..., 0], latents_classes=classes)
    ids = np.arange(330)
    np.savez(tmp_path / "ids.npz", test_reconstruct=ids[-10:], supervised_train=ids[:320], train=ids[:320])
    (tmp_path / "example.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    indices = [int(each) for each in re.findall(r"\d+", done.stdout.splitlines()[-1])]
    assert len(indices) == 5
    assert all(0 <= index < size for index, size in zip(indices, SIZES, strict=True))
    model = SupervisedVAE.load(tmp_path / "my_model")
    decoded = model.reconstruct(images[:100])
    assert decoded.max() > 0.2, "a sensible image is not blank"
    assert np.abs(decoded - images[:100]).mean() < np.abs(images[:100] - images.mean()).mean()
