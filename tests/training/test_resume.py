"""A run that is stopped, killed or damaged goes on exactly where it was, or says why it cannot."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from training_made import EndAt, EndedError, digest, plain, rows

import distaff
from distaff import InputError, Run
from distaff.cli import main
from distaff.losses import KL
from distaff.schedules import Linear
from distaff.training import train
from distaff.training._folder import read_checkpoint

SETTINGS = {"train.batch": 32, "train.checkpoint_every": 15, "train.valid_every": 40, "data.count": 400,
            "train.early_stopping": 50, "network": "{mlp: {hidden: [32]}}"}  # fmt: skip
COMMAND = ["train", "supervised", "--data", "digits", "--steps", "120", "--resume", "--no-page"]
COMMAND += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]


def start(folder):
    """Begin the command line's own program in a process of its own; what it says goes beside the folder."""
    program = [sys.executable, "-W", "error::UserWarning", "-m", "distaff"]
    with (folder.parent / "said").open("w") as said:
        return subprocess.Popen([*program, *COMMAND, "--out", str(folder)], stderr=said)


def wait_for(path):
    deadline = time.monotonic() + 200
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert main([*COMMAND, "--out", str(folder)]) == 0
    return Run.open(folder)


def test_a_killed_run_resumes_to_the_same_weights_bit_for_bit(uninterrupted, tmp_path):
    process = start(tmp_path / "run")
    wait_for(tmp_path / "run" / "checkpoint.ckpt")
    time.sleep(0.13)
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert main([*COMMAND, "--out", str(tmp_path / "run")]) == 0
    resumed = Run.open(tmp_path / "run")
    assert digest(resumed) == digest(uninterrupted)
    assert rows(resumed) == rows(uninterrupted)


@pytest.mark.slow
def test_a_stopped_run_is_usable_and_continues_exactly_with_the_command_it_says(uninterrupted, tmp_path):
    process = start(tmp_path / "run")
    wait_for(tmp_path / "run" / "checkpoint.ckpt")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    said = (tmp_path / "said").read_text()
    stopped = Run.open(tmp_path / "run")
    assert stopped.model.sample(1).shape == (1, 8, 8)
    assert not stopped.is_finished
    program, *words = shlex.split(said.partition("continue with: ")[2].splitlines()[0])
    assert program == "distaff"
    assert main([*words, "--no-page"]) == 0
    assert digest(stopped) == digest(uninterrupted)
    assert rows(stopped) == rows(uninterrupted)


class Signal:
    """Sends this process a signal when a step is done."""

    def __init__(self, number, step=7):
        self.number, self.step = number, step

    def on_step(self, run, step, loss):
        if step == self.step:
            signal.raise_signal(self.number)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return train(plain(), steps=60, out=tmp_path_factory.mktemp("plain") / "whole", progress=False)


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)],
)
def test_in_python_a_signal_is_raised_once_the_run_is_saved(whole, tmp_path, number, error):
    before = signal.getsignal(number)
    with pytest.raises(error) as caught:
        train(plain(), steps=60, out=tmp_path / "run", callbacks=[Signal(number)], progress=False)
    assert signal.getsignal(number) is before
    assert error is KeyboardInterrupt or caught.value.code == 128 + number
    assert read_checkpoint(tmp_path / "run" / "checkpoint.ckpt")["step"] == 7
    assert np.isfinite(distaff.load(tmp_path / "run").sample(2)).all()
    assert not Run(tmp_path / "run").is_finished
    resumed = train(plain(), steps=60, out=tmp_path / "run", resume=True, progress=False)
    assert digest(resumed) == digest(whole)
    assert rows(resumed) == rows(whole)


def test_a_run_stopped_before_its_first_row_still_has_one(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(plain(), steps=60, out=tmp_path / "run", callbacks=[Signal(signal.SIGINT)], progress=False)
    assert [row["step"] for row in rows(Run(tmp_path / "run"))] == ["7"]


def test_resuming_a_finished_run_changes_nothing(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted.path, tmp_path, dirs_exist_ok=True)
    assert main([*COMMAND, "--out", str(tmp_path)]) == 0
    assert digest(Run(tmp_path)) == digest(uninterrupted)
    assert rows(Run.open(tmp_path)) == rows(uninterrupted)


def test_a_run_can_be_trained_longer_and_says_which_schedules_move(tmp_path):
    recipe = plain(loss=[KL(Linear(0, 1, until="50%"))])
    train(recipe, steps=10, out=tmp_path / "run", progress=False)
    longer = train(recipe, steps=20, out=tmp_path / "run", resume=True, progress=False)
    assert longer.recipe.train.steps == 20
    assert longer.is_finished
    assert [row["step"] for row in rows(longer) if row["split"] == "train"] == ["10", "20"]
    notes = longer.read_json("environment.json")["notes"]
    assert any("train.steps was 10 and is now 20" in note for note in notes)
    assert any("the schedule of kl now ends at step 10, not 5" in note for note in notes)
    with pytest.raises(InputError, match=r"train\.steps was 20 and is now 10"):
        train(recipe, steps=10, out=tmp_path / "run", resume=True, progress=False)


def test_a_longer_run_without_schedules_is_the_run_that_was_long_from_the_start(whole, tmp_path):
    train(plain(), steps=30, out=tmp_path / "run", progress=False)
    longer = train(plain(), steps=60, out=tmp_path / "run", resume=True, progress=False)
    assert digest(longer) == digest(whole)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("train.batch", 16, "train.batch was 128 and is now 16"),
        ("loss.kl.weight", 4, r"loss\.0\.kl\.weight was 1\.0 and is now 4\.0"),
        ("latent.gaussian.size", 3, r"latent\.0\.gaussian\.size was 10 and is now 3"),
        ("train.devices", 2, "train.devices was 'auto' and is now 2"),
    ],
)
def test_another_field_is_refused_with_its_old_and_new_value(tmp_path, field, value, told):
    run = train(plain(), steps=4, out=tmp_path / "run", progress=False)
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    with pytest.raises(InputError, match=told):
        train(plain().changed({field: value}), steps=4, out=run.path, resume=True, progress=False)
    with pytest.raises(InputError, match="already holds a run"):
        train(plain(), steps=4, out=run.path, progress=False)
    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before


