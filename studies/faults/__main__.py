"""Nothing lost: every fault for real, at random moments of small runs; and what was lost.

Usage: python studies/faults [--only NAME,...] [--trials N] [--seed N] [--json]

Each trial trains a small recipe on real digits in a forked process, through the command line's own entry,
lets the fault happen, reads the whole folder, resumes, and compares the end with an uninterrupted run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from mounts import isolate

MOUNTED = {"full", "readonly"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="faults")
    parser.add_argument("--only", default="")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # Threads do not survive a fork.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    hindrance = isolate()

    import torch

    torch.set_num_threads(1)
    from kinds import KINDS
    from trial import Bench

    wanted = options.only.split(",") if options.only else list(KINDS)
    if not options.json:
        print("| fault | trials | struck | lost | unreadable | exact |\n|---|---|---|---|---|---|")
    good = True
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        bench = Bench(Path(scratch), options.seed)
        for name in wanted:
            title, trial = KINDS[name]
            if hindrance and name in MOUNTED:
                result = {"fault": name, "skipped": hindrance}
                print(json.dumps(result) if options.json else f"| {title} | skipped: {hindrance} | | | | |")
                continue
            verdicts = [trial(bench) for _ in range(options.trials)]
            counts = {
                "trials": len(verdicts),
                "struck": sum(each.struck for each in verdicts),
                "lost": sum(bool(each.lost) for each in verdicts),
                "unreadable": sum(bool(each.unreadable) for each in verdicts),
                "exact": sum(each.exact and not each.lost for each in verdicts),
            }
            bad = [vars(each) for each in verdicts if not each.good]
            good &= not bad
            if options.json:
                print(json.dumps({"fault": name, **counts, "bad": bad}), flush=True)
                continue
            print("| " + " | ".join([title, *map(str, counts.values())]) + " |", flush=True)
            for each in bad:
                print(f"{title}: {each}", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
