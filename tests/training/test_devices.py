"""One run on two processes: the numbers of one, one writer, and an end for all when one of them ends."""

import csv
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

import distaff
from distaff import InputError
from distaff.recipe import TrainOptions
from distaff.training import devices
from distaff.training.train import train

RECIPE = {
    "network": {"mlp": {"hidden": [16]}},
    "latent": [{"gaussian": {"size": 3}}, {"l2": {"attributes": ["size"], "teach": 0.5}}],
    "condition": "kind",
    "loss": [
        {"kl": {"capacity": 0.1, "blocks": ["z"]}},
        {"kl": {"free_bits": 0.05, "blocks": ["size"], "name": "kl_size"}},
        "supervise",
        {"classify": {"attribute": "kind", "weight": 0.5}},
    ],
    "data": {"source": "set.npz", "labelled": 0.3},
    "train": {
        "steps": 24,
        "batch": 32,
        "lr": 0.002,
        "precision": "32",
        "labelled_share": 0.4,
        "valid_every": 8,
        "checkpoint_every": 5,
        "gradient_clip": 5.0,
        "shuffle": "blocks",
    },
}
"""All that is drawn at random, and all that is no mean over pictures: a capacity, free bits, labels."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    rng = np.random.default_rng(0)
    kind, size = rng.integers(0, 3, 400), rng.uniform(2, 7, 400)
    grid = np.abs(np.arange(16) - 7.5)
    images = (np.maximum(grid[:, None], grid) < size[:, None, None]) * (80 + 80 * kind[:, None, None])
    np.savez(folder / "set.npz", images=images.astype(np.uint8), kind=kind, size=size)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return folder


@pytest.fixture(scope="module")
def alone(folder):
    return run_alone(folder, "alone")


def run_alone(folder, name, **settings):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return distaff.train("recipe.yaml", out=name, settings=settings, progress=False).path.resolve()


def words(out, *more):
    return ["train", "recipe.yaml", "--no-page", "--out", out, *more]


def start(folder, *command, **more):
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | more
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process, seconds=120):
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, out, err


def compare(one, two, tolerance=2e-5):
    first, second = (load_file(path / "model.safetensors") for path in (one, two))
    assert first.keys() == second.keys()
    for name, weights in first.items():
        np.testing.assert_allclose(second[name], weights, rtol=tolerance, atol=tolerance, err_msg=name)
    histories = [list(csv.DictReader((path / "history.csv").read_text().splitlines())) for path in (one, two)]
    for row, other in zip(*histories, strict=True):
        for column in row.keys() - {"seconds", "split"}:
            if row[column]:
                assert float(other[column]) == pytest.approx(float(row[column]), rel=1e-4, abs=1e-4), column


TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2")


def names(run):
    return sorted(str(path.relative_to(run)) for path in run.rglob("*"))


def digest(run):
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


def test_two_processes_do_what_one_does(folder, alone):
    process = start(folder, "-m", "distaff", *words("two", "--set", "train.devices=2"))
    code, out, err = ended(process)
    assert code == 0, err
    assert out.count("24 steps in") == out.count("Next:") == 1
    assert "distributed" not in err.lower()
    compare(alone, folder / "two")
    assert names(folder / "two") == names(alone)


@pytest.mark.slow
def test_torchrun_starts_them_too(folder, alone):
    code, out, err = ended(start(folder, *TORCHRUN, "-m", "distaff", *words("torchrun")))
    assert code == 0, err
    assert out.count("24 steps in") == 1
    compare(alone, folder / "torchrun")


NORMALISED = """
import torch
from torch import distributed, nn
from distaff.share import Share
from distaff.training.synchronised import synchronise

distributed.init_process_group("gloo")
share = Share(distributed.get_rank(), 2)
torch.manual_seed(0)
images = torch.randn(12, 3, 8, 8, dtype=torch.float64)

def network():
    torch.manual_seed(1)
    first, second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3)
    return nn.Sequential(first, nn.BatchNorm2d(4), nn.ReLU(), second, nn.BatchNorm2d(2))

whole, shared = network().double(), network().double()
synchronise(shared, share)
for _ in range(2):
    whole(images).pow(4).mean().backward()
    shared(share.part(images)).pow(4).mean().backward()
for one, other in zip(whole.parameters(), shared.parameters(), strict=True):
    distributed.all_reduce(other.grad)
    torch.testing.assert_close(other.grad / 2, one.grad)
