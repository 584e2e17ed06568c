"""A package outside distaff adds one part of every family, a metric and a figure, as CONTRIBUTING shows."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import distaff.recipe  # noqa: F401 - defines the families
from distaff.parts import FAMILIES

HERE = Path(__file__).parent
PACKAGE = HERE / "distaff_example"
RECIPE = HERE / "recipe.yaml"
PARTS = {
    "latent": "bounded",
    "prior": "sparse",
    "rule": "widen",
    "loss term": "smooth",
    "tc estimator": "fitted",
    "network": "linear",
    "likelihood": "logistic",
    "schedule": "inverse_sqrt",
    "optimizer": "rmsprop",
    "source": "stripes",
    "metric": "hoyer_sparseness",
    "figure": "code_histogram",
}
COMMANDS = """
import json, sys
from distaff.cli import main
codes = []
for words in json.loads(sys.argv[1]):
    print("$", *words, flush=True)
    codes.append(main(words))
sys.exit(max(codes))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that holds what pip writes of an installed package: its version and its entry point."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "distaff_example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: distaff-example\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("distaff_example\n")
    (info / "entry_points.txt").write_text("[distaff.plugins]\nexample = distaff_example\n")
    return folder


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("room")


@pytest.fixture(scope="module")
def commands(room):
    """commands(words, ..., path): run commands one after another in a fresh process."""

    def run(*wanted, path=()):
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "DISTAFF_CACHE": str(room / "cache"),
        }
        words = json.dumps([[str(word) for word in command] for command in wanted])
        return subprocess.run(
            [sys.executable, "-c", COMMANDS, words],
            capture_output=True,
            text=True,
            cwd=room,
            env=environment,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def trained(commands, room):
    """A run whose every part is of the package, which --import brought."""
    words = ("train", RECIPE, "--import", "distaff_example", "--out", "run", "--no-page")
    done = commands(words, path=[HERE])
    assert done.returncode == 0, done.stderr
    return room / "run"


def test_every_file_is_a_complete_example():
    assert FAMILIES.keys() <= PARTS.keys()
    files = [path for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]
    assert len(files) == len(PARTS)
    for path in files:
        assert len(path.read_text().splitlines()) <= 40, path.name


def test_a_run_says_who_provides_its_parts(trained):
    parts = json.loads((trained / "parts.json").read_text())["parts"]
    used = {each["family"]: each["tag"] for each in parts}
    # A recipe names its data by text, and metrics and figures not at all.
    assert {**used, **{name: PARTS[name] for name in ("source", "metric", "figure")}} == PARTS
    assert all(each["module"].startswith("distaff_example.") for each in parts)


@pytest.fixture(scope="module")
def installed(trained, commands, site):
    """What commands print where the package is installed: it needs no --import."""
    done = commands(
        ("train", RECIPE, "--steps", "1", "--out", "installed", "--no-page"),
        ("evaluate", trained, "--metrics", "reconstruction,hoyer_sparseness"),
        ("figures", trained, "--only", PARTS["figure"]),
        ("generate", trained, "-n", "4", "--out", "new.npz"),
        ("recipes", "--parts"),
        ("metrics",),
        ("data",),
        path=[HERE, site],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_installed_package_needs_no_import(trained, installed):
    metrics = json.loads((trained / "evaluation.json").read_text())["metrics"]
    assert 0 <= metrics["hoyer_sparseness"]["value"] <= 1
    assert (trained / "figures" / f"{PARTS['figure']}.png").stat().st_size > 1000


def test_its_parts_are_listed_with_their_provider(installed):
    listed = " ".join(installed.partition("$ recipes --parts")[2].split())
    for tag in PARTS.values():
        places = [each.end() for each in re.finditer(f" {tag} ", listed)]
        assert any("(package distaff-example 1.0)" in listed[place : place + 150] for place in places), tag


def test_without_the_package_one_line_says_what_is_missing(trained, installed, commands):
    done = commands(("evaluate", trained), ("generate", "installed"), path=[])
    assert done.returncode == 2
    imported, packaged = done.stderr.splitlines()
    assert imported.startswith(f"distaff: {trained}: needs the ")
    assert "of module distaff_example." in imported
    assert "--import distaff_example." in imported
    assert packaged.startswith("distaff: installed: needs the ")
    assert "of package distaff-example 1.0" in packaged
    assert "pip install distaff-example" in packaged
