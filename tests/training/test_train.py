"""Training for a few steps: every recipe learns, and the same seed gives the same weights."""

import errno
import os
from typing import ClassVar

import numpy as np
import pytest
import torch
from pydantic import Field
from training_made import QUIET, SMALL, EndAt, EndedError, Plain, PlainTerm, digest, plain, rows

import distaff
from distaff import InputError, WriteError
from distaff.data import load
from distaff.latents import Gaussian
from distaff.losses import KL, TC, Classify, Discriminator, ParameterGroup
from distaff.recipe import load_recipe
from distaff.recipes import shipped
from distaff.schedules import Linear, Sigmoid, Weight, as_schedule
from distaff.training import train
from distaff.training._folder import read_checkpoint


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_recipe_learns_loads_and_resumes_to_the_bit(name, tmp_path):
    # Digits have one attribute, of which not all but one can change.
    recipe = load_recipe(name)
    more = {"data.pairs.changed": 1} if recipe.data.pairs and not recipe.data.pairs.same else {}
    more |= {"sampler": {"steps": 20, "hidden": [16]}} if recipe.sampler else {}
    more |= {"loss.bound.samples": 8} if recipe.loss[0].tag == "bound" else {}
    asked = {"data": "digits", "steps": 12, "settings": SMALL | more, "progress": False}
    run = train(name, out=tmp_path / "run", **asked)
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

    with pytest.raises(EndedError):
        train(name, out=tmp_path / "ended", callbacks=[EndAt(8)], **asked)
    assert read_checkpoint(tmp_path / "ended" / "checkpoint.ckpt")["step"] == 5
    resumed = train(name, out=tmp_path / "ended", resume=True, **asked)
    assert digest(resumed) == digest(run)
    assert rows(resumed) == rows(run)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path):
    runs = [
        train(plain(), steps=15, seed=seed, out=tmp_path / str(i), progress=False)
        for i, seed in enumerate([3, 3, 4])
    ]
    digests = [digest(run) for run in runs]
    assert digests[0] == digests[1] != digests[2]


def test_the_history_has_a_column_for_every_term_and_weight(tmp_path):
    terms = [KL(Linear(0, 4)), Classify("digit", weight=Sigmoid(100, 0, until="60%"))]
    recipe = plain(latent=[Gaussian(2)], loss=terms)
    run = train(recipe, steps=100, out=tmp_path / "run", progress=False)
    last = rows(run)[-1]
    own = {"reconstruction", "kl", "classify.digit", "weight.kl", "weight.classify.digit"}
    assert own | {"step", "split", "lr", "loss", "kl.z0", "kl.z1", "active_units"} == set(last) - {
        "weight.reconstruction"
    }
    trained = [row for row in rows(run) if row["split"] == "train"]
    assert [float(row["weight.classify.digit"]) for row in trained] == [pytest.approx(3.42, abs=0.01), 0]
    assert float(trained[-1]["weight.kl"]) == pytest.approx(4 * 99 / 100)
    assert float(last["kl"]) == pytest.approx(float(last["kl.z0"]) + float(last["kl.z1"]), rel=1e-5)
    total = float(last["reconstruction"]) + float(last["weight.kl"]) * float(last["kl"])
    # The classifier itself always learns with weight 1, but what is shown is the weighted loss.
    assert float(last["loss"]) == pytest.approx(total, rel=1e-5)


def test_data_may_be_given_as_they_are(tmp_path):
    given = train(plain(), data=load("digits", count=200), steps=3, out=tmp_path / "given", progress=False)
    named = train(plain(), steps=3, out=tmp_path / "named", progress=False)
    assert digest(given) == digest(named)


def test_a_run_is_found_under_its_recipe_and_two_do_not_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [train(plain(), steps=2, progress=False) for _ in range(2)]
    assert [str(run.path) for run in runs] == ["runs/run", "runs/run-2"]


def test_auto_means_the_first_attribute_with_classes(tmp_path):
    run = train(
        "conditional-vae", data="digits", steps=2, out=tmp_path / "run", settings=SMALL, progress=False
    )
    assert run.recipe.condition.attributes == ("digit",)
    assert run.recipe.loss[1].attribute == "digit"


