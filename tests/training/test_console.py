"""What training says: what is trained on what, how far it is, and a loss that adds up."""

import logging
import re

import pytest
from training_made import plain, rows

from distaff.latents import Gaussian
from distaff.losses import KL, Classify
from distaff.schedules import Linear
from distaff.training import train


def test_the_first_line_says_what_is_trained_on_what(tmp_path, capsys):
    train(
        plain(), steps=20, settings={"train.batch": 32, "train.precision": "32"}, out=tmp_path, device="cpu"
    )
    first = capsys.readouterr().err.splitlines()[0]
    for part in (
        "Training run on digits:",
        " train, ",
        " valid, ",
        "images of 1 x 8 x 8",
        "2,644 parameters",
        "cpu (",
        " threads), float32",
        "20 steps of 32 images = 3.",
        "epochs",
    ):
        assert part in first


def test_without_a_terminal_there_is_a_line_every_5_percent(tmp_path, capsys):
    train(plain(), steps=200, out=tmp_path)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("step ")]
    assert [int(re.search(r"\((\d+)%\)", line).group(1)) for line in said] == list(range(5, 101, 5))
    assert "left" in said[3]
    assert "reconstruction" in said[-1]


def test_the_last_lines_are_a_table_that_adds_up_to_the_loss(tmp_path, capsys):
    recipe = plain(loss=[KL(4, capacity=3), Classify("digit", weight=10)])
    run = train(recipe, steps=60, out=tmp_path)
    table = capsys.readouterr().err.partition("nats per image")[2]
    cells = [re.findall(r"[\w.,-]+", line) for line in table.splitlines() if "│" in line]
    added = {row[0]: float(row[-1].replace(",", "")) for row in cells}
    assert list(added) == ["reconstruction", "kl", "classify.digit", "loss"]
    assert sum(added.values()) - added["loss"] == pytest.approx(added["loss"], abs=0.03)
    last = rows(run)[-1]
    assert added["loss"] == pytest.approx(float(last["loss"]), abs=0.006)
    assert added["kl"] == pytest.approx(4 * abs(float(last["kl"]) - 3), abs=0.02)


def test_nothing_is_shown_when_nothing_is_asked_for_but_the_run_keeps_it(tmp_path, capsys):
    run = train(plain(), steps=3, out=tmp_path, progress=False)
    assert capsys.readouterr() == ("", "")
    assert run.read_json("environment.json")["notes"][0].startswith("Training run on digits")


def test_sentences_go_through_logging(tmp_path, caplog):
    level = logging.getLogger("distaff").level
    with caplog.at_level(logging.INFO, logger="distaff"):
        train(plain(), steps=3, out=tmp_path, progress=False)
    assert {record.name for record in caplog.records} == {"distaff"}
    assert caplog.messages[0].startswith("Training run on digits")
    assert logging.getLogger("distaff").level == level
    assert not logging.getLogger("distaff").handlers


def test_a_run_that_ends_before_its_schedule_warns(tmp_path):
    run = train(plain(loss=[KL(Linear(0, 8, until=400))]), steps=100, out=tmp_path, progress=False)
    notes = run.read_json("environment.json")["notes"]
    cut = "the run ends at step 100, before the schedule of kl does (step 400); it stops at 2"
    assert cut in notes
    assert any(
        re.fullmatch(r"kl: beta = 2 \(0\.31 normalised, Higgins et al\. 2017\)", note) for note in notes
    )


def test_collapse_is_said_and_that_few_steps_say_little(tmp_path):
    settings = {"train.lr": 0.01}
    run = train(plain(loss=[KL(10_000.0)]), steps=60, out=tmp_path / "run", settings=settings, progress=False)
    notes = run.read_json("environment.json")["notes"]
    assert any("collapsed" in note and "only 60 steps" in note for note in notes)
    history = run.history()
    assert history["active_units"][history["split"] == "valid"][-1] == 0


def test_codes_without_a_divergence_are_never_called_collapsed(tmp_path):
    settings = {"data.count": 200, "network": "conv", "train.batch": 16, "sampler": None}
    run = train("qlae", data="digits", steps=4, settings=settings, out=tmp_path / "run", progress=False)
    assert not any(
        "unused" in note or "collapse" in note for note in run.read_json("environment.json")["notes"]
    )
    assert "active_units" not in run.history()


def test_names_of_users_are_no_markup(tmp_path, capsys):
    recipe = plain(latent=[Gaussian(2, name="[bold]z[/bold]")], loss=[KL(name="[red]kl")])
    train(recipe, steps=2, out=tmp_path / "run")
    assert "[red]kl" in capsys.readouterr().err


def test_early_stopping_waits_for_the_schedules_and_keeps_the_best_weights(tmp_path):
    recipe = plain(
        data={"source": "digits", "count": 60},
        loss=[KL(Linear(0, 1, until=40))],
        train={"steps": 3000, "batch": 32, "lr": 0.02, "valid_every": 10, "early_stopping": 3},
    )
    run = train(recipe, out=tmp_path / "run", progress=False)
    history = run.history()
    valid = history["split"] == "valid"
    step, loss = history["step"][valid], history["loss"][valid]
    assert 40 <= step[-1] < 3000
    assert loss[-1] > loss[step > 40].min()
    assert loss[step > 40].argmin() == (step > 40).sum() - 4
    assert run.is_finished
