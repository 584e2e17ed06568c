"""Several models of one recipe: equal to each trained alone, and each safe from what befalls the others."""

import csv
import hashlib
import multiprocessing
import os
import signal
import time

import pytest
import torch

import distaff
from distaff import KL, Gaussian, InputError, Recipe, Run
from distaff.cli import main
from distaff.recipe import to_yaml
from distaff.training import ReplicaError, lanes, pace, pictures, replicas, train, train_replicas
from distaff.training.lock import sole_trainer
from distaff.training.module import Trainee

STEPS = 40
FORK = multiprocessing.get_context("fork")


def recipe(**train):
    return Recipe(
        data={"source": "digits", "count": 200},
        network={"mlp": {"hidden": [16]}},
        latent=[Gaussian(2)],
        loss=[KL()],
        train={"steps": STEPS, "batch": 32, "valid_every": 10, "checkpoint_every": 10, "replicas": 3} | train,
    )


@pytest.fixture(scope="module", autouse=True)
def few_pictures():
    """Draw the first and the last step alone: pictures take longer than these steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "EARLY", frozenset())
        yield


def weights(folder):
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def rows(folder):
    with (folder / "history.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The runs of seeds 5, 6 and 7, each trained by itself with one thread."""
    folder, threads = tmp_path_factory.mktemp("alone"), torch.get_num_threads()
    torch.set_num_threads(1)
    runs = [
        train(recipe(replicas=1, seed=seed), out=folder / str(seed), progress=False) for seed in (5, 6, 7)
    ]
    torch.set_num_threads(threads)
    return {f"seed-{run.recipe.train.seed}": run for run in runs}


@pytest.fixture
def side_by_side(monkeypatch):
    monkeypatch.setattr(replicas, "are_faster", lambda *_: True)
    monkeypatch.setattr(pace, "cores", lambda: 2)


@pytest.fixture
def in_a_row(monkeypatch):
    monkeypatch.setattr(replicas, "are_faster", lambda *_: False)


def trained(folder, **options):
    return train_replicas(recipe(seed=5), out=folder, progress=False, **options)


@pytest.mark.parametrize("way", ["side_by_side", "in_a_row"])
def test_replicas_equal_the_same_seeds_alone_to_the_bit(way, request, alone, tmp_path, monkeypatch):
    request.getfixturevalue(way)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    runs = trained(tmp_path / "runs")
    torch.set_num_threads(threads)
    assert [run.path.name for run in runs] == list(alone)
    for run in runs:
        assert weights(run.path) == weights(alone[run.path.name].path)
        assert rows(run.path) == rows(alone[run.path.name].path)
        assert run.recipe == alone[run.path.name].recipe
        assert {each.name for each in run.path.iterdir()} == {
            each.name for each in alone[run.path.name].path.iterdir()
        }
        assert run.is_finished


def test_each_is_a_run_that_can_be_resumed_and_repeated_alone(side_by_side, alone, tmp_path):
    run = trained(tmp_path / "runs")[1]
    before = weights(run.path)
    train(run.recipe, out=run.path, resume=True, progress=False)
    assert weights(run.path) == before


def test_resuming_trains_what_is_missing_and_leaves_the_rest_alone(side_by_side, alone, tmp_path):
    folder = tmp_path / "runs"
    trained(folder)
    kept = files(folder / "seed-5") | files(folder / "seed-7")
    for name in ("checkpoint.ckpt", "model.safetensors"):
        (folder / "seed-6" / name).unlink()
    with pytest.raises(InputError, match="already holds seed-5; resume"):
        trained(folder)
    trained(folder, resume=True)
    assert weights(folder / "seed-6") == weights(alone["seed-6"].path)
    assert files(folder / "seed-5") | files(folder / "seed-7") == kept
    train_replicas(recipe(seed=5, replicas=4), out=folder, resume=True, progress=False)
    assert Run(folder / "seed-8").is_finished
    with pytest.raises(InputError, match=r"seed-5: was begun with another train.batch"):
        train_replicas(recipe(seed=5, batch=16), out=folder, resume=True, progress=False)


