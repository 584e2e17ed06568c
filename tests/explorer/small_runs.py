"""Small runs with random weights: explorer and figures need what a model gives, not that it is good."""

from pathlib import Path

import numpy as np
import torch

from distaff.attributes import Attribute, AttributeTable
from distaff.data import ArrayImages, Dataset, load
from distaff.files import atomic_write
from distaff.recipe import Recipe, load_recipe
from distaff.run import Run

HISTORY = """step,seconds,split,lr,weight.reconstruction,weight.kl,loss,reconstruction,kl,active_units
50,1,train,0.001,1,0,60,59,1,
100,2,train,0.001,1,0.5,50,47,3,
100,2,valid,0.001,1,0.5,51,48,3,4
150,3,train,0.0005,1,1,40,36,4,
200,4,train,0.0001,1,1,35,30,5,
200,4,valid,0.0001,1,1,36,31,5,6
"""
SMALL = {
    "data.source": "digits",
    "data.count": 300,
    "data.test": 0.2,
    "network": {"mlp": {"hidden": [16]}},
}


def write_run(path: Path, recipe: str | Recipe, dataset: Dataset | None = None, **settings) -> Run:
    """Write a run folder whose weights are drawn from a fixed seed and not trained."""
    chosen = load_recipe(recipe).changed(SMALL | settings)
    dataset = dataset or load(chosen.data)
    attributes, shape = dataset.attributes.attributes, dataset.images.shape[1:]
    chosen = chosen.resolved({each.name: each for each in attributes})
    rows = dataset.splits["train"]
    vae, objective = chosen.build(attributes, shape, len(rows))
    vae.prepare(torch.from_numpy(dataset.images.take(rows[:64]).astype(np.float32) / 255))
    with torch.no_grad():
        # A fresh head gives N(0, I) for every image; with larger weights, its codes tell images apart.
        vae.head.weight *= 20
    run = Run(path)
    run.write_setup(chosen, attributes, shape, len(rows))
    run.write_weights(vae, objective)
    atomic_write(path / "history.csv", HISTORY.encode())
    return Run.open(path)


def colour_dataset(names=("side", "size", "angle", "weight"), shape=(3, 12, 10)) -> Dataset:
    """Return 60 images with an attribute of every kind, some labels missing."""
    random = np.random.default_rng(0)
    kinds = (
        Attribute(name=names[0], kind="categorical", values=("left", "right")),
        Attribute(name=names[1], kind="ordinal", values=(1, 2, 3, 4)),
        Attribute(name=names[2], kind="circular", values=tuple(range(8)), period=8),
        Attribute(name=names[3], kind="continuous", mean=1.0, std=0.5, low=0.0, high=2.0),
    )
    values = np.stack(
        [*(random.integers(0, each.size, 60) for each in kinds[:3]), random.uniform(0, 2, 60)], 1
    )
    values = values.astype(np.float32)
    values[::5, 0] = np.nan
    table = AttributeTable(kinds, values)
    rows = np.arange(60)
    images = random.integers(0, 256, (60, *shape), dtype=np.uint8)
    splits = {"train": rows[:20], "valid": rows[20:30], "test": rows[30:]}
    return Dataset("colours", ArrayImages(images), table, table, splits)
