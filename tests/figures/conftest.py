"""The runs that the figures are drawn from, written once."""

import pytest
from figure_runs import colour_dataset, write_run

from distaff.figures import Material
from distaff.run import Run


@pytest.fixture(scope="session")
def vae(tmp_path_factory) -> Run:
    return write_run(tmp_path_factory.mktemp("vae"), "vae")


@pytest.fixture(scope="session")
def plane_run(tmp_path_factory) -> Run:
    return write_run(tmp_path_factory.mktemp("plane"), "class-separated", **{"latent.gaussian.size": 2})


@pytest.fixture(scope="session")
def conditional(tmp_path_factory) -> Run:
    return write_run(tmp_path_factory.mktemp("conditional"), "conditional-vae")


@pytest.fixture(scope="session")
def colours(tmp_path_factory) -> Material:
    """A supervised model of colour pictures, with its data."""
    dataset = colour_dataset()
    return Material(write_run(tmp_path_factory.mktemp("colours"), "supervised", dataset), dataset)
