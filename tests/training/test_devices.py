"""One run on two processes: plain data parallelism, one writer, and an end for all when one of them ends."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from torch import nn

import distaff
from distaff import InputError
from distaff.data import load
from distaff.recipe import TrainOptions, load_recipe
from distaff.training import _devices
from distaff.training._batches import ModelWithLoss, TrainBatches

RECIPE = {
    "network": {"mlp": {"hidden": [16]}},
    "latent": [
        {"gaussian": {"size": 3}},
        {"l2": {"attributes": ["size"], "rules": [{"teacher_forcing": {}}]}},
    ],
    "condition": "kind",
    "loss": [{"kl": {"blocks": ["z"]}}, "supervise", {"classify": {"attribute": "kind", "weight": 0.5}}],
    "data": {"source": "set.npz", "labelled": 0.5},
    "train": {
        "steps": 24,
        "batch": 32,
        "lr": 0.002,
        "precision": "32",
        "valid_every": 8,
        "checkpoint_every": 5,
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    rng = np.random.default_rng(0)
    kind, size = rng.integers(0, 3, 400), rng.uniform(2, 7, 400)
    grid = np.abs(np.arange(16) - 7.5)
    images = (np.maximum(grid[:, None], grid) < size[:, None, None]) * (80 + 80 * kind[:, None, None])
    images[:, 0, :9] = rng.integers(0, 2, (400, 9))
    np.savez(folder / "set.npz", images=images.astype(np.uint8), kind=kind, size=size)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return folder


def words(out, *more):
    return ["train", "recipe.yaml", "--no-page", "--out", out, *more]


def start(folder, *command):
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process, seconds=200):
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, out, err


def digest(run):
    return (run / "model.safetensors").read_bytes()


def wait_for(path):
    deadline = time.monotonic() + 100
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert path.exists()


def children(pid):
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


TWO = ("--set", "train.devices=2")


@pytest.fixture(scope="module")
def two(folder):
    code, out, err = ended(start(folder, "-m", "distaff", *words("two", *TWO)))
    assert code == 0, err
    return folder / "two", out, err


def test_two_processes_train_one_run(two):
    run, out, err = two
    assert out.count("24 steps in") == out.count("Next:") == 1
    assert err.count("Training recipe on") == 1
    assert "2 processes" in err
    assert "distributed" not in err.lower()
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows if row["split"] == "valid"] == ["8", "16", "24"]
    assert distaff.load(run).sample(1).shape == (1, 16, 16)


def test_every_process_takes_a_batch_of_its_own_and_gradients_are_averaged(folder, two):
    """The same run, computed in one process: the first steps of both processes, one after another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        recipe = load_recipe("recipe.yaml").changed({"train.devices": 2})
        dataset = load(recipe.data)
    attributes = dataset.attributes.attributes
    recipe = recipe.resolved({each.name: each for each in attributes})
    vae, objective = recipe.build(attributes, (1, 16, 16), len(dataset.splits["train"]))
    shares = [
        (
            ModelWithLoss(vae, objective, recipe, dataset, rank),
            TrainBatches(dataset, recipe.train, rank=rank, processes=2),
        )
        for rank in range(2)
    ]
    both = nn.ModuleDict({"vae": vae, "objective": objective})
    optimizer = torch.optim.Adam(both.parameters(), lr=0.002, fused=True)
    losses = []
    for step in range(24):
        optimizer.zero_grad()
        loss = sum(module(*batches.take(step), step).total for module, batches in shares) / 2
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    trained = safetensors.torch.load_file(two[0] / "model.safetensors")
    torch.testing.assert_close(trained, dict(both.state_dict()), rtol=1e-4, atol=1e-4)
    with (two[0] / "history.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["split"] == "train")
    assert float(row["loss"]) == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.slow
def test_torchrun_starts_them_too(folder, two):
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
    code, out, err = ended(start(folder, *torchrun, "-m", "distaff", *words("torchrun")))
    assert code == 0, err
    assert out.count("24 steps in") == 1
    weights = (
        safetensors.torch.load_file(run / "model.safetensors") for run in (folder / "torchrun", two[0])
    )
    torch.testing.assert_close(*weights, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("everyone", [True, False])
def test_a_signal_to_one_or_to_all_ends_all_after_the_same_step(folder, everyone):
    out = f"stopped-{everyone}"
    process = start(folder, "-m", "distaff", *words(out, *TWO, "--set", "train.steps=4000"))
    wait_for(folder / out / "checkpoint.ckpt")
    number = signal.SIGINT if everyone else signal.SIGTERM
    for each in [process.pid, *(children(process.pid) if everyone else [])]:
        os.kill(each, number)
    code, _, err = ended(process)
    assert code == 128 + number, err
    assert err.count("Stopped at step") == 1
    step = int(err.split("Stopped at step ")[1].split()[0])
    assert 5 <= step < 4000
    assert step % 10 == 0
    assert distaff.load(folder / out).sample(1).shape == (1, 16, 16)


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_bit(folder):
    more = (*TWO, "--set", "train.steps=150")
    assert ended(start(folder, "-m", "distaff", *words("whole", *more)))[0] == 0
    process = start(folder, "-m", "distaff", *words("killed", *more))
    wait_for(folder / "killed" / "checkpoint.ckpt")
    for each in [process.pid, *children(process.pid)]:
        os.kill(each, signal.SIGKILL)
    process.communicate()
    assert not (folder / "killed" / "model.safetensors").exists()
    assert ended(start(folder, "-m", "distaff", *words("killed", *more, "--resume")))[0] == 0
    assert digest(folder / "killed") == digest(folder / "whole")


BREAKING = """
import os, sys
from distaff.cli import main
from distaff.errors import InputError
from distaff.training._batches import ModelWithLoss

rank = int(os.environ.get("LOCAL_RANK", 0))
before = ModelWithLoss.forward

def forward(self, images, labels, number):
    if rank == {rank} and number == 7:
        {act}
    return before(self, images, labels, number)

ModelWithLoss.forward = forward
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rank", "act", "said"),
    [
        (1, "raise InputError('the disk is gone')", "distaff: process 1: the disk is gone"),
        (0, "raise InputError('the disk is gone')", "distaff: the disk is gone"),
        (1, "os.kill(os.getpid(), 9)", "distaff: another process ended"),
        (1, "1 / 0", "distaff: process 1: ZeroDivisionError: division by zero"),
    ],
)
def test_what_breaks_one_ends_all_and_is_said(folder, tmp_path, rank, act, said):
    driver = tmp_path / "driver.py"
    driver.write_text(BREAKING.format(rank=rank, act=act))
    process = start(folder, str(driver), *words(str(tmp_path / "broken"), *TWO))
    wait_for(tmp_path / "broken" / "checkpoint.ckpt")
    below = children(process.pid)
    code, out, err = ended(process, 100)
    assert code in {2, -signal.SIGKILL}, err
    assert out == ""
    assert any(line.startswith(said) for line in err.splitlines()), err
    assert "Traceback" not in err
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{each}").exists() for each in below) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{each}").exists() for each in below)


def test_a_run_is_continued_with_as_many_processes(folder, two, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(two[0], again)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with pytest.raises(InputError, match=r"train\.devices was 2 and is now 'auto'"):
            distaff.train("recipe.yaml", out=again, resume=True, progress=False)


def test_torchrun_decides_how_many_there_are(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_torchelastic_launched", lambda: True)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setenv("WORLD_SIZE", "8")
    with pytest.raises(InputError, match="torchrun started 4 of 8 processes here; leave both unset"):
        _devices.make_fabric(TrainOptions(devices=2), "cpu")


@pytest.mark.parametrize("faster", [True, False])
@pytest.mark.parametrize("wanted", ["auto", "bf16", "32"])
def test_bfloat16_is_chosen_where_it_is_faster_or_asked_for(wanted, faster, monkeypatch):
    monkeypatch.setattr(_devices, "prefers_bfloat16", lambda kind: faster)
    fabric = _devices.make_fabric(TrainOptions(precision=wanted), "cpu")
    low = wanted == "bf16" or (wanted == "auto" and faster)
    assert fabric.strategy.precision.precision == ("bf16-mixed" if low else "32-true")


def test_a_run_that_is_continued_in_another_precision_says_so(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    for steps, faster, now in ((2, False, "32-true"), (4, True, "bf16-mixed")):
        monkeypatch.setattr(_devices, "prefers_bfloat16", lambda kind, faster=faster: faster)
        run = distaff.train(
            "vae", data="digits", steps=steps, out=tmp_path / "run", resume=True, progress=False, device="cpu"
        )
        assert run.read_json("environment.json")["precision"] == now
        told = "trained as 32-true until step 2 and as bf16-mixed from there on"
        assert (told in caplog.text) == faster
