import json
import shutil

import numpy as np
import pytest
from PIL import Image

import distaff
from distaff import InputError, Recipe, Run, WriteError
from distaff.files import atomic_write


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    recipe = Recipe(data={"source": "digits", "count": 120}, network={"mlp": {"hidden": [16]}})
    return distaff.train(recipe, steps=6, out=tmp_path_factory.mktemp("run") / "run", progress=False)


@pytest.fixture
def copy(trained, tmp_path):
    shutil.copytree(trained.path, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_folder_holds_what_the_design_names(trained):
    names = {path.name for path in trained.path.iterdir()}
    weights = {"model.safetensors", "checkpoint.ckpt"}
    texts = {"recipe.yaml", "attributes.json", "history.csv", "environment.json"}
    assert names - {"figures"} == weights | texts | {"images.npz"}
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
    run.model.vae.load_state_dict(
        {k.removeprefix("vae."): v for k, v in weights.items() if k.startswith("vae.")}
    )
    run.write_weights(run.model.vae, run.model.objective)
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


def test_json_holds_no_nan(tmp_path):
    Run(tmp_path).write_json("x.json", {"a": np.float32("nan"), "b": np.arange(3), "c": [float("inf"), 1.5]})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": None, "b": [0, 1, 2], "c": [None, 1.5]}


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    atomic_write(tmp_path / "a", b"first")
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(WriteError, match="No space left"):
        atomic_write(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.fixture(scope="module")
def folder_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for index, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)):
        Image.fromarray(pixels).save(folder / f"{index:03}.png")
    settings = {"network.mlp.hidden": [16]}
    out = tmp_path_factory.mktemp("of-folder") / "run"
    run = distaff.train("vae", data=str(folder), settings=settings, steps=4, out=out, progress=False)
    return folder, run


def changed_copy(folder_run, tmp_path, change):
    """A copy of a run whose folder of images is a changed copy, too."""
    folder, run = folder_run
    images, out = tmp_path / "images", tmp_path / "run"
    shutil.copytree(folder, images)
    shutil.copytree(run.path, out)
    text = (out / "recipe.yaml").read_text().replace(str(folder), str(images))
    (out / "recipe.yaml").write_text(text)
    change(images)
    return Run.open(out)


def pixels_of(dataset, split):
    return {dataset.images.take(np.array([row])).tobytes() for row in dataset.splits[split]}


def add(images):
    for index in range(9):
        noise = np.random.default_rng(100 + index).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(noise).save(images / f"0000-{index}.png")


def remove(images):
    for index in range(0, 60, 7):
        (images / f"{index:03}.png").unlink()


def rename(images):
    for path in sorted(images.iterdir()):
        path.rename(images / f"z{path.name[::-1].replace('gnp.', '')}.png")


def duplicate(images):
    for index in range(20):
        shutil.copy(images / f"{index:03}.png", images / f"copy-{index}.png")


@pytest.mark.parametrize("change", [add, remove, rename, duplicate], ids=lambda change: change.__name__)
def test_what_training_saw_is_never_measured_however_the_folder_changes(folder_run, tmp_path, change):
    before = folder_run[1].dataset()
    trained = pixels_of(before, "train") | pixels_of(before, "valid")
    run = changed_copy(folder_run, tmp_path, change)
    after = run.dataset()
    assert not trained & pixels_of(after, "test")
    assert any("changed since training" in note for note in after.notes)
    recipe = run.path / "recipe.yaml"
    with pytest.raises(InputError, match="changed since the run began"):
        distaff.train(recipe, steps=8, out=run.path, resume=True, progress=False)


def test_data_that_did_not_change_are_split_as_before(folder_run, tmp_path):
    run = changed_copy(folder_run, tmp_path, lambda images: None)
    before, after = folder_run[1].dataset(), run.dataset()
    for split in ("train", "valid", "test"):
        assert np.array_equal(before.splits[split], after.splits[split])
    assert not any("changed" in note for note in after.notes)


def test_a_damaged_fingerprint_is_named(folder_run, tmp_path):
    run = changed_copy(folder_run, tmp_path, lambda images: None)
    (run.path / "images.npz").write_bytes(b"PK no archive")
    with pytest.raises(InputError, match=r"images\.npz: damaged"):
        run.dataset()


def test_a_label_may_not_change_under_a_resumed_run(tmp_path):
    """The fingerprint holds labels, too."""
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    kind = np.arange(40) % 2
    np.savez(tmp_path / "data.npz", images=images, kind=kind)
    data = str(tmp_path / "data.npz")
    recipe = distaff.train(
        "vae", data=data, settings={"network.mlp.hidden": [16]}, steps=2, out=tmp_path / "run", progress=False
    )
    kind[3] = 1 - kind[3]
    np.savez(tmp_path / "data.npz", images=images, kind=kind)
    with pytest.raises(InputError, match="changed labels"):
        distaff.train(recipe.path / "recipe.yaml", steps=4, out=tmp_path / "run", resume=True, progress=False)
