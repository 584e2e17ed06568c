"""Studies: what is planned, that every run is made once whatever happens, and that failures are rows."""

import csv
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pyarrow.parquet
import pytest
import yaml

from distaff.cli import main
from distaff.errors import InputError
from distaff.latents import Gaussian
from distaff.losses import KL
from distaff.recipe import Recipe
from distaff.study import Outcome, Study, load_study, read_study, run_study, shipped_studies
from distaff.training import train

BASE = {
    "data": {"source": "digits", "count": 200},
    "network": {"mlp": {"hidden": [8]}},
    "latent": [{"gaussian": {"size": 2}}],
    "train": {"steps": 2, "batch": 16, "images_every": 100000},
}
TINY = {"base": BASE, "metrics": ["active_units"]}


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))


def weights(out):
    """The weights of every run, by the hash of its recipe."""
    return {
        path.parent.name.rpartition("-")[2]: path.read_bytes()
        for path in out.glob("runs/*/model.safetensors")
    }


def rows(out):
    with (out / "results.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_combination_is_planned_once():
    study = read_study(
        """
        base: vae
        over:
          data: [digits, mnist]
          method:
            plain: {over: {loss.kl.weight: [1, 4]}}
            dip:
              settings: {loss: [{kl: {}}, {moments: {of: mean}}]}
              over: {zip: {loss.moments.off_diagonal: [1, 2], loss.moments.diagonal: [10, 20]}}
            own: {base: beta-tcvae}
          seed: 0..2
        """,
        where="study",
    )
    plan = study.plan()
    assert len(plan) == len({entry.digest for entry in plan}) == 2 * 5 * 3
    assert study.axes == ("data", "method", "seed")
    dip = [entry for entry in plan if entry.levels["method"] == "dip" and entry.levels["seed"] == "1"]
    assert [entry.levels["method setting"] for entry in dip[:2]] == [
        f"loss.moments.off_diagonal, loss.moments.diagonal={pair}" for pair in ("1, 10", "2, 20")
    ]
    for entry in dip[:2]:
        moments = entry.recipe["loss"][1]["moments"]
        assert moments["diagonal"] == 10 * moments["off_diagonal"]
        assert entry.recipe["train"]["seed"] == 1
    assert all(entry.name.endswith(entry.digest) for entry in plan)


def test_yaml_and_python_plan_the_same_runs():
    base = Recipe(data="digits", latent=[Gaussian(3)])
    made = Study(
        base=base, over={"loss.kl.weight": (1, 4), "seed": range(3)}, settings={"loss": [KL(average=True)]}
    )
    again = read_study(made.to_yaml(), where="study")
    assert [entry.digest for entry in made.plan()] == [entry.digest for entry in again.plan()]
    assert len(made.plan()) == 6


def test_a_part_as_a_value_is_not_shared_between_runs():
    """What is set within a value of `settings` must not leak into the next run."""
    linear = {"loss": [{"kl": {"weight": {"linear": {"from": 0, "to": 1}}}}]}
    study = Study(
        base="vae", over={"method": {"a": {"settings": linear, "over": {"loss.kl.weight.linear.to": [5, 9]}}}}
    )
    ends = [entry.recipe["loss"][0]["kl"]["weight"]["linear"]["to"] for entry in study.plan()]
    assert ends == [5, 9]


def test_shipped_studies_are_studies():
    counts = {name: len(load_study(name).plan()) for name in shipped_studies()}
    assert counts == {"beta-sweep": 8, "locatello-2019": 12_600, "locatello-small": 90, "seeds": 10}


def test_the_study_of_2019_is_the_published_grid():
    plan = load_study("locatello-2019").plan()
    assert len({entry.digest for entry in plan}) == 12_600
    # index = (data x 36 + model) x 50 + seed
    model, seed = 3 * 6 + 5, 7
    entry = plan[(0 * 36 + model) * 50 + seed]
    assert entry.levels["method"] == "dip_vae_ii"
    assert (
        entry.recipe["loss"][1]["moments"] | {"off_diagonal": 50, "diagonal": 50}
        == entry.recipe["loss"][1]["moments"]
    )
    assert entry.recipe["train"]["seed"] == 7
    factor = plan[6 * 50]
    assert factor.levels["method"] == "factor_vae"
    assert factor.recipe["train"]["steps"] == 150_000


def test_each_method_of_2019_has_its_six_strengths():
    plan = load_study("locatello-2019").plan()
    firsts = [plan[model * 50] for model in range(36)]
    assert [entry.levels["seed"] for entry in (*firsts, plan[49])] == ["0"] * 36 + ["49"]
    losses = [entry.recipe["loss"] for entry in firsts]
    beta, factor, dip_i, dip_ii, beta_tc, annealed = (losses[first : first + 6] for first in range(0, 36, 6))
    assert [loss[0]["kl"]["weight"] for loss in beta] == [1, 2, 4, 6, 8, 16]
    assert [loss[1]["tc"]["weight"] for loss in factor] == [10, 20, 30, 40, 50, 100]
    for dip, of, times in ((dip_i, "mean", 10), (dip_ii, "sample", 1)):
        moments = [loss[1]["moments"] for loss in dip]
        assert {each["of"] for each in moments} == {of}
        assert [each["off_diagonal"] for each in moments] == [1, 2, 5, 10, 20, 50]
        assert [each["diagonal"] / each["off_diagonal"] for each in moments] == [times] * 6
    # The published beta counts the total correlation of the KL, too.
    assert [loss[0]["kl"]["weight"] + loss[1]["tc"]["weight"] for loss in beta_tc] == [1, 2, 4, 6, 8, 10]
    kl = [loss[0]["kl"] for loss in annealed]
    assert [each["capacity"]["linear"]["to"] for each in kl] == [5, 10, 25, 50, 75, 100]
    assert {(each["weight"], each["capacity"]["linear"]["until"]) for each in kl} == {(1000, 100_000)}


def test_a_study_grows_and_nothing_is_run_twice(tmp_path):
    out = tmp_path / "out"
    first = run_study(Study(**TINY, over={"seed": "0..1"}), out, jobs=1)
    assert [row["status"] for row in first.rows] == ["finished"] * 2
    assert not list(out.glob("runs/*/checkpoint*"))
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/*") if path.is_file()}
    # Another axis, another name of the study, another order: the same recipes are the same runs.
    more = Study(**TINY, about="More.", over={"loss.kl.weight": [4, 1], "train.seed": [2, 1, 0]})
    second = run_study(more, out, jobs=1)
    assert len(second.rows) == 6
    assert {row["status"] for row in second.rows} == {"finished"}
    assert len(list((out / "runs").iterdir())) == 6
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    # Another metric measures the same models, and trains none.
    before = weights(out)
    third = run_study(Study(base=BASE, metrics=["active_units", "kl"], over={"seed": "0..1"}), out, jobs=1)
    assert all(row["kl"] is not None for row in third.rows)
    assert weights(out) == before
    assert third.others == 4


def test_failures_are_rows(tmp_path):
    study = Study(
        base=BASE | {"data": "digits"},
        metrics=["elbo"],
        over={"data": ["digits", "nowhere.npz"], "train.lr": [1e-3, 1e30]},
        settings={"train.steps": 60, "train.checkpoint_every": 20},
    )
    results = run_study(study, tmp_path / "out", jobs=1)
    assert [row["status"] for row in results.rows] == ["finished", "diverged", "failed", "failed"]
    assert "nowhere.npz" in results.rows[2]["reason"]
    good, bad = results.cells("elbo")[:2]
    assert good.failed == 0
    assert (bad.failed, bad.median) == (1, float("-inf"))
    assert [row["status"] for row in rows(tmp_path / "out")] == ["finished", "diverged", "failed", "failed"]
    # A diverged run would diverge again; a failed one is tried again.
    again = run_study(study, tmp_path / "out", jobs=1)
    assert [row["status"] for row in again.rows] == [row["status"] for row in results.rows]


def test_runs_of_workers_are_those_of_this_process(tmp_path):
    study = Study(**TINY, over={"seed": "0..2"})
    one, two = (run_study(study, tmp_path / str(jobs), jobs=jobs) for jobs in (1, 2))
    assert weights(tmp_path / "1") == weights(tmp_path / "2")
    assert len(weights(tmp_path / "1")) == 3
    assert [row["active_units"] for row in one.rows] == [row["active_units"] for row in two.rows]


def test_seeds_are_chosen_without_labels(tmp_path, monkeypatch):
    study = Study(**TINY, over={"seed": "0..2"}, select=True)
    results = run_study(study, tmp_path, jobs=1)
    assert results.selectors
    assert all(0 <= row["udr"] <= 1 for row in results.rows)
    # They are computed once for a group of runs, and anew when it has grown.
    monkeypatch.setattr("distaff.study._statistics._scores", None)
    assert run_study(study, tmp_path, jobs=1).rows == results.rows
    with pytest.raises(TypeError):
        run_study(Study(**TINY, over={"seed": "0..3"}, select=True), tmp_path, jobs=1)
    table = pyarrow.parquet.read_table(tmp_path / "results.parquet")
    assert table["udr"].to_pylist() == [row["udr"] for row in results.rows]
    assert table["seed"].to_pylist() == [0, 1, 2]


def test_parts_share_the_work(tmp_path):
    study = Study(**TINY, over={"seed": "0..2"})
    first = run_study(study, tmp_path, part=(1, 2), jobs=1)
    assert [row["status"] for row in first.rows] == ["finished", "waiting", "finished"]
    second = run_study(study, tmp_path, part=(2, 2), jobs=1)
    assert {row["status"] for row in second.rows} == {"finished"}


LONG = BASE | {"train": BASE["train"] | {"checkpoint_every": 20, "valid_every": 1000}}


def begun(out):
    """Wait until a run has a checkpoint."""
    for _ in range(1200):
        if list(out.glob("runs/*/checkpoint.ckpt")):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
def test_a_killed_study_continues_exactly_and_two_processes_share_it(tmp_path):
    file, out = tmp_path / "study.yaml", tmp_path / "out"
    study = Study(base=LONG, metrics=["active_units"], over={"steps": [1000, 2, 3]})
    file.write_text(study.to_yaml())
    words = [sys.executable, "-m", "distaff", "study", str(file), "--out", str(out), "--jobs", "1"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert begun(out)
        # It keeps the lock of its run, and cannot come to its end meanwhile.
        process.send_signal(signal.SIGSTOP)
        beside = run_study(study, out, jobs=1)
    finally:
        process.kill()
        process.wait()
    assert [row["status"] for row in beside.rows] == ["running", "finished", "finished"]
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/model.safetensors")}
    done = run_study(study, out, jobs=1)
    assert {row["status"] for row in done.rows} == {"finished"}
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    recipe = Recipe.model_validate(study.plan()[0].recipe)
    whole = train(recipe, out=tmp_path / "whole", progress=False)
    long = next(out.glob(f"runs/*{study.plan()[0].digest}"))
    assert (long / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


def test_ctrl_c_saves_all(tmp_path, capsys):
    file, out = tmp_path / "study.yaml", tmp_path / "out"
    raw = {"base": LONG, "metrics": ["active_units"], "over": {"steps": [100_000, 2]}}
    file.write_text(yaml.safe_dump(raw))

    def interrupt():
        if begun(out):
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    code = main(["study", str(file), "--out", str(out), "--jobs", "1"])
    thread.join()
    assert code == 130
    assert "the same command continues" in capsys.readouterr().err
    assert [row["status"] for row in rows(out)] == ["interrupted", "waiting"]
    assert list(out.glob("runs/*/model.safetensors"))
    assert not list(out.glob(".claims/stop-*"))


def test_dry_run_writes_nothing(tmp_path, capsys):
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(TINY | {"over": {"seed": "0..9"}}))
    assert main(["study", str(file), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "10 runs, 10 of them to be made" in said
    assert "ms a step" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("over: {sede: 0..4}", "sede"),
        ("ovr: {seed: 0..4}", "did you mean 'over'?"),
        ("over: {loss.kl.wieght: [1, 2]}", "did you mean 'weight'?"),
        ("over: {seed: []}", "expected a list of values"),
        ("over: {seed: 4..0}", "range"),
        ("over: {seed: 0..99999999999}", "range"),
        ("over: {seed: [1, 1]}", "given twice"),
        ("over: {seed: [a]}", "seed"),
        ("over: {zip: {seed: 0..3, steps: [1, 2]}}", "as many values"),
        ("over: {method: {a: {ovr: {}}}}", "did you mean 'over'?"),
        ("over: {method: {a: 3}}", "a variant has"),
        ("over: {method: {}}", "named variants"),
        ("over: 3", "over"),
        ("over: [1]", "over"),
        ("over: {loss.kl.weight: 0..999, train.steps: 1..999, seed: 0..999}", "at most"),
        ("metrics: [migg]", "did you mean 'mig'?"),
        ("base: betavae", "did you mean"),
        ("base: {latnet: []}", "did you mean 'latent'?"),
        ("threads: 0", "threads"),
        ("- 1", "a study is a mapping"),
        ("", "a study is a mapping"),
        ("over: {seed: &a [*a]}", "nested too deeply"),
        ("base: vae\nbase: vae", "given twice"),
        ("a: &a [1,1,1,1,1,1,1,1,1]\nover: {x: [" + "*a," * 5 + "]}", "unknown field 'a'"),
        ("over: {data: [digits], data.source: [mnist]}", "varied twice"),
        ("{" * 500, "YAML"),
        ("over: {method: {a: {base: vae}}, other: {b: {base: vae}}}", "one axis"),
    ],
)
def test_hostile_files_are_one_line(tmp_path, capsys, text, wanted):
    file = tmp_path / "study.yaml"
    file.write_text(text)
    assert main(["study", str(file), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert wanted in said[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["locatello-smal"], "did you mean 'locatello-small'?"),
        (["no/such.yaml"], "cannot be read"),
        (["seeds", "--part", "3/2"], "K/N"),
        (["seeds", "--part", "1,2"], "K/N"),
        (["seeds", "--resume"], "holds no study"),
        (["seeds", "--address", "auto"], "add --on ray"),
    ],
)
def test_wrong_words_are_one_line(capsys, words, wanted):
    assert main(["study", *words]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert wanted in said[0]


def test_ray_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.util", None)
    with pytest.raises(InputError, match="distaff\\[ray\\]"):
        run_study(Study(**TINY), tmp_path / "out", on="ray")
    assert not (tmp_path / "out").exists()


class Lost(Exception):
    """A worker's end, as Ray tells of it."""


class FakeRay:
    """A cluster whose workers run here: one is told to end, one comes too early, one is lost."""

    exceptions = SimpleNamespace(WorkerCrashedError=Lost, NodeDiedError=Lost)

    def __init__(self, troubles):
        self.troubles, self.tasks, self.options = list(troubles), [], {}
        self.results = []

    def is_initialized(self):
        return True

    def cluster_resources(self):
        return {"CPU": 2.0}

    def remote(self, **options):
        self.options = options
        return lambda work: SimpleNamespace(remote=lambda task: self.begin(work, task))

    def begin(self, work, task):
        self.tasks.append(task)
        trouble = self.troubles.pop(0) if self.troubles else None
        self.results.append(trouble or work(task))
        return len(self.results) - 1

    def wait(self, made, timeout):
        return made[:1], made[1:]

    def get(self, made):
        found = self.results[made]
        if isinstance(found, Exception):
            raise found
        return found


@pytest.mark.slow
def test_runs_on_a_cluster_outlive_its_workers(tmp_path, monkeypatch):
    study = Study(**TINY, over={"seed": "0..3"})
    digests = [entry.digest for entry in study.plan()]
    early = [(digests[0], Outcome("running")), (digests[1], Outcome("interrupted", signal=15)), Lost()]
    ray = FakeRay(early)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr("distaff.study._work.LOOK_EVERY", 0)
    results = run_study(study, tmp_path / "ray", on="ray")
    assert ray.options == {"num_cpus": 1, "num_gpus": 0, "max_retries": 2}
    assert [row["status"] for row in results.rows] == ["finished", "finished", "failed", "finished"]
    assert "3 times by the system" in results.rows[2]["reason"]
    assert [task.digest for task in ray.tasks] == [*digests, *digests[:2]]
    # What failed is tried again, and the weights are those of a study here.
    results = run_study(study, tmp_path / "ray", on="ray")
    assert {row["status"] for row in results.rows} == {"finished"}
    run_study(study, tmp_path / "here", jobs=1)
    assert weights(tmp_path / "ray") == weights(tmp_path / "here")


def test_studies_are_listed(capsys):
    assert main(["study"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in shipped_studies())


def test_the_best_and_the_median_run_are_shown_once_all_have_ended(tmp_path):
    """Drawn once and kept; what cannot be drawn says why."""
    wide = {
        "latent": [{"gaussian": {"size": 2}}],
        "train.steps": 200,
        "train.lr": 3e-3,
        "loss.kl.weight": 0.01,
    }
    study = Study(base=BASE, settings=wide, over={"seed": "0..2"}, metrics=["elbo"])
    results = run_study(study, tmp_path / "s", jobs=1)
    order = sorted(results.rows, key=lambda row: -row["elbo"])
    assert [(each.which, each.row["run"]) for each in results.examples()] == [
        ("best", order[0]["run"]),
        ("median", order[1]["run"]),
    ]
    page = (tmp_path / "s/study.html").read_text()
    assert page.count('src="data:image/png;base64,') == 2
    drawn = {
        path.parents[1].name: path.stat().st_mtime_ns for path in tmp_path.glob("s/runs/*/figures/trav*.png")
    }
    assert drawn.keys() == {order[0]["run"], order[1]["run"]}
    run_study(study, tmp_path / "s", jobs=1)
    assert (tmp_path / "s/study.html").read_text() == page
    assert all(
        (tmp_path / "s/runs" / each / "figures/traversals.png").stat().st_mtime_ns == drawn[each]
        for each in drawn
    )
    weak = Study(base=BASE, settings={"train.steps": 2}, over={"seed": "0..2"}, metrics=["elbo"])
    run_study(weak, tmp_path / "weak", jobs=1)
    assert "not drawn: all 2 latents are unused" in (tmp_path / "weak/study.html").read_text()
    for path in drawn:
        (tmp_path / "s/runs" / path / "figures/traversals.png").unlink()
        (tmp_path / "s/runs" / path / "attributes.json").write_text("{")
    run_study(study, tmp_path / "s", jobs=1)
    assert (tmp_path / "s/study.html").read_text().count("not drawn: ") == 2
    growing = Study(base=BASE, settings=wide, over={"seed": "0..3"}, metrics=["elbo"])
    run_study(growing, tmp_path / "part", jobs=1, part=(1, 2))
    assert not list(tmp_path.glob("part/runs/*/figures/traversals.png"))
