"""Downstream tasks, SEPIN and variance votes: truths, undefined cases, progress and bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from distaff import metrics
from distaff.errors import InputError
from distaff.metrics import FactorSampler
from distaff.metrics._linear_models import fit_logistic_cv

STATE = np.random.RandomState(0)
FACTORS = STATE.randint(3, size=(240, 2))
CODES = FACTORS + 0.05 * STATE.randn(240, 2)
NOISE = STATE.randn(240, 2)
SMALL: dict[str, Any] = {"num_train": 90, "workers": 1}
VOTES: dict[str, Any] = {"num_train": 60, "num_test": 60, "batch_size": 20}


def identity(factors: np.ndarray) -> np.ndarray:
    return factors.astype(float)


def test_downstream_of_the_identity_is_right_from_few_points() -> None:
    seen: list[tuple[int, int]] = []
    score = metrics.downstream(CODES, FACTORS, train_sizes=[20, 100], progress=lambda *at: seen.append(at))
    assert float(score) == pytest.approx(1, abs=0.02)
    assert score.details["train_sizes"].tolist() == [20, 100]
    assert score.details["test_per_factor"].shape == (2, 2)
    assert seen == [(step, 4) for step in (1, 2, 3, 4)]
    again = metrics.downstream(CODES, FACTORS, train_sizes=[20, 100])
    assert again.as_dict() == score.as_dict()


def test_downstream_of_noise_is_chance() -> None:
    score = metrics.downstream(NOISE, FACTORS, train_sizes=[160])
    assert float(score) == pytest.approx(score.details["chance"].mean(), abs=0.15)


def test_downstream_of_one_drawn_class_predicts_it() -> None:
    rare = (np.arange(240) % 40 == 0).astype(int)[:, None]
    test: dict[str, Any] = {"test_codes": CODES, "test_factors": rare}
    score = metrics.downstream(CODES, rare, train_sizes=[5], seed=1, **test)
    assert float(score) == pytest.approx(1 - rare.mean())
    sizes = metrics.downstream(CODES, FACTORS, train_sizes=[10**6], num_test=20).details["train_sizes"]
    assert sizes.tolist() == [160]


def test_the_penalty_is_chosen_without_a_class_in_every_fold() -> None:
    labels = np.repeat([0, 1, 2], [50, 10, 10])
    codes = labels[:, None] + 0.01 * np.random.RandomState(1).randn(70, 1)
    assert np.mean(fit_logistic_cv(codes, labels).predict(codes) == labels) > 0.9
    lone = np.repeat([0, 1], [30, 7])
    assert np.mean(fit_logistic_cv(lone[:, None] * 1.0, lone).predict(lone[:, None] * 1.0) == lone) > 0.8


def test_deleting_the_code_of_a_factor_leaves_the_others() -> None:
    seen: list[tuple[int, int]] = []
    score = metrics.reduced_downstream(
        CODES, FACTORS, num_train=120, workers=1, progress=lambda *at: seen.append(at)
    )
    assert score.details["removed"].tolist() == [[0], [1]]
    assert score.details["others_test"] > 0.95
    assert score.details["reduced_test"] < 0.6
    assert float(score) == pytest.approx(score.details["others_test"] - score.details["reduced_test"])
    assert seen[-1] == (6, 6)


def test_a_code_that_leaks_another_factor_does_not_carry_over() -> None:
    sampler = FactorSampler.from_function(identity, [3, 3, 1])
    mixed = FactorSampler.from_function(lambda f: f @ np.array([[1.0], [3.0], [0.0]]), [3, 3, 1])
    options: dict[str, Any] = {**SMALL, "num_test": 60, "experiments": 1}
    seen: list[tuple[int, int]] = []
    clean = metrics.strong_downstream(sampler, **options, progress=lambda *at: seen.append(at))
    leaky = metrics.strong_downstream(mixed, **options)
    assert float(clean) == pytest.approx(0, abs=0.02)
    assert float(leaky) > 0.2
    assert clean.details["fixed"].tolist() == [[1], [0]]
    assert seen[-1] == (4, 4)


def test_tasks_that_intervene_take_rows_that_are_no_grid() -> None:
    strong = metrics.strong_downstream(CODES, FACTORS, **SMALL, num_test=60, experiments=1)
    assert float(strong) == pytest.approx(0, abs=0.05)
    fair = metrics.fairness(CODES, FACTORS, **SMALL, points_per_value=60)
    assert 0 <= float(fair) < 0.2


def test_predictions_that_follow_another_factor_are_unfair() -> None:
    # One code holds the sum of two factors: a guess of either moves with the other.
    tied = FactorSampler.from_function(lambda f: f.sum(axis=1, keepdims=True) * 1.0, [3, 3])
    score = metrics.fairness(tied, **SMALL, points_per_value=50)
    assert float(score) > 0.2
    assert score.details["largest"].max() >= score.details["worst"] > 0.2
    assert score.details["mean"].diagonal().tolist() == [0, 0]
    assert score.details["per_target"].mean() == pytest.approx(float(score))
    assert score.details["per_sensitive"].mean() == pytest.approx(float(score))
    fair = metrics.fairness(FactorSampler.from_function(identity, [3, 3, 1]), **SMALL)
    assert float(fair) == pytest.approx(0, abs=1e-12)


def test_sepin_of_independent_sharp_codes_is_their_information() -> None:
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(4), indexing="ij"), -1).reshape(-1, 2) * 1.0
    sharp = np.full(grid.shape, -6.0)
    seen: list[tuple[int, int]] = []
    score = metrics.sepin(grid, sharp, num_samples=400, progress=lambda *at: seen.append(at))
    assert float(score) == pytest.approx(np.log(4), abs=0.05)
    assert score.details["windin"] == pytest.approx(float(score), abs=1e-9)
    assert metrics.sepin(grid, sharp, num_samples=400, headline="windin").value == score.details["windin"]
    assert seen[-1] == (400, 400)
    # A copy of a code leaves neither with information of its own.
    copied = metrics.sepin(grid[:, [0, 0]], sharp, num_samples=400)
    assert float(copied) == pytest.approx(0, abs=0.05)


def test_sepin_of_codes_that_tell_nothing_is_zero() -> None:
    assert float(metrics.sepin(np.zeros((30, 2)), np.zeros((30, 2)), num_samples=200)) == 0
    one = metrics.sepin(np.arange(4.0)[:, None], np.full((4, 1), -6.0), num_samples=200)
    assert one.details["separability"] == pytest.approx(0, abs=1e-6)
    assert float(one) == pytest.approx(np.log(4), abs=0.1)


def test_sampled_jemmig_of_the_identity() -> None:
    codes, logvar = FACTORS * 1.0, np.full(FACTORS.shape, -6.0)
    seen: list[tuple[int, int]] = []
    for estimator in ("bins", "sampling"):
        score = metrics.posterior_jemmig(
            codes,
            FACTORS,
            logvar=logvar,
            estimator=estimator,  # type: ignore[arg-type]
            num_samples=300,
            headline="rmig",
            progress=lambda *at: seen.append(at),
        )
        assert float(score) == pytest.approx(1, abs=0.05)
    assert seen[1] == (2, 2)
    assert seen[-1] == (300, 300)
    told = metrics.posterior_jemmig(
        codes, FACTORS, logvar=logvar, estimator="sampling", num_samples=300, headline="informativeness"
    )
    assert float(told) == pytest.approx(np.log(3), abs=0.1)


@pytest.mark.parametrize("metric", [metrics.z_min_variance, metrics.z_max_variance])
def test_variance_votes(metric: Callable[..., Any]) -> None:
    score = metric(CODES, FACTORS, **VOTES)
    assert float(score) == 1
    assert score.details["votes"].sum() == 60
    assert float(metric(CODES[:, ::-1], FACTORS, **VOTES)) == 1
    raw = metric(NOISE, FACTORS, **VOTES, rescale=False)
    assert raw.value == raw.details["test_accuracy"]
    assert float(metric(NOISE, FACTORS, **VOTES)) == pytest.approx(2 * raw.value - 1)
    assert float(metric(np.ones((240, 2)), FACTORS, **VOTES)) == 0
    still = np.insert(CODES, 1, 2.5, axis=1)
    assert metric(still, FACTORS, **VOTES, threshold=0).details["active"].tolist() == [True, False, True]
    fractions = metric(CODES, FACTORS + 0.5, **VOTES, factor_bins=3)
    assert float(fractions) == 1
    assert fractions.settings["factor_bins"] == 3
    holed = FACTORS.astype(float)
    holed[::5, 0] = np.nan
    assert float(metric(CODES, holed, **VOTES)) == 1


def test_progress_of_infomec_and_udr() -> None:
    seen: list[tuple[int, int]] = []
    metrics.infomec(CODES, FACTORS, progress=lambda *at: seen.append(at))
    assert seen == [(step, 6) for step in range(1, 7)]
    seen.clear()
    metrics.udr([CODES, NOISE], np.ones((2, 2)), progress=lambda *at: seen.append(at))
    assert seen == [(1, 2), (2, 2)]


LOGVAR = np.zeros((240, 2))


@pytest.mark.parametrize(
    ("match", "call"),
    [
        ("counts of 1 or more", lambda: metrics.downstream(CODES, FACTORS, train_sizes=[])),
        ("at least 5", lambda: metrics.downstream(CODES, FACTORS, train_sizes=[4])),
        ("did you mean 'boosting'", lambda: metrics.downstream(CODES, FACTORS, predictor="bosting")),
        ("workers", lambda: metrics.downstream(CODES, FACTORS, workers=0)),
        ("only one value", lambda: metrics.downstream(CODES, np.zeros((240, 2)))),
        ("is continuous", lambda: metrics.downstream(CODES, FACTORS + 0.5)),
        ("number of codes, 2; not 2", lambda: metrics.reduced_downstream(CODES, FACTORS, remove=2)),
        ("float32", lambda: metrics.reduced_downstream(CODES * 1e60, FACTORS)),
        ("float32", lambda: metrics.downstream(CODES * 1e60, FACTORS, predictor="boosting")),
        ("two factors", lambda: metrics.reduced_downstream(CODES, FACTORS[:, :1])),
        ("two factors that vary", lambda: metrics.strong_downstream(CODES, FACTORS[:, :1])),
        ("1 or more", lambda: metrics.strong_downstream(CODES, FACTORS, experiments=0)),
        ("two factors", lambda: metrics.fairness(CODES, FACTORS[:, :1])),
        ("1 or more", lambda: metrics.fairness(CODES, FACTORS, points_per_value=0)),
        ("disagree", lambda: metrics.sepin(CODES, LOGVAR[:9])),
        ("num_samples", lambda: metrics.sepin(CODES, LOGVAR, num_samples=0)),
        ("logvar is too large", lambda: metrics.sepin(CODES, LOGVAR + 2000)),
        ("too narrow", lambda: metrics.sepin(np.zeros((3, 99)), np.full((3, 99), -30.0))),
        (
            "has a range with estimator='bins' only",
            lambda: metrics.posterior_jemmig(
                CODES, FACTORS, logvar=LOGVAR, estimator="sampling", direction="higher"
            ),
        ),
        ("two factors", lambda: metrics.z_min_variance(CODES, FACTORS[:, :1])),
        ("two factors", lambda: metrics.z_max_variance(CODES, FACTORS[:, :1])),
        ("2 or more", lambda: metrics.z_min_variance(CODES, FACTORS, batch_size=1)),
        ("no value twice", lambda: metrics.z_min_variance(CODES, np.tile(np.arange(240)[:, None], 2))),
        ("no two points agree", lambda: metrics.z_max_variance(CODES, np.tile(np.arange(240)[:, None], 2))),
        (
            "fewer than two points",
            lambda: metrics.z_min_variance(
                CODES, np.where([[True, False], [False, True]] * 120, np.nan, FACTORS)
            ),
        ),
    ],
)
def test_bad_input_is_one_clear_line(match: str, call: Callable[[], Any]) -> None:
    with np.errstate(over="ignore"), pytest.raises(InputError, match=match) as caught:
        call()
    assert "\n" not in str(caught.value)
