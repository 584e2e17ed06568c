"""The registry and the runner: what is chosen, what is left out and why, and metrics of other packages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from distaff import metrics
from distaff.errors import InputError
from distaff.metrics import METRICS, Inputs, Metric, Score, metric, run, score
from distaff.parts import import_parts

STATE = np.random.RandomState(0)
FACTORS = STATE.randint(3, size=(200, 2))
CODES = FACTORS + 0.1 * STATE.randn(200, 2)
MASS = STATE.rand(200)


@pytest.fixture
def own() -> Iterator[Callable[..., Any]]:
    """A decorator as `metric`, whose metrics are forgotten after the test."""
    known = dict(METRICS._things)
    yield metric
    METRICS._things = known


def test_scores_are_those_of_the_functions() -> None:
    names = ["sap", "mig", "irs", "mcc", "total_correlation", "active_units"]
    results = score(CODES, FACTORS, names, seed=3)
    assert list(results) == names
    assert results["mig"].value == metrics.mig(CODES, FACTORS).value
    assert results["sap"].value == metrics.sap(CODES, FACTORS, seed=3).value
    assert results["sap"].settings["seed"] == 3
    assert results["active_units"].value == 2
    assert results.factors["mig"] == ("factor 0", "factor 1")
    assert results.factors["total_correlation"] == ()
    assert not results.left_out


def test_a_test_part_goes_to_the_metrics_that_take_one() -> None:
    test: dict[str, Any] = {"test_codes": CODES[:50], "test_factors": FACTORS[:50]}
    results = score(CODES, FACTORS, ["mig", "linear_probe"], **test)
    assert results["linear_probe"].value == metrics.linear_probe(CODES, FACTORS, **test).value
    assert results["mig"].value == metrics.mig(CODES, FACTORS).value


def test_posteriors_go_to_the_metrics_that_need_them() -> None:
    logvar = np.full(CODES.shape, -2.0)
    assert score(CODES, FACTORS, "elbo_split", logvar=logvar)["elbo_split"].value == pytest.approx(
        metrics.elbo_split(CODES, logvar).value
    )
    lacking = score(CODES, FACTORS, "elbo_split")
    assert "log variances" in lacking.left_out["elbo_split"]
    with pytest.raises(InputError, match="left out"):
        lacking["elbo_split"]


def test_results_are_json() -> None:
    content = json.loads(json.dumps(score(CODES, FACTORS, ["mig", "dci", "udr"]).as_dict()))
    assert set(content["metrics"]["dci"]) >= {
        "value",
        "disentanglement",
        "completeness",
        "factors",
        "options",
    }
    assert list(content["left_out"]) == ["udr"]


def test_what_runs_by_default_and_what_all_means() -> None:
    usual = {name for name in METRICS if METRICS[name].default and not METRICS[name].of_model}
    tables = Inputs(CODES, FACTORS)
    chosen = [entry.name for entry in metrics._run._chosen(tables, None)]
    assert set(chosen) == usual
    assert chosen == sorted(chosen)
    everything = {entry.name for entry in metrics._run._chosen(tables, "all")}
    assert everything == {name for name in METRICS if not METRICS[name].of_model}
    assert [entry.name for entry in metrics._run._chosen(tables, ["sap", "mig", "sap"])] == ["sap", "mig"]


def test_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'mig'"):
        score(CODES, FACTORS, ["migg"])


class TestFactors:
    """Columns of factors, whatever they hold."""

    def test_kinds_and_missing_values(self) -> None:
        table = {
            "shape": np.where(FACTORS[:, 0] == 0, "heart", "disc"),
            "size": [None if i % 7 == 0 else int(v) for i, v in enumerate(FACTORS[:, 1])],
            "mass": MASS,
            "seen": FACTORS[:, 1] > 0,
        }
        inputs = Inputs(CODES, table)
        assert [(each.name, each.kind) for each in inputs.factors] == [
            ("shape", "categorical"),
            ("size", "ordinal"),
            ("mass", "continuous"),
            ("seen", "ordinal"),
        ]
        results = run(inputs, ["mig", "mcc", "irs"])
        assert results.factors["mig"] == ("shape", "size", "seen")
        assert results.factors["mcc"] == ("size", "mass", "seen")
        assert results.factors["irs"] == ("shape", "size", "mass", "seen")

    def test_factors_that_cannot_be_measured_against_are_named(self) -> None:
        table = {
            "same": np.ones(200),
            "none": np.full(200, np.nan),
            "name": [f"{i}.png" for i in range(200)],
            "size": FACTORS[:, 1],
        }
        results = score(CODES, table, ["mig"])
        assert set(results.factors_left_out) == {"same", "none", "name"}
        assert "one value" in results.factors_left_out["same"]
        assert "class of its own" in results.factors_left_out["name"]
        assert results["mig"].value == metrics.mig(CODES, FACTORS[:, 1:]).value
        assert "no value" in repr(results)

    def test_a_data_frame_will_do(self) -> None:
        class Frame:
            columns = ("a", "b")

            def __iter__(self) -> Iterator[str]:
                return iter(self.columns)

            def __getitem__(self, name: str) -> Any:
                return FACTORS[:, self.columns.index(name)]

        assert score(CODES, Frame(), ["mig"])["mig"].value == metrics.mig(CODES, FACTORS).value

    def test_texts_of_both_parts_share_their_classes(self) -> None:
        words = np.array(["b", "c", "a"])[FACTORS[:, 0]]
        inputs = Inputs(CODES, {"w": words}, test_codes=CODES[:3], test_factors={"w": ["c", "a", None]})
        assert inputs.factors[0].test_values[:2].tolist() == [2, 0]
        assert np.isnan(inputs.factors[0].test_values[2])

    @pytest.mark.parametrize(
        ("match", "call"),
        [
            ("disagree", lambda: score(CODES, FACTORS[:-1])),
            ("disagree", lambda: score(CODES, {"a": [1, 2]})),
            ("not of shape", lambda: score(CODES, FACTORS[:, 0])),
            ("one dimension", lambda: score(CODES, {"a": FACTORS})),
            ("infinite in row 1", lambda: score(CODES, {"a": np.where(MASS[0] == MASS, np.inf, MASS)})),
            ("go together", lambda: score(CODES, FACTORS, test_codes=CODES)),
            (
                "a, b against a",
                lambda: score(CODES, {"a": MASS, "b": MASS}, test_codes=CODES, test_factors={"a": MASS}),
            ),
        ],
    )
    def test_bad_tables_are_one_clear_line(self, match: str, call: Callable[[], Any]) -> None:
        with pytest.raises(InputError, match=match) as caught:
            call()
        assert "\n" not in str(caught.value)


# One factor or one code makes these trivial or undefined.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "posterior_mig": {"logvar": np.zeros((200, 2))},
    "posterior_jemmig": {"logvar": np.zeros((200, 2))},
    "elbo_split": {"logvar": np.zeros((200, 2))},
}
GRID = np.stack(np.meshgrid(range(20), range(10)), -1).reshape(-1, 2)
CODED = [METRICS[name] for name in METRICS if "codes" in METRICS[name].needs and not METRICS[name].of_model]


def call(entry: Metric, codes: np.ndarray, factors: np.ndarray) -> Any:
    given = {name: value[:, : codes.shape[1]] for name, value in ARGUMENTS.get(entry.name, {}).items()}
    if entry.least_factors or "grid" in entry.needs:
        given["factors"] = factors
    codes_name = "mean" if "mean" in entry.parameters else "codes"
    return entry.function(**{codes_name: codes}, **given)


@pytest.mark.parametrize(
    "entry", [each for each in CODED if each.least_codes > 1], ids=lambda each: each.name
)
def test_one_code_gives_no_number(entry: Metric) -> None:
    lone = np.arange(200.0)[:, None] if "grid" in entry.needs else CODES[:, :1]
    factors = GRID if "grid" in entry.needs else FACTORS
    with pytest.raises(InputError, match=r"two codes|two active codes|number of codes"):
        call(entry, lone, factors)
    assert entry.name in score(lone, factors, entry.name, logvar=np.zeros((200, 1))).left_out


@pytest.mark.parametrize(
    "entry", [each for each in CODED if each.least_factors > 1], ids=lambda each: each.name
)
def test_one_factor_gives_no_number(entry: Metric) -> None:
    with pytest.raises(InputError, match="two factors"):
        call(entry, CODES, FACTORS[:, :1])
    with_constant = np.column_stack([FACTORS[:, 0], np.ones(200)])
    results = score(CODES, with_constant, entry.name)
    assert "it needs 2 factors" in results.left_out[entry.name]
    assert list(results.factors_left_out) == ["factor 1"]


@pytest.mark.parametrize("name", ["total_correlation", "wasserstein_correlation", "code_mutual_information"])
def test_one_code_that_varies_has_nothing_to_correlate_with(name: str) -> None:
    still = np.column_stack([CODES[:, 0], np.ones(200)])
    assert "vary" in score(still, metrics=name).left_out[name]


def test_a_covariance_of_too_few_points_is_no_number() -> None:
    with pytest.raises(InputError, match="more points"):
        metrics.total_correlation(np.random.RandomState(0).randn(4, 4))


class TestOwnMetrics:
    """Metrics that are defined outside distaff."""

    def test_one_of_a_module_is_listed_run_and_known_by_its_module(
        self, own: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "my_metrics_of_widths.py").write_text(
            "from distaff.metrics import Score, metric\n"
            "@metric(needs=('codes', 'numbers'), parts=('least',))\n"
            "def widths(codes, factors, *, seed=0):\n"
            "    '''The widest range.\n\n"
            "    Interpretation:\n"
            "        Range: 0 upwards,\n"
            "            in the unit of the codes.\n"
            "        Better: lower.\n"
            "    '''\n"
            "    spans = codes.max(axis=0) - codes.min(axis=0)\n"
            "    return Score(spans.max(), {'least': spans.min()}, {'seed': seed})\n"
        )
        import_parts("my_metrics_of_widths")
        entry = METRICS["widths"]
        assert (entry.summary, entry.span, entry.better) == (
            "The widest range.",
            "0 upwards, in the unit of the codes",
            "lower",
        )
        assert str(entry.provider) == "module my_metrics_of_widths"
        assert entry.is_foreign
        results = score(CODES, FACTORS, ["widths"], seed=5)
        assert results["widths"].value == np.ptp(CODES, axis=0).max()
        assert results["widths"].settings == {"seed": 5}
        assert "widths" in [entry.name for entry in metrics._run._chosen(Inputs(CODES, FACTORS), None)]

    def test_a_number_will_do_for_a_score(self, own: Any) -> None:
        @own(needs=("codes",))
        def half(codes: Any) -> float:
            return 0.5

        found = score(CODES, metrics="half")["half"]
        assert isinstance(found, Score)
        assert float(found) == 0.5
        assert METRICS["half"].summary == "half"
        assert METRICS["half"].better == "neither"

    def test_one_that_fails_costs_no_other(self, own: Any) -> None:
        @own(needs=("codes",))
        def broken(codes: Any) -> float:
            raise ZeroDivisionError("no width")

        @own(needs=("codes",))
        def demanding(codes: Any, pressure: float) -> float:
            return pressure

        results = score(CODES, metrics=["broken", "demanding", "active_units"])
        assert list(results) == ["active_units"]
        assert "ZeroDivisionError" in results.left_out["broken"]
        assert "pressure" in results.left_out["demanding"]

    def test_a_name_belongs_to_one(self, own: Any) -> None:
        def mig(codes: Any) -> float:
            return 0.0

        with pytest.raises(InputError, match="'mig' is defined by"):
            own(needs=("codes",))(mig)

    @pytest.mark.parametrize("options", [{"needs": ("code",)}, {"cost": "cheep"}])
    def test_a_misspelt_fact_is_refused(self, own: Any, options: Any) -> None:
        with pytest.raises(InputError, match=r"codes|cheap"):
            own(**options)

    def test_what_a_model_alone_has_is_named(self, own: Any) -> None:
        @own(needs=("model", "images"))
        def of_model(model: Any, images: Any) -> float:
            return 1.0

        assert METRICS["of_model"].of_model
        assert "a trained model" in score(CODES, metrics="of_model").left_out["of_model"]

        class WithModel(Inputs):
            offers = Inputs.offers | {"model", "images"}
            of_model = True
            model, images = "model", "images"

            def lacks_need(self, need: str) -> str | None:
                return None if need in ("model", "images") else super().lacks_need(need)

        assert run(WithModel(CODES), "of_model")["of_model"].value == 1


def test_progress_names_the_metric_and_its_steps() -> None:
    said: list[str] = []
    score(CODES, FACTORS, ["mig", "infomec"], progress=said.append)
    assert said[:2] == ["measuring mig", "measuring infomec"]
    assert said[-1] == "measuring infomec: 6 of 6 steps"
