"""`distaff recipes`, `data` and `metrics`: what there is, described."""

import numpy as np
import pytest
import yaml

from distaff.data import SOURCES
from distaff.evaluation import evaluate
from distaff.figures import FIGURES
from distaff.metrics import METRICS
from distaff.parts import FAMILIES
from distaff.recipe import Recipe, from_yaml
from distaff.recipes import shipped


def test_recipes_are_listed_with_what_they_are(does):
    text = does("recipes")
    column = 2 + max(map(len, shipped()))
    for name, content in shipped().items():
        about = yaml.safe_load(content)["about"]
        assert f"{name:<{column}}{about.split()[0]}" in text


def test_a_shown_recipe_can_be_read_again(does):
    for name in shipped():
        assert isinstance(from_yaml(does("recipes", name), where=name), Recipe)


def test_every_part_of_every_family_is_listed(does, fails):
    lines = does("recipes", "--parts").splitlines()
    family, listed = "", {}
    for line in lines:
        if not line.startswith(" "):
            family = line
            listed[family] = []
        elif line[2] != " ":
            listed[family].append(line.split()[0])
            assert len(line.split()) > 1, line
    expected = {name: list(parts) for name, parts in FAMILIES.items()}
    assert listed == expected | {"metric": list(METRICS), "figure": list(FIGURES)}
    assert "give either the recipe 'vae' or --parts" in fails("recipes", "vae", "--parts")


def test_data_lists_every_source(does):
    text = does("data")
    assert all(f"\n{name}\n" in f"\n{text}" for name in SOURCES)
    assert does("data", "mnist").startswith("mnist\n  handwritten digits\n")


def test_data_says_what_is_read_from_a_path(does, fails, tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"images": rng.integers(0, 256, (40, 8, 8), dtype=np.uint8), "same": np.zeros(40, np.int64)}
    arrays |= {"kind": np.array(["a", "b"])[np.arange(40) % 2], "light": np.linspace(0.5, 2, 40)}
    arrays["light"][:3] = np.nan
    np.savez(tmp_path / "mine.npz", **arrays)
    said = does("data", str(tmp_path / "mine.npz"))
    assert "40 images of 1 x 8 x 8" in said
    assert "categorical, 2 classes: a (20), b (20)" in said
    assert "2; 3 missing" in said
    assert "note: left out the column same" in said
    assert "no such file" in fails("data", str(tmp_path / "yours.npz"))


def test_a_long_name_leaves_room_for_what_is_said_of_it(does, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", images=images, **{"x" * 300: np.arange(20) % 2})
    assert "2 classes: 0 (10), 1 (10)" in does("data", tmp_path / "x.npz")


def test_metrics_lists_every_metric(does):
    assert evaluate is not None  # registers the metrics of a trained model
    text = does("metrics")
    assert all(f"\n{name} " in f"\n{text}" for name in METRICS)


@pytest.mark.parametrize("name", list(METRICS))
def test_a_metric_is_described_in_full(does, name):
    entry, text = METRICS[name], " ".join(does("metrics", name).split())
    for part in (entry.summary, entry.span, entry.weaknesses, entry.paper):
        assert part in text


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (("recipes", "beta-vea"), "'beta-vae'"),
        (("data", "minst"), "'mnist'"),
        (("metrics", "migg"), "'mig'"),
        (("metrics", "border"), "'borders'"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(fails, arguments, nearest):
    assert f"did you mean {nearest}" in fails(*arguments)
