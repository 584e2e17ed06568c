"""The runs that the figures are drawn from, written once."""

import pytest
from figure_runs import analyse
from small_runs import colour_dataset, write_run

from distaff.analysis import Analysis


@pytest.fixture(scope="session")
def vae(tmp_path_factory) -> Analysis:
    return analyse(write_run(tmp_path_factory.mktemp("vae"), "vae"))


@pytest.fixture(scope="session")
def plane(tmp_path_factory) -> Analysis:
    folder = tmp_path_factory.mktemp("plane")
    return analyse(write_run(folder, "class-separated", **{"latent.gaussian.size": 2}))


@pytest.fixture(scope="session")
def conditional(tmp_path_factory) -> Analysis:
    return analyse(write_run(tmp_path_factory.mktemp("conditional"), "conditional-vae"))


@pytest.fixture(scope="session")
def quantised(tmp_path_factory) -> Analysis:
    return analyse(write_run(tmp_path_factory.mktemp("quantised"), "qlae"))


@pytest.fixture(scope="session")
def mixture(tmp_path_factory) -> Analysis:
    """A model whose prior has one KL column for the whole latent."""
    return analyse(write_run(tmp_path_factory.mktemp("mixture"), "mixture-vae"))


@pytest.fixture(scope="session")
def colours(tmp_path_factory) -> Analysis:
    """A supervised model of colour images, with its data."""
    dataset = colour_dataset()
    return analyse(write_run(tmp_path_factory.mktemp("colours"), "supervised", dataset), dataset)
