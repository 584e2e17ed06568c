"""How fast models train: milliseconds a step, start-up taken out, for each shipped recipe."""

import os
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

import distaff
from distaff.recipe import load_recipe, shipped

# As the command does before torch is loaded: threads that wait for busy cores do not spin long.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
SHORT, LONG = 10, 60
COUNT = 5000


def seconds(recipe: str, steps: int) -> float:
    """Train on sprites for so many steps, validating once at the end."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        distaff.train(
            recipe,
            data="sprites",
            settings={
                "data.count": COUNT,
                "train.valid_every": 10 * LONG,
                "train.checkpoint_every": 10 * LONG,
            },
            steps=steps,
            out=Path(folder) / "run",
            progress=False,
        )
        return time.perf_counter() - start


def main() -> None:
    table = Table("recipe", "batch", "ms a step", "images a second", title="Training on sprites of 64 x 64")
    seconds("vae", SHORT)
    for recipe in shipped():
        batch = load_recipe(recipe).train.batch
        step = (seconds(recipe, LONG) - seconds(recipe, SHORT)) / (LONG - SHORT)
        table.add_row(recipe, str(batch), f"{1000 * step:.1f}", f"{batch / step:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
