"""Training on a set that does not fit in memory: its speed against a set that does, and the memory it takes.

The large set is a sparse file: 20 GiB to every reader, of which 1 GiB spread over it are real images that
lie on the disk, and the rest are holes that take no room. The file is dropped from the system's cache first,
where the system allows that. Every measurement is a process of its own.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

SIDE, BATCH = 64, 128
IMAGE = SIDE * SIDE
GIB = 2**30
LARGE, REAL, PIECE, SMALL = 20 * GIB, GIB, 2**22, 2**28
"""Bytes: the large set, its real images, how many of them lie together, and the set kept in memory."""
NETWORKS = {"mlp": ({"mlp": {"hidden": [128]}}, 700, 3), "conv": ("conv", 100, 2)}
"""Networks, steps and rounds: one so small that reading weighs most, and the one that recipes use."""
FIRST = 50
"""The step from which the clock runs."""

MEASURE = """
import json, os, resource, sys
from distaff.process import share_cores
share_cores(always=True)
import distaff
from distaff.evaluation import evaluate

def resident():
    try:
        lines = open("/proc/self/status").read().splitlines()
        found = {line.split(":")[0]: int(line.split()[1]) / 2**20 for line in lines if "kB" in line}
        return {"peak": found["VmHWM"], "file": found["RssFile"]}
    except OSError:
        scale = 2**30 if sys.platform == "darwin" else 2**20
        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale, "file": float("nan")}

source, network, steps, first, batch, out, measured = sys.argv[1:]
settings = {"network": json.loads(network), "train.batch": int(batch), "train.valid_every": 10**6,
            "train.images_every": 10**6, "train.checkpoint_every": 10**6}
run = distaff.train("vae", data=source, settings=settings, steps=int(steps), out=out, progress=False)
history = run.history()
rows = (history["split"] == "train") & (history["step"] >= int(first))
took, done = (history[name][rows][-1] - history[name][rows][0] for name in ("seconds", "step"))
found = {"rate": done * int(batch) / took, **resident()}
if measured:
    evaluate(run, metrics=[measured])
    found["peak_evaluate"] = resident()["peak"]
print(json.dumps(found))
"""


def make(path: Path, size: int) -> None:
    """Write a .npy of `size` bytes of images, of which at most REAL are not holes."""
    shape = (size // IMAGE, SIDE, SIDE)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        start, rng = file.tell(), np.random.default_rng(0)
        file.truncate(start + size)
        real = min(REAL, size)
        for place in np.linspace(0, size - PIECE, real // PIECE).astype(int) // IMAGE * IMAGE:
            file.seek(start + int(place))
            spots = rng.integers(0, 256, (PIECE // IMAGE, 8, 8), dtype=np.uint8)
            file.write(spots.repeat(8, axis=1).repeat(8, axis=2).tobytes())
        file.flush()
        os.fsync(file.fileno())


def forget(path: Path) -> None:
    """Drop a file from the system's cache, so that it is read from the disk again."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(source: Path, network: Any, steps: int, folder: Path, metric: str = "") -> dict[str, float]:
    """Train and return images a second and GiB of resident memory."""
    forget(source)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        words = [str(source), json.dumps(network), str(steps), str(FIRST), str(BATCH), f"{out}/run", metric]
        environment = os.environ | {"DISTAFF_CACHE": str(folder / "cache")}
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *words], check=True, capture_output=True, env=environment
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    titles = (
        "network",
        "in memory, images/s",
        "on disk, images/s",
        "ratio",
        "peak GiB",
        "of it file",
        "evaluate",
    )
    table = Table(*titles, title=f"{LARGE / GIB:.0f} GiB of {SIDE} x {SIDE} images, batch {BATCH}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = folder / "small.npy", folder / "large.npy"
        make(small, SMALL)
        make(large, LARGE)
        for title, (network, steps, rounds) in NETWORKS.items():
            memory, disk = [], []
            for number in range(rounds):
                memory.append(measure(small, network, steps, folder))
                disk.append(
                    measure(large, network, steps, folder, "" if number or title != "mlp" else "active_units")
                )
            ratio = statistics.median(
                [ours["rate"] / theirs["rate"] for ours, theirs in zip(disk, memory, strict=True)]
            )
            table.add_row(
                title,
                f"{statistics.median([each['rate'] for each in memory]):,.0f}",
                f"{statistics.median([each['rate'] for each in disk]):,.0f}",
                f"{ratio:.2f}",
                f"{max(each['peak'] for each in disk):.2f}",
                f"{max(each['file'] for each in disk):.2f}",
                f"{disk[0]['peak_evaluate']:.2f}" if "peak_evaluate" in disk[0] else "",
            )
        held = large.stat()
        on_disk = held.st_blocks * 512 / GIB
        print(f"large.npy: {held.st_size / GIB:.1f} GiB, of which {on_disk:.1f} are on the disk")
    Console().print(table)


if __name__ == "__main__":
    main()
