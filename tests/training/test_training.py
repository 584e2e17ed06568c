"""Training for a few steps on real 8 x 8 digits: every recipe, resumption, interruption, failure."""

import csv
import errno
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

import distaff
from distaff import KL, Classify, Gaussian, InputError, Linear, Recipe, Run, Sigmoid
from distaff.model import build, resolve
from distaff.recipe import load_recipe, shipped
from distaff.training.module import Trainee
from distaff.training.train import train

SMALL = {"train.batch": 32, "train.valid_every": 10, "train.checkpoint_every": 10, "network": "conv"}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(run):
    with (run.path / "history.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def plain(**fields):
    return Recipe(
        **{"data": {"source": "digits", "count": 200}, "network": {"mlp": {"hidden": [16]}}} | fields
    )


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_recipe_learns_saves_and_loads(name, tmp_path):
    run = train(
        name,
        data="digits",
        steps=20,
        out=tmp_path / "run",
        settings=SMALL | {"data.count": 400},
        progress=False,
    )
    history = run.history()
    losses = history["loss"][history["split"] == "valid"]
    assert np.isfinite(losses).all()
    assert len(losses) == 2

    dataset = run.dataset()
    images = dataset.images.take(dataset.splits["test"][:8])
    again = distaff.load(tmp_path / "run")
    assert np.array_equal(run.model.encode(images), again.encode(images))
    assert again.decode(again.encode(images)).shape == (8, 8, 8)
    assert np.isfinite(again.sample(2)).all()

    recipe, attributes = run.recipe, run.attributes
    trainee = Trainee(recipe, attributes, *build(recipe, attributes, run.image_shape))
    trainee.train()
    trainee.__dict__["_trainer"] = None
    labels = torch.from_numpy(dataset.attributes.values[:32])
    trainee.objective.train()
    trainee.weights = {name: max(weight, 1.0) for name, weight in trainee.objective.weights(0).items()}
    from distaff.model import condition_code, domains
    from distaff.objective import Batch

    named = {each.name: labels[:, i] for i, each in enumerate(attributes)}
    pixels = torch.from_numpy(dataset.images.take(np.arange(32))).float() / 255
    condition = condition_code(recipe.condition, domains(attributes), named)
    output = trainee.model(pixels, condition, labels=named, generator=torch.Generator().manual_seed(0))
    trainee.objective(Batch(pixels, named), output, trainee.model, trainee.weights).total.backward()
    still = [name for name, each in trainee.named_parameters() if each.grad is None or not each.grad.any()]
    assert still == []


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path):
    runs = [
        train(plain(), steps=15, seed=seed, out=tmp_path / str(i), progress=False)
        for i, seed in enumerate([3, 3, 4])
    ]
    digests = [digest(run.path / "model.safetensors") for run in runs]
    assert digests[0] == digests[1] != digests[2]


def test_the_history_has_a_column_for_every_term_and_weight(tmp_path):
    recipe = plain(
        latent=[Gaussian(2)], loss=[KL(Linear(0, 4)), Classify("digit", weight=Sigmoid(100, 0, until="60%"))]
    )
    run = train(recipe, steps=100, out=tmp_path / "run", progress=False)
    last = rows(run)[-1]
    assert {
        "reconstruction",
        "kl",
        "kl.z0",
        "classify.digit",
        "weight.kl",
        "weight.classify.digit",
        "lr",
    } <= set(last)
    trained = [row for row in rows(run) if row["split"] == "train"]
    assert [float(row["weight.classify.digit"]) for row in trained] == [pytest.approx(3.42, abs=0.01), 0]
    assert float(trained[-1]["weight.kl"]) == pytest.approx(4 * 99 / 100)


SETTINGS = {"train.batch": 32, "train.checkpoint_every": 15, "train.valid_every": 40, "data.count": 400,
            "train.patience": 50}  # fmt: skip


def start(folder, command=None):
    """Begin the command line's own program, or another command of it, in a process of its own.

    What it says goes into the file `said` beside the folder.
    """
    words = ["train", "supervised", "--data", "digits", "--steps", "120", "--resume", "--no-page"]
    words += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    program = [sys.executable, "-W", "error::UserWarning", "-m", "distaff"]
    with (folder.parent / "said").open("w") as said:
        return subprocess.Popen([*program, *(command or [*words, "--out", str(folder)])], stderr=said)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert start(folder).wait(300) == 0
    return Run.open(folder)