assert whole[0].weight.grad.abs().max() > 1e-4
torch.testing.assert_close(shared.state_dict(), whole.state_dict())
whole.eval(), shared.eval()
torch.testing.assert_close(shared(images), whole(images))
"""


@pytest.mark.slow
def test_batch_normalisation_is_over_all_processes(tmp_path):
    (tmp_path / "normalised.py").write_text(NORMALISED)
    code, _, err = ended(start(tmp_path, *TORCHRUN, "normalised.py"))
    assert code == 0, err


@pytest.mark.slow
@pytest.mark.parametrize("everyone", [True, False])
def test_a_signal_to_one_or_to_all_ends_all_after_the_same_step(folder, everyone):
    more = ("--set", "train.steps=4000", "--set", "train.devices=2")
    process = start(folder, "-m", "distaff", *words(f"stopped-{everyone}", *more))
    run = folder / f"stopped-{everyone}"
    wait_for(run / "checkpoint.ckpt")
    for each in [process.pid, *(children(process.pid) if everyone else [])]:
        os.kill(each, signal.SIGINT if everyone else signal.SIGTERM)
    code, _, err = ended(process)
    assert code == 0, err
    assert err.count("Stopped at step") == 1
    assert "--resume" in err
    step = int(err.split("Stopped at step ")[1].split()[0])
    assert 5 <= step < 4000
    assert distaff.load(run).sample(1).shape == (1, 16, 16)


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_bit(folder):
    more = ("--set", "train.steps=150", "--set", "train.devices=2")
    assert ended(start(folder, "-m", "distaff", *words("whole", *more)))[0] == 0
    process = start(folder, "-m", "distaff", *words("killed", *more))
    wait_for(folder / "killed" / "checkpoint.ckpt")
    below = children(process.pid)
    for each in [process.pid, *below]:
        os.kill(each, signal.SIGKILL)
    process.communicate()
    assert not (folder / "killed" / "model.safetensors").exists()
    assert ended(start(folder, "-m", "distaff", *words("killed", *more, "--resume")))[0] == 0
    assert digest(folder / "killed") == digest(folder / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        one = distaff.train("recipe.yaml", out="one", settings={"train.steps": 150}, progress=False)
    compare(one.path if one.path.is_absolute() else folder / one.path, folder / "whole", tolerance=2e-3)


BREAKING = """
import os, sys
from distaff.cli import main
from distaff.errors import InputError
from distaff.training.module import Trainee

rank = int(os.environ.get("LOCAL_RANK", 0))
before = Trainee.training_step

def step(self, batch, index):
    if rank == {rank} and self.global_step == 7:
        {act}
    return before(self, batch, index)

Trainee.training_step = step
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rank", "act", "says"),
    [
        (
            1,
            "raise InputError('the disk is gone')",
            "process 1: the disk",
        ),
        (
            0,
            "raise InputError('the disk is gone')",
            "distaff: the disk",
        ),
        (1, "os.kill(os.getpid(), 9)", "another process of this run has ended without a word"),
        (1, "1 / 0", "process 1: unexpected ZeroDivisionError: division by zero"),
    ],
)
def test_what_breaks_one_ends_all_with_one_line(folder, tmp_path, rank, act, says):
    driver = tmp_path / "driver.py"
    driver.write_text(BREAKING.format(rank=rank, act=act))
    process = start(folder, str(driver), *words(str(tmp_path / "broken"), "--set", "train.devices=2"))
    wait_for(tmp_path / "broken" / "checkpoint.ckpt")
    below = children(process.pid)
    code, out, err = ended(process, 60)
    assert code in (2, -signal.SIGKILL)
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("distaff:")]
    assert len(lines) == 1
    assert says in lines[0]
    assert "Traceback" not in err
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{each}").exists() for each in below) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{each}").exists() for each in below)


def wait_for(path):
    deadline = time.monotonic() + 100
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert path.exists()


def children(pid):
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_result_does_not_depend_on_devices_so_a_resumed_run_may_have_others(folder, alone):
    again = folder / "again"
    again.mkdir()
    for file in alone.iterdir():
        if file.is_file():
            (again / file.name).write_bytes(file.read_bytes())
    raw = yaml.safe_load((again / "recipe.yaml").read_text())
    raw["train"]["devices"] = 2
    (again / "recipe.yaml").write_text(yaml.safe_dump(raw))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train("recipe.yaml", out=again, resume=True, progress=False)
    assert digest(again) == digest(alone)


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"train\.batch 33 cannot be shared evenly by 2 processes"):
        train(
            "vae",
            data="digits",
            settings={"train.devices": 2, "train.batch": 33},
            out=tmp_path / "run",
            progress=False,
        )
    assert not (tmp_path / "run").exists()


def test_torchrun_decides_how_many_there_are(monkeypatch):
    monkeypatch.setattr(devices, "from_torchrun", lambda: True)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setenv("WORLD_SIZE", "8")
    found = devices.trainer_options(TrainOptions())
    assert (found["devices"], found["num_nodes"]) == (4, 2)
    with pytest.raises(InputError, match="torchrun started 4 of 8 processes here"):
        devices.trainer_options(TrainOptions(devices=2))


def test_replicas_share_no_devices():
    with pytest.raises(InputError, match="replicas of a model share no devices"):
        train("vae", settings={"train.devices": 2, "train.replicas": 2})
