"""The numbers of the bound and of the latents, of models whose answers are known."""

from __future__ import annotations

import math

import pytest
import torch
from toy_images import encoded, give

from distaff.analysis import Analysis, judge_collapse
from distaff.data import load
from distaff.errors import InputError
from distaff.evaluation import _bound as bound
from distaff.evaluation import (
    collapse,
    elbo,
    kl,
    nll,
    nll_5000,
    nll_annealed,
    reconstruction,
    strongest_latent,
)
from distaff.metrics import METRICS
from distaff.model import Model
from distaff.recipe import load_recipe

PIXELS = 64


def fixed(mean=0.0, log_variance=0.0, **settings):
    """Two latents whose posterior is the same for every image, and a decoder that ignores them."""
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
    attributes = dataset.attributes.attributes
    vae, objective = recipe.build(attributes, (1, 8, 8), 255)
    with torch.no_grad():
        vae.head.weight.zero_()
        vae.head.bias.copy_(torch.tensor([mean, mean, log_variance, log_variance]))
        for parameter in vae.decoder.parameters():
            parameter.zero_()
    return Analysis(Model(recipe, attributes, vae, objective), dataset)


def test_kl_and_elbo_of_a_known_posterior():
    analysis = fixed(mean=2.0, log_variance=math.log(0.25))
    each = 0.5 * (0.25 + 4 - 1 - math.log(0.25))
    assert kl(analysis).value == pytest.approx(2 * each, rel=1e-5)
    assert kl(analysis).details["kl_per_dimension"] == pytest.approx({"z0": each, "z1": each}, rel=1e-5)
    assert reconstruction(analysis).value == pytest.approx(PIXELS * math.log(2), rel=1e-5)
    found = elbo(analysis)
    assert found.value == pytest.approx(-(PIXELS * math.log(2) + 2 * each), rel=1e-5)
    assert found.details["standard_error"] == pytest.approx(0, abs=1e-4)
    assert found.value == pytest.approx(-found.details["reconstruction"] - found.details["kl"])
    assert set(METRICS["elbo"].parts) <= set(found.details)


def test_the_kl_of_the_json_is_that_of_the_analysis():
    analysis = fixed(mean=0.3)
    per_dimension = kl(analysis).details["kl_per_dimension"]
    means = analysis.bound.kl.mean(axis=0, dtype=float)
    assert per_dimension == dict(zip(analysis.bound.kl_names, means.tolist(), strict=True)) == analysis.kl
    assert collapse(analysis).details["kl_per_latent"] == analysis.kl
    assert elbo(analysis).value == analysis.bound.elbo.mean()


def test_normalised_beta_is_beta_times_latents_over_pixels():
    found = kl(fixed()).details
    assert found["beta"] == {"kl": 4}
    assert found["normalised_beta"] == {"kl": 4 * 2 / PIXELS}


def test_nll_is_exact_where_the_posterior_is_the_true_one():
    found = nll(fixed())
    assert found.value == pytest.approx(PIXELS * math.log(2), rel=1e-5)
    assert found.details["draws"] == 100
    assert found.details["effective_samples"] == pytest.approx(100, rel=1e-3)


def test_nll_is_tighter_than_the_elbo():
    analysis = fixed(mean=0.5, log_variance=-0.5)
    assert PIXELS * math.log(2) - 0.2 < nll(analysis).value < -elbo(analysis).value


def test_many_draws_and_annealing_find_the_likelihood_where_the_posterior_is_wrong(monkeypatch):
    monkeypatch.setattr(bound, "NLL_IMAGES", 20)
    monkeypatch.setattr(bound, "ANNEALED", 10)
    monkeypatch.setattr(bound, "MANY", 600)
    analysis = fixed(mean=1.0, log_variance=-1.0, network={"mlp": {"hidden": [16]}})
    exact = PIXELS * math.log(2)
    found = nll_5000(analysis)
    assert (found.details["draws"], found.details["images"]) == (600, 20)
    assert found.value == pytest.approx(exact, abs=0.1)
    annealed = nll_annealed(analysis)
    assert (annealed.details["chains"], annealed.details["images"]) == (8, 10)
    assert annealed.value == pytest.approx(exact, abs=0.1)
    assert nll(analysis).value > exact + 0.1 or nll(analysis).details["effective_samples"] < 20


def test_squared_error_says_that_its_constant_is_missing():
    assert "constant" in elbo(fixed(likelihood="mse")).details["note"]
    assert "note" not in elbo(fixed()).details


def test_a_model_without_a_divergence_has_no_kl(toy):
    with pytest.raises(InputError, match="divergence"):
        kl(toy)


def test_collapse_is_said_in_words_with_the_numbers_behind_it():
    found = collapse(fixed())
    assert (found.value, found.details["verdict"], found.details["unused"]) == (1, "all", ["z0", "z1"])
    assert found.details["sentence"].startswith("The posterior has collapsed: all 2 latents")
    assert found.details["kl_per_latent"] == pytest.approx({"z0": 0, "z1": 0}, abs=1e-6)
    analysis = fixed()
    with torch.no_grad():
        analysis.model.vae.head.bias[1] = 0.3
    found = collapse(analysis)
    assert (found.value, found.details["verdict"], found.details["unused"]) == (0.5, "some", ["z0"])
    assert "the other carries 0.045 nats" in found.details["sentence"]
    # It differs from its prior, but by the same for every image.
    assert found.details["variance_per_latent"] == pytest.approx({"z0": 0, "z1": 0}, abs=1e-6)
    assert found.details["note"].startswith("z1: ")


def test_training_and_evaluation_share_one_verdict():
    assert collapse(fixed(mean=1.0)).details["sentence"] == judge_collapse({"z0": 0.5, "z1": 0.5}).sentence


def test_a_quantised_model_is_described_by_its_values():
    recipe = load_recipe("vae").changed(
        {
            "data.source": "digits",
            "data.count": 200,
            "latent": [{"quantised": {"size": 2, "values": 3}}],
            "loss": ["quantise"],
        }
    )
    dataset = load(recipe.data)
    attributes = dataset.attributes.attributes
    analysis = Analysis(Model(recipe, attributes, *recipe.build(attributes, (1, 8, 8), 170)), dataset)
    found = collapse(analysis)
    assert set(found.details["values_per_latent"]) == {"z0", "z1"}
    assert all(1 <= count <= 3 for count in found.details["values_per_latent"].values())
    assert "collapsed" not in found.details["sentence"]


def test_the_strongest_latent_of_the_json_is_that_of_the_analysis():
    analysis = fixed()
    codes = analysis.codes.copy()
    codes[:, 0] = [3 if i % 2 else -3 for i in range(len(codes))]
    codes[:, 1] = -0.5
    found = strongest_latent(give(analysis, encoded=encoded(codes)))
    assert found.details["latent"] == analysis.strongest.label == "z1"
    assert found.details["strongest_by_size"] == "z0"
    assert found.value == pytest.approx(0.5)
    assert found.details["low"] == found.details["high"] == pytest.approx(-0.5)
