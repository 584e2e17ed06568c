"""Small runs with random weights, and the bundle of one of them, made once for all tests of a worker."""

import json
import shutil

import pytest
from figure_runs import colour_dataset, write_run

from distaff.explorer.blocks import Bundle
from distaff.explorer.bundle import make_bundle
from distaff.explorer.shown import Shown
from distaff.run import Run


@pytest.fixture(scope="session")
def plane_run(tmp_path_factory) -> Run:
    """A class-separated run of two latents."""
    folder = tmp_path_factory.mktemp("explored") / "plane"
    return write_run(folder, "class-separated", **{"latent.gaussian.size": 2})


@pytest.fixture(scope="session")
def made(plane_run) -> Bundle:
    return make_bundle([plane_run])


@pytest.fixture
def bundle(made) -> Bundle:
    """A bundle that a test may change."""
    return Bundle(json.loads(json.dumps(made.manifest)), dict(made.blocks))


@pytest.fixture(scope="session")
def colours(tmp_path_factory) -> Shown:
    """A supervised model of colour pictures with attributes of every kind, and its pictures."""
    dataset = colour_dataset()
    network = {"pair": {"encoder": {"resnet": {"channels": [8, 8]}}, "decoder": {"folded": {"channels": 8}}}}
    folder = tmp_path_factory.mktemp("explored") / "colours"
    return Shown(write_run(folder, "supervised", dataset, network=network), dataset)


@pytest.fixture
def copied(plane_run, tmp_path) -> Run:
    """A run that a test may damage."""
    return Run.open(shutil.copytree(plane_run.path, tmp_path / "copied"))
