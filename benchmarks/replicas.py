"""How much sooner several models are trained together than one after another: whole runs, by the clock.

Give cases, such as mnist-mlp:bf16, to measure those alone.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

# As the command does before torch is loaded: threads that wait for busy cores do not spin long.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

import numpy as np
from rich.console import Console
from rich.table import Table

import distaff
from distaff.recipe import load_recipe

ROUNDS, COUNTS = 3, (2, 4, 8)
CASES = {
    "digits-mlp": ({"data.source": "digits", "network.mlp.hidden": [128, 64]}, 64, 600),
    "mnist-mlp": ({"network.mlp.hidden": [512, 256]}, 128, 300),
    "mnist-conv": ({"network.conv.channels": [32, 64]}, 128, 60),
    "sprites-conv": ({"data.source": "sprites", "data.count": 10_000}, 64, 40),
}
"""Settings on top of the recipe `vae`, pictures a batch, steps."""


def mnist_like(folder: Path) -> str:
    """Write grey pictures of MNIST's size, whose content does not matter to the clock."""
    pixels = np.random.default_rng(0).integers(0, 256, (20_000, 28, 28), dtype=np.uint8)
    np.savez(folder / "pictures.npz", images=pixels)
    return str(folder / "pictures.npz")


def main() -> None:
    table = Table("models", "precision", "one, s", *(f"{n} together, s (ratio)" for n in COUNTS))
    table.title = "Seconds of n runs together, and how many times as long they take in a row"
    chosen = sys.argv[1:] or [f"{case}:{precision}" for case in CASES for precision in ("32", "bf16")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = mnist_like(folder)
        for choice in chosen:
            case, _, precision = choice.partition(":")
            settings, batch, steps = CASES[case]
            train = {"train.batch": batch, "train.steps": steps, "train.precision": precision}
            recipe = load_recipe("vae").changed({"data.source": source} | settings | train)
            one, together = measured(recipe, folder / f"{case}-{precision}")
            cells = [f"{together[n]:.1f} ({n * one / together[n]:.2f})" for n in COUNTS]
            table.add_row(case, precision, f"{one:.1f}", *cells)
    Console().print(table)


def measured(recipe: distaff.Recipe, folder: Path) -> tuple[float, dict[int, float]]:
    """Return the median seconds of one run among others in a row, and of n together."""
    alone: list[float] = []
    together: dict[int, list[float]] = {n: [] for n in COUNTS}
    for number in range(ROUNDS):
        place = folder / str(number)
        for seed in range(2):
            start = time.perf_counter()
            distaff.train(recipe, seed=seed, out=place / "row" / str(seed), progress=False)
            alone.append(time.perf_counter() - start)
        for n in COUNTS:
            start = time.perf_counter()
            changed = recipe.changed({"train.replicas": n})
            distaff.train_replicas(changed, out=place / str(n), progress=number == 0)
            together[n].append(time.perf_counter() - start)
    return median(alone), {n: median(times) for n, times in together.items()}


if __name__ == "__main__":
    main()
