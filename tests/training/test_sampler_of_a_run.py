"""A run with a sampler: fitted at the end of training or later, kept with the weights that it belongs to."""

import numpy as np
import pytest
import safetensors.torch
from training_made import plain

import distaff
from distaff import InputError
from distaff.latents import SamplerOptions
from distaff.training import train

TINY = {"steps": 60, "batch": 64, "hidden": [32]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    recipe = plain(latent=[{"quantised": {"size": 4, "values": 5}}], loss=["quantise"], sampler=TINY)
    return train(recipe, steps=12, out=tmp_path_factory.mktemp("sampler") / "run", progress=False)


def test_training_fits_the_sampler_of_its_recipe_and_new_images_come_by_it(run):
    model = distaff.load(run.path)
    assert model.sampler.options == SamplerOptions(**TINY)
    assert "digit" in model.settable
    codes, condition = model.sample_codes(50, attributes={"digit": 3}, seed=1)
    assert not condition
    assert np.isin(codes, model.vae.latents["z"].prior.codebook.detach().numpy()).all()
    again = distaff.load(run.path).sample_codes(50, attributes={"digit": 3}, seed=1)[0]
    assert np.array_equal(codes, again)
    assert model.sample(3).shape == (3, 8, 8)
    with pytest.raises(InputError, match="'digits' cannot be set"):
        model.sample(1, attributes={"digits": 3})


def test_a_sampler_can_be_fitted_later_and_is_not_used_for_other_weights(tmp_path, caplog):
    run = train(plain(), steps=12, out=tmp_path / "run", progress=False)
    before = run.model.sample(4, seed=2)
    assert run.model.sampler is None
    with pytest.raises(InputError, match="can be set"):
        run.model.sample(1, attributes={"digit": 3})
    seen = []
    run.fit_sampler(
        SamplerOptions(steps=200, hidden=(16,)), progress=lambda done, of: seen.append((done, of))
    )
    assert seen == [(100, 200), (200, 200)]
    assert run.model.sampler is not None
    assert not np.array_equal(run.model.sample(4, seed=2), before)
    longer = train(plain(), steps=20, out=tmp_path / "run", resume=True, progress=False)
    assert longer.model.sampler is None
    assert "is of other weights and is not used" in caplog.text


def test_a_damaged_sampler_is_named(run, tmp_path):
    import shutil

    shutil.copytree(run.path, tmp_path / "copy")
    file = tmp_path / "copy" / "sampler.safetensors"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"sampler\.safetensors: damaged"):
        distaff.load(tmp_path / "copy")
    file.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"sampler\.safetensors: damaged"):
        distaff.load(tmp_path / "copy")
    safetensors.torch.save_file({}, file, {"options": SamplerOptions().model_dump_json(), "sha256": "0"})
    with pytest.raises(InputError, match=r"sampler\.safetensors: damaged"):
        distaff.load(tmp_path / "copy")
