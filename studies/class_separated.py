"""The original class-separated VAE, looked at three times: before the weight falls, at its end, at the end.

The run is stopped at the first two moments, measured, and resumed, so that it is one and the same training.
Usage: python studies/class_separated.py DATA PENALTY OUT, where PENALTY is abs, square or none.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

import distaff
from distaff.evaluation import evaluate

STEPS = 2000
MOMENTS = (0.1, 0.6)
"""Shares of the run: the weight has hardly fallen at the first and ends its fall at the second."""


def main(data: str, penalty: str, out: Path) -> None:
    settings = ["loss.kl.weight=0"] if penalty == "none" else [f"loss.kl.penalty={penalty}"]
    command = [sys.executable, "-m", "distaff", "train", "original/class-separated", "--data", data]
    command += ["--steps", str(STEPS), "--out", str(out), "--set", "train.valid_every=100"]
    command += [word for setting in settings for word in ("--set", setting)]
    for moment in (*MOMENTS, 1.0):
        process = subprocess.Popen([*command, "--resume"])
        if moment < 1:
            while process.poll() is None and last_step(out) < moment * STEPS:
                time.sleep(0.2)
            process.send_signal(signal.SIGINT)
        process.wait()
        run = distaff.Run.open(out)
        measured = evaluate(run, metrics=["knn_accuracy"])["metrics"]
        print(penalty, last_step(out), measured["knn_accuracy"]["value"], flush=True)


def last_step(out: Path) -> int:
    try:
        return int((out / "history.csv").read_text().splitlines()[-1].split(",")[0])
    except (OSError, IndexError, ValueError):
        return 0


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
