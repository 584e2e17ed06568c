"""Every shipped recipe on sprites, on MNIST and on a user's folder: trained, resumed, exported, shown."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from training_made import EndAt, EndedError

import distaff
from distaff.cli import main
from distaff.recipe import load_recipe
from distaff.recipes import parse_settings, shipped

pytestmark = pytest.mark.slow

MNIST = Path(os.environ.get("DISTAFF_SHARED", Path(__file__).parents[2] / ".." / "shared")) / "data" / "mnist"
BRIEF = {
    "network": "{mlp: {hidden: [16]}}",
    "train.batch": 16,
    "train.valid_every": 4,
    "train.checkpoint_every": 4,
    "data.count": 120,
}


@pytest.fixture(scope="session")
def mine(tmp_path_factory):
    """A folder of colour images of odd sizes, and a table of which some cells are empty."""
    folder, random = tmp_path_factory.mktemp("mine"), np.random.default_rng(0)
    rows = []
    for i in range(160):
        kind, side, light = i % 3, random.integers(0, 2), random.integers(1, 6)
        image = np.zeros((31 + i % 7, 23 + i % 5, 3), np.uint8)
        image[4:20, 4 + 8 * side : 14 + 8 * side, kind] = 50 * light
        Image.fromarray(image).save(folder / f"photo {i}.png")
        rows.append([f"photo {i}.png", ("red", "green", "blue")[kind], ("left", "right")[side], light])
    for row in rows[::9]:
        row[2] = ""
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "colour", "side", "light"], *rows])
    return folder


@pytest.fixture
def source(request, mine):
    """The name or the place of the data."""
    if request.param == "mnist" and not MNIST.is_dir():
        if os.environ.get("CI"):
            pytest.fail("no MNIST in ../shared/data (set DISTAFF_SHARED)")
        pytest.skip("no MNIST in ../shared/data (set DISTAFF_SHARED)")
    return {"mnist": f"mnist:{MNIST}", "folder": str(mine), "sprites": "sprites"}[request.param]


def does(*words):
    """Run a command as a user does; it must succeed."""
    assert main([str(word) for word in words]) == 0


@pytest.mark.parametrize("source", ["sprites", "mnist", "folder"], indirect=True)
@pytest.mark.parametrize("name", sorted(shipped()))
def test_one_command_trains_it_and_the_run_resumes_exports_and_is_shown(name, source, tmp_path, visits):
    recipe = load_recipe(name)
    settings = dict(BRIEF)
    if source.startswith("mnist") and recipe.data.pairs and not recipe.data.pairs.same:
        settings["data.pairs.changed"] = 1  # of the only attribute, the digit
    if recipe.sampler:
        settings["sampler"] = "{steps: 20, hidden: [16]}"
    if recipe.loss[0].tag == "bound":
        settings["loss.bound.samples"] = 8
    if source not in {"sprites", f"mnist:{MNIST}"}:
        settings["data.image_size"] = 20
    words = [each for key, value in settings.items() for each in ("--set", f"{key}={value}")]
    asked = ["train", name, "--data", source, "--no-page", *words]
    does(*asked, "--steps", 8, "--out", tmp_path / "once")
    with pytest.raises(EndedError):
        distaff.train(
            name,
            data=source,
            steps=8,
            settings=parse_settings(words[1::2]),
            out=tmp_path / "ended",
            callbacks=[EndAt(6)],
            progress=False,
        )
    does(*asked, "--steps", 8, "--out", tmp_path / "ended", "--resume")
    once, ended = ((tmp_path / each / "model.safetensors").read_bytes() for each in ("once", "ended"))
    assert once == ended
    model = distaff.load(tmp_path / "once")

    does("evaluate", tmp_path / "once", "--metrics", "reconstruction,active_units")
    told = json.loads((tmp_path / "once" / "evaluation.json").read_text())
    assert told["metrics"] or told["left_out"]
    does("export", tmp_path / "once", "--to", tmp_path / "page.html")
    with visits(tmp_path / "page.html") as visited:
        assert visited.page.get_by_role("heading", level=1).inner_text() == "once"
        assert visited.live.shape[:2] == model.image_shape[1:]
