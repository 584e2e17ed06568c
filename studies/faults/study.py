"""A study that is killed, shared and out of room: what was lost, and what was made twice.

Usage: python studies/faults/study.py [--kills N] [--runs N] [--seed N]

Each study is made of small runs on real digits, in forked processes, and compared with the same study that
nothing happened to: the weights to the bit, and whether a finished run was ever touched again.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mounts import Disk, isolate

from distaff.errors import WriteError
from distaff.study import Study, run_study

BASE = {
    "data": "digits",
    "network": {"mlp": {"hidden": [64]}},
    "latent": [{"gaussian": {"size": 4}}],
    "train": {"steps": 150, "batch": 64, "checkpoint_every": 20, "images_every": 10**6, "valid_every": 10**6},
}


def stamps(out: Path) -> dict[str, tuple[int, ...]]:
    """What tells of every finished run that it was not made again."""
    found = {}
    for outcome in out.glob("runs/*/outcome.json"):
        weights = outcome.with_name("model.safetensors").stat()
        found[outcome.parent.name] = (outcome.stat().st_ino, weights.st_ino, weights.st_mtime_ns)
    return found


class Watch:
    """Knows every finished run's files, and those that changed afterwards."""

    def __init__(self, out: Path) -> None:
        self.out, self.seen, self.again = out, dict[str, tuple[int, ...]](), set[str]()

    def look(self) -> None:
        for name, stamp in stamps(self.out).items():
            if self.seen.setdefault(name, stamp) != stamp:
                self.again.add(name)


def begin(study: Study, out: Path) -> int:
    """Run a study in a process of its own."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        run_study(study, out, jobs=1)
        code = 0
    except WriteError:
        code = 3
    finally:
        os._exit(code)


def weights(out: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in out.glob("runs/*/model.safetensors")}


def verdict(name: str, study: Study, out: Path, good: Path, watch: Watch, struck: str) -> bool:
    """Finish the study, compare it, and print a row."""
    watch.look()
    results = run_study(study, out, jobs=1)
    watch.look()
    lost = sum(row["status"] != "finished" for row in results.rows)
    one, two = weights(good), weights(out)
    same = sum(one[each] == two.get(each) for each in one)
    print(f"| {name} | {struck} | {lost} | {len(watch.again)} | {same} of {len(one)} |", flush=True)
    return not lost and not watch.again and same == len(one)


def kills(
    study: Study, out: Path, number: int, processes: int, rng: np.random.Generator
) -> tuple[Watch, str]:
    """Kill all processes of a study at random moments, again and again."""
    watch, struck = Watch(out), 0
    for _ in range(number):
        children = [begin(study, out) for _ in range(processes)]
        time.sleep(float(rng.uniform(0.05, 2.5)))
        for child in children:
            struck += os.waitpid(child, os.WNOHANG)[0] == 0
            try:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            except (ChildProcessError, ProcessLookupError):
                continue
        watch.look()
    return watch, f"{struck} kills, {len(watch.seen)} runs finished meanwhile"


def full(study: Study, out: Path, disk: Disk, rooms: Sequence[int]) -> tuple[Watch, str]:
    """Run a study with little room again and again."""
    watch, codes = Watch(out), list[int]()
    for room in rooms:
        disk.fill(room)
        _, status = os.waitpid(begin(study, out), 0)
        codes.append(os.waitstatus_to_exitcode(status))
        watch.look()
        disk.free()
    return watch, f"{codes.count(3)} of {len(codes)} starts ended with one line"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    hindrance = isolate()
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(options.seed)
    study = Study(base=BASE, over={"seed": f"0..{options.runs - 1}"}, metrics=["active_units", "mig"])
    whole = True
    with tempfile.TemporaryDirectory(prefix="faults-study-") as name:
        root = Path(name)
        good = root / "good"
        begun = time.monotonic()
        run_study(study, good, jobs=1)
        print(f"{options.runs} runs undisturbed: {time.monotonic() - begun:.0f} s\n", flush=True)
        print(
            "| what was done | how often | runs lost | made again | exact |\n|---|---|---|---|---|",
            flush=True,
        )
        one = kills(study, root / "kills", options.kills, 1, rng)
        whole &= verdict("kill -9 at random moments", study, root / "kills", good, *one)
        two = kills(study, root / "two", options.kills, 2, rng)
        whole &= verdict("two processes on one folder, both killed", study, root / "two", good, *two)
        if hindrance:
            print(f"| full disk | not tried: {hindrance} | | | |")
            return int(not whole)
        with Disk(root / "disk", "24m") as disk:
            rooms = [0, 4096, 20_000, 60_000, 150_000, 300_000, 500_000, 700_000, 1_000_000, 1_500_000]
            found = full(study, root / "disk" / "out", disk, rooms)
            whole &= verdict("full disk, room for 0 to 1.5 MB", study, root / "disk" / "out", good, *found)
    return int(not whole)


if __name__ == "__main__":
    sys.exit(main())
