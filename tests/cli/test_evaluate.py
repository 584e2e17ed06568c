"""`distaff evaluate` and `distaff figures`: numbers and figures of a run, told and written."""

import json
from pathlib import Path

import pytest

from distaff.cli._console import number
from distaff.figures import FIGURES, Panel, Plots, figure


@pytest.fixture(autouse=True)
def quick_classifier(monkeypatch):
    """A reference classifier that is shown few images."""
    for name in ("LEAST", "BUDGET"):
        monkeypatch.setattr(f"distaff.analysis._analysis.{name}", 256)


def test_the_table_says_what_was_measured_and_what_was_left_out(does, copied):
    told = does("evaluate", copied, "--metrics", "reconstruction,attribute_accuracy,knn_accuracy,elbo")
    written = json.loads((copied / "evaluation.json").read_text())
    assert set(written["metrics"]) == {"reconstruction", "attribute_accuracy", "knn_accuracy"}
    assert f"{written['settings']['test_images']} test images of digits" in told
    for name, details in written["metrics"].items():
        row = next(line for line in told.splitlines() if line.split()[:1] == [name])
        assert number(details["value"]) in row
    assert "nats per image" in " ".join(told.split())
    assert ["attribute", "read", "10-NN"] in [line.split() for line in told.splitlines()]
    assert f"left out: elbo: {written['left_out']['elbo']}" in told


def test_without_names_what_does_not_fit_is_counted(does, copied):
    told = does("evaluate", copied)
    left_out = json.loads((copied / "evaluation.json").read_text())["left_out"]
    assert f"{len(left_out)} metrics and attributes are left out" in told
    assert "left out: elbo" not in told
    told = does("evaluate", copied, "--verbose")
    assert all(f"left out: {name}: {reason}" in told for name, reason in left_out.items())


def test_the_verdict_on_collapse_is_told_once(does, copied):
    told = does("evaluate", copied, "--metrics", "collapse")
    sentence = json.loads((copied / "evaluation.json").read_text())["metrics"]["collapse"]["sentence"]
    assert told.splitlines().count(f"collapse: {sentence}") == 1


def test_other_data_go_to_a_file_of_their_own(does, fails, copied):
    before = (copied / "evaluation.json").exists()
    told = does("evaluate", copied, "--metrics", "reconstruction", "--data", "digits")
    assert "of digits" in told
    assert f"All details: {copied / 'evaluation-digits.json'}" in told
    assert (copied / "evaluation-digits.json").is_file()
    assert (copied / "evaluation.json").exists() == before
    assert "--resize" in fails("evaluate", copied, "--metrics", "reconstruction", "--data", "sprites")


def test_figures_are_written_and_named(does, copied):
    told = does("figures", copied, "--only", "losses,kl").split()
    assert told == [str(copied / "figures" / f"{name}.png") for name in ("losses", "kl")]
    assert all(Path(path).read_bytes().startswith(b"\x89PNG") for path in told)
    told = does(
        "figures", copied, "--only", "losses", "--format", "svg", "--no-title", "--width", "5"
    ).split()
    assert told == [str(copied / "figures" / "losses.svg")]
    assert b"<svg" in Path(told[0]).read_bytes()


def test_a_figure_that_fails_is_named_and_the_others_are_drawn(capsys, copied):
    from distaff.cli import main

    def fail(axes):
        raise RuntimeError("out of ink")

    @figure()
    def figure_that_fails(analysis):
        """Fails."""
        return Plots("", "", [Panel("", fail)])

    try:
        assert main(["figures", str(copied), "--only", "figure_that_fails,losses"]) == 2
        captured = capsys.readouterr()
        assert captured.out.split() == [str(copied / "figures" / "losses.png")]
        assert captured.err == "distaff: not drawn: figure_that_fails: out of ink\n"
    finally:
        del FIGURES._things["figure_that_fails"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "--metrics", "elbow"], "did you mean 'elbo'"),
        (["evaluate", "--data", "minst"], "'mnist'"),
        (["evaluate", "--device", "gpu"], "gpu"),
        (["figures", "--only", "loses"], "did you mean 'losses'"),
        (["figures", "--only", "map"], "map"),
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


def test_metrics_that_are_asked_for_and_cannot_be_measured_end_in_an_error(fails, copied):
    assert "nothing can be measured: elbo: " in fails("evaluate", copied, "--metrics", "elbo")
