"""Callbacks and loggers hear of a training; when one fails, the run is saved first."""

import sys
from operator import attrgetter
from types import SimpleNamespace

import pytest
from training_made import digest, plain, rows

import distaff
from distaff import InputError
from distaff.training import Callback, train
from distaff.training._folder import read_checkpoint


class Heard(Callback):
    """Keeps what it hears."""

    def __init__(self):
        self.steps, self.rows, self.ended = [], [], []

    def on_step(self, run, step, loss):
        self.steps.append((step, float(loss.total)))

    def on_validation(self, run, row):
        self.rows.append(dict(row))

    def on_end(self, run):
        self.ended.append(run.model.sample(1).shape)


def test_callbacks_hear_every_step_every_validation_and_the_end(tmp_path):
    heard = Heard()
    run = train(
        plain(),
        steps=5,
        settings={"train.valid_every": 2},
        out=tmp_path,
        callbacks=[heard, object()],
        progress=False,
    )
    assert [step for step, _ in heard.steps] == [1, 2, 3, 4, 5]
    assert [row["step"] for row in heard.rows] == [2, 4, 5]
    assert heard.rows[-1].keys() >= {"loss", "kl", "kl.z0", "weight.kl", "active_units"}
    assert heard.ended == [(1, 8, 8)]
    mean = sum(loss for _, loss in heard.steps) / 5
    assert float(next(row["loss"] for row in rows(run) if row["split"] == "train")) == pytest.approx(
        mean, rel=1e-5
    )


@pytest.mark.parametrize("method", ["on_step", "on_validation", "on_end"])
def test_an_exception_ends_the_training_with_the_run_saved(tmp_path, method):
    class Failing:
        """Fails when it first hears of step 4 or later."""

    def fail(self, run, *what):
        step = what[0]["step"] if method == "on_validation" else what[0] if what else 4
        if step >= 4:
            raise StopIteration("good enough")

    setattr(Failing, method, fail)
    asked = {"steps": 9, "settings": {"train.valid_every": 2}, "progress": False}
    with pytest.raises(StopIteration, match="good enough"):
        train(plain(), out=tmp_path / "run", callbacks=[Failing()], **asked)
    done = {"on_step": 4, "on_validation": 4, "on_end": 9}[method]
    assert read_checkpoint(tmp_path / "run" / "checkpoint.ckpt")["step"] == done
    assert distaff.load(tmp_path / "run").sample(1).shape == (1, 8, 8)
    resumed = train(plain(), out=tmp_path / "run", resume=True, **asked)
    whole = train(plain(), out=tmp_path / "whole", **asked)
    assert digest(resumed) == digest(whole)


class Log:
    """A logger, as Lightning's are."""

    def __init__(self, fail=False):
        self.logged, self.fail = [], fail

    def log_metrics(self, metrics, step):
        if self.fail:
            raise ConnectionError("the server is gone")
        self.logged.append((step, metrics))

    def finalize(self, status):
        self.status = status


def test_a_logger_is_given_the_history(tmp_path):
    log = Log()
    run = train(
        plain(), steps=100, out=tmp_path, settings={"train.valid_every": 60}, logger=log, progress=False
    )
    assert log.status == "success"
    assert [step for step, _ in log.logged] == [50, 60, 100, 100]
    named = {name: value for _, metrics in log.logged for name, value in metrics.items()}
    assert {"train/loss", "valid/loss", "valid/kl.z0", "train/weight.kl", "train/lr"} <= named.keys()
    assert named["valid/loss"] == pytest.approx(float(rows(run)[-1]["loss"]))


def test_a_logger_that_fails_ends_the_training_with_the_run_saved(tmp_path):
    log = Log(fail=True)
    with pytest.raises(ConnectionError):
        train(plain(), steps=100, out=tmp_path, logger=log, progress=False)
    assert log.status == "failed"
    assert distaff.load(tmp_path).sample(1).shape == (1, 8, 8)


def test_a_loggers_package_that_is_missing_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "pytorch_lightning.loggers", None)
    with pytest.raises(InputError, match=r"logger mlflow: .*not installed; run: pip install"):
        train(plain(), steps=2, out=tmp_path / "run", logger="mlflow", progress=False)
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="there is no 'tensorbord'; did you mean 'tensorboard'"):
        train(plain(), steps=2, out=tmp_path / "run", logger="tensorbord", progress=False)


class Images(Log):
    """Takes images as the logger of W&B does."""

    def __init__(self):
        super().__init__()
        self.images = []

    def log_image(self, key, images, step):
        self.images.append((step, key, images[0].shape))


class Client:
    """Takes images as the client of MLflow does."""

    def __init__(self):
        self.images = []

    def log_image(self, run_id, image, artifact_file=None, *, key=None, step=None):
        self.images.append((step, key, image.shape))


class ClientLog(Log):
    """The logger of such a client."""

    run_id = "7"

    def __init__(self):
        super().__init__()
        self.experiment = Client()


@pytest.mark.parametrize(("kind", "images"), [(Images, "images"), (ClientLog, "experiment.images")])
def test_loggers_that_take_images_are_given_those_of_the_training(tmp_path, kind, images):
    log = kind()
    run = train(plain(), steps=4, out=tmp_path, logger=log, progress=False)
    taken = attrgetter(images)(log)
    steps = [int(file.stem[5:]) for file in sorted((run.path / "figures" / "training").glob("step-*.png"))]
    assert [step for step, _, _ in taken] == steps == [0, 1, 3, 4]
    assert {(key, shape[2]) for _, key, shape in taken} == {("images", 3)}


def test_tensorboard_holds_the_history_and_the_images(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(plain(), steps=4, out=tmp_path, logger="tensorboard", progress=False)
    events = EventAccumulator(str(run.path / "log" / "version_0")).Reload()
    assert [each.step for each in events.Images("images")] == [0, 1, 3, 4]
    assert events.Scalars("valid/loss")[-1].value == pytest.approx(float(rows(run)[-1]["loss"]))


def test_mlflow_is_where_its_variable_says_and_else_a_database_here(tmp_path, monkeypatch):
    def made(**options):
        asked.append(options["tracking_uri"])
        if options["tracking_uri"].startswith("http"):
            raise OSError("no such server\nat all")
        return Log()

    asked = []
    monkeypatch.setitem(sys.modules, "pytorch_lightning.loggers", SimpleNamespace(MLFlowLogger=made))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    train(plain(), steps=2, out=tmp_path / "run", logger="mlflow", progress=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"^logger mlflow: no such server$"):
        train(plain(), steps=2, out=tmp_path / "other", logger="mlflow", progress=False)
    assert asked == ["sqlite:///mlflow.db", "http://127.0.0.1:9"]
    assert not (tmp_path / "other").exists()
