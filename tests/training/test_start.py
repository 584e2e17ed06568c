"""A training that begins with the weights of another run."""

import pytest
import torch
from training_made import digest, plain

import distaff
from distaff import InputError, Run
from distaff.latents import Gaussian


def mlp(width):
    return {"mlp": {"hidden": [width]}}


def train(folder, *, steps=6, resume=False, **fields):
    options = {"batch": 16, "images_every": None, **fields.pop("train", {})}
    recipe = plain(**{"network": mlp(16), "latent": [Gaussian(3)], **fields, "train": options})
    return distaff.train(recipe, steps=steps, out=folder, resume=resume, progress=False)


def weights(run):
    return run.model.vae.state_dict()


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return train(tmp_path_factory.mktemp("first") / "run")


def test_all_weights_are_those_of_the_other_run(first, tmp_path, caplog):
    caplog.set_level("INFO", logger="distaff")
    still = train(tmp_path / "run", train={"start": str(first.path), "lr": 0, "seed": 5}, steps=1)
    assert weights(still).keys() == weights(first).keys()
    assert all(torch.equal(each, weights(first)[name]) for name, each in weights(still).items())
    count = len(weights(first))
    assert f"{count} of {count} weights are those of {first.path}" in caplog.text


def test_what_does_not_fit_is_begun_anew_and_named(first, tmp_path, caplog):
    caplog.set_level("INFO", logger="distaff")
    wider = train(tmp_path / "run", latent=[Gaussian(5)], train={"start": str(first.path), "lr": 0}, steps=1)
    same = {name: torch.equal(each, weights(first)[name])
            for name, each in weights(wider).items() if each.shape == weights(first)[name].shape}  # fmt: skip
    assert same
    assert all(same.values())
    assert all(name in caplog.text for name in weights(wider).keys() - same.keys())


def test_it_resumes_without_the_other_run_to_the_same_bits(first, tmp_path):
    other = tmp_path / "other"
    train(other)
    options = {"start": str(other), "checkpoint_every": 3}
    whole = train(tmp_path / "whole", train=options, steps=6)
    train(tmp_path / "run", train=options, steps=3)
    other.rename(tmp_path / "moved")
    longer = train(tmp_path / "run", train=options, steps=6, resume=True)
    assert digest(longer) == digest(whole) != digest(first)


@pytest.mark.parametrize("kind", ["none", "untrained", "other"])
def test_what_cannot_be_begun_with_is_refused_before_anything_is_written(first, tmp_path, kind):
    if kind == "untrained":
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "recipe.yaml").write_bytes((first.path / "recipe.yaml").read_bytes())
    elif kind == "other":
        train(
            tmp_path / kind,
            network=mlp(7),
            latent=[Gaussian(2, name="other")],
            likelihood="gaussian",
        )
    network = {"conv": {"channels": [4, 4, 4], "hidden": [9]}} if kind == "other" else mlp(16)
    with pytest.raises(InputError, match=str(tmp_path / kind)):
        train(tmp_path / "run", network=network, train={"start": str(tmp_path / kind)})
    assert not (tmp_path / "run" / "recipe.yaml").exists()
    assert not Run(tmp_path / "run").is_trained