def test_a_run_is_not_resumed_on_other_data(tmp_path):
    images, kinds = np.zeros((40, 8, 8), np.uint8), np.arange(40) % 2
    images[:, 0, 0] = np.arange(40)
    np.savez(tmp_path / "set.npz", images=images, kind=kinds)
    recipe = plain(data=str(tmp_path / "set.npz"))
    run = train(recipe, steps=4, out=tmp_path / "run", progress=False)
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    np.savez(tmp_path / "set.npz", images=images, kind=kinds + np.arange(40) // 20)
    with pytest.raises(InputError, match=r"data changed since the run began"):
        train(recipe, steps=4, out=run.path, resume=True, progress=False)
    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before


SECOND = """
import sys
from pathlib import Path
from distaff.files import sole_writer
with sole_writer(Path(sys.argv[1]), "training"):
    print("it trains too")
"""


def test_only_one_process_trains_in_a_folder(tmp_path):
    class Second:
        """Wants to train in the same folder."""

        def on_step(self, run, step, loss):
            command = [sys.executable, "-c", SECOND, str(run.path)]
            self.said = subprocess.run(command, capture_output=True, text=True, check=False)

    second = Second()
    run = train(plain(), steps=1, out=tmp_path / "run", callbacks=[second], progress=False)
    assert second.said.stdout == ""
    assert re.search(rf"InputError: .*process {os.getpid()} on .* is training in it", second.said.stderr)
    assert run.is_finished
    assert list(run.path.rglob(".*")) == []


@pytest.mark.parametrize("damage", [b"", b"no checkpoint", None])
def test_a_damaged_checkpoint_is_named(tmp_path, damage):
    train(plain(), steps=4, out=tmp_path, progress=False)
    path = tmp_path / "checkpoint.ckpt"
    path.write_bytes(path.read_bytes()[:1000] if damage is None else damage)
    with pytest.raises(InputError, match=r"checkpoint.ckpt: damaged \(.*\).* cannot be resumed") as caught:
        train(plain(), steps=4, out=tmp_path, resume=True, progress=False)
    assert "\n" not in str(caught.value)


def test_a_damaged_checkpoint_costs_one_interval_and_is_said(tmp_path):
    settings = {"train.checkpoint_every": 4}
    whole, hurt = (
        train(plain(), steps=12, settings=settings, out=tmp_path / name, progress=False) for name in "ab"
    )
    content = bytearray((hurt.path / "checkpoint.ckpt").read_bytes())
    # A bit of a weight: torch alone would take it for a number like any other.
    content[len(content) // 2] ^= 4
    (hurt.path / "checkpoint.ckpt").write_bytes(content)
    again = train(plain(), steps=12, settings=settings, out=hurt.path, resume=True, progress=False)
    notes = again.read_json("environment.json")["notes"]
    assert any("continuing from the one before it, of step 8" in note for note in notes)
    assert digest(hurt) == digest(whole)
    for name in ("checkpoint.ckpt", "checkpoint.previous.ckpt"):
        (hurt.path / name).write_bytes(content[:1000])
    with pytest.raises(
        InputError, match=r"checkpoint.ckpt: damaged .*checkpoint.previous.ckpt: damaged .*: remove them"
    ):
        train(plain(), steps=12, settings=settings, out=hurt.path, resume=True, progress=False)


def test_priors_start_from_data_once(tmp_path, monkeypatch):
    calls = []
    from distaff.vae import VAE

    monkeypatch.setattr(VAE, "prepare", lambda self, images: calls.append(images.clone()))
    settings = {"train.checkpoint_every": 2}
    with pytest.raises(EndedError):
        train(plain(), steps=4, settings=settings, out=tmp_path / "a", callbacks=[EndAt(3)], progress=False)
    train(plain(), steps=4, settings=settings, out=tmp_path / "a", resume=True, progress=False)
    assert len(calls) == 1
    train(plain(), steps=1, out=tmp_path / "b", progress=False)
    assert torch.equal(*calls)
    assert calls[0].shape == (len(Run(tmp_path / "a").dataset().splits["train"]), 1, 8, 8)
    assert 0 <= calls[0].min() < calls[0].max() <= 1
