from __future__ import annotations

import pytest

from distaff.analysis import Analysis
from distaff.data import load
from distaff.model import Model
from distaff.recipe import load_recipe


@pytest.fixture
def digits_analysis():
    """Return the analysis of a model of random weights: digits_analysis("vae", **{"train.seed": 1})."""

    def make(recipe, **settings):
        changes = {
            "data.source": "digits",
            "data.count": 300,
            "network": {"mlp": {"hidden": [16]}},
            **settings,
        }
        wanted = load_recipe(recipe).changed(changes)
        dataset = load(wanted.data)
        attributes, shape = dataset.attributes.attributes, dataset.images.shape[1:]
        wanted = wanted.resolved({each.name: each for each in attributes})
        vae, objective = wanted.build(attributes, shape, len(dataset.splits["train"]))
        return Analysis(Model(wanted, attributes, vae, objective), dataset)

    return make
