"""Hostile inputs through every command: none ends in a traceback, a half-written file, or a silent loss.

Usage: python studies/hostile [--only KIND,...] [--inputs N] [--seed N] [--keep DIR]

Each input is made by a generator of its own seed and goes through the command line's own entry in this
process, beside tiny models of 8 x 8 images. A line is printed for each that fails, and a table at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def main() -> int:
    parser = argparse.ArgumentParser(prog="hostile")
    parser.add_argument("--only", default="")
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="where the inputs that fail are kept")
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    scratch = Path(tempfile.mkdtemp(prefix="hostile-"))
    os.environ["DISTAFF_CACHE"] = str(scratch / "cache")
    os.chdir(scratch)

    import torch

    torch.set_num_threads(1)
    from checks import judge
    from kinds import KINDS, make_runs

    runs = make_runs(scratch / "runs")
    wanted = options.only.split(",") if options.only else list(KINDS)
    whole = sum(KINDS[name].share for name in KINDS)
    rows, failures = [], 0
    for kind_number, name in enumerate(KINDS):
        if name not in wanted:
            continue
        kind, begun = KINDS[name], time.monotonic()
        count = round(options.inputs * kind.share / whole)
        counts = {"done": 0, "refused": 0, "tracebacks": 0, "half-written": 0, "silent": 0, "unclear": 0}
        for number in range(count):
            folder = scratch / f"{name}-{number}"
            folder.mkdir()
            os.chdir(folder)
            rng = np.random.default_rng([options.seed, kind_number, number])
            done, problems = judge(kind.make(folder, rng, runs, number), folder)
            counts["done" if done else "refused"] += 1
            for fault, told in problems:
                counts[fault] += 1
                failures += 1
                print(f"{name} {number}: {fault}: {told}", file=sys.stderr, flush=True)
            os.chdir(scratch)
            if problems and options.keep:
                shutil.copytree(folder, options.keep / folder.name, dirs_exist_ok=True, symlinks=True)
            shutil.rmtree(folder, ignore_errors=True)
        rows.append((name, kind.about, count, *counts.values(), time.monotonic() - begun))
    print("| inputs | what they are | tried | done | refused in one line | tracebacks | half-written | "
          "lost silently | unclear | seconds |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(map(str, row[:-1])) + f" | {row[-1]:.0f} |")
    totals = [sum(row[place] for row in rows) for place in range(2, 9)]
    print("| **all** | | " + " | ".join(map(str, totals)) + f" | {sum(row[-1] for row in rows):.0f} |")
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
