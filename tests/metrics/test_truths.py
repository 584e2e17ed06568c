"""What must be so whatever the library: identity codes, noise, symmetries, cases without a definition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distaff import metrics
from distaff.errors import InputError
from distaff.metrics import FactorSampler, Score

SIZES = (3, 4, 5)
METRICS: dict[str, Callable[..., Score]] = {
    "mig": metrics.mig,
    "mig_sup": metrics.mig_sup,
    "sap": metrics.sap,
    "sap_continuous": lambda z, f: metrics.sap(z, f, continuous_factors=True),
    "modularity": metrics.modularity,
    "explicitness": metrics.explicitness,
    "irs": metrics.irs,
    "beta_vae_score": lambda z, f: metrics.beta_vae_score(z, f, num_train=600, num_test=300),
    "factor_vae_score": lambda z, f: metrics.factor_vae_score(z, f, num_train=600, num_test=300),
    "infom": metrics.infom,
    "infoc": metrics.infoc,
    "infoe": metrics.infoe,
    "mcc": metrics.mcc,
    "mcc_spearman": lambda z, f: metrics.mcc(z, f, method="spearman"),
    "jemmig": metrics.jemmig,
    "dcimig": metrics.dcimig,
    "mutual_information": metrics.mutual_information,
    "linear_probe": metrics.linear_probe,
    "knn_accuracy": metrics.knn_accuracy,
}


def draw(points: int, seed: int = 0) -> np.ndarray:
    state = np.random.RandomState(seed)
    return np.stack([state.randint(size, size=points) for size in SIZES], axis=1)


def entangled(seed: int, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    state, factors = np.random.RandomState(seed), draw(points, seed)
    return factors @ state.randn(3, 4) + state.randn(points, 4), factors


# A line cannot give five classes their own stretch of one code, so SAP of the identity stays below 1.
@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"sap"}))
def test_identity_codes_score_one(name: str) -> None:
    factors = draw(3000)
    # Neighbours of equal codes are found by noise, which costs InfoM and InfoC a little.
    allowed = 0.03 if name in ("infom", "infoc") else 0.01
    assert float(METRICS[name](factors.astype(float), factors)) == pytest.approx(1, abs=allowed)


def test_sap_of_the_identity_is_the_lead_of_the_right_code() -> None:
    factors = np.random.RandomState(0).randint(2, size=(3000, 2))
    assert float(metrics.sap(factors.astype(float), factors)) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("name", "chance"),
    [
        *(
            (name, 0.0)
            for name in ("mig", "mig_sup", "sap", "sap_continuous", "infoe", "dcimig", "mutual_information")
        ),
        ("mcc", 0.0),
        ("explicitness", 0.5),
        ("beta_vae_score", 1 / 3),
        ("factor_vae_score", 1 / 3),
    ],
)
def test_noise_scores_chance(name: str, chance: float) -> None:
    noise = np.random.RandomState(1).randn(6000, 4)
    assert float(METRICS[name](noise, draw(6000))) == pytest.approx(chance, abs=0.08)


def test_independent_codes_have_no_correlation() -> None:
    noise = np.random.RandomState(1).randn(6000, 4)
    assert float(metrics.total_correlation(noise)) == pytest.approx(0, abs=0.01)
    assert float(metrics.wasserstein_correlation(noise)) == pytest.approx(0, abs=0.01)
    assert float(metrics.code_mutual_information(noise)) == pytest.approx(0, abs=0.05)


ROUNDING = {"infoe": 2e-3, "infom": 1e-3, "infoc": 1e-3, "explicitness": 1e-3}


@pytest.mark.parametrize("name", sorted(METRICS))
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(4)))
def test_order_of_codes_does_not_matter(name: str, seed: int, order: list[int]) -> None:
    codes, factors = entangled(seed)
    allowed = ROUNDING.get(name, 0.02 if name == "beta_vae_score" else 1e-9)
    moved = METRICS[name](codes[:, order], factors)
    assert float(moved) == pytest.approx(float(METRICS[name](codes, factors)), abs=allowed)


# Equal-width bins keep their members under a flip only where no value lies on an edge, which draws avoid;
# the ends are closed differently, so one point may change bins.
FLIPPED = dict.fromkeys(("mig", "mig_sup", "modularity", "jemmig", "dcimig", "mutual_information"), 0.02)


@pytest.mark.parametrize("name", sorted(METRICS))
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), signs=st.lists(st.sampled_from([-1.0, 1.0]), min_size=4, max_size=4))
def test_signs_of_codes_do_not_matter(name: str, seed: int, signs: list[float]) -> None:
    codes, factors = entangled(seed)
    allowed = FLIPPED.get(name, ROUNDING.get(name, 0.02 if name == "beta_vae_score" else 1e-9))
    flipped = METRICS[name](codes * signs, factors)
    assert float(flipped) == pytest.approx(float(METRICS[name](codes, factors)), abs=allowed)


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"sap", "beta_vae_score"}))
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), power=st.integers(-3, 6))
def test_common_scale_does_not_matter(name: str, seed: int, power: int) -> None:
    codes, factors = entangled(seed)
    scaled = METRICS[name](codes * 2.0**power, factors)
    assert float(scaled) == pytest.approx(float(METRICS[name](codes, factors)), abs=ROUNDING.get(name, 1e-9))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_monotone_maps_do_not_matter_to_ranks(seed: int) -> None:
    codes, factors = entangled(seed)
    rank, bent = METRICS["mcc_spearman"](codes, factors), METRICS["mcc_spearman"](np.arctan(codes), factors)
    assert float(bent) == pytest.approx(float(rank), abs=1e-12)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_names_of_classes_do_not_matter(seed: int) -> None:
    codes, factors = entangled(seed)
    for name in ("mig", "modularity", "jemmig", "infom"):
        renamed = METRICS[name](codes, (7 - 3 * factors).astype(str))
        assert float(renamed) == pytest.approx(float(METRICS[name](codes, factors)), abs=1e-9)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_constant_codes_are_defined(name: str) -> None:
    factors = draw(900)
    codes = np.column_stack([factors + 0.01 * np.random.RandomState(0).randn(900, 3), np.full(900, 0.1)])
    score = METRICS[name](codes, factors)
    assert np.isfinite(float(score))
    flat = np.full((900, 3), 0.1)
    if name in ("infom", "infoc"):  # means over active codes, of which there is none
        with pytest.raises(InputError, match="active"):
            METRICS[name](flat, factors)
    else:
        assert 0 <= float(METRICS[name](flat, factors)) <= 1


@pytest.mark.parametrize("name", sorted(METRICS))
def test_missing_factors_are_left_out(name: str) -> None:
    factors = draw(1200).astype(float)
    codes = factors + 0.01 * np.random.RandomState(0).randn(1200, 3)
    factors[::7, 1] = np.nan
    whole = METRICS[name](codes, draw(1200))
    assert float(METRICS[name](codes, factors)) == pytest.approx(float(whole), abs=0.03)


def test_continuous_factors_where_they_are_welcome() -> None:
    truth = np.random.RandomState(0).rand(2000, 3)
    for score in (
        metrics.mcc(truth, truth),
        metrics.sap(truth, truth, continuous_factors=True),
        metrics.mig(truth, truth, factor_bins=20),
        metrics.modularity(truth, truth, factor_bins=20),
        metrics.dcimig(truth, truth, factor_bins=20),
    ):
        assert float(score) > 0.9
    assert float(metrics.irs(truth, truth)) > 0.85


def test_no_active_code_gives_factor_vae_zero_and_none_pruned_gives_chance() -> None:
    factors = draw(900)
    silent = 0.001 * factors.astype(float)
    assert float(metrics.factor_vae_score(silent, factors, num_train=100, num_test=100)) == 0
    half = np.column_stack([factors, np.full(900, 0.1)])
    unpruned = metrics.factor_vae_score(half, factors, threshold=0, num_train=900, num_test=900)
    assert float(unpruned) == pytest.approx(1 / 3, abs=0.06)
    assert float(metrics.factor_vae_score(half, factors, num_train=900, num_test=900)) == 1


def test_codes_without_information_count_as_uniform_in_infomec() -> None:
    factors = draw(900)
    codes = np.column_stack([factors[:, 0] + 0.0, np.tile([0.0, 1.0], 450)])
    score = metrics.infomec(codes, factors[:, :2], discrete=True)
    assert np.isfinite([score.details[part] for part in ("infom", "infoc", "infoe")]).all()


def test_equal_codes_make_total_correlation_infinite() -> None:
    noise = np.random.RandomState(0).randn(500, 1)
    assert float(metrics.total_correlation(np.hstack([noise, 2 * noise]))) > 15


def test_a_class_that_the_test_part_lacks_is_left_out() -> None:
    factors = draw(600)
    few = factors[:300].copy()
    few[few[:, 0] == 2, 0] = 1
    score = metrics.explicitness(factors + 0.0, factors, test_codes=few + 0.0, test_factors=few)
    assert np.isfinite(score.details["test_per_factor"]).all()
    few[:, 0] = 0
    with pytest.raises(InputError, match="no two known classes"):
        metrics.explicitness(factors + 0.0, factors, test_codes=few + 0.0, test_factors=few)


def test_a_score_carries_its_settings_and_versions() -> None:
    score = metrics.mig(draw(200) + 0.0, draw(200), bins=10)
    assert score.settings["bins"] == 10
    assert set(score.versions) >= {"numpy", "scikit-learn"}
    assert isinstance(score.as_dict()["mutual_information"], list)


def test_one_pass_serves_many_metrics() -> None:
    codes, factors = entangled(0)
    shared = metrics.information(codes, factors)
    for metric in (metrics.mig, metrics.mig_sup, metrics.modularity, metrics.jemmig, metrics.dcimig):
        assert float(metric(codes, factors, shared=shared)) == float(metric(codes, factors))


def test_precision_changes_edges_only() -> None:
    codes, factors = entangled(0)
    for metric in (metrics.mig, metrics.irs, metrics.sap, metrics.explicitness):
        single = metric(codes, factors, precision="float32")
        assert float(single) == pytest.approx(float(metric(codes, factors)), abs=0.02)


def test_variants_are_named() -> None:
    codes, factors = entangled(0)
    values = {
        n: float(metrics.mig(codes, factors, normaliser=n))
        for n in ("factor_entropy", "log_size", "code_entropy")
    }
    assert len(set(values.values())) == 3
    up = metrics.jemmig(codes, factors)
    down = metrics.jemmig(codes, factors, direction="lower")
    assert float(up) == pytest.approx(1 - float(down))
    old = metrics.explicitness(codes, factors, solver="liblinear")
    assert float(old) == pytest.approx(float(metrics.explicitness(codes, factors)), abs=0.05)
    assert 0.5 <= float(metrics.explicitness(codes, factors, variant="per_class")) <= 1
    sampler = FactorSampler.from_arrays(codes, factors)
    assert 0 <= float(metrics.beta_vae_score(sampler, solver="liblinear", num_train=200, num_test=100)) <= 1


@pytest.mark.parametrize("sizes", [(2, 3), (7, 6), (10, 3)])
def test_rounding_takes_no_score_out_of_its_range(sizes: tuple[int, int]) -> None:
    # mig and dcimig were 1 + 2e-16 here, mcc 1 + 4e-16, and the Wasserstein correlation -4e-15.
    factors = np.stack(np.meshgrid(*map(range, sizes), indexing="ij"), -1).reshape(-1, 2)
    for name in ("mig", "mig_sup", "jemmig", "dcimig", "mutual_information", "mcc", "modularity", "irs"):
        assert 0 <= METRICS[name](factors * 1.0, factors).value <= 1
    assert metrics.wasserstein_correlation(factors * 1.0).value >= 0


def test_text_is_classes_also_where_numbers_are_binned() -> None:
    codes, factors = entangled(0)
    names = np.array(["c", "a", "b", "e", "d"])[factors]
    assert metrics.irs(codes, names).value == pytest.approx(metrics.irs(codes, factors).value, abs=1e-12)
    assert metrics.mig(codes, names, factor_bins=20).value == pytest.approx(metrics.mig(codes, names).value)


def test_a_share_of_a_code_is_of_the_points_where_the_factor_is_known() -> None:
    z = np.zeros((1000, 1))
    z[:100, 0] = np.arange(100) % 2 + 1
    factors = np.full((1000, 2), np.nan)
    factors[:100, 0], factors[:100, 1] = np.arange(100) % 2, np.arange(100) // 2 % 2
    assert metrics.mig_sup(z, factors).value == pytest.approx(1)


@pytest.mark.parametrize("seed", range(10))
def test_total_correlation_of_a_linear_function_of_others_is_infinite(seed: int) -> None:
    codes = np.random.default_rng(seed).normal(size=(500, 3))
    assert metrics.total_correlation(np.c_[codes, 3.7 * codes[:, 0] + 1]).value == np.inf
