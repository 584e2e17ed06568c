"""Small runs with random weights: figures need a model's outputs, not good ones."""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from distaff.analysis import Analysis
from distaff.attributes import Attribute, AttributeTable
from distaff.data import ArrayImages, Dataset, load
from distaff.figures import FIGURES
from distaff.files import atomic_write
from distaff.recipe import load_recipe
from distaff.run import Run

HISTORY = """step,seconds,split,lr,weight.reconstruction,weight.kl,loss,reconstruction,kl,active_units
50,1,train,0.001,1,0,60,59,1,
100,2,train,0.001,1,0.5,50,47,3,
100,2,valid,0.001,1,0.5,51,48,3,4
150,3,train,0.0005,1,1,40,36,4,
200,4,train,0.0001,1,1,35,30,5,
200,4,valid,0.0001,1,1,36,31,5,6
"""


def write_run(path: Path, recipe: str, dataset: Dataset | None = None, **settings) -> Run:
    """Write a run folder whose weights are drawn from a fixed seed and not trained."""
    small = {
        "data.source": "digits",
        "data.count": 300,
        "data.test": 0.2,
        "network": {"mlp": {"hidden": [16]}},
    }
    chosen = load_recipe(recipe).changed(small | settings)
    dataset = dataset or load(chosen.data)
    attributes, shape = dataset.attributes.attributes, dataset.images.shape[1:]
    chosen = chosen.resolved({each.name: each for each in attributes})
    vae, objective = chosen.build(attributes, shape, len(dataset.splits["train"]))
    with torch.no_grad():
        # A fresh head says N(0, I) of every image; wider, its codes tell images apart.
        vae.head.weight *= 20
    run = Run(path)
    run.write_setup(chosen, attributes, shape, len(dataset.splits["train"]))
    run.write_weights(vae, objective)
    atomic_write(path / "history.csv", HISTORY.encode())
    return Run.open(path)


def colour_dataset(
    channels: int = 3, names: tuple[str, ...] = ("side", "size", "angle", "weight")
) -> Dataset:
    """Return 60 images of 12 x 10 with an attribute of every kind, some labels missing."""
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
    images = random.integers(0, 256, (60, channels, 12, 10), dtype=np.uint8)
    splits = {"train": rows[:20], "valid": rows[20:30], "test": rows[30:]}
    return Dataset("colours", ArrayImages(images), table, table, splits)


def analyse(run: Run, dataset: Dataset | None = None) -> Analysis:
    return Analysis(run, dataset or run.dataset())


def page_of(name: str, analysis: Analysis):
    return FIGURES[name].function(analysis)


def draw(name: str, analysis: Analysis, **how) -> Figure:
    """Return a figure as matplotlib's, laid out."""
    drawn = page_of(name, analysis).draw(**how)
    drawn.draw_without_rendering()
    return drawn


def scale_up(image, scale):
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def texts(drawn: Figure) -> list[str]:
    """Return every text of a figure that is not empty."""
    return [each.get_text() for each in drawn.findobj(Text) if each.get_text()]


def images_of(drawn: Figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in drawn.axes[0].images]


def same(image, wanted) -> bool:
    """Tell whether an image was drawn as wanted, each of its pixels enlarged."""
    scale = image.shape[0] // wanted.shape[0]
    return np.allclose(image, scale_up(np.clip(wanted, 0, 1), scale), atol=1e-5)
