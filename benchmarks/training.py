"""How long a training step of each method is beside a plain VAE's of the same network, images and batch.

Milliseconds of a processor, one thread, sprites in batches of 64, the network of the recipe; the median step
of STEPS, and the median ratio of ROUNDS in which method and VAE take turns. `iwae` and its kin draw as many
codes of an image as their recipes say.

Usage: python benchmarks/training.py [ROUNDS [RECIPE...]]
"""

import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

import distaff
from distaff.recipe import Recipe, load_recipe, shipped
from distaff.training import Callback

WARM, STEPS = 10, 40
BATCH, COUNT = 64, 5000
NEVER = 10**6
SAME = {
    "train.batch": BATCH,
    "train.lr": 1e-4,
    "train.images_every": None,
    "train.valid_every": NEVER,
    "train.checkpoint_every": NEVER,
    "data.source": "sprites",
    "data.count": COUNT,
}
"""What the method and the VAE beside it have in common."""


class Clock(Callback):
    """Keeps the processor's time after each step."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step(self, run: distaff.Run, step: int, loss: object) -> None:
        self.times.append(time.process_time())


def step_seconds(recipe: Recipe) -> float:
    """The median time of a step after the first ones."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        distaff.train(recipe, steps=WARM + STEPS, out=out, progress=False, callbacks=[clock])
    times = clock.times[WARM - 1 :]
    return statistics.median(after - before for before, after in pairwise(times))


def main() -> None:
    torch.set_num_threads(1)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    plain = load_recipe("vae")
    table = Table("recipe", "ms a step", "a VAE's", "ratio", title=f"Training on sprites, batches of {BATCH}")
    for name in sys.argv[2:] or shipped():
        method = load_recipe(name).changed(SAME)
        size = sum(getattr(block, "size", None) or 10 for block in method.latent)
        beside = plain.changed({**SAME, "network": method.network, "latent.gaussian.size": size})
        pairs = [(step_seconds(method), step_seconds(beside)) for _ in range(rounds)]
        ours, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for one, other in pairs)
        table.add_row(name, f"{1000 * ours:.1f}", f"{1000 * theirs:.1f}", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