def test_the_folder_of_one_run_is_refused(tmp_path):
    train(recipe(replicas=1, steps=2), out=tmp_path, progress=False)
    before = files(tmp_path)
    for resume in (False, True):
        with pytest.raises(InputError, match="is the run of one model"):
            train_replicas(recipe(), out=tmp_path, resume=resume, progress=False)
    assert files(tmp_path) == before


@pytest.mark.parametrize("way", ["side_by_side", "in_a_row"])
def test_one_that_breaks_does_not_take_the_others_with_it(way, request, alone, tmp_path, monkeypatch, capsys):
    request.getfixturevalue(way)
    step = Trainee.training_step

    def broken(trainee, batch, index):
        loss = step(trainee, batch, index)
        return loss * float("nan") if trainee.recipe.train.seed == 6 else loss

    monkeypatch.setattr(Trainee, "training_step", broken)
    (tmp_path / "recipe.yaml").write_text(to_yaml(recipe(seed=5)))
    folder = tmp_path / "runs"
    assert main(["train", str(tmp_path / "recipe.yaml"), "--out", str(folder)]) == 2
    told = capsys.readouterr()
    assert [line.partition(":")[0] for line in told.out.splitlines() if "steps in" in line] == [
        str(folder / "seed-5"),
        str(folder / "seed-7"),
    ]
    last = told.err.splitlines()[-1]
    assert last.startswith("distaff: 1 of the 3 models broke: seed-6: training:")
    assert "no longer a finite number" in last
    assert not Run(folder / "seed-6").is_trained
    assert Run(folder / "seed-7").is_finished


def test_a_killed_process_is_named_and_the_others_go_on(side_by_side, alone, tmp_path, monkeypatch):
    step = Trainee.training_step

    def dying(trainee, batch, index):
        if trainee.recipe.train.seed == 5 and trainee.global_step == 15:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(trainee, batch, index)

    monkeypatch.setattr(Trainee, "training_step", dying)
    with pytest.raises(
        ReplicaError, match=r"1 of the 3 models broke: seed-5: its process died \(SIGKILL\)"
    ) as error:
        trained(tmp_path / "runs")
    assert [run.path.name for run in error.value.runs] == ["seed-6", "seed-7"]
    monkeypatch.setattr(Trainee, "training_step", step)
    for run in trained(tmp_path / "runs", resume=True):
        assert weights(run.path) == weights(alone[run.path.name].path)


def test_when_every_process_dies_the_rest_is_named(side_by_side, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainee, "training_step", lambda *_: os._exit(7))
    with pytest.raises(ReplicaError, match=r"3 of the 3 .* \(exit code 7\).* seed-7: not begun") as error:
        trained(tmp_path / "runs")
    assert error.value.runs == []


def test_a_fault_of_our_own_keeps_its_trace(side_by_side, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainee, "training_step", lambda *_: {}["nothing"])
    with pytest.raises(ReplicaError, match="unexpected KeyError: 'nothing'") as error:
        trained(tmp_path / "runs")
    assert "training_step" in error.value.__notes__[0]


def slowly(monkeypatch):
    """Make a step take long enough to be interrupted at."""
    step = Trainee.training_step

    def slow(trainee, batch, index):
        time.sleep(0.02)
        return step(trainee, batch, index)

    monkeypatch.setattr(Trainee, "training_step", slow)


def begin(folder):
    """Train in a process of its own, and return it when both of the first models have a checkpoint."""
    process = FORK.Process(target=trained, args=(folder,))
    process.start()
    wait_for(lambda: all((folder / f"seed-{seed}" / "checkpoint.ckpt").exists() for seed in (5, 6)))
    return process


def wait_for(happened):
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_free(folder):
    try:
        with sole_trainer(folder):
            return True
    except InputError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_first_process_every_model_is_saved_and_resumes_exactly(
    number, side_by_side, alone, tmp_path, monkeypatch
):
    folder = tmp_path / "runs"
    with monkeypatch.context() as patch:
        slowly(patch)
        process = begin(folder)
        os.kill(process.pid, number)
        process.join(60)
    assert process.exitcode == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    stopped = [Run(folder / f"seed-{seed}") for seed in (5, 6)]
    # Written last of all; when the first process is gone, the others still save.
    wait_for(lambda: all("finished" in run.read_json("environment.json") for run in stopped))
    assert not any(run.is_finished for run in stopped)
    assert not (folder / "seed-7").exists()
    # The others hold the folder until they end, a moment after their last write.
    wait_for(lambda: is_free(folder))
    for run in trained(folder, resume=True):
        assert weights(run.path) == weights(alone[run.path.name].path)
        assert rows(run.path) == rows(alone[run.path.name].path)


