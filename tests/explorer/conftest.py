"""Small runs, their bundles and pages, and a browser for these: each made once for all tests of a worker."""

import json
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from small_runs import colour_dataset, write_run
from visiting import CHROMIUM, FLAGS, need_chromium, visit

import distaff
from distaff.analysis import Analysis
from distaff.evaluation import evaluate
from distaff.explorer import Bundle, make_bundle
from distaff.explorer._bundle import join, to_html
from distaff.run import Run

BRIEF = {"network": {"mlp": {"hidden": [64]}}, "train.batch": 64}
"""Small enough to learn something in seconds."""


@pytest.fixture(scope="session", autouse=True)
def quick_graphs(operators_once):
    """Every test here may export graphs."""


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
def colours(tmp_path_factory) -> Analysis:
    """A supervised model of colour images with attributes of every kind, and its images."""
    dataset = colour_dataset()
    network = {"pair": {"encoder": {"resnet": {"channels": [8, 8]}}, "decoder": {"folded": {"channels": 8}}}}
    folder = tmp_path_factory.mktemp("explored") / "colours"
    return Analysis(write_run(folder, "supervised", dataset, network=network), dataset)


@pytest.fixture
def copied(plane_run, tmp_path) -> Run:
    """A run that a test may damage."""
    return Run.open(shutil.copytree(plane_run.path, tmp_path / "copied"))


@dataclass(frozen=True)
class Page:
    """A run that learned something, what the explorer holds of it, and its page."""

    run: Run
    bundle: Bundle
    file: Path

    @property
    def model(self):
        return self.run.model

    @property
    def entry(self):
        return self.bundle.manifest["runs"][0]

    @property
    def analysis(self):
        return Analysis(self.run, self.run.dataset())


def trained(folder, recipe, data="digits", steps=200, **settings) -> Page:
    settings = BRIEF | settings
    run = distaff.train(recipe, data=data, steps=steps, settings=settings, out=folder, progress=False)
    evaluate(run, metrics=("reconstruction", "kl", "active_units", "attribute_accuracy", "knn_accuracy"))
    bundle = make_bundle([run])
    file = folder.with_suffix(".html")
    file.write_text(to_html(bundle), encoding="utf-8")
    return Page(run, bundle, file)


@pytest.fixture(scope="session")
def classes(tmp_path_factory) -> Page:
    """Class regions in a plane of two latents."""
    folder = tmp_path_factory.mktemp("pages") / "classes"
    return trained(folder, "class-separated", steps=300, **{"latent.gaussian.size": 2})


@pytest.fixture(scope="session")
def told(tmp_path_factory) -> Page:
    """A conditional model."""
    return trained(tmp_path_factory.mktemp("pages") / "told", "conditional-vae")


@pytest.fixture(scope="session")
def plain(tmp_path_factory) -> Page:
    """A model without labels, of ten latents, with maps by PCA and t-SNE."""
    return trained(tmp_path_factory.mktemp("pages") / "plain", "vae")


@pytest.fixture(scope="session")
def sprites(tmp_path_factory) -> Page:
    """Colour sprites of 64 x 64 whose latents are attributes: classes, a number, two that come round."""
    folder = tmp_path_factory.mktemp("pages") / "sprites"
    small = {"encoder": {"folded": {"channels": 8, "hidden": [64]}}, "decoder": {"mlp": {"hidden": [32]}}}
    settings = {"data.count": 600, "data.test": 0.2, "network": {"pair": small}}
    return trained(folder, "supervised", "sprites-colour", steps=60, **settings)


@pytest.fixture(scope="session")
def both(tmp_path_factory, plain) -> Page:
    """Two runs on the same data in one page."""
    folder = tmp_path_factory.mktemp("pages") / "other"
    other = trained(folder, "vae", **{"train.seed": 3})
    copies = [
        Bundle(json.loads(json.dumps(each.bundle.manifest)), each.bundle.blocks) for each in (plain, other)
    ]
    bundle = join(copies)
    file = folder.with_name("both.html")
    file.write_text(to_html(bundle), encoding="utf-8")
    return Page(other.run, bundle, file)


@pytest.fixture(scope="session")
def browser():
    """One chromium."""
    need_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def visits(browser):
    """visits(file): a page opened offline, as a context that asserts that it said and loaded nothing."""
    return partial(visit, browser)
