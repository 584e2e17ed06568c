"""The transformer and the classifier: scikit-learn's own checks, and where people put them."""

import pickle
import pickletools
import tempfile
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import distaff
from distaff.estimator import VAE, AttributeVAE

TINY = {"network.mlp.hidden": [16], "latent.gaussian.size": 2}
FAST = {"network.mlp.hidden": [32], "train.lr": 5e-2, "train.batch": 256}
BOUND = {"network.mlp.hidden": [128], "train.lr": 5e-3, "train.batch": 64}
MEMORY = Path("/dev/shm")
CHECKED = [VAE(steps=3, settings=TINY), AttributeVAE(steps=10, settings=FAST)]
X, Y = load_digits(return_X_y=True)


@pytest.fixture(autouse=True)
def folders_in_memory(monkeypatch):
    """Every fit has a run folder for a moment; flushing its files to a disk takes longer than training."""
    if MEMORY.is_dir():
        monkeypatch.setattr(tempfile, "tempdir", str(MEMORY))


@parametrize_with_checks(CHECKED)
def test_scikit_learn_finds_no_fault(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def vae():
    return VAE(image_shape=(8, 8), steps=150, settings=BOUND).fit(X)


@pytest.fixture(scope="module")
def reader():
    """One label in three is known; the text of the others is None."""
    few = np.array([f"a {digit}" for digit in Y], dtype=object)
    few[np.arange(len(Y)) % 3 > 0] = None
    return AttributeVAE(image_shape=(8, 8), steps=120, settings=FAST | {"train.batch": 64}).fit(X, few)


def test_codes_are_those_of_the_model_and_images_come_back_in_their_own_units(vae, tmp_path):
    codes = vae.transform(X)
    assert (codes.shape, codes.dtype) == ((1797, 10), np.float32)
    model = vae.save(tmp_path / "run").load_model()
    np.testing.assert_allclose(codes, model.encode(X.reshape(-1, 8, 8) / 16), atol=0.05)
    again = vae.inverse_transform(codes)
    assert again.shape == X.shape
    assert again.min() >= 0
    assert again.max() <= 16
    np.testing.assert_allclose(again, model.decode(codes).reshape(-1, 64) * 16, atol=1e-4)
    assert np.abs(again - X).mean() < np.abs(X.mean(axis=0) - X).mean()
    assert vae.sample(7).shape == (7, 64)
    assert not np.array_equal(vae.sample(7), vae.sample(7, random_state=1))


def test_the_score_is_the_elbo_that_evaluation_measures(vae, tmp_path):
    run = vae.save(tmp_path / "run")
    data = distaff.data.load(X.reshape(-1, 8, 8), valid=0, test=0.5)
    images = data.images.take(data.splits["test"]).reshape(-1, 64) * (16 / 255)
    measured = distaff.evaluation.evaluate(run, ["elbo"], data)["metrics"]["elbo"]["value"]
    assert vae.score(images) == pytest.approx(measured, rel=0.02)


def test_a_search_over_beta_takes_the_weight_of_the_bound():
    """With beta = 50 nothing is encoded; the score weighs the KL by 1 in every case."""
    search = GridSearchCV(VAE(image_shape=(8, 8), steps=80, settings=BOUND), {"beta": [1, 50]}, cv=2)
    search.fit(X[:400])
    assert search.best_params_ == {"beta": 1}
    assert search.best_score_ > search.cv_results_["mean_test_score"][1] + 0.5
    assert search.best_estimator_.transform(X[:3]).shape == (3, 10)


def test_in_a_pipeline_with_frames_and_names(vae):
    pipe = make_pipeline(StandardScaler(), VAE(steps=2, settings=TINY)).fit(X[:50])
    assert list(pipe.get_feature_names_out()) == ["z0", "z1"]
    assert pipe.transform(X[:5]).shape == (5, 2)
    assert pipe.inverse_transform(pipe.transform(X[:5])).shape == (5, 64)


def test_pickles_hold_arrays_and_text_alone(vae, reader, tmp_path):
    for each in (vae, reader):
        joblib.dump(each, tmp_path / "model.joblib")
        told = [said for _, said, _ in pickletools.genops(pickle.dumps(each)) if isinstance(said, str)]
        modules = {word.partition(".")[0] for word in told}
        assert not modules & {"torch", "lightning_fabric", "pydantic"}
        again = joblib.load(tmp_path / "model.joblib")
        np.testing.assert_array_equal(again.transform(X[:20]), each.transform(X[:20]))
        assert not hasattr(clone(each), "weights_")
    np.testing.assert_array_equal(again.predict(X), reader.predict(X))


def test_few_labels_are_learned_and_images_are_drawn_of_them(reader):
    names = np.array([f"a {digit}" for digit in Y])
    assert list(reader.classes_) == [f"a {digit}" for digit in range(10)]
    assert reader.score(X, names) > 0.6
    chances = reader.predict_proba(X)
    np.testing.assert_array_equal(reader.classes_[chances.argmax(axis=1)], reader.predict(X))
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
    drawn = reader.sample(20, y="a 3")
    assert drawn.shape == (20, 64)
    assert (reader.predict(drawn) == "a 3").mean() > 0.5
    hidden = names.astype(object)
    hidden[reader.predict(X) != names] = None
    assert reader.score(X, hidden) == 1


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([0, 1, -1, 2, 1, 0], [0, 1, 2]),
        ([-1, 1, -1, 1, 1, -1], [-1, 1]),
        ([0.0, np.nan, 1.0, 1.0, np.nan, 0.0], [0, 1]),
        ([True, False, None, True, None, False], [False, True]),
    ],
)
def test_what_a_missing_label_is(labels, classes):
    model = AttributeVAE(steps=1, settings=FAST).fit(X[:6, :3], np.array(labels))
    assert model.classes_.tolist() == classes
    assert set(model.predict(X[:9, :3]).tolist()) <= set(classes)


def test_several_columns_of_labels():
    y = np.column_stack([Y % 2, Y > 4])[:200]
    model = AttributeVAE(image_shape=(8, 8), steps=30, settings=FAST).fit(X[:200], y)
    assert [each.tolist() for each in model.classes_] == [[0, 1], [0, 1]]
    assert model.predict(X).shape == (1797, 2)
    assert [each.shape for each in model.predict_proba(X)] == [(1797, 2), (1797, 2)]
    assert model.sample(3, y={"label0": 1, "label1": 0}).shape == (3, 64)
    assert model.score(X[:200], y) > 0.5


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (VAE(image_shape=(7, 9)), "image_shape"),
        (VAE(pixel_range=(1, 1)), "pixel_range"),
        (VAE("no-such-recipe"), "no recipe"),
        (VAE(settings={"latent.gaussian.sise": 2}), "size"),
        (AttributeVAE("vae", steps=1), "does not read label"),
        (AttributeVAE(steps=1), "1 class"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(estimator, said):
    y = np.zeros(20, int) if said == "1 class" else Y[:20]
    with pytest.raises(distaff.InputError, match=said) as caught:
        estimator.fit(X[:20], y)
    assert "\n" not in str(caught.value)


def test_colour_images_keep_their_layout(tmp_path):
    images = np.random.default_rng(0).random((12, 4, 5, 3)).astype(np.float32)
    vae = VAE(image_shape=(4, 5, 3), steps=1, settings=TINY)
    run = vae.fit(images.reshape(12, -1)).save(tmp_path / "run")
    np.testing.assert_allclose(
        run.model.encode(images / images.max()), vae.transform(images.reshape(12, -1)), atol=0.02
    )
    with pytest.raises(distaff.InputError, match="already there"):
        vae.save(tmp_path / "run")
