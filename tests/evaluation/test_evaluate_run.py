from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from distaff.errors import InputError
from distaff.evaluation import METRICS, evaluate, reader_cache
from distaff.run import Run


def test_everything_that_fits_is_measured_and_the_rest_has_a_reason(make_run):
    run = make_run("vae")
    said = []
    found = evaluate(run, progress=said.append)
    assert {"elbo", "reconstruction", "kl", "nll", "active_units", "knn_accuracy"} <= set(found["metrics"])
    assert found["metrics"]["elbo"]["value"] == pytest.approx(
        -found["metrics"]["reconstruction"]["value"] - found["metrics"]["kl"]["value"]
    )
    assert set(found["left_out"]) == {
        "attribute_accuracy",
        "swap_test",
        "drawn_iou",
        "condition_fidelity",
        "diversity",
        "interpolation",
    }
    assert found["settings"]["split"] == "test"
    assert found["settings"]["test_pictures"] == 20
    assert "torch" in found["versions"]["packages"]
    assert json.loads((run.path / "evaluation.json").read_text())["metrics"].keys() == found["metrics"].keys()
    assert any("nll" in line for line in said)


def test_an_attribute_model_is_swapped_and_has_no_bound(make_run):
    found = evaluate(make_run("supervised"), reader_pictures=500)
    assert {"reconstruction", "kl", "attribute_accuracy", "swap_test"} <= set(found["metrics"])
    assert "softmax" in found["left_out"]["elbo"]
    assert "softmax" in found["left_out"]["nll"]
    assert set(found["metrics"]["swap_test"]["reader"]) == {"digit"}


def test_a_conditional_model_is_told_the_labels_and_checked(make_run):
    found = evaluate(make_run("conditional-vae"), metrics=["elbo", "condition_fidelity"], reader_pictures=500)
    assert set(found["metrics"]) == {"elbo", "condition_fidelity"}
    assert 0 <= found["metrics"]["condition_fidelity"]["value"] <= 1


def test_reading_attributes_trains_no_reader(make_run, monkeypatch):
    monkeypatch.setattr(reader_cache, "train_reader", None)
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


def test_other_data_are_matched_by_name_and_label(make_run, tmp_path):
    run = make_run("supervised", **{"data.count": None})
    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    few = bunch.target >= 5
    np.savez(tmp_path / "half.npz", images=images[few], digit=bunch.target[few])
    found = evaluate(run, metrics=["attribute_accuracy"], data=str(tmp_path / "half.npz"))
    read = run.model.predict(images[few])["digit"]
    expected = (read == bunch.target[few]).mean()
    verdict = found["metrics"]["attribute_accuracy"]["per_attribute"]["digit"]
    assert verdict["accuracy"] == pytest.approx(expected, abs=0.2)
    assert found["settings"]["data"].endswith("half.npz")


def test_a_dataset_without_a_test_part_is_measured_on_what_it_has(make_run):
    found = evaluate(make_run("vae", **{"data.test": 0.0, "data.valid": 0.2}), metrics=["kl"])
    assert found["settings"]["split"] == "valid"


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


def test_the_names_are_those_of_the_metrics_package():
    assert {"mig", "sap", "modularity", "explicitness", "infomec", "irs", "mcc"} <= set(METRICS)