def test_a_condition_must_exist(tmp_path):
    with pytest.raises(InputError, match="no attribute 'digi'; did you mean 'digit'"):
        train(plain(condition="digi"), steps=5, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:x"])
def test_a_device_must_exist(tmp_path, device):
    with pytest.raises(InputError, match=r"^device: .*this machine has .*cpu"):
        train(plain(), steps=5, out=tmp_path / "run", device=device, progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("rule", ["gradient_clip", "value_clip"])
def test_a_gradient_can_be_clipped(tmp_path, rule):
    steps = {}
    for clip in (None, 1e-12):
        settings = {f"train.{rule}": clip}
        run = train(plain(), steps=1, out=tmp_path / str(clip), settings=settings, progress=False)
        steps[clip] = run.model.vae.state_dict()
    moved = [torch.dist(steps[None][name], steps[1e-12][name]) for name in steps[None]]
    assert max(moved) > 1e-3


class Learner(PlainTerm):
    """A term with one weight of its own, which it pulls to 0."""

    def __init__(self, part):
        super().__init__(part, "learner")
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, step):
        values = super().forward(step)
        values.loss = values.loss + self.weight.square().sum()
        return values

    def parameter_groups(self):
        return [ParameterGroup([self.weight], lr=self.part.lr, betas=(0.5, 0.9))]


def test_a_term_may_train_its_weights_at_its_own_rate(tmp_path):
    class Learning(Plain):
        tag: ClassVar[str] = "learning"
        lr: Weight = Field(default=0.25)

        def build(self, context):
            return Learner(self)

    run = train(
        plain(loss=[KL(), Learning(Linear(0.25, 0, until=2))]), steps=4, out=tmp_path / "run", progress=False
    )
    learner = next(term for term in run.model.objective if isinstance(term, Learner))
    # Adam's first steps are of the rate's size: 0.25 and 0.125, then no more.
    assert learner.weight.item() == pytest.approx(1 - 0.25 - 0.125, abs=0.01)
    assert float(rows(run)[-1]["lr.learner"]) == 0
    assert as_schedule(load_recipe("vae").train.lr).value(0, 10) > 0


def test_a_discriminator_of_weight_0_leaves_the_model_of_the_vae_to_the_bit(tmp_path):
    found = []
    for number, terms in enumerate(([KL()], [KL(), TC(0, Discriminator((8,), lr=0.01))])):
        run = train(plain(loss=terms), steps=6, out=tmp_path / str(number), settings=QUIET, progress=False)
        found.append(run.model.vae.state_dict())
    assert all(torch.equal(each, found[1][name]) for name, each in found[0].items())


@pytest.mark.parametrize("decay", ["kernels", "all"])
def test_weight_decay_is_of_kernels_and_leaves_a_codebook_alone(decay, tmp_path):
    """Half of QLAE: a codebook that decayed would draw all values to 0."""
    settings = {
        "loss.quantise.codebook": 0,
        "train.lr": 0.1,
        "train.optimizer": {"adamw": {"weight_decay": 1.0, "decay": decay}},
        "network": {"mlp": {"hidden": [8]}},
        "sampler": None,
    }
    run = train("qlae", data="digits", steps=3, out=tmp_path / decay, settings=settings, progress=False)
    codebook = run.model.vae.latents["z"].prior.codebook
    unchanged = torch.allclose(codebook, torch.linspace(-0.5, 0.5, 10).expand(10, 10))
    assert unchanged == (decay == "kernels")


def test_a_term_may_skip_images(tmp_path):
    class Skipping(Plain):
        tag: ClassVar[str] = "skipping"

        def change(self, zeros, step):
            known = torch.arange(len(zeros)) % 2 == 0
            return torch.where(known, zeros + 3, float("nan")), known

    run = train(plain(loss=[KL(), Skipping()]), steps=4, out=tmp_path / "run", progress=False)
    assert {float(row["plain"]) for row in rows(run)} == {3.0}


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="cannot be written: No space left on device") as caught:
        train(plain(), steps=5, out=tmp_path / "run", progress=False)
    assert isinstance(caught.value, OSError)
    assert list(tmp_path.iterdir()) == []


def test_averages_of_gradients_that_have_ended_become_0_and_not_denormal(tmp_path):
    # So large a rate kills most units at once.
    settings = {
        "network": {"mlp": {"hidden": [128]}},
        "train.lr": {"steps": {"at": {0: 0.3, 20: 1e-4}}},
        "train.batch": 16,
    }
    run = train(
        "vae", data="digits", settings=settings | QUIET, steps=1150, out=tmp_path / "run", progress=False
    )
    states = read_checkpoint(run.path / "checkpoint.ckpt")["optimizer"]["state"].values()
    tiny = torch.finfo(torch.float32).tiny
    averages = [state[name] for state in states for name in ("exp_avg", "exp_avg_sq")]
    assert sum((each == 0).sum().item() for each in averages) > 500
    assert sum(((each != 0) & (each.abs() < tiny)).sum().item() for each in averages) == 0


def test_few_contexts_are_open_when_the_first_step_begins(tmp_path):
    """Nested context managers, of whichever kind, are counted as they are entered and left."""
    import sys
    from pathlib import Path

    ours = str(Path(distaff.__file__).parent)
    open_now, seen = [], []

    def watch(frame, event, argument):
        name, back = frame.f_code.co_name, frame.f_back
        if event == "call" and back is not None and back.f_code.co_filename.startswith(ours):
            if name == "__enter__":
                open_now.append(frame.f_locals["self"])
            elif name == "__exit__":
                entered = frame.f_locals["self"]
                open_now[:] = [each for each in open_now if each is not entered]

    class Count:
        def on_step(self, run, step, loss):
            seen.append(len(open_now))

    sys.setprofile(watch)
    try:
        train(plain(), steps=1, out=tmp_path / "run", progress=False, callbacks=[Count()])
    finally:
        sys.setprofile(None)
    assert 2 <= seen[0] <= 5
