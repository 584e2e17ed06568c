import shutil

import pytest
import safetensors.torch
import torch

import distaff
from distaff import InputError
from distaff.training import compiling

COMPILED = {"train.compile": True, "train.steps": 4, "train.precision": "32", "data.count": 200}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++: apt-get install g++")
@pytest.mark.parametrize("network", ["mlp", "conv", "folded"])
def test_compiled_networks_learn_the_same_and_load_as_ever(network, tmp_path):
    weights = []
    for compile_them in (False, True):
        settings = COMPILED | {"network": network, "train.compile": compile_them}
        run = distaff.train(
            "vae", data="digits", settings=settings, out=tmp_path / str(compile_them), progress=False
        )
        weights.append(safetensors.torch.load_file(run.path / "model.safetensors"))
        assert run.model.encode(run.dataset().images.take(slice(0, 2))).shape == (2, 10)
    # Adam's first steps are of about lr (1e-3) whatever the gradient: one that is nearly 0 may turn its sign.
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-3)


def test_without_a_compiler_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "COMPILERS", ("no-such-compiler",))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(InputError, match=r"train\.compile: needs a C\+\+ compiler"):
        distaff.train("vae", data="digits", settings=COMPILED, out=tmp_path / "run", progress=False)
