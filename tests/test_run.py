import json
import shutil

import numpy as np
import pytest

import distaff
from distaff import InputError, Recipe, Run
from distaff.files import atomic_write
from distaff.training.train import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    recipe = Recipe(data={"source": "digits", "count": 120}, network={"mlp": {"hidden": [16]}})
    return train(recipe, steps=6, out=tmp_path_factory.mktemp("run") / "run", progress=False)


@pytest.fixture
def copy(trained, tmp_path):
    shutil.copytree(trained.path, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_folder_holds_what_the_design_names(trained):
    names = {path.name for path in trained.path.iterdir()}
    weights = {"model.safetensors", "checkpoint.ckpt"}
    texts = {"recipe.yaml", "attributes.json", "history.csv", "environment.json"}
    assert names == weights | texts | {"figures"}
    environment = trained.read_json("environment.json")
    assert environment["packages"]["torch"].startswith("2.")


@pytest.mark.parametrize("name", ["model.safetensors", "recipe.yaml", "attributes.json"])
@pytest.mark.parametrize("damage", ["cut", "other", "gone"])
def test_a_damaged_file_is_named_in_one_line(copy, name, damage):
    path = copy / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 3] if damage == "cut" else b"\x00" * len(content))
    with pytest.raises(InputError) as caught:
        distaff.load(copy)
    assert "\n" not in str(caught.value)
    assert str(copy) in str(caught.value)


def test_weights_that_are_no_numbers_are_refused(copy):
    import safetensors.torch
    import torch

    weights = safetensors.torch.load_file(copy / "model.safetensors")
    name = next(iter(weights))
    weights[name] = torch.full_like(weights[name], float("nan"))
    run = Run(copy)
    run.model.network.load_state_dict(
        {k.removeprefix("model."): v for k, v in weights.items() if k.startswith("model.")}
    )
    run.write_weights(run.model.network, run.model.objective)
    with pytest.raises(InputError, match="not finite"):
        distaff.load(copy)


def test_one_changed_bit_of_the_weights_is_noticed(copy):
    content = bytearray((copy / "model.safetensors").read_bytes())
    content[-3] ^= 1
    (copy / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="its sha256 is not the one written"):
        distaff.load(copy)


@pytest.mark.parametrize("content", ["step,split\nx,train\n", "step,split\n1\n", "[]"])
def test_a_damaged_history_or_evaluation_is_named(copy, content):
    (copy / "history.csv").write_text(content)
    (copy / "evaluation.json").write_text(content)
    run = Run.open(copy)
    with pytest.raises(InputError, match="damaged"):
        run.read_json("evaluation.json")
    if content != "[]":
        with pytest.raises(InputError, match="damaged"):
            run.history()


def test_weights_of_another_recipe_are_refused(copy):
    text = (copy / "recipe.yaml").read_text().replace("- 16", "- 17")
    (copy / "recipe.yaml").write_text(text)
    with pytest.raises(InputError, match="not the weights of this recipe"):
        distaff.load(copy)


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match="there is no such run folder"):
        Run.open(tmp_path / "none")
    with pytest.raises(InputError, match="it has no recipe"):
        Run.open(tmp_path)


def test_another_source_is_made_to_fit_the_model(trained, tmp_path):
    colour = np.random.default_rng(0).integers(0, 256, (12, 16, 20, 3), dtype=np.uint8)
    np.savez(tmp_path / "big.npz", images=colour, kind=np.arange(12) % 2)
    dataset = trained.dataset(str(tmp_path / "big.npz"))
    assert dataset.images.shape == (12, *trained.image_shape)
    assert trained.model.encode(dataset.images.take(np.arange(12))).shape[0] == 12


def test_json_holds_no_nan(tmp_path):
    Run(tmp_path).write_json("x.json", {"a": np.float32("nan"), "b": np.arange(3), "c": [float("inf"), 1.5]})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": None, "b": [0, 1, 2], "c": [None, 1.5]}


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    atomic_write(tmp_path / "a", b"first")
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(InputError, match="No space left"):
        atomic_write(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
