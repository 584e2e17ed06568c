"""One choice of images: who is measured, who is learnt from, and that every pass tells of the same images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distaff.analysis import Analysis, _choice, open_data
from distaff.data import load
from distaff.errors import InputError
from distaff.recipe import load_recipe
from distaff.run import Run


def test_the_test_images_are_measured_and_training_images_learnt_from(digits_analysis):
    analysis = digits_analysis("vae")
    splits = analysis.dataset.splits
    assert analysis.split == analysis.split_name == "test"
    assert set(analysis.rows) == set(splits["test"])
    assert set(analysis.train_rows) == set(splits["train"])
    assert list(analysis.rows) != sorted(analysis.rows)
    assert analysis.held_out == slice(None)


def test_the_first_n_of_the_measured_are_a_random_part_drawn_by_the_seed(digits_analysis, monkeypatch):
    analysis = digits_analysis("vae")
    again = Analysis(analysis.model, analysis.dataset)
    np.testing.assert_array_equal(analysis.rows, again.rows)
    assert not np.array_equal(analysis.rows, Analysis(analysis.model, analysis.dataset, seed=1).rows)
    monkeypatch.setattr(_choice, "MEASURED", 7)
    monkeypatch.setattr(_choice, "LEARNT_FROM", 11)
    few = Analysis(analysis.model, analysis.dataset)
    np.testing.assert_array_equal(few.rows, analysis.rows[:7])
    np.testing.assert_array_equal(few.train_rows, analysis.train_rows[:11])


@pytest.mark.parametrize(
    ("valid", "test", "split"), [(0.2, 0.0, "valid"), (0.0, 0.0, "train"), (0.0, 0.2, "test")]
)
def test_without_a_split_the_next_is_measured_and_none_is_learnt_from(digits_analysis, valid, test, split):
    analysis = digits_analysis("vae", **{"data.valid": valid, "data.test": test})
    assert analysis.split == split
    assert not set(analysis.rows[analysis.held_out]) & set(analysis.train_rows)
    assert len(analysis.rows[analysis.held_out]) > 0
    assert len(analysis.train_rows) > 0


def test_every_pass_tells_of_the_measured_images_in_their_order(digits_analysis):
    analysis = digits_analysis("class-separated")
    model, rows = analysis.model, analysis.rows
    images = analysis.images(rows)
    for place in (0, 5, len(rows) - 1):
        np.testing.assert_array_equal(images[place], analysis.dataset.images.take(rows[[place]])[0])
    np.testing.assert_allclose(analysis.codes, model.encode(images), atol=1e-5)
    np.testing.assert_allclose(
        analysis.train_codes, model.encode(analysis.images(analysis.train_rows)), atol=1e-5
    )
    np.testing.assert_array_equal(
        analysis.table.column("digit"), analysis.dataset.attributes.column("digit")[rows]
    )
    np.testing.assert_array_equal(analysis.read["digit"], model.read(analysis.codes)["digit"])
    np.testing.assert_allclose(analysis.chances["digit"].sum(axis=1), 1, rtol=1e-5)
    codes = torch.from_numpy(analysis.encoded.drawn)
    with torch.inference_mode():
        nats = -model.vae.likelihood.log_probability(model.vae.decode(codes), model.to_tensor(images))
    np.testing.assert_allclose(analysis.bound.reconstruction, nats.numpy(), rtol=1e-4)
    np.testing.assert_array_equal(analysis.bound.kl, analysis.encoded.kl)


def test_each_pass_is_made_once_and_said(digits_analysis):
    said = []
    analysis = digits_analysis("vae")
    analysis = Analysis(analysis.model, analysis.dataset, progress=said.append)
    assert said == []
    for _ in range(2):
        _ = analysis.codes, analysis.kl, analysis.bound, analysis.collapse, analysis.typical, analysis.latents
        _ = analysis.train_codes, analysis.map("pca")
    assert len(said) == 4
    assert f"encoding {len(analysis.rows)} test images" in said


def test_more_training_codes_begin_with_those_that_are_learnt_from(digits_analysis, monkeypatch):
    monkeypatch.setattr(_choice, "LEARNT_FROM", 50)
    analysis = digits_analysis("vae")
    few, _ = analysis.all_train_codes(20)
    some, table = analysis.all_train_codes(120)
    assert len(few) == 20
    assert len(some) == len(table) == 120
    np.testing.assert_array_equal(some[:50], analysis.train_codes)
    np.testing.assert_array_equal(few, analysis.train_codes[:20])
    everything, labels = analysis.all_train_codes()
    assert len(everything) == len(labels) == len(analysis.dataset.splits["train"])


def test_a_conditional_model_is_told_the_labels_it_has(digits_analysis):
    analysis = digits_analysis("conditional-vae")
    condition = analysis.condition(analysis.rows)
    np.testing.assert_array_equal(condition["digit"], analysis.table.column("digit"))
    images = analysis.images(analysis.rows)
    told = analysis.model.encode(images, indices=condition)
    np.testing.assert_allclose(analysis.codes, told, atol=1e-5)
    assert not np.allclose(told, analysis.model.encode(images), atol=1e-5)
    assert digits_analysis("vae").condition(analysis.rows) == {}


def test_attributes_are_told_by_what_the_model_and_the_data_know(digits_analysis):
    analysis = digits_analysis("supervised")
    assert [each.name for each in analysis.labelled] == ["digit"]
    assert [each.name for each in analysis.set_by_code] == ["digit"]
    assert [each.name for each in analysis.changeable] == ["digit"]
    assert analysis.class_attribute.name == "digit"
    assert analysis.gaussian.tolist() == analysis.free.tolist() == list(range(10, 18))
    plain = digits_analysis("vae")
    assert plain.set_by_code == plain.changeable == ()
    assert plain.class_attribute.name == "digit"


def test_a_class_begins_at_the_mean_of_its_training_codes(digits_analysis):
    analysis = digits_analysis("vae")
    digit = analysis.class_attribute
    member = analysis.train_table.column("digit") == 3
    np.testing.assert_allclose(
        analysis.class_end(digit, 3.0).code, analysis.train_codes[member].mean(axis=0), rtol=1e-6
    )
    supervised = digits_analysis("supervised")
    code = supervised.class_end(digit, 3.0).code
    assert supervised.model.read(code[None])["digit"].tolist() == [3]
    conditional = digits_analysis("conditional-vae")
    end = conditional.class_end(digit, 3.0)
    assert not end.code.any()
    assert end.condition["digit"].tolist() == [3]
    analysis.train_table.values[:] = np.nan
    with pytest.raises(InputError, match="digit = 3"):
        analysis.class_end(digit, 3.0)


def test_the_typical_image_is_the_median_in_distance_from_the_middle(digits_analysis):
    analysis = digits_analysis("vae", **{"data.count": 1797})
    codes = analysis.codes
    away = np.square((codes - np.median(codes, axis=0)) / codes.std(axis=0)).sum(axis=1)
    assert (away < away[analysis.typical]).mean() == pytest.approx(0.5, abs=0.01)


def test_the_strongest_latent_is_the_one_whose_mean_leans_furthest(digits_analysis):
    analysis = digits_analysis("vae", **{"latent.gaussian.size": 3})
    codes = analysis.codes.copy()
    codes[:, 0] = np.where(np.arange(len(codes)) % 2, 3, -3)
    codes[:, 1] = -0.5 + 0.01 * np.arange(len(codes)) / len(codes)
    codes[:, 2] = 0
    analysis.encoded.codes[:] = codes
    found = analysis.strongest
    assert (found.index, found.label) == (1, "z1")
    assert found.low == pytest.approx(-0.5)
    assert found.high == pytest.approx(-0.49, abs=1e-3)
    assert max(found.size, key=found.size.get) == "z0"
    with pytest.raises(InputError, match="gaussian"):
        _ = digits_analysis("supervised", latent=[{"softmax": {}}], loss=["kl"]).strongest


def test_latents_say_their_range_their_kl_and_their_use(digits_analysis):
    analysis = digits_analysis("vae", **{"latent.gaussian.size": 2})
    with torch.no_grad():
        analysis.model.vae.head.weight.zero_()
        analysis.model.vae.head.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
    first, second = analysis.latents
    assert (first.label, first.kind, first.kl, first.used) == ("z0", "gaussian", pytest.approx(0.5), True)
    assert (second.kl, second.used, second.values) == (pytest.approx(0), False, None)
    assert first.median == pytest.approx(1)
    assert -2.5 < first.low < 0 < 2 < first.high < 4.5


@pytest.fixture
def run(tmp_path):
    recipe = load_recipe("vae").changed({"data.source": "digits", "data.count": 100})
    data = load(recipe.data)
    attributes, shape = data.attributes.attributes, data.images.shape[1:]
    run = Run(tmp_path / "run")
    run.write_setup(recipe, attributes, shape, 80)
    run.write_weights(*recipe.build(attributes, shape, 80))
    return Run(tmp_path / "run")


def test_other_data_without_a_published_split_are_taken_whole(run, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "other.npz", images=images, digit=np.arange(40) % 10, mood=np.arange(40) % 2)
    analysis = Analysis.of(run, str(tmp_path / "other.npz"))
    assert len(analysis.rows) == 40
    assert analysis.split_name == "unseen"
    assert analysis.labels.names == ("digit", "mood")
    assert not set(analysis.rows[analysis.held_out]) & set(analysis.train_rows)


def test_images_of_another_size_are_refused_unless_resizing_is_asked_for(run, tmp_path):
    images = np.zeros((10, 12, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "large.npz", images=images)
    with pytest.raises(InputError, match=r"12 x 16 with 3 channels.*8 x 8 with 1 channel.*--resize"):
        open_data(run, str(tmp_path / "large.npz"))
    assert open_data(run, str(tmp_path / "large.npz"), resize=True).images.shape == (10, 1, 8, 8)
