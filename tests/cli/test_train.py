"""`distaff train`: what it makes, what it says, and what it refuses before it writes anything."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from distaff.run import Run


def test_a_run_folder_holds_what_was_asked(vae):
    run = Run.open(vae)
    assert run.recipe.train.steps == 20
    assert run.recipe.data.source == "digits"
    assert run.recipe.data.count == 300
    assert run.is_finished


def test_it_ends_with_the_next_commands(does, tiny):
    said = does("train", "vae", *tiny, "--set", "loss.kl.weight=4", "--seed", "7", "--out", "one")
    assert said.startswith("one: 20 steps in ")
    assert "distaff evaluate one\n  distaff figures one" in said
    recipe = Run.open("one").recipe
    assert (recipe.train.seed, recipe.loss[0].weight) == (7, 4.0)


def test_the_default_folder_is_the_next_free_one(does, tiny):
    for expected in ("runs/vae", "runs/vae-2"):
        assert f"{expected}: 5 steps" in does("train", "vae", *tiny, "--steps", "5")


def test_resume_continues_and_needs_a_folder(does, fails, tiny):
    does("train", "vae", *tiny, "--out", "one")
    weights = Path("one/model.safetensors").read_bytes()
    does("train", "vae", *tiny, "--out", "one", "--resume")
    assert Path("one/model.safetensors").read_bytes() == weights
    assert "--out RUN" in fails("train", "vae", "--resume")
    assert "--resume" in fails("train", "vae", *tiny, "--out", "one")


def test_a_run_is_trained_longer(does, tiny):
    does("train", "vae", *tiny, "--steps", "4", "--out", "one")
    assert "one: 8 steps" in does("train", "vae", *tiny, "--steps", "8", "--out", "one", "--resume")


def test_the_history_goes_to_a_logger(does, tiny):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    does("train", "vae", *tiny, "--steps", "4", "--out", "one", "--log", "tensorboard")
    assert list(Path("one").rglob("events.out.tfevents*"))


def test_a_logger_without_its_package_is_one_line(fails, tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert "wandb" in fails("train", "vae", *tiny, "--out", "one", "--log", "wandb")
    assert not Path("one").exists()


def test_skip_bad_leaves_out_what_cannot_be_read(does, fails, images, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.png").write_bytes((images / "a.png").read_bytes() + bytes([number]))
    (folder / "broken.png").write_bytes((images / "a.png").read_bytes()[:60])
    words = ("train", "vae", "--data", str(folder), "--set", "network=mlp", "--steps", "3", "--no-page")
    words += ("--out", "one")
    assert "broken.png" in fails(*words)
    assert not Path("one").exists()
    assert "one: 3 steps" in does(*words, "--skip-bad")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["vea"], "did you mean 'vae'"),
        (["mine.yaml"], "mine.yaml"),
        (["typo.yaml"], "did you mean 'latent'"),
        (["broken.yaml"], "not valid YAML in line 1"),
        (["vae", "--data", "minst"], "'mnist'"),
        (["vae", "--data", "mnist:nowhere"], "nowhere"),
        (["vae", "--data", "digits", "--set", "loss.kl.wieght=4"], "did you mean 'weight'"),
        (["vae", "--data", "digits", "--set", "loss.kl.weight"], "KEY=VALUE"),
        (["vae", "--data", "digits", "--device", "gpu"], "gpu"),
        (["class-separated", "--data", "digits", "--set", "loss.classify.attribute=digitt"], "'digit'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(fails, arguments, said):
    Path("typo.yaml").write_text(yaml.safe_dump({"data": "digits", "laten": [{"gaussian": {"size": 2}}]}))
    Path("broken.yaml").write_text("latent: [")
    assert said in fails("train", *arguments, "--steps", "3", "--out", "one")
    assert not Path("one").exists()


@pytest.mark.slow
def test_ctrl_c_saves_the_run_and_sets_the_exit_code(own_folder, tiny):
    often = ["--set", "train.valid_every=10", "--set", "train.images_every=100000"]
    words = ["train", "vae", *tiny, *often, "--steps", "100000", "--out", "one"]
    process = subprocess.Popen(
        [sys.executable, "-m", "distaff", *words], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    history = Path("one/history.csv")
    deadline = time.monotonic() + 120
    while not history.is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "distaff train one/recipe.yaml --out one --resume" in said
    run = Run.open("one")
    assert run.is_trained
    assert not run.is_finished
