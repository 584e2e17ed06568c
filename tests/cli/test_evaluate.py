"""`distaff evaluate` and `distaff figures`: numbers and pictures of a run, told and written."""

import json
from pathlib import Path

import pytest

from distaff.cli.meanings import meaning, number
from distaff.evaluation import METRICS


def test_the_table_says_what_was_measured_and_what_was_left_out(does, copied):
    told = does("evaluate", copied, "--metrics", "reconstruction,attribute_accuracy,knn_accuracy,elbo")
    written = json.loads((copied / "evaluation.json").read_text())
    assert set(written["metrics"]) == {"reconstruction", "attribute_accuracy", "knn_accuracy"}
    assert "30 test pictures of digits" in told
    for name, details in written["metrics"].items():
        row = next(line for line in told.splitlines() if line.split()[:1] == [name])
        assert number(details["value"]) in row
    assert "nats per image" in told
    assert ["attribute", "read", "10-NN"] in [line.split() for line in told.splitlines()]
    assert f"left out: elbo: {written['left_out']['elbo']}" in told


def test_the_verdict_on_collapse_is_told_once(does, copied):
    told = does("evaluate", copied, "--metrics", "collapse")
    sentence = json.loads((copied / "evaluation.json").read_text())["metrics"]["collapse"]["sentence"]
    assert f"collapse: {sentence}" in told.splitlines()


def test_other_data_can_be_measured(does, copied, tmp_path):
    assert "of digits" in does("evaluate", copied, "--metrics", "reconstruction", "--data", "digits")


def test_figures_are_written_and_named(does, copied):
    told = does("figures", copied, "--only", "losses,kl").split()
    assert told == [str(copied / "figures" / f"{name}.png") for name in ("losses", "kl")]
    assert all(Path(path).read_bytes().startswith(b"\x89PNG") for path in told)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "--metrics", "elbow"], "did you mean 'elbo'"),
        (["evaluate", "--data", "minst"], "'mnist'"),
        (["figures", "--only", "loses"], "did you mean 'losses'"),
        (["figures", "--only", "map"], "'map' cannot be drawn"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(fails, copied, arguments, said):
    before = sorted(copied.rglob("*"))
    assert said in fails(arguments[0], copied, *arguments[1:])
    assert sorted(copied.rglob("*")) == before


@pytest.mark.parametrize("command", ["evaluate", "figures"])
def test_a_run_must_be_a_run(fails, command, tmp_path):
    assert "no such run folder" in fails(command, "nowhere")
    assert "not a run folder" in fails(command, tmp_path)


def test_every_metric_says_what_it_means():
    assert all(len(meaning(name)) > 20 for name in METRICS)


def test_numbers_are_written_for_reading():
    assert number(None) == number(float("nan")) == "undefined"
    assert number(7.0, whole=True) == "7"
    assert [number(value) for value in (-81.234, 0.98765, 1.0)] == ["-81.23", "0.988", "1.000"]
