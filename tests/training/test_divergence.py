"""A loss or a weight that is no longer finite is named, and the last good weights are kept."""

import json
from typing import ClassVar

import numpy as np
import pytest
import torch
from training_made import Plain, plain

import distaff
from distaff import DivergedError, InputError
from distaff.losses import KL
from distaff.training import train
from distaff.training._folder import read_checkpoint

EVERY_2 = {"train.checkpoint_every": 2}


def test_a_loss_that_is_no_number_stops_with_the_terms_name(tmp_path):
    with pytest.raises(DivergedError) as caught:
        train(plain(likelihood="mse"), steps=60, out=tmp_path, settings={"train.lr": 1e30}, progress=False)
    assert (caught.value.what, caught.value.step) == ("reconstruction", 2)
    assert str(caught.value).startswith("Training diverged: reconstruction became")
    assert "Lower train.lr or set train.gradient_clip, then start a new run." in str(caught.value)
    assert not (tmp_path / "model.safetensors").exists()
    told = json.loads((tmp_path / "diverged.json").read_text())
    assert told == {"what": "reconstruction", "step": 2, "kept_step": None}
    with pytest.raises(InputError, match=r"diverged at step 2 .*try again, delete .*diverged\.json"):
        train(
            plain(likelihood="mse"),
            steps=60,
            out=tmp_path,
            settings={"train.lr": 1e30},
            resume=True,
            progress=False,
        )


@pytest.mark.parametrize(("number", "became"), [("nan", "NaN"), ("inf", "infinite")])
def test_a_term_that_returns_no_number_is_one_line_and_the_checkpoint_before_is_kept(
    tmp_path, number, became
):
    class Bad(Plain):
        tag: ClassVar[str] = "bad"

        def change(self, zeros, step):
            return (zeros + float(number) if step.number == 4 else zeros), None

    with pytest.raises(DivergedError) as caught:
        train(plain(loss=[KL(), Bad()]), steps=60, settings=EVERY_2, out=tmp_path / "run", progress=False)
    assert str(caught.value) == (
        f"Training diverged: plain became {became} at step 5. The checkpoint of step 4 is kept in "
        f"{tmp_path / 'run'}. Lower train.lr or set train.gradient_clip, then start a new run."
    )
    kept = read_checkpoint(tmp_path / "run" / "checkpoint.ckpt")
    weights = distaff.Run(tmp_path / "run").model.vae.state_dict()
    assert kept["step"] == 4
    assert all(torch.equal(kept["module"][f"vae.{name}"], each) for name, each in weights.items())


def test_when_checkpoints_are_due_changes_neither_what_diverged_nor_its_step(tmp_path):
    told = []
    for every in (1, 2, 3, 7):
        settings = {"train.lr": {"steps": {"at": {0: 1e-3, 5: 1e30}}}, "train.checkpoint_every": every}
        with pytest.raises(DivergedError) as caught:
            train(plain(), steps=40, settings=settings, out=tmp_path / str(every), progress=False)
        told.append((caught.value.what, caught.value.step))
    assert told == [("reconstruction", 7)] * 4


def test_what_a_mask_leaves_out_may_be_anything(tmp_path):
    class Masked(Plain):
        tag: ClassVar[str] = "masked"

        def change(self, zeros, step):
            return torch.full_like(zeros, float("nan")), torch.zeros_like(zeros, dtype=torch.bool)

    run = train(plain(loss=[KL(), Masked()]), steps=3, out=tmp_path / "run", progress=False)
    assert np.isnan(run.history()["plain"]).all()
    assert np.isfinite(run.history()["loss"]).all()


def test_a_weight_that_breaks_in_the_last_step_is_not_saved(tmp_path, monkeypatch):
    step = torch.optim.Adam.step

    def breaking(optimizer, closure=None):
        loss = step(optimizer, closure)
        first = optimizer.param_groups[0]["params"][0]
        if optimizer.state[first]["step"] == 6:
            first.data[0] = float("nan")
        return loss

    monkeypatch.setattr(torch.optim.Adam, "step", breaking)
    with pytest.raises(DivergedError, match=r"the weight .* step 6\. The checkpoint of step 4") as caught:
        train(plain(), steps=6, settings=EVERY_2, out=tmp_path, progress=False)
    assert caught.value.step == 6
    assert np.isfinite(distaff.load(tmp_path).sample(2)).all()
