from __future__ import annotations

import numpy as np
import pytest

from distaff.evaluation.encoding import Encoded
from distaff.evaluation.probes import knn_accuracy, linear_probe, ridge
from distaff.evaluation.table import METRICS


def test_codes_that_are_the_attributes_are_read_without_error(toy):
    assert linear_probe(toy)["value"] == 1
    found = knn_accuracy(toy)
    assert found["per_attribute"]["shape"]["accuracy"] > 0.8
    assert found["neighbours"] == 10


def test_codes_of_noise_are_not(toy):
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        encoded = getattr(toy, part)
        noise = rng.standard_normal(encoded.codes.shape).astype(np.float32)
        toy.__dict__[part] = Encoded(noise, encoded.factors)
    assert knn_accuracy(toy)["per_attribute"]["shape"]["accuracy"] < 0.55
    assert linear_probe(toy)["per_attribute"]["turn"]["accuracy"] < 0.3


def test_ridge_finds_a_line_and_ignores_a_dead_code():
    rng = np.random.default_rng(0)
    codes = np.column_stack([rng.standard_normal(500), np.full(500, 3.0)])
    others = np.column_stack([np.linspace(-1, 1, 5), np.full(5, 3.0 + 1e-7)])
    read = ridge(codes, 2 * codes[:, 0] + 1, others)
    np.testing.assert_allclose(read, 2 * others[:, 0] + 1, atol=0.02)


@pytest.mark.parametrize(
    "name", ["mig", "sap", "modularity", "explicitness", "irs", "mcc", "total_correlation"]
)
def test_the_suite_runs_on_the_shared_codes(toy, name):
    assert METRICS[name].lacks(toy) is None
    found = METRICS[name].measure(toy)
    assert np.isfinite(found["value"])
    assert found["factors"] == ([] if name == "total_correlation" else ["shape", "turn", "size"])