def test_a_stop_says_where_each_is_and_how_to_go_on(in_a_row, tmp_path, monkeypatch, capsys):
    step = Trainee.training_step

    def stopping(trainee, batch, index):
        if trainee.recipe.train.seed == 6 and trainee.global_step == 7:
            signal.raise_signal(signal.SIGINT)
        return step(trainee, batch, index)

    monkeypatch.setattr(Trainee, "training_step", stopping)
    runs = train_replicas(recipe(seed=5), out=tmp_path / "runs")
    assert [run.path.name for run in runs] == ["seed-5", "seed-6"]
    said = capsys.readouterr().err
    assert (
        f"Stopped: seed-6 at step 8 of {STEPS}, seed-7 at step 0 of {STEPS}. "
        f"Go on with: the same call and resume=True, out='{tmp_path / 'runs'}'"
    ) in said


@pytest.mark.parametrize(("beside", "said"), [(1.0, "2 side by side"), (4.0, "one after another: side by")])
def test_the_faster_way_is_measured_and_said(beside, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pace, "measure_all", lambda _: beside)
    monkeypatch.setattr(replicas, "seconds_a_step", lambda *_: 1.0)
    monkeypatch.setattr(pace, "cores", lambda: 2)
    ids = []
    monkeypatch.setattr(replicas, "train_all", lambda opened, *_: bool(ids.append(len(opened))))
    monkeypatch.setattr(replicas, "train_on", lambda *_: ids.append("row"))
    train_replicas(recipe(), out=tmp_path)
    assert said in capsys.readouterr().err
    assert ids == ([2] if beside == 1 else ["row"] * 3)


def test_a_step_is_measured_as_it_is_trained():
    dataset = distaff.data.load("digits", count=200)
    assert 1e-5 < pace.seconds_a_step(recipe(), dataset) < 1
    with lanes.lanes(2, lambda *_: None, lambda: float(os.getpid())) as opened:
        mean = sum(lane.process.pid for lane in opened) / 2
        assert lanes.measure_all(opened) == mean != os.getpid()
    with lanes.lanes(2, lambda *_: None, lambda: os._exit(1)) as opened:
        assert lanes.measure_all(opened) == float("inf")


@pytest.mark.parametrize(
    ("threads", "gpu", "count", "why"),
    [
        (None, True, 2, "they share one GPU"),
        (None, False, 1, "there is one core"),
        (2, False, 2, "they were begun with 2 threads each"),
    ],
)
def test_where_they_cannot_train_side_by_side_it_is_said(threads, gpu, count, why, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(pace, "cores", lambda: count)
    said = []
    assert pace.lanes_for(5, threads, said.append) == 0
    assert said == [f"The 5 models train one after another: {why}."]


def test_one_run_is_not_the_place_for_several():
    with pytest.raises(InputError, match=r"distaff.train_replicas trains them and returns a list"):
        distaff.train(recipe(), out="unused")


def test_the_command_trains_them_and_says_what_to_do_next(side_by_side, tmp_path, capsys):
    words = ["--data", "digits", "--set", "data.count=60", "--set", "network={mlp: {hidden: [16]}}"]
    out = tmp_path / "runs"
    assert main(["train", "vae", *words, "--set", "train.replicas=2", "--steps", "4", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert f"distaff explore {out / 'seed-0'} {out / 'seed-1'}" in told
    assert not (out / "seed-0" / "explorer.html").exists()
    picture = tmp_path / "both.png"
    assert main(["figures", str(out / "seed-0"), str(out / "seed-1"), "--out", str(picture)]) == 0
    assert picture.stat().st_size > 10_000