@pytest.mark.parametrize("moment", [0.13])
def test_a_killed_run_resumes_to_the_same_weights_bit_for_bit(uninterrupted, tmp_path, moment):
    process = start(tmp_path / "run")
    deadline = time.monotonic() + 200
    while not (tmp_path / "run" / "checkpoint.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(moment)
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert start(tmp_path / "run").wait(300) == 0
    resumed = Run.open(tmp_path / "run")
    assert digest(resumed.path / "model.safetensors") == digest(uninterrupted.path / "model.safetensors")
    assert rows(resumed) == rows(uninterrupted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_run_is_usable_and_goes_on_exactly_with_the_command_it_says(
    uninterrupted, tmp_path, number
):
    process = start(tmp_path / "run")
    deadline = time.monotonic() + 200
    while not (tmp_path / "run" / "checkpoint.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(60) == 0
    said = (tmp_path / "said").read_text()
    stopped = Run.open(tmp_path / "run")
    assert stopped.model.sample(1).shape == (1, 8, 8)
    assert not stopped.is_finished
    program, *words = shlex.split(said.partition("usable as it is. Go on with: ")[2].splitlines()[0])
    assert program == "distaff"
    assert start(tmp_path / "run", words).wait(300) == 0
    assert digest(stopped.path / "model.safetensors") == digest(uninterrupted.path / "model.safetensors")
    assert rows(stopped) == rows(uninterrupted)


def test_resuming_a_finished_run_changes_nothing(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted.path, tmp_path, dirs_exist_ok=True)
    assert start(tmp_path).wait(300) == 0
    assert digest(tmp_path / "model.safetensors") == digest(uninterrupted.path / "model.safetensors")
    assert rows(Run.open(tmp_path)) == rows(uninterrupted)


def test_a_gradient_can_be_clipped(tmp_path):
    run = train(plain(), steps=4, out=tmp_path, settings={"train.gradient_clip": 1e-9}, progress=False)
    assert run.is_trained


def test_a_run_is_not_resumed_on_other_data(tmp_path):
    images, kinds = np.zeros((40, 8, 8), np.uint8), np.arange(40) % 2
    np.savez(tmp_path / "set.npz", images=images, kind=kinds)
    recipe = plain(data=str(tmp_path / "set.npz"))
    run = train(recipe, steps=4, out=tmp_path / "run", progress=False)
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    np.savez(tmp_path / "set.npz", images=images, kind=kinds + np.arange(40) // 20)
    with pytest.raises(InputError, match="the data are no longer what the run was begun on"):
        train(recipe, steps=4, out=run.path, resume=True, progress=False)
    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before


def test_two_runs_without_a_place_do_not_share_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [train(plain(), steps=2, progress=False) for _ in range(2)]
    assert [str(run.path) for run in runs] == ["runs/run", "runs/run-2"]


def test_a_run_stopped_before_its_first_row_still_has_one(tmp_path):
    assert (
        len(
            rows(
                train(
                    plain(data={"source": "digits", "count": 60, "valid": 0}),
                    steps=3,
                    out=tmp_path,
                    progress=False,
                )
            )
        )
        == 1
    )


@pytest.mark.parametrize("damage", [b"", b"no checkpoint", None])
def test_a_damaged_checkpoint_is_named(tmp_path, damage):
    train(plain(), steps=4, out=tmp_path, progress=False)
    path = tmp_path / "checkpoint.ckpt"
    path.write_bytes(path.read_bytes()[:1000] if damage is None else damage)
    with pytest.raises(
        InputError, match=r"checkpoint.ckpt: damaged \(.*\); the run cannot be resumed from it"
    ) as caught:
        train(plain(), steps=4, out=tmp_path, resume=True, progress=False)
    assert "\n" not in str(caught.value)


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path):
    train(plain(), steps=5, out=tmp_path / "run", progress=False)
    before = digest(tmp_path / "run" / "model.safetensors")
    with pytest.raises(InputError, match="already holds a run"):
        train(plain(), steps=6, out=tmp_path / "run", progress=False)
    with pytest.raises(InputError, match=r"begun with another train.steps"):
        train(plain(), steps=6, out=tmp_path / "run", resume=True, progress=False)
    assert digest(tmp_path / "run" / "model.safetensors") == before


def test_a_run_that_ends_before_its_schedule_warns(tmp_path):
    recipe = plain(loss=[KL(Linear(0, 8, until=400))])
    run = train(recipe, steps=100, out=tmp_path / "run", progress=False)
    notes = run.read_json("environment.json")["notes"]
    assert any(
        "ends at step 100, before the schedule of kl does (step 400); it stops at 2" in note for note in notes
    )
    assert any("normalised beta" in note for note in notes)


def test_collapse_is_said(tmp_path):
    run = train(
        plain(loss=[KL(10_000.0)]),
        steps=60,
        out=tmp_path / "run",
        progress=False,
        settings={"train.lr": 0.01},
    )
    assert any("The posterior has collapsed" in note for note in run.read_json("environment.json")["notes"])
    history = run.history()
    assert history["active_units"][history["split"] == "valid"][-1] == 0


def test_patience_waits_for_the_schedules_and_keeps_the_best_weights(tmp_path):
    recipe = plain(
        data={"source": "digits", "count": 60},
        loss=[KL(Linear(0, 1, until=40))],
        train={"steps": 3000, "batch": 32, "lr": 0.02, "valid_every": 10, "patience": 3},
    )
    run = train(recipe, out=tmp_path / "run", progress=False)
    history = run.history()
    valid = history["split"] == "valid"
    step, loss = history["step"][valid], history["loss"][valid]
    assert 40 <= step[-1] < 3000
    best = loss[step >= 40].min()
    assert loss[-1] > best
    assert np.argmin(loss[step >= 40]) == (step >= 40).sum() - 4


def test_a_loss_that_is_no_number_stops_with_the_terms_name(tmp_path):
    with pytest.raises(
        InputError,
        match=r"training: reconstruction was no longer a finite number from step 2 on; lower train.lr",
    ):
        train(
            plain(likelihood="mse"),
            steps=60,
            out=tmp_path / "run",
            progress=False,
            settings={"train.lr": 1e30},
        )
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        train(plain(), steps=5, out=tmp_path / "run", progress=False)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_conditions_must_exist():
    with pytest.raises(InputError, match="condition: the data has no attribute 'digi'; did you mean 'digit'"):
        train(plain(condition="digi"), steps=5, out="unused", progress=False)


def test_auto_means_the_first_attribute_with_classes(tmp_path):
    run = train(
        "conditional-vae", data="digits", steps=2, out=tmp_path / "run", settings=SMALL, progress=False
    )
    assert run.recipe.condition == ("digit",)
    assert resolve(load_recipe("class-separated"), run.attributes).loss[1].attribute == "digit"


def test_an_arithmetic_is_a_word_or_a_number(tmp_path):
    run = train(plain(), steps=2, out=tmp_path, settings={"train.precision": 32}, progress=False)
    assert run.recipe.train.precision == "32"


def test_a_damaged_checkpoint_costs_one_interval_and_is_said(tmp_path, capsys):
    whole = train(
        plain(), steps=12, settings={"train.checkpoint_every": 4}, out=tmp_path / "a", progress=False
    )
    hurt = train(
        plain(), steps=12, settings={"train.checkpoint_every": 4}, out=tmp_path / "b", progress=False
    )
    content = bytearray((hurt.path / "checkpoint.ckpt").read_bytes())
    # A bit of a weight: torch alone would take it for a number like any other.
    content[len(content) // 2] ^= 4
    (hurt.path / "checkpoint.ckpt").write_bytes(content)
    train(plain(), steps=12, settings={"train.checkpoint_every": 4}, out=hurt.path, resume=True)
    assert "going on from the one before it, of step 8" in capsys.readouterr().err
    assert digest(hurt.path / "model.safetensors") == digest(whole.path / "model.safetensors")
    for name in ("checkpoint.ckpt", "checkpoint.previous.ckpt"):
        (hurt.path / name).write_bytes(content[:1000])
    with pytest.raises(InputError, match=r"and so is the one before it .*; remove both to begin again"):
        train(plain(), steps=12, settings={"train.checkpoint_every": 4}, out=hurt.path, resume=True)


def test_a_weight_that_breaks_in_the_last_step_is_not_saved(tmp_path, monkeypatch):
    step = torch.optim.Adam.step

    def breaking(optimizer, closure=None):
        loss = step(optimizer, closure)
        if optimizer.state[optimizer.param_groups[0]["params"][0]]["step"] == 6:
            optimizer.param_groups[0]["params"][0].data[0] = float("nan")
        return loss

    monkeypatch.setattr(torch.optim.Adam, "step", breaking)
    with pytest.raises(InputError, match=r"the weight .* from step 6 on.* the last good state, of step 4"):
        train(plain(), steps=6, settings={"train.checkpoint_every": 2}, out=tmp_path, progress=False)
    assert np.isfinite(distaff.load(tmp_path).sample(2)).all()
