"""How fast sprites are drawn: one batch, and the whole set of 737,280."""

import time

import numpy as np
from rich.console import Console
from rich.table import Table

from distaff.data.sprites import BLOCK, COUNT, SIZES, render, render_packed

REPEATS = 50


def main() -> None:
    rng = np.random.default_rng(0)
    batch = np.stack([rng.integers(size, size=256) for size in SIZES], axis=1)
    render(batch)
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        render(batch)
        seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    for first in range(0, COUNT, BLOCK):
        rows = np.arange(first, min(first + BLOCK, COUNT))
        render_packed(np.stack(np.unravel_index(rows, SIZES), axis=1))
    whole = time.perf_counter() - start
    table = Table("sprites", "time", "images a second", title="Drawing sprites of 64 x 64")
    median = float(np.median(seconds))
    table.add_row("a random batch of 256 (median)", f"{1000 * median:.1f} ms", f"{256 / median:,.0f}")
    table.add_row("the whole set of 737,280", f"{whole:.1f} s", f"{COUNT / whole:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
