"""What a study costs beside its runs: time for each run, memory, and how fast a large one opens and reports.

Usage: python studies/study_speed.py [--runs N] [--throughput]

Times are those of the processor, so that other work counts little; the throughput needs a quiet
machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
import torch

from distaff.data import load
from distaff.evaluation import evaluate
from distaff.recipe import parse
from distaff.run import Run
from distaff.study import Outcome, Results, Study, load_study, report, run_study
from distaff.training import train

TINY = {
    "data": "digits",
    "network": {"mlp": {"hidden": [64]}},
    "latent": [{"gaussian": {"size": 4}}],
    "train": {"steps": 2, "batch": 64},
}


def resident() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


def overhead(runs: int, root: Path) -> None:
    """Make runs of two steps in blocks, by turns in a study and by themselves."""
    block, study_time, own_time, sizes = 50, list[float](), list[float](), list[float]()
    data = load("digits")
    torch.set_num_threads(1)  # as in a study
    for number in range(runs // block):
        seeds = f"{number * block}..{(number + 1) * block - 1}"
        study = Study(base=TINY, over={"seed": seeds}, metrics=["active_units"])
        begin = time.process_time()
        run_study(study, root / "study", jobs=1)
        study_time.append(time.process_time() - begin)
        sizes.append(resident())
        begin = time.process_time()
        for entry in study.plan()[: block // 5]:
            recipe = parse(entry.recipe, where=entry.name)
            run = train(recipe, data=data, out=root / "own" / entry.name, progress=False)
            evaluate(Run(run.path, data), metrics=["active_units"])
        own_time.append((time.process_time() - begin) * 5)
    study_time, own_time = study_time[1:], own_time[1:]
    per_run = [sum(times) / len(times) / block * 1000 for times in (study_time, own_time)]
    whole = Study(base=TINY, over={"seed": f"0..{runs - 1}"}, metrics=["active_units"])
    begin = time.process_time()
    print(f"{runs:,} runs of 2 steps: {report(whole, root / 'study').tally}")
    print(f"| a run by itself | {per_run[1]:.1f} ms |")
    print(f"| a run in a study of {block}, its plan and report included | {per_run[0]:.1f} ms |")
    print(f"| more | {per_run[0] / per_run[1] - 1:.1%} |")
    print(f"| report of all {runs:,} | {time.process_time() - begin:.1f} s |")
    at = [len(sizes) // 10, len(sizes) // 2, len(sizes) - 1]
    for i in at:
        print(f"| memory after {(i + 1) * block} runs | {sizes[i]:.0f} MB |")


def large(root: Path) -> None:
    """Open, plan, read and report 12,600 runs, whose outcomes are made up."""
    rng = np.random.default_rng(0)
    times = {}
    wall, begin = time.perf_counter(), time.process_time()
    study = load_study("locatello-2019")
    plan = study.plan()
    times["open and plan"] = time.process_time() - begin, time.perf_counter() - wall
    for entry in plan:
        folder = root / "runs" / entry.name
        folder.mkdir(parents=True)
        values = {name: float(rng.normal()) for name in study.metrics or ()}
        outcome = Outcome("finished", "", 100.0, study.metrics, values)
        (folder / "outcome.json").write_text(json.dumps(asdict(outcome)))
    wall, begin = time.perf_counter(), time.process_time()
    results: Results = report(study, root)
    times["read and report"] = time.process_time() - begin, time.perf_counter() - wall
    print(f"\n{len(results.rows):,} runs")
    for name, (own, passed) in times.items():
        print(f"| {name} | {own:.1f} s of the processor, {passed:.1f} s |")
    print(f"| load of the machine | {os.getloadavg()[0]:.1f} |")


def throughput(root: Path) -> None:
    """Eight runs of each MLP: one per core and thread at a time, and one after another with all threads."""
    cores = os.cpu_count() or 1
    run_study(Study(base=TINY, over={"seed": f"0..{cores - 1}"}, threads=1), root / "start", jobs=cores)
    for width, batch in ((256, 64), (512, 64), (512, 256)):
        train_ = {"steps": 1000, "batch": batch}
        base = TINY | {"network": {"mlp": {"hidden": [width, width]}}, "train": train_}
        took = {}
        for threads, jobs in ((1, cores), (cores, 1)):
            study = Study(base=base, over={"seed": "0..7"}, metrics=["active_units"], threads=threads)
            begin = time.perf_counter()
            run_study(study, root / f"{width}-{batch}-{jobs}", jobs=jobs)
            took[jobs] = time.perf_counter() - begin
        told = f"{took[cores]:.1f} s at {cores} a time | {took[1]:.1f} s one after another"
        print(f"| two layers of {width}, batches of {batch} | {told} | {took[1] / took[cores]:.2f} times |")
    print(f"| load of the machine | {os.getloadavg()[0]:.1f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--throughput", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="study-speed-") as name:
        if options.throughput:
            throughput(Path(name))
        else:
            overhead(options.runs, Path(name) / "small")
            large(Path(name) / "large")
