from __future__ import annotations

import pytest
from toy_pictures import TOY, ToyModel, ToyReader, toy_dataset

from distaff.data import load
from distaff.evaluation.subject import Subject
from distaff.model import build, resolve
from distaff.recipe import load_recipe
from distaff.run import Run


@pytest.fixture
def toy():
    """A perfect model of the toy pictures, measured by a perfect reader."""
    recipe = load_recipe("supervised").changed(
        {"latent": [{"softmax": {"attributes": "classes"}}], "loss": [{"supervise": {}}]}
    )
    network, objective = build(recipe, TOY, (1, 8, 8))
    subject = Subject(ToyModel(recipe, TOY, network, objective), toy_dataset())
    subject.__dict__["reader"] = ToyReader()
    return subject


@pytest.fixture
def make_run(tmp_path, monkeypatch):
    """Write a run of random weights: make_run("vae") on a few digits."""
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))

    def make(recipe, name="run", **settings):
        changes = {"data.source": "digits", "data.count": 200, **settings}
        wanted = load_recipe(recipe).changed(changes)
        dataset = load(wanted.data)
        attributes, shape = dataset.attributes.attributes, dataset.images.shape[1:]
        wanted = resolve(wanted, attributes)
        run = Run(tmp_path / name)
        run.write_setup(wanted, attributes, shape)
        run.write_weights(*build(wanted, attributes, shape))
        return run

    return make
