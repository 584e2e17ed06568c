"""Metrics of posteriors, bounds and counts against cases that can be worked out."""

from __future__ import annotations

import numpy as np
import pytest

from distaff import metrics
from distaff.metrics import FactorSampler

GRID = np.stack(np.meshgrid(np.arange(4), np.arange(5), indexing="ij"), -1).reshape(-1, 2)


def test_posterior_mig_of_the_identity_is_one() -> None:
    score = metrics.posterior_mig(10.0 * GRID, GRID, logvar=np.full(GRID.shape, -4.0))
    assert float(score) == pytest.approx(1, abs=1e-6)
    assert score.details["aam"] == pytest.approx(1, abs=1e-6)
    shuffled = np.random.RandomState(0).permutation(len(GRID))
    again = metrics.posterior_mig(10.0 * GRID[shuffled], GRID[shuffled], logvar=np.full(GRID.shape, -4.0))
    assert float(again) == pytest.approx(1, abs=1e-6)
    subset = metrics.posterior_mig(
        10.0 * GRID, GRID, logvar=np.full(GRID.shape, -4.0), num_samples=10, headline="aam"
    )
    assert float(subset) > 0.8


def test_posterior_mig_of_the_prior_is_zero() -> None:
    score = metrics.posterior_mig(np.zeros(GRID.shape), GRID, logvar=np.zeros(GRID.shape))
    assert float(score) == pytest.approx(0, abs=1e-9)
    assert score.details["aam"] == 0


def test_binned_posteriors_of_sharp_codes_are_informative() -> None:
    codes = (GRID - np.array([1.5, 2.0])) * 1.5
    sharp = metrics.posterior_jemmig(codes, GRID, logvar=np.full(GRID.shape, -8.0))
    vague = metrics.posterior_jemmig(codes, GRID, logvar=np.full(GRID.shape, 0.0))
    assert float(sharp) < float(vague)
    up = metrics.posterior_jemmig(codes, GRID, logvar=np.full(GRID.shape, -8.0), direction="higher")
    assert float(up) == pytest.approx(1 - float(sharp))
    needle = metrics.posterior_jemmig(codes, GRID, logvar=np.full(GRID.shape, -40.0), headline="rmig")
    assert float(needle) == pytest.approx(1, abs=1e-3)


def test_the_elbo_parts_add_up() -> None:
    state = np.random.RandomState(1)
    mean, logvar = state.randn(1500, 3), np.full((1500, 3), -2.0)
    details = metrics.elbo_split(mean, logvar, num_samples=1000).details
    assert details["kl_sampled"] == pytest.approx(details["kl"], rel=0.03)
    parts = ("mutual_information", "total_correlation", "dimension_wise_kl")
    assert sum(details[part] for part in parts) == pytest.approx(details["kl_sampled"])
    given = mean + np.exp(logvar / 2) * state.standard_normal(mean.shape)
    assert metrics.elbo_split(mean, logvar, samples=given).details["kl"] == details["kl"]


def test_a_posterior_equal_to_the_prior_has_no_kl() -> None:
    details = metrics.elbo_split(np.zeros((200, 2)), np.zeros((200, 2))).details
    for part in ("mutual_information", "total_correlation", "dimension_wise_kl", "kl"):
        assert details[part] == pytest.approx(0, abs=1e-12)


def test_the_bound_is_exact_for_a_gaussian_and_rises_with_samples() -> None:
    # p(z) = N(0, 1), p(x | z) = N(z, 1), q = N(0, 1): log w = log p(x | z), and p(x) = N(0, 2).
    state = np.random.RandomState(0)
    x, z = state.randn(300, 1) * np.sqrt(2), state.randn(300, 512)
    weights = -0.5 * (np.square(x - z) + np.log(2 * np.pi))
    truth = float((-0.5 * (np.square(x) / 2 + np.log(4 * np.pi))).mean())
    bounds = [float(metrics.iwae_bound(weights, samples=s)) for s in (1, 8, 64, 512)]
    assert bounds == sorted(bounds)
    assert bounds[0] == pytest.approx(metrics.iwae_bound(weights).details["elbo"])
    assert bounds[-1] == pytest.approx(truth, abs=0.02)
    assert 1 <= metrics.iwae_bound(weights).details["effective_samples"] <= 512
    assert metrics.iwae_bound(np.zeros((1, 2))).details["standard_error"] is None


