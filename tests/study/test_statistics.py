"""The statistics of studies against published tables, scipy and values worked out by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from distaff.study import (
    Outcome,
    Results,
    Study,
    median_interval,
    order_interval,
    rank_correlation,
    rank_tests,
    rankings,
    superiority,
    variance_shares,
)


@pytest.mark.parametrize(
    ("n", "low", "high", "coverage"),
    # Coverages of order statistics: 1 - 2 P(Binomial(n, 1/2) < low).
    [(5, 1, 5, 0.9375), (6, 1, 6, 0.96875), (10, 2, 9, 0.9785), (20, 6, 15, 0.9586), (50, 18, 33, 0.9672)],
)
def test_order_statistics(n, low, high, coverage):
    found = order_interval(n)
    assert found[:2] == (low, high)
    assert found[2] == pytest.approx(coverage, abs=5e-5)


def test_coverage_is_what_it_says():
    rng = np.random.default_rng(0)
    for n in (6, 9, 15):
        found = [median_interval(rng.normal(size=n)) for _ in range(1000)]
        held = np.mean([each.low <= 0 <= each.high for each in found])
        slack = 3 * math.sqrt(0.05 * 0.95 / 1000)
        # The bootstrap of few values is known to cover a little less.
        assert held > found[0].coverage - slack - (0.02 if found[0].how == "bootstrap" else 0)


def test_bootstrap_is_that_of_the_median():
    values = np.random.default_rng(1).exponential(size=25)
    found = median_interval(values)
    drawn = np.random.default_rng(2).choice(values, (20_000, 25))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975], method="nearest")
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05)
    assert median_interval([-math.inf] * 12).low == -math.inf


def test_tests_that_can_tell_nothing_are_refused():
    # The smallest two-sided p of 3, 4 and 5 against as many: .1, .029, .0079.
    for n, smallest in ((3, 0.1), (4, 2 / 70), (5, 2 / 252)):
        (test,) = rank_tests([(list(range(n)), list(range(10, 10 + n)))])
        assert test.smallest == pytest.approx(smallest)
        assert (test.p is None) == (n == 3)
        if test.p is not None:
            assert test.p == pytest.approx(smallest)
    # Two of them, and four runs a side can no longer tell.
    pair = ([0.0, 1, 2, 3], [10.0, 11, 12, 13])
    assert [test.p for test in rank_tests([pair, pair])] == [None, None]


def test_holm():
    rng = np.random.default_rng(0)
    pairs = [(list(rng.normal(size=12)), list(rng.normal(shift, size=12))) for shift in (0.0, 1.0, 3.0)]
    plain = [stats.mannwhitneyu(*pair).pvalue for pair in pairs]
    order = np.argsort(plain)
    wanted, highest = np.empty(3), 0.0
    for place, k in enumerate(order):
        highest = wanted[k] = max(highest, min(1.0, plain[k] * (3 - place)))
    assert [test.p for test in rank_tests(pairs)] == pytest.approx(wanted)


def test_friedman_and_nemenyi():
    table = np.random.default_rng(0).integers(0, 5, (9, 4)).astype(float)
    two, few = rankings([table, table[:2]])
    (one,) = rankings([table])
    assert one.p == pytest.approx(stats.friedmanchisquare(*table.T).pvalue)
    assert two.p == pytest.approx(min(1, 2 * one.p))
    # Two sets of images reach 5% with four methods, but not if it is one of two tests.
    assert few.p is None
    # The critical difference of Demsar's table for four classifiers is 2.569 sqrt(k (k + 1) / 6 N).
    assert one.difference == pytest.approx(2.569 * math.sqrt(20 / 54), abs=1e-3)


def test_superiority_is_the_statistic_of_mann_and_whitney():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, 20), rng.integers(0, 5, 30)
    wanted = stats.mannwhitneyu(first, second).statistic / 600
    probability, low, high = superiority(first, second)
    assert probability == pytest.approx(wanted)
    assert low < probability < high


def test_shares_of_variance():
    shares = variance_shares(
        [1, 2, 3, 4, 5, 6, 7, 8],
        {"method": list("aaaabbbb"), "setting": list("xxyyxxyy")},
    )
    # Of ranks 1 to 8, 42 squares: 32 between methods, 8 between settings within them, 2 within those.
    assert shares == pytest.approx({"method": 32 / 42, "setting": 8 / 42, "seed": 2 / 42})
    assert math.isnan(variance_shares([1, 1], {"a": ["x", "y"]})["a"])


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 9, 40).astype(float)
    second = first + rng.normal(size=40)
    assert rank_correlation(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    second[0] = np.nan
    assert rank_correlation(first, second) == pytest.approx(stats.spearmanr(first[1:], second[1:]).statistic)


@pytest.fixture
def results():
    study = Study(
        base="vae",
        metrics=["mig", "kl"],
        over={"data": ["digits", "mnist"], "loss.kl.weight": [1, 4], "seed": "0..11"},
    )
    plan = study.plan()
    rng = np.random.default_rng(0)
    outcomes = {}
    for entry in plan:
        value = rng.normal() + (5 if entry.levels["loss.kl.weight"] == "4" else 0)
        outcomes[entry.digest] = Outcome("finished", "", 1.0, study.metrics, {"mig": value, "kl": -value})
    outcomes[plan[0].digest] = Outcome("diverged", "kl|<b> diverged at step 3", 1.0, study.metrics)
    return Results.of(study, plan, outcomes, {})


def test_a_report_tells_of_all(results, tmp_path):
    from distaff.study._page import write_report

    (tmp_path / "runs").mkdir()
    write_report(results, tmp_path)
    sections = {section.title: section for section in results.sections()}
    (shares,) = [row for row in sections["What the variance is of"].rows if row[:2] == ("mig", "mnist")]
    weight, seed = (float(each.rstrip("%")) for each in shares[-2:])
    assert weight + seed == pytest.approx(100, abs=1)
    assert weight > 70
    (row, _) = sections["mig: loss.kl.weight by loss.kl.weight"].rows
    assert row[:3] == ("digits", "1", "4")
    assert float(row[4].removeprefix("p = ")) < 0.001
    assert sections["Agreement of metrics on mnist"].rows[0] == ("mig", "1.000", "-1.000")
    assert sections["Transfer between images"].rows
    assert next(iter(results.cells("mig"))).failed == 1
    page, text = (tmp_path / "study.html").read_text(), (tmp_path / "study.md").read_text()
    assert "<b> diverged" not in page
    assert "kl|&lt;b&gt; diverged" in page
    assert r"kl\|<b> diverged" in text
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert page.count("<svg") == 4
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 49


def test_a_run_that_failed_counts_as_the_worst(results):
    first, second = results.cells("mig")[:2]
    assert (first.failed, len(first.values), second.failed, len(second.values)) == (1, 11, 0, 12)
    assert first.median == np.median([-np.inf, *first.values]) < np.median(first.values)
    assert second.median == np.median(second.values)


def test_transfer_is_the_rank_correlation_of_medians():
    study = Study(
        base="vae",
        metrics=["mig"],
        over={"data": ["digits", "mnist"], "loss.kl.weight": [1, 2, 4], "seed": "0..2"},
    )
    outcomes = {}
    for entry in study.plan():
        value = float(entry.levels["loss.kl.weight"])
        value = value if entry.levels["data"] == "digits" else 9 - value
        outcomes[entry.digest] = Outcome("finished", "", 1.0, study.metrics, {"mig": value})
    sections = {each.title: each for each in Results.of(study, study.plan(), outcomes, {}).sections()}
    assert sections["Transfer between images"].rows == [("mig", "digits", "mnist", "3", "-1.000")]


def test_an_empty_study_has_a_report(tmp_path):
    from distaff.study._page import write_report

    (tmp_path / "runs").mkdir()
    study = Study(base="vae", over={"seed": "0..1"})
    write_report(Results.of(study, study.plan(), {}, {}), tmp_path)
    assert "2 waiting" in (tmp_path / "study.md").read_text()
