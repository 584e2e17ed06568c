"""Compiled networks learn the same, and keep their names; bfloat16 is for where it is faster."""

import shutil

import pytest
import safetensors.torch
import torch

import distaff
from distaff import InputError
from distaff.networks import _fast

COMPILED = {"train.compile": True, "train.steps": 4, "train.precision": "32", "data.count": 200}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++: apt-get install g++")
@pytest.mark.parametrize("network", ["mlp", "conv", "folded"])
def test_compiled_networks_learn_the_same_and_load_as_ever(network, tmp_path):
    weights = []
    for compiled in (False, True):
        settings = COMPILED | {"network": network, "train.compile": compiled}
        run = distaff.train(
            "vae", data="digits", settings=settings, out=tmp_path / str(compiled), progress=False
        )
        weights.append(safetensors.torch.load_file(run.path / "model.safetensors"))
        assert run.model.encode(run.dataset().images.take(slice(0, 2))).shape == (2, 10)
    one, other = (torch.cat([each.flatten() for each in part.values()]) for part in weights)
    # Adam's steps are of about lr (1e-3) whatever the gradient: one that is nearly 0 may turn its sign.
    differences = (one - other).abs()
    assert differences.max() <= 2 * 4 * 1e-3
    assert differences.mean() < 1e-5


def test_without_a_compiler_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(_fast, "COMPILERS", ("no-such-compiler",))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(InputError, match=r"train\.compile: needs a C\+\+ compiler"):
        distaff.train("vae", data="digits", settings=COMPILED, out=tmp_path / "run", progress=False)


@pytest.mark.parametrize(
    ("maker", "tiles", "faster"),
    [("GenuineIntel", False, False), ("GenuineIntel", True, True), ("AuthenticAMD", False, True)],
)
def test_instructions_that_are_slow_are_not_used(maker, tiles, faster, monkeypatch, tmp_path):
    told = tmp_path / "cpuinfo"
    told.write_text(f"processor\t: 0\nvendor_id\t: {maker}\n")
    monkeypatch.setattr(_fast, "PROCESSOR", told)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    assert _fast.prefers_bfloat16.__wrapped__("cpu") is faster