def test_active_units_counts_codes_that_move() -> None:
    state = np.random.RandomState(0)
    codes = np.column_stack([state.randn(500), 0.05 * state.randn(500), np.full(500, 0.1)])
    score = metrics.active_units(codes)
    assert float(score) == 1
    assert score.details["active"].tolist() == [True, False, False]
    assert float(metrics.active_units(codes, threshold=0)) == 2


def test_udr_of_one_model_seen_twice_is_high_and_of_strangers_low() -> None:
    state = np.random.RandomState(0)
    codes = state.randn(800, 3)
    kl = np.ones((2, 3))
    same = metrics.udr([codes, -codes[:, ::-1]], kl, similarity="spearman")
    assert float(same) == pytest.approx(0.95, abs=0.05)
    assert float(metrics.udr([codes, state.randn(800, 3)], kl, similarity="spearman")) < 0.1
    assert float(metrics.udr([codes, codes], np.zeros((2, 3)))) == 0
    # Models need not have the same number of codes.
    assert float(metrics.udr([codes, codes[:, :2]], [np.ones(3), np.ones(2)])) > 0.5


def test_flat_and_linear_maps_score_one() -> None:
    straight = FactorSampler.from_function(lambda factors: 2.0 * factors, [4, 5, 1])
    assert float(metrics.flatness(straight, repeats=20)) == pytest.approx(1)
    for headline in ("linear_ratio", "axis_ratio", "axis_alignment"):
        assert float(metrics.linearity(straight, repeats=20, headline=headline)) == pytest.approx(1)
    still = FactorSampler.from_function(lambda factors: np.zeros((len(factors), 2)), [4, 5])
    assert float(metrics.flatness(still, repeats=20)) == 0
    assert float(metrics.linearity(still, repeats=20)) == 0


def test_probes_see_rotated_factors() -> None:
    state = np.random.RandomState(0)
    factors = state.randint(3, size=(1500, 2))
    codes = factors @ np.array([[1.0, 1.0], [1.0, -1.0]]) + 0.05 * state.randn(1500, 2)
    for metric in (metrics.linear_probe, metrics.knn_accuracy):
        score = metric(codes, factors)
        assert float(score) > 0.6 > score.details["chance"].max()
    wide = np.column_stack([1000 * state.randn(1500), codes])
    near = float(metrics.knn_accuracy(wide, factors))
    assert float(metrics.knn_accuracy(wide, factors, standardise=True)) > near


@pytest.mark.parametrize("logvar", [-60.0, -40.0, -25.0, -10.0, 0.0])
def test_the_split_of_narrow_posteriors_is_that_of_their_differences(logvar: float) -> None:
    # By products of matrices a log variance of -40 gave -148 nats, and one of -60 gave 1e11.
    state = np.random.RandomState(0)
    mean = 3 * state.randn(30, 3)
    deviation = np.exp(logvar / 2)
    samples = mean + deviation * state.randn(30, 3)
    away = (samples[:, None] - mean) / deviation
    densities = -0.5 * (away**2 + logvar + np.log(2 * np.pi))
    joint = np.logaddexp.reduce(densities.sum(2), axis=1) - np.log(30)
    marginals = (np.logaddexp.reduce(densities, axis=1) - np.log(30)).sum(1)
    found = metrics.elbo_split(mean, np.full(mean.shape, logvar), samples=samples)
    assert found.value == pytest.approx((joint - marginals).mean(), abs=1e-6)
    information = (np.diagonal(densities.sum(2)) - joint).mean()
    assert found.details["mutual_information"] == pytest.approx(information, abs=1e-6)
