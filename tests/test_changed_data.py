"""Images come, go, get other names and copies after a training, in a table and in an archive.

What training saw is never measured; a resumed training refuses, or goes on exactly. `test_run.py` does the
same for folders.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import distaff
from distaff import InputError
from distaff.cli import main

N = 60
PIXELS = np.random.default_rng(0).integers(0, 256, (N + 9, 8, 8), dtype=np.uint8)
KINDS = np.array(["a", "b", "c"])[np.arange(N + 9) % 3]
TINY = {"network.mlp.hidden": [8], "train.batch": 16}
CHANGES = {
    "add": np.concatenate([np.arange(N, N + 9), np.arange(N)]),
    "remove": np.delete(np.arange(N), np.arange(0, N, 7)),
    "rename": np.arange(N)[::-1],
    "duplicate": np.concatenate([np.arange(N), np.arange(20)]),
}


def as_csv(place, order):
    folder = place / "set"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    lines = ["image,kind"]
    for number, index in enumerate(order):
        Image.fromarray(PIXELS[index]).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{KINDS[index]}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder / "labels.csv"


def as_npz(place, order):
    np.savez(place / "set.npz", images=PIXELS[order], kind=KINDS[order])
    return place / "set.npz"


@pytest.fixture(scope="module", params=[as_csv, as_npz], ids=lambda write: write.__name__)
def trained(request, tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    source = request.param(place, np.arange(N))
    run = distaff.train("vae", data=source, settings=TINY, steps=4, out=place / "run", progress=False)
    return request.param, place, run.dataset()


def pixels_of(dataset, *splits):
    return {each.tobytes() for split in splits for each in dataset.images.take(dataset.splits[split])}


@pytest.mark.parametrize("change", CHANGES)
def test_what_training_saw_is_never_measured(trained, change, capsys):
    write, place, before = trained
    seen = pixels_of(before, "train", "valid")
    source = write(place, CHANGES[change])
    run = distaff.Run.open(place / "run")
    after = run.dataset()
    assert not seen & pixels_of(after, "test")
    assert pixels_of(after, "test") >= pixels_of(before, "test") or change == "remove"
    assert main(["evaluate", str(run.path), "--metrics", "reconstruction"]) == 0
    assert "the images changed since training" in capsys.readouterr().err or _is_same(run, after)
    with pytest.raises(InputError, match="the data changed since the run began"):
        distaff.train(run.path / "recipe.yaml", steps=8, out=run.path, resume=True, progress=False)
    # The same images under another name of the source are known, too.
    moved = shutil.copytree(
        source.parent, place / f"moved-{change}", ignore=shutil.ignore_patterns("run", "moved*")
    )
    found = run.evaluate(["reconstruction"], data=Path(moved) / source.name)
    assert found["settings"]["split"] == "test"
    assert found["settings"]["test_images"] == len(after.splits["test"]) + (
        9 - _drawn(after) if change == "add" else 0
    )


def _is_same(run, dataset):
    return not any("changed since training" in note for note in dataset.notes)


def _drawn(dataset):
    """How many of the nine new images the run's own split has drawn for its test."""
    new = {each.tobytes() for each in PIXELS[N:][:, None]}
    return len(new & pixels_of(dataset, "test"))


def test_a_training_goes_on_where_nothing_changed(trained, tmp_path):
    write, place, _ = trained
    write(place, np.arange(N))
    run = shutil.copytree(place / "run", tmp_path / "run")
    longer = distaff.train(run / "recipe.yaml", steps=8, out=run, resume=True, progress=False)
    assert longer.history()["step"].max() == 8
