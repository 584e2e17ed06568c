"""Bad input is one clear line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from distaff import metrics
from distaff.errors import InputError
from distaff.metrics import FactorSampler, _matrices, _unsupervised

FACTORS = np.random.RandomState(0).randint(4, size=(60, 3))
CODES = FACTORS + 0.1 * np.random.RandomState(1).randn(60, 3)
CLASSES = [
    metrics.mig,
    metrics.mig_sup,
    metrics.sap,
    metrics.modularity,
    metrics.explicitness,
    metrics.beta_vae_score,
    metrics.factor_vae_score,
    metrics.infomec,
    metrics.jemmig,
    metrics.dcimig,
    metrics.mutual_information,
    metrics.linear_probe,
    metrics.knn_accuracy,
]
ANY = [*CLASSES, metrics.irs, metrics.mcc]
NO_FACTORS = [
    metrics.total_correlation,
    metrics.wasserstein_correlation,
    metrics.code_mutual_information,
    metrics.active_units,
]


def line(match: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    with pytest.raises(InputError, match=match) as caught:
        function(*arguments, **options)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("metric", ANY)
def test_shapes_that_disagree(metric: Callable[..., Any]) -> None:
    line("60 points against 59", metric, CODES, FACTORS[:-1])
    line(r"\[points, factors\]", metric, CODES, FACTORS[:, 0])
    line(r"\[points, codes\]", metric, CODES[:, 0], FACTORS)


@pytest.mark.parametrize("metric", [*ANY, *NO_FACTORS])
def test_codes_that_are_not_finite(metric: Callable[..., Any]) -> None:
    broken = CODES.copy()
    broken[5, 1] = np.nan
    line("row 5, code 1 is nan", metric, broken, FACTORS)
    line("must be numbers", metric, CODES.astype(str), FACTORS)


@pytest.mark.parametrize("metric", ANY)
def test_one_valued_factors(metric: Callable[..., Any]) -> None:
    still = FACTORS.copy()
    still[:, 2] = 1
    line("factor 2 of factors has only one value", metric, CODES, still)


@pytest.mark.parametrize("metric", CLASSES)
def test_continuous_factors_where_classes_are_needed(metric: Callable[..., Any]) -> None:
    line("factor 0 of factors is continuous", metric, CODES, FACTORS + 0.5)


def test_whole_numbers_as_floats_are_classes() -> None:
    assert float(metrics.mig(CODES, FACTORS.astype(float))) == float(metrics.mig(CODES, FACTORS))


@pytest.mark.parametrize(
    ("match", "call"),
    [
        ("at least two codes", lambda: metrics.mig(CODES[:, :1], FACTORS)),
        ("at least two codes", lambda: metrics.sap(CODES[:, :1], FACTORS)),
        ("at least two codes", lambda: metrics.jemmig(CODES[:, :1], FACTORS)),
        ("at least two codes", lambda: metrics.code_mutual_information(CODES[:, :1])),
        ("at least two factors", lambda: metrics.modularity(CODES, FACTORS[:, :1])),
        ("at least two factors", lambda: metrics.mig_sup(CODES, FACTORS[:, :1])),
        ("at least two factors", lambda: metrics.dcimig(CODES, FACTORS[:, :1])),
        ("at least two factors", lambda: metrics.beta_vae_score(CODES, FACTORS[:, :1])),
        ("did you mean 'log_size'", lambda: metrics.mig(CODES, FACTORS, normaliser="log_sizes")),
        ("bins must be 2", lambda: metrics.mig(CODES, FACTORS, bins=1)),
        ("quantile", lambda: metrics.irs(CODES, FACTORS, quantile=2)),
        ("give both or neither", lambda: metrics.sap(CODES, FACTORS, test_codes=CODES)),
        (
            "3 codes against 2",
            lambda: metrics.sap(CODES, FACTORS, test_codes=CODES[:, :2], test_factors=FACTORS),
        ),
        (
            "disagree: 3 against 2",
            lambda: metrics.sap(CODES, FACTORS, test_codes=CODES, test_factors=FACTORS[:, :2]),
        ),
        ("cannot be split", lambda: metrics.sap(CODES[:1], FACTORS[:1])),
        ("neighbours", lambda: metrics.knn_accuracy(CODES, FACTORS, neighbours=0)),
        ("whole numbers", lambda: metrics.infomec(CODES, FACTORS, discrete=True)),
        ("factors are missing", lambda: metrics.beta_vae_score(CODES)),
        (
            "part of a FactorSampler",
            lambda: metrics.factor_vae_score(FactorSampler.from_arrays(CODES, FACTORS), FACTORS),
        ),
        ("1 or more", lambda: metrics.beta_vae_score(CODES, FACTORS, num_train=0)),
        ("2 or more", lambda: metrics.factor_vae_score(CODES, FACTORS, batch_size=1)),
        ("share factor", lambda: metrics.beta_vae_score(CODES, FACTORS, num_train=1)),
        ("two points", lambda: metrics.active_units(CODES[:1])),
        ("two points", lambda: metrics.total_correlation(CODES[:1])),
        ("text, not object", lambda: metrics.mig(CODES, FACTORS.astype(object))),
        ("numbers here", lambda: metrics.mcc(CODES, FACTORS.astype(str))),
        ("infinite", lambda: metrics.mcc(CODES, np.where(FACTORS == 0, np.inf, FACTORS))),
        ("misses a factor", lambda: FactorSampler.from_arrays(CODES, _scattered())),
        ("counts of 1", lambda: FactorSampler.from_function(lambda f: f, [])),
        (
            "returned 1 codes",
            lambda: metrics.factor_vae_score(FactorSampler.from_function(lambda f: f[:1], [2, 2])),
        ),
        ("every combination", lambda: metrics.flatness(CODES, FACTORS)),
        ("at least two values", lambda: metrics.flatness(FactorSampler.from_function(lambda f: f, [1]))),
        ("at least three values", lambda: metrics.linearity(FactorSampler.from_function(lambda f: f, [1]))),
        ("not a complete grid", lambda: metrics.posterior_mig(CODES, FACTORS, logvar=CODES)),
        ("disagree", lambda: metrics.posterior_mig(CODES, FACTORS, logvar=CODES[:, :2])),
        ("disagree", lambda: metrics.posterior_jemmig(CODES, FACTORS, logvar=CODES[:, :2])),
        ("at least two codes", lambda: metrics.posterior_jemmig(CODES[:, :1], FACTORS, logvar=CODES[:, :1])),
        ("missing factors", lambda: metrics.posterior_jemmig(CODES, _scattered(), logvar=CODES)),
        ("disagree", lambda: metrics.elbo_split(CODES, CODES[:, :2])),
        ("disagree", lambda: metrics.elbo_split(CODES, CODES, samples=CODES[:, :2])),
        ("at least two", lambda: metrics.udr([CODES], [np.ones(3)])),
        ("2 models against 1", lambda: metrics.udr([CODES, CODES], [np.ones(3)])),
        ("59 points", lambda: metrics.udr([CODES, CODES[1:]], np.ones((2, 3)))),
        ("kl of shape", lambda: metrics.udr([CODES, CODES], np.ones((2, 2)))),
        ("one shape", lambda: metrics.gaussian_kl(CODES, CODES[1:])),
        ("filled table", lambda: metrics.iwae_bound(np.zeros(3))),
        ("NaN", lambda: metrics.iwae_bound(np.full((2, 2), np.nan))),
        (r"1\.\.2", lambda: metrics.iwae_bound(np.zeros((2, 2)), samples=3)),
        ("shape", lambda: _matrices.gap(np.ones((1, 2)))),
        ("not negative", lambda: _matrices.gap(-np.ones((2, 2)))),
        ("weighting", lambda: _matrices.completeness(np.ones((2, 2)), weighting="plain")),
        ("square", lambda: _unsupervised.gaussian_total_correlation(np.ones((1, 2)))),
        ("did you mean 'mig'", lambda: metrics.METRICS["migg"]),
    ],
)
def test_one_clear_line(match: str, call: Callable[[], Any]) -> None:
    line(match, call)


def _scattered() -> np.ndarray:
    table = FACTORS.astype(float)
    table[::2, 0] = np.nan
    table[1::2, 1] = np.nan
    return table


def test_a_part_without_the_factor() -> None:
    table = FACTORS.astype(float)
    lost = table.copy()
    lost[:, 0] = np.nan
    line("missing from the whole test part", metrics.sap, CODES, table, test_codes=CODES, test_factors=lost)
    late = np.concatenate([np.zeros(30), FACTORS[30:, 0]])[:, None]
    call = {"test_codes": CODES[30:], "test_factors": late[30:]}
    line("only one value", metrics.sap, CODES[:30], late[:30], **call)
