"""Whole runs: what is measured, what is left out and why, and where it is written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from distaff.analysis import Analysis, _reference
from distaff.data import load
from distaff.errors import InputError
from distaff.evaluation import evaluate
from distaff.metrics import METRICS
from distaff.run import Run


def test_everything_that_fits_is_measured_and_the_rest_has_a_reason(make_run):
    run = make_run("vae")
    said = []
    found = evaluate(run, progress=said.append)
    assert {"elbo", "reconstruction", "kl", "nll", "active_units", "knn_accuracy"} <= set(found["metrics"])
    assert found["metrics"]["elbo"]["value"] == pytest.approx(
        -found["metrics"]["reconstruction"]["value"] - found["metrics"]["kl"]["value"]
    )
    assert {
        "attribute_accuracy",
        "swap_test",
        "drawn_iou",
        "condition_fidelity",
        "diversity",
        "interpolation",
    } <= set(found["left_out"])
    # One factor is too few for what compares factors, which would be 1 by construction.
    assert "2 factors" in found["left_out"]["dci"]
    assert not set(found["left_out"]) & set(found["metrics"])
    defaults = {name for name, each in METRICS.items() if each.default}
    assert defaults <= set(found["left_out"]) | set(found["metrics"])
    assert found["settings"]["split"] == "test"
    assert found["settings"]["test_images"] == len(run.dataset().splits["test"])
    assert "torch" in found["versions"]["packages"]
    assert json.loads((run.path / "evaluation.json").read_text())["metrics"].keys() == found["metrics"].keys()
    assert any("nll" in line for line in said)


def test_the_numbers_are_those_of_the_one_analysis(make_run):
    run = make_run("vae")
    found = evaluate(run, metrics=["kl", "elbo", "collapse"])["metrics"]
    analysis = Analysis.of(run)
    assert found["kl"]["kl_per_dimension"] == analysis.kl
    assert found["kl"]["value"] == sum(analysis.kl.values())
    assert found["elbo"]["value"] == analysis.bound.elbo.mean()
    assert found["collapse"]["sentence"] == analysis.collapse.sentence


def test_metrics_of_codes_are_told_by_attribute(make_run):
    found = evaluate(make_run("vae"), metrics=["knn_accuracy"])["metrics"]["knn_accuracy"]
    assert found["factors"] == ["digit"]
    assert found["per_attribute"]["digit"]["value"] == found["value"]
    assert 0 <= found["per_attribute"]["digit"]["chance"] < 1
    assert found["options"]["neighbours"] == 10


def test_an_attribute_model_is_swapped_and_has_no_bound(make_run):
    found = evaluate(make_run("supervised"), classifier_images=500)
    assert {"reconstruction", "kl", "attribute_accuracy", "swap_test"} <= set(found["metrics"])
    assert "softmax" in found["left_out"]["elbo"]
    assert "softmax" in found["left_out"]["nll"]
    assert set(found["metrics"]["swap_test"]["reference_accuracy"]) == {"digit"}


def test_a_conditional_model_is_told_the_labels_and_checked(make_run):
    found = evaluate(
        make_run("conditional-vae"), metrics=["elbo", "condition_fidelity"], classifier_images=500
    )
    assert set(found["metrics"]) == {"elbo", "condition_fidelity"}
    assert 0 <= found["metrics"]["condition_fidelity"]["value"] <= 1


def test_reading_attributes_trains_no_reference_classifier(make_run, monkeypatch):
    monkeypatch.setattr(_reference, "train_reference_classifier", None)
    found = evaluate(make_run("supervised"), metrics=["attribute_accuracy"])
    assert list(found["metrics"]) == ["attribute_accuracy"]


def test_what_was_measured_of_the_same_weights_is_kept(make_run):
    run = make_run("vae")
    evaluate(run, metrics=["kl", "swap_test"])
    found = evaluate(run, metrics=["reconstruction"])
    assert set(found["metrics"]) == {"kl", "reconstruction"}
    assert set(found["left_out"]) == {"swap_test"}
    other = make_run("vae", name="other", **{"train.seed": 1})
    (run.path / "model.safetensors").write_bytes((other.path / "model.safetensors").read_bytes())
    assert set(evaluate(Run(run.path), metrics=["reconstruction"])["metrics"]) == {"reconstruction"}
    (run.path / "evaluation.json").write_text("{")
    assert set(evaluate(Run(run.path), metrics=["kl"])["metrics"]) == {"kl"}


def test_other_data_are_matched_by_name_and_label_measured_whole_and_written_apart(make_run, tmp_path):
    run = make_run("supervised", **{"data.count": None})
    evaluate(run, metrics=["reconstruction"])
    before = (run.path / "evaluation.json").read_bytes()
    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    few = bunch.target >= 5
    np.savez(tmp_path / "half.npz", images=images[few], digit=bunch.target[few])
    found = evaluate(run, metrics=["attribute_accuracy"], data=str(tmp_path / "half.npz"))
    read = run.model.predict(images[few])["digit"]
    verdict = found["metrics"]["attribute_accuracy"]["per_attribute"]["digit"]
    assert verdict["images"] == few.sum()
    assert verdict["accuracy"] == pytest.approx((read == bunch.target[few]).mean())
    assert found["settings"]["data"].endswith("half.npz")
    assert found["settings"]["split"] == "unseen"
    assert found["settings"]["test_images"] == few.sum()
    assert (run.path / "evaluation.json").read_bytes() == before
    written = json.loads((run.path / "evaluation-half.json").read_text())
    assert written["metrics"].keys() == {"attribute_accuracy"}


@pytest.mark.parametrize("mended", ["a label", "an image", "the names of the classes"])
def test_nothing_that_was_measured_of_other_images_or_labels_is_kept(make_run, tmp_path, mended):
    run = make_run("vae", **{"data.count": None})
    bunch = load_digits()
    images, digit = (
        np.rint(bunch.images[:80] * (255 / 16)).astype(np.uint8)[:, ::-1].copy(),
        bunch.target[:80].copy(),
    )
    evaluate(run, metrics=["linear_probe"], data=(images, {"digit": digit}))
    if mended == "a label":
        digit[5] = (digit[5] + 1) % 10
    elif mended == "an image":
        images[5, 3, 3] ^= 255
    else:
        digit = np.array(list("abcdefghij"))[digit]
    found = evaluate(
        run, metrics=["kl"], data=(images, {"kind" if digit.dtype.kind == "U" else "digit": digit})
    )
    assert found["metrics"].keys() == {"kl"}


def test_labels_of_no_training_image_are_named_and_what_needs_them_is_left_out(make_run, tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    test = load(images).splits["test"]
    digit = np.full(60, np.nan)
    digit[test] = np.arange(len(test)) % 2
    np.savez(tmp_path / "few.npz", images=images, digit=digit)
    run = make_run("supervised", **{"data.source": str(tmp_path / "few.npz"), "data.count": None})
    found = evaluate(run, metrics=["swap_test", "condition_fidelity", "attribute_accuracy"])
    assert found["metrics"].keys() == {"attribute_accuracy"}
    assert found["left_out"]["swap_test"] == "no training image has a label of digit"
    notes = load(str(tmp_path / "few.npz")).notes
    assert any(
        note.startswith("digit: none of the") and "training images has a label" in note for note in notes
    )
    digit[~np.isin(np.arange(60), test)] = 1
    assert any(
        "every training image that has a label has" in note for note in load((images, {"digit": digit})).notes
    )


def test_neighbours_of_other_data_never_vote_on_themselves(make_run, tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "noise.npz", images=images, digit=rng.integers(0, 10, 60))
    found = evaluate(make_run("vae"), metrics=["knn_accuracy"], data=str(tmp_path / "noise.npz"))
    assert found["metrics"]["knn_accuracy"]["value"] < 0.5
    assert found["metrics"]["knn_accuracy"]["options"]["num_test"] == 30


def test_images_of_another_size_are_refused_and_nothing_is_written(make_run, tmp_path):
    run = make_run("vae")
    images = np.zeros((30, 16, 16), np.uint8)
    images[:, 4:8] = 255
    np.savez(tmp_path / "large.npz", images=images)
    with pytest.raises(InputError, match="--resize"):
        evaluate(run, metrics=["kl"], data=str(tmp_path / "large.npz"))
    assert not list(run.path.glob("evaluation*"))
    evaluate(run, metrics=["kl"], data=str(tmp_path / "large.npz"), resize=True)
    assert [each.name for each in run.path.glob("evaluation*")] == ["evaluation-large.json"]


def test_a_value_that_is_no_number_is_left_out(make_run, monkeypatch):
    from distaff.metrics import metric

    monkeypatch.setattr(METRICS, "_things", dict(METRICS._things))

    @metric(needs=("model",), default=False)
    def undefined_of_a_stranger(model) -> float:
        """Nothing."""
        return float("nan")

    found = evaluate(make_run("vae"), metrics=["undefined_of_a_stranger", "kl"])
    assert set(found["metrics"]) == {"kl"}
    assert "nan" in found["left_out"]["undefined_of_a_stranger"]


def test_a_dataset_without_a_test_part_is_measured_on_what_it_has(make_run):
    found = evaluate(make_run("vae", **{"data.test": 0.0, "data.valid": 0.2}), metrics=["kl"])
    assert found["settings"]["split"] == "validation"


def test_a_misspelt_metric_names_the_nearest(make_run):
    with pytest.raises(InputError, match="did you mean 'swap_test'"):
        evaluate(make_run("vae"), metrics=["swop_test"])


def test_runs_that_cannot_be_used_say_so(make_run):
    run = make_run("vae")
    weights = run.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(InputError, match="damaged"):
        evaluate(Run(run.path))
    weights.unlink()
    with pytest.raises(InputError, match="no trained weights"):
        evaluate(Run(run.path))
    assert not (run.path / "evaluation.json").exists()
