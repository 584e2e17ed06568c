from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from distaff.data import load
from distaff.evaluation.bound import elbo, kl, lacks_bound, nll, reconstruction
from distaff.evaluation.collapse import active_units, collapse
from distaff.evaluation.encoding import Encoded
from distaff.evaluation.strongest import strongest_latent
from distaff.evaluation.subject import Subject
from distaff.model import Model, build, judge_collapse
from distaff.recipe import load_recipe

PIXELS = 64


def subject(mean=0.0, log_variance=0.0, **settings):
    """Two latents whose posterior is the same for every picture, and a decoder that ignores them."""
    recipe = load_recipe("vae").changed(
        {
            "data.source": "digits",
            "data.count": 300,
            "latent.gaussian.size": 2,
            "loss.kl.weight": 4,
            **settings,
        }
    )
    dataset = load(recipe.data)
    network, objective = build(recipe, dataset.attributes.attributes, (1, 8, 8))
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.copy_(torch.tensor([mean, mean, log_variance, log_variance]))
        for parameter in network.decoder.parameters():
            parameter.zero_()
    return Subject(Model(recipe, dataset.attributes.attributes, network, objective), dataset)


def test_kl_and_elbo_of_a_known_posterior():
    measured = subject(mean=2.0, log_variance=math.log(0.25))
    each = 0.5 * (0.25 + 4 - 1 - math.log(0.25))
    assert kl(measured)["value"] == pytest.approx(2 * each, rel=1e-5)
    assert kl(measured)["kl_per_dimension"] == pytest.approx({"z0": each, "z1": each}, rel=1e-5)
    assert reconstruction(measured)["value"] == pytest.approx(PIXELS * math.log(2), rel=1e-5)
    found = elbo(measured)
    assert found["value"] == pytest.approx(-(PIXELS * math.log(2) + 2 * each), rel=1e-5)
    assert found["standard_error"] == pytest.approx(0, abs=1e-4)


def test_normalised_beta_is_beta_times_latents_over_pixels():
    found = kl(subject())
    assert found["beta"] == {"kl": 4}
    assert found["normalised_beta"] == {"kl": 4 * 2 / PIXELS}


def test_nll_is_exact_where_the_posterior_is_the_true_one():
    found = nll(subject())
    assert found["value"] == pytest.approx(PIXELS * math.log(2), rel=1e-5)
    assert found["draws"] == 100
    assert found["effective_samples"] == pytest.approx(100, rel=1e-3)


def test_nll_is_tighter_than_the_elbo():
    measured = subject(mean=0.5, log_variance=-0.5)
    assert PIXELS * math.log(2) - 0.2 < nll(measured)["value"] < -elbo(measured)["value"]


def test_squared_error_says_that_its_constant_is_missing():
    assert "constant" in elbo(subject(likelihood="mse"))["note"]


def test_a_model_with_deterministic_codes_has_no_bound(toy):
    assert "softmax" in lacks_bound(toy)
    assert lacks_bound(subject()) is None


def test_collapse_is_said_in_words_with_the_numbers_behind_it():
    found = collapse(subject())
    assert (found["value"], found["verdict"], found["unused"]) == (1, "all", ["z0", "z1"])
    assert found["sentence"].startswith("The posterior has collapsed: all 2 latents")
    assert found["kl_per_latent"] == pytest.approx({"z0": 0, "z1": 0}, abs=1e-6)
    measured = subject()
    with torch.no_grad():
        measured.model.network.head.bias[1] = 0.3
    found = collapse(measured)
    assert (found["value"], found["verdict"], found["unused"]) == (0.5, "some", ["z0"])
    assert "the other carries 0.045 nats" in found["sentence"]
    # It differs from its prior, but by the same for every picture.
    assert found["variance_of_mean_per_latent"] == pytest.approx({"z0": 0, "z1": 0}, abs=1e-6)
    assert found["note"].startswith("z1: ")


def test_training_and_evaluation_share_one_verdict():
    measured = subject(mean=1.0)
    assert collapse(measured)["sentence"] == judge_collapse({"z0": 0.5, "z1": 0.5}).sentence


def test_active_units_are_counted_by_the_variance_of_the_mean():
    measured = subject()
    assert active_units(measured)["value"] == 0
    encoded = measured.test
    codes = encoded.codes.copy()
    codes[:, 0] = range(len(codes))
    measured.__dict__["test"] = Encoded(codes, encoded.factors)
    found = active_units(measured)
    assert found["value"] == 1
    assert found["variance_per_dimension"]["z0"] > 1
    assert found["variance_per_dimension"]["z1"] == 0


def test_the_strongest_latent_is_the_one_whose_mean_leans_furthest():
    measured = subject()
    codes = measured.test.codes.copy()
    codes[:, 0] = np.where(np.arange(len(codes)) % 2, 3, -3)
    codes[:, 1] = -0.5 + 0.01 * np.arange(len(codes)) / len(codes)
    measured.__dict__["test"] = Encoded(codes, measured.test.factors)
    found = strongest_latent(measured)
    assert found["latent"] == "z1"
    assert found["strongest_by_size"] == "z0"
    assert found["value"] == pytest.approx(0.495, abs=1e-3)
    assert found["low"] == pytest.approx(-0.5)
    assert found["high"] == pytest.approx(-0.49, abs=1e-3)
