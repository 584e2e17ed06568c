"""Every golden value of every case, within the tolerance that its file gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import golden_values
import numpy as np
import pytest

from distaff import metrics
from distaff.metrics import FactorSampler, _matrices, _unsupervised

EXACT = 1e-6


def arrays(case: str) -> tuple[np.ndarray, np.ndarray]:
    stored = golden_values.case(case)
    return stored["z_train"], stored["factors_train"]


def test_part(case: str) -> dict[str, np.ndarray]:
    stored = golden_values.case(case)
    return {"test_codes": stored["z_test"], "test_factors": stored["factors_test"]}


test_part.__test__ = False  # type: ignore[attr-defined]


def mig(case: str) -> dict[str, Any]:
    score = metrics.mig(*arrays(case))
    return {
        "discrete_mig": float(score),
        "mig_per_factor": score.details["per_factor"],
        "mutual_information_nats": score.details["mutual_information"],
        "factor_entropy_nats": score.details["factor_entropy"],
    }


def modularity(case: str) -> dict[str, Any]:
    score = metrics.modularity(*arrays(case))
    return {"modularity_score": float(score), "modularity_per_code": score.details["per_code"]}


def explicitness(case: str) -> dict[str, Any]:
    score = metrics.explicitness(*arrays(case), **test_part(case))
    train, test = score.details["train"], score.details["test"]
    return {"explicitness_score_train": train, "explicitness_score_test": test}


def explicitness_per_factor(case: str) -> dict[str, Any]:
    details = metrics.explicitness(*arrays(case), **test_part(case)).details
    return {"train": details["train_per_factor"], "test": details["test_per_factor"]}


def sap(case: str, **options: Any) -> dict[str, Any]:
    score = metrics.sap(*arrays(case), **test_part(case), **options)
    return {"SAP_score": float(score), "score_matrix": score.details["matrix"]}


def irs(case: str, quantile: float) -> dict[str, Any]:
    score = metrics.irs(*arrays(case), quantile=quantile)
    active = score.details["parents"] >= 0
    return {
        "IRS": float(score),
        "active_dims": score.details["active_codes"],
        "disentanglement_scores": score.details["per_code"][active],
        "parents": score.details["parents"][active],
        "IRS_matrix": score.details["matrix"][active],
        "max_deviations": score.details["max_deviation"][active],
    }


def unsupervised(codes: np.ndarray) -> dict[str, Any]:
    wasserstein = metrics.wasserstein_correlation(codes).details
    return {
        "gaussian_total_correlation": float(metrics.total_correlation(codes)),
        "gaussian_wasserstein_correlation": wasserstein["raw"],
        "gaussian_wasserstein_correlation_norm": wasserstein["normalised"],
        "mutual_info_score": float(metrics.code_mutual_information(codes)),
    }


def nonconstant(case: str) -> np.ndarray:
    codes = arrays(case)[0]
    return codes[:, np.ptp(codes, axis=0) > 0]


def aggregations(case: str, index: int) -> dict[str, Any]:
    stored = golden_values.case(case)
    matrix, covariance = stored[f"importance_{index}"], stored[f"cov_{index}"]
    modular = _matrices.modularity_per_code(matrix)
    return {
        "dci_disentanglement": _matrices.disentanglement(matrix),
        "dci_completeness": _matrices.completeness(matrix),
        "dci_disentanglement_per_code": _matrices.disentanglement_per_code(matrix),
        "dci_completeness_per_factor": _matrices.completeness_per_factor(matrix),
        "modularity": modular.mean(),
        "modularity_per_code": modular,
        "sap": _matrices.gap(matrix).mean(),
        "sap_per_factor": _matrices.gap(matrix),
        "udr_relative_strength": _matrices.relative_strength(matrix),
        "gaussian_total_correlation": _unsupervised.gaussian_total_correlation(covariance),
        "gaussian_wasserstein_correlation": _unsupervised.gaussian_wasserstein_correlation(covariance),
    }


def udr(case: str, similarity: Any, uninformative: Any) -> dict[str, Any]:
    stored = golden_values.case(case)
    score = metrics.udr(stored["z"], stored["kl"], similarity=similarity, uninformative=uninformative)
    return {name: score.details[name] for name in ("model_scores", "pairwise")}


def mig_aam(case: str) -> dict[str, Any]:
    stored = golden_values.case(case)
    score = metrics.posterior_mig(
        stored["mu"], stored["factors"], logvar=stored["logvar"], samples=stored["samples"], num_samples=None
    )
    return {
        "MIG": score.details["mig"],
        "AAM": score.details["aam"],
        "mig_k": score.details["mig_per_factor"],
        "aam_k": score.details["aam_per_factor"],
        "H_z": score.details["entropy"],
        "H_z_given_v": score.details["conditional_entropy"].T,
    }


def binned_posterior(case: str) -> dict[str, Any]:
    logvar = golden_values.case(case)["logvar_train"]
    details = metrics.posterior_jemmig(*arrays(case), logvar=logvar).details
    return {
        "RMIG": details["rmig_per_factor"],
        "JEMMI": details["jemmig_per_factor"],
        "H_y": details["factor_entropy"],
        "MI_z_x": details["informativeness"],
        "norm_MI_z_x": details["normalised_informativeness"],
    }


def headline(
    key: str, function: Callable[..., metrics.Score], **options: Any
) -> Callable[[str], dict[str, Any]]:
    return lambda case: {key: float(function(*arrays(case), **options))}


def ubisoft(bins: int) -> dict[str, tuple[Callable[[str], dict[str, Any]], float]]:
    options = {
        "mig": (metrics.mig, {"normaliser": "code_entropy"}),
        "mig_sup": (metrics.mig_sup, {}),
        "modularity": (metrics.modularity, {"uninformative": "leave_out"}),
        "jemmig": (metrics.jemmig, {}),
        "dcimig": (metrics.dcimig, {}),
    }
    return {
        f"ubisoft.{name}_bins{bins}": (headline("score", function, bins=bins, **extra), EXACT)
        for name, (function, extra) in options.items()
    }


DETERMINISTIC: dict[str, tuple[Callable[[str], dict[str, Any]], float]] = {
    "dlib.mig": (mig, EXACT),
    "dlib.modularity": (modularity, EXACT),
    "dlib.modularity_explicitness": (lambda case: modularity(case) | explicitness(case), 1e-4),
    "dlib.modularity_explicitness_nonconstant": (explicitness, 1e-4),
    "dlib.explicitness_per_factor": (explicitness_per_factor, 1e-4),
    "dlib.sap_continuous": (lambda case: sap(case, continuous_factors=True), EXACT),
    "dlib.sap_discrete": (sap, 2e-3),
    "dlib.irs": (lambda case: irs(case, 0.99), EXACT),
    "dlib.irs_q1": (lambda case: irs(case, 1.0), EXACT),
    "dlib.unsupervised": (lambda case: unsupervised(arrays(case)[0]), EXACT),
    "dlib.unsupervised_nonconstant": (lambda case: unsupervised(nonconstant(case)), EXACT),
    "ivae.mcc_pearson": (headline("mcc", metrics.mcc), EXACT),
    "ivae.mcc_pearson_nonconstant": (headline("mcc", metrics.mcc), EXACT),
    "ivae.mcc_spearman": (headline("mcc", metrics.mcc, method="spearman"), EXACT),
    "ivae.mcc_spearman_nonconstant": (headline("mcc", metrics.mcc, method="spearman"), EXACT),
    **ubisoft(10),
    **ubisoft(20),
    "ubisoft.irs": (headline("score", metrics.irs, quantile=1.0, factor_bins=None), EXACT),
    "ubisoft.sap_regression": (headline("score", metrics.sap, continuous_factors=True), EXACT),
    "ubisoft.explicitness": (
        lambda case: {
            "score": float(metrics.explicitness(*arrays(case), **test_part(case), variant="rescaled"))
        },
        1e-4,
    ),
    **{f"dlib.aggregations_{i}": (lambda case, i=i: aggregations(case, i), EXACT) for i in range(5)},
    "dlib.udr_lasso": (lambda case: udr(case, "lasso", "drop"), EXACT),
    "dlib.udr_lasso_nofilter": (lambda case: udr(case, "lasso", "keep"), EXACT),
    "dlib.udr_spearman": (lambda case: udr(case, "spearman", "drop"), EXACT),
    "dlib.udr_spearman_nofilter": (lambda case: udr(case, "spearman", "keep"), EXACT),
    "yann.mig_aam": (mig_aam, 1e-4),
    # The reference sums in single precision.
    "dotran.binned_bins100": (binned_posterior, 1e-5),
}


def beta_vae(case: str, seed: int) -> dict[str, Any]:
    sampler = FactorSampler.from_arrays(*golden_values.grid(case))
    details = metrics.beta_vae_score(sampler, seed=np.random.RandomState(seed)).details
    return {"train_accuracy": details["train_accuracy"], "eval_accuracy": details["test_accuracy"]}


def factor_vae(case: str, seed: int, threshold: float = 0.05) -> dict[str, Any]:
    sampler = FactorSampler.from_arrays(*golden_values.grid(case))
    score = metrics.factor_vae_score(sampler, seed=np.random.RandomState(seed), threshold=threshold)
    return {"train_accuracy": score.details["train_accuracy"], "eval_accuracy": float(score)}


def infomec(case: str, seed: int, **options: Any) -> dict[str, Any]:
    details = metrics.infomec(*arrays(case), seed=np.random.RandomState(seed), **options).details
    return {name: details[name] for name in ("infom", "infoc", "infoe")}


def sampled_modularity_explicitness(case: str, seed: int) -> dict[str, Any]:
    z, f, test_z, test_f = golden_values.sampled_arrays(case, seed)
    details = metrics.explicitness(z, f, test_codes=test_z, test_factors=test_f).details
    return {
        "modularity_score": float(metrics.modularity(z, f)),
        "explicitness_score_train": details["train"],
        "explicitness_score_test": details["test"],
    }


def sampled_sap(case: str, seed: int, continuous: bool) -> dict[str, Any]:
    z, f, test_z, test_f = golden_values.sampled_arrays(case, seed)
    score = metrics.sap(z, f, test_codes=test_z, test_factors=test_f, continuous_factors=continuous)
    return {"SAP_score": float(score)}


SEEDED: dict[str, tuple[Callable[[str, int], dict[str, Any]], float]] = {
    "dlib.beta_vae": (beta_vae, 5e-4),
    "dlib.factor_vae": (factor_vae, 1e-12),
    "dlib.factor_vae_noprune": (lambda case, seed: factor_vae(case, seed, 0.0), 1e-12),
    "lq.infomec": (infomec, 1e-3),
    "dlib.sampled_mig": (
        lambda case, seed: {
            "discrete_mig": float(metrics.mig(*golden_values.sampled_arrays(case, seed)[:2]))
        },
        EXACT,
    ),
    "dlib.sampled_irs": (
        lambda case, seed: {"IRS": float(metrics.irs(*golden_values.sampled_arrays(case, seed)[:2]))},
        EXACT,
    ),
    "dlib.sampled_unsupervised": (
        lambda case, seed: unsupervised(golden_values.sampled_arrays(case, seed)[0]),
        EXACT,
    ),
    "dlib.sampled_modularity_explicitness": (sampled_modularity_explicitness, 1e-4),
    "dlib.sampled_sap_discrete": (lambda case, seed: sampled_sap(case, seed, False), 2e-3),
    "dlib.sampled_sap_continuous": (lambda case, seed: sampled_sap(case, seed, True), EXACT),
}

# Golden values with a test of their own, and one that is not to be reproduced.
ELSEWHERE = {
    "dlib.dci": "test_dci.py",
    "dlib.sampled_dci": "test_dci.py",
    "ubisoft.dci_lasso": "test_dci.py",
    "lq.infomec_discrete": "below",
    "disent.flatness": "below",
    "disent.linearity": "below",
    "yann.mig_aam_as_is": "a published error, not to be reproduced",
    "dlib.downstream_lr": "test_golden_tasks.py",
    "dlib.downstream_gbt": "test_golden_tasks.py",
    "dlib.reduced_downstream": "test_golden_tasks.py",
    "dlib.strong_downstream": "test_golden_tasks.py",
    "dlib.fairness": "test_golden_tasks.py",
    "dotran.sepin": "test_golden_tasks.py",
    "dotran.rmig_jemmig_sampling": "test_golden_tasks.py",
    "ubisoft.z_min_var": "test_golden_tasks.py",
    "ubisoft.z_max_var": "test_golden_tasks.py",
}


def compare(found: dict[str, Any], expected: dict[str, Any], tolerance: float) -> Iterator[str]:
    """What disagrees. Where the reference fails or is not a number, ours must be a number."""
    for key, ours in found.items():
        mine = np.asarray(ours, dtype=np.float64)
        if not np.isfinite(mine).all():
            yield f"{key} is not finite: {mine}"
        elif key in expected:
            theirs = np.asarray(expected[key], dtype=np.float64)
            away = np.abs(mine - theirs)[np.isfinite(theirs)]
            if away.size and away.max() > tolerance:
                yield f"{key}: {away.max():.3g} off"


def pairs(names: Any) -> list[tuple[str, str]]:
    return [(case, name) for case, found in golden_values.values().items() for name in found if name in names]


def test_the_golden_values_are_there() -> None:
    known = DETERMINISTIC.keys() | SEEDED.keys() | ELSEWHERE.keys()
    assert not {name for found in golden_values.values().values() for name in found} - known


@pytest.mark.parametrize(("case", "name"), pairs(DETERMINISTIC))
def test_deterministic(case: str, name: str) -> None:
    function, tolerance = DETERMINISTIC[name]
    assert not list(compare(function(case), golden_values.values()[case][name]["value"], tolerance))


@pytest.mark.parametrize(
    "seeds", [slice(1), pytest.param(slice(1, None), marks=pytest.mark.slow)], ids=["0", "more"]
)
@pytest.mark.parametrize(("case", "name"), pairs(SEEDED))
def test_seed_by_seed(case: str, name: str, seeds: slice) -> None:
    function, tolerance = SEEDED[name]
    entry = golden_values.values()[case][name]
    for place, seed in list(enumerate(entry["seeds"]))[seeds]:
        expected = {key: each[place] for key, each in entry.get("per_seed", {}).items()}
        assert not list(compare(function(case, seed), expected, tolerance)), f"seed {seed}"


@pytest.mark.parametrize(("case", "name"), pairs({"lq.infomec_discrete"}))
def test_infomec_of_discrete_codes(case: str, name: str) -> None:
    expected = golden_values.values()[case][name]["value"]
    score = metrics.infomec(*arrays(case), discrete=True)
    assert not list(compare(score.details, {key: expected[key] for key in ("infom", "infoc")}, EXACT))
    assert score.details["infoe"] == pytest.approx(expected["infoe"], abs=2e-3)
    np.testing.assert_allclose(score.details["nmi"].T, expected["nmi"], atol=EXACT)


@pytest.mark.parametrize(("case", "name"), pairs({"disent.flatness", "disent.linearity"}))
def test_traversals(case: str, name: str) -> None:
    entry = golden_values.values()[case][name]
    sampler = FactorSampler.from_function(*golden_values.sampled_map(case))
    if name == "disent.flatness":
        details = metrics.flatness(sampler, repeats=1024).details
        found = {f"flatness.ave_flatness_l{p}": details[f"flatness_l{p}"] for p in (1, 2)}
        found["flatness.ave_flatness"] = details["per_factor"].mean()
        found |= {
            f"flatness.ave_{part}_l{p}": details[f"{part}_l{p}"].mean()
            for part in ("width", "length")
            for p in (1, 2)
        }
    else:
        details = metrics.linearity(sampler, repeats=1024).details
        found = {
            f"linearity.{part}.var": details[part]
            for part in ("linear_ratio", "axis_ratio", "axis_alignment")
        }
    for key, ours in found.items():
        # The reference's three runs of 128 traversals leave its own mean uncertain.
        allowed = max(4 * entry["std"][key], 0.02 * abs(entry["value"][key])) + 2e-3
        assert ours == pytest.approx(entry["value"][key], abs=allowed), key
