"""The metrics of codes, given the codes and labels of an analysis."""

from __future__ import annotations

import numpy as np
import pytest
from toy_images import SHAPE, TOY, encoded, give

from distaff.attributes import Attribute, AttributeTable
from distaff.evaluation import RunInputs
from distaff.metrics import METRICS, run


def test_codes_that_are_the_attributes_are_read_without_error(toy):
    found = run(RunInputs(toy), ["linear_probe", "knn_accuracy"])
    assert found["linear_probe"].value == 1
    assert found["knn_accuracy"].details["per_factor"][0] > 0.8
    assert found["knn_accuracy"].settings["neighbours"] == 10
    assert found.factors["linear_probe"] == ("shape", "turn", "size")


def test_codes_of_noise_are_not(toy):
    rng = np.random.default_rng(0)
    for part in ("train_encoded", "encoded"):
        give(toy, **{part: encoded(rng.standard_normal(getattr(toy, part).codes.shape))})
    found = run(RunInputs(toy), ["linear_probe", "knn_accuracy"])
    assert found["knn_accuracy"].details["per_factor"][0] < 0.55
    assert found["linear_probe"].details["test_per_factor"][1] < 0.3


@pytest.mark.parametrize(
    "name", ["mig", "sap", "modularity", "explicitness", "irs", "mcc", "total_correlation", "dci"]
)
def test_metrics_of_codes_run_on_the_measured_images(toy, name):
    found = run(RunInputs(toy), [name])
    # Codes of classes depend on each other by construction, as total correlation says.
    assert np.isfinite(found[name].value) or name == "total_correlation"
    # Steps round a circle and categories are no numbers.
    expected = {"mcc": ("size",), "total_correlation": ()}.get(name, ("shape", "turn", "size"))
    assert found.factors[name] == expected


def test_what_learns_learns_from_training_images_and_all_else_sees_the_measured_alone(toy):
    inputs = RunInputs(toy)
    learns = inputs.arguments(METRICS["knn_accuracy"])
    np.testing.assert_array_equal(learns["codes"], toy.train_codes)
    np.testing.assert_array_equal(learns["test_codes"], toy.codes)
    np.testing.assert_array_equal(learns["factors"], toy.train_table.values)
    np.testing.assert_array_equal(learns["test_factors"], toy.table.values)
    plain = inputs.arguments(METRICS["mig"])
    assert "codes" in plain or "shared" in plain
    np.testing.assert_array_equal(inputs.arguments(METRICS["irs"])["codes"], toy.codes)
    np.testing.assert_array_equal(inputs.arguments(METRICS["irs"])["factors"], toy.table.values)


def test_columns_that_cannot_be_measured_against_are_named_with_the_reason(toy):
    n = len(toy.labels)
    many = Attribute(name="name", kind="categorical", values=tuple(f"image {i}" for i in range(n)))
    more = [
        (Attribute(name="same", kind="ordinal", values=(1, 2)), np.zeros(n)),
        (Attribute(name="never", kind="ordinal", values=(1, 2)), np.full(n, np.nan)),
        (many, np.arange(n)),
    ]
    toy.labels = AttributeTable(
        (*TOY, *(attribute for attribute, _ in more)),
        np.column_stack([toy.labels.values, *(values for _, values in more)]).astype(np.float32),
    )
    inputs = RunInputs(toy)
    assert [each.name for each in inputs.factors] == ["shape", "turn", "size"]
    assert "one value" in inputs.factors_left_out["same"]
    assert "no label" in inputs.factors_left_out["never"]
    assert "class of its own" in inputs.factors_left_out["name"]


def test_what_a_model_lacks_is_said(toy):
    inputs = RunInputs(toy)
    assert "softmax" in inputs.lacks(METRICS["elbo"])
    assert "normal" in inputs.lacks(METRICS["borders"])
    assert "gaussian" in inputs.lacks(METRICS["strongest_latent"])
    assert "sprites" in inputs.lacks(METRICS["drawn_iou"])
    assert "normal" in inputs.lacks(METRICS["elbo_split"])
    assert inputs.lacks(METRICS["swap_test"]) is None
    toy.labels = AttributeTable((), np.zeros((len(toy.labels), 0), np.float32))
    assert "no labels" in RunInputs(toy).lacks(METRICS["linear_factor"])


def test_every_metric_of_a_model_says_what_it_is():
    ours = [each for each in METRICS.values() if each.function.__module__.startswith("distaff.evaluation")]
    assert len(ours) == 16
    for each in ours:
        assert each.of_model
        assert 20 < len(each.summary) <= 110, each.name
        assert each.span, each.name
        assert each.weaknesses, each.name
        assert each.better in {"higher", "lower", "neither"}
    assert METRICS["elbo"].better == "higher"
    assert METRICS["nll"].better == "lower"
    assert METRICS["kl"].better == "neither"
    assert METRICS["nll"].paper == "https://arxiv.org/abs/1509.00519"


def test_a_metric_of_another_package_takes_what_it_needs(toy, monkeypatch):
    from distaff.metrics import metric

    monkeypatch.setattr(METRICS, "_things", dict(METRICS._things))

    @metric(needs=("model", "images"), default=False)
    def brightness_of_a_stranger(model, images, codes) -> float:
        """Mean brightness."""
        assert model.code_size == codes.shape[1]
        return float(images.mean())

    found = run(RunInputs(toy), ["brightness_of_a_stranger"])
    assert found["brightness_of_a_stranger"].value == toy.images(toy.rows).mean()
    assert SHAPE in toy.labels.attributes
