from __future__ import annotations

import pytest
from toy_images import TOY, ToyClassifier, ToyModel, encoded, give, toy_dataset

from distaff.analysis import Analysis
from distaff.data import load
from distaff.recipe import load_recipe
from distaff.run import Run


@pytest.fixture
def toy():
    """A perfect model of the toy images, read by a perfect reference classifier."""
    recipe = load_recipe("supervised").changed({"latent": [{"softmax": {}}], "loss": [{"supervise": {}}]})
    vae, objective = recipe.build(TOY, (1, 8, 8), 200)
    analysis = Analysis(ToyModel(recipe, TOY, vae, objective), toy_dataset())
    model = analysis.model
    return give(
        analysis,
        reference_classifier=ToyClassifier(),
        encoded=encoded(model.encode(analysis.images(analysis.rows))),
        train_encoded=encoded(model.encode(analysis.images(analysis.train_rows))),
    )


@pytest.fixture
def make_run(tmp_path, monkeypatch):
    """Write a run of random weights: make_run("vae") on a few digits."""
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))

    def make(recipe, name="run", **settings):
        changes = {"data.source": "digits", "data.count": 200, **settings}
        wanted = load_recipe(recipe).changed(changes)
        dataset = load(wanted.data)
        attributes, shape = dataset.attributes.attributes, dataset.images.shape[1:]
        wanted = wanted.resolved({each.name: each for each in attributes})
        images = len(dataset.splits["train"])
        run = Run(tmp_path / name)
        run.write_setup(wanted, attributes, shape, images)
        run.write_weights(*wanted.build(attributes, shape, images))
        return Run(tmp_path / name)

    return make
