"""How fast distaff trains beside what people would pick instead: the same network, batch and images.

Every side is a process of its own that trains two epochs, the second of which counts. They take turns, so
that what the machine does meanwhile meets all alike. Medians of ROUNDS, and the median of the ratios round by
round. distaff is the command as it ships, with its history, validation, checkpoints and, on a terminal, its
progress.

Then the same for what a trained model is used for: codes of images, images of codes, new images.

pythae and Keras come into environments of their own under build/peers when they can be installed; else their
columns stay empty. Usage: python benchmarks/engine.py [ROUNDS [NETWORK...]]
"""

import csv
import json
import os
import pty
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path

import numpy as np
import torch
from peers.networks import VAE
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from distaff.data import load
from distaff.networks import prefers_bfloat16

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "peers"
PEERS = {
    "pythae": ("pythae_trainer.py", [f"torch=={torch.__version__.partition('+')[0]}"], ["pythae"]),
    "keras": ("keras_example.py", [], ["tensorflow-cpu", "keras"]),
}
"""The script of each peer, and what to install for it, first and second."""
TASKS = {
    "mlp": ("mlp: {hidden: [512, 256]}", 16, 28, 128, 60_032),
    "conv": ("conv: {channels: [32, 32, 64, 64], hidden: [256]}", 10, 64, 64, 12_800),
    "keras": ("keras: {channels: [32, 64], hidden: [16]}", 2, 28, 128, 12_800),
}
"""Network, latents, side of the images, batch, images of an epoch."""
EPOCHS = 2
USES = ("train", "encode", "decode", "generate")
Seconds = dict[str, float]


def sprites(side: int, count: int) -> np.ndarray:
    """Return sprites, cut to their middle where smaller ones are wanted: uint8 [n, 1, side, side]."""
    drawn = load("sprites", count=count).images.take(slice(0, count))
    edge = (drawn.shape[2] - side) // 2
    return np.ascontiguousarray(drawn[:, :, edge : edge + side, edge : edge + side])


def python_of(peer: str) -> Path | None:
    """Return the interpreter of a peer's environment, made when it is missing; None if it cannot be."""
    folder = BUILD / peer
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        for packages in PEERS[peer][1:]:
            command = [python, "-m", "pip", "install", "--quiet", *packages]
            if packages and subprocess.run(command, check=False, capture_output=True).returncode:
                return None
        (folder / ".ready").touch()
    return python


def script_seconds(python: Path, script: str, *arguments: object) -> Seconds:
    """Return what a script of this folder has measured."""
    command = [str(each) for each in (python, HERE / "peers" / script, *arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: Seconds = json.loads(done.stdout.splitlines()[-1])
    return found


def our_seconds(task: str, data: Path, folder: Path) -> Seconds:
    """Return the seconds of the last epoch of `distaff train`, run on a terminal, and of its uses."""
    network, latents, _, batch, count = TASKS[task]
    epoch = count // batch
    recipe = folder / f"{task}.yaml"
    recipe.write_text(
        f"about: The network of a comparison.\ndata: {{source: '{data}', valid: 0.02, test: 0.02}}\n"
        f"network: {{{network}}}\nlatent: [gaussian: {{size: {latents}}}]\nlikelihood: bernoulli\n"
        f"loss: [kl: {{weight: 1}}]\ntrain: {{steps: {EPOCHS * epoch}, batch: {batch}, lr: 1.0e-3}}\n"
    )
    out = folder / f"{task}-{len(list(folder.iterdir()))}"
    code = on_a_terminal(
        [sys.executable, "-m", "distaff", "train", str(recipe), "--no-page", "--out", str(out)]
    )
    assert code == 0, f"distaff train ended with {code}"
    with (out / "history.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    seconds = {int(row["step"]): float(row["seconds"]) for row in rows}
    first = min(step for step in seconds if step >= epoch)
    last = max(seconds)
    train = (seconds[last] - seconds[first]) / (last - first) * epoch
    return script_seconds(Path(sys.executable), "distaff_uses.py", out, data) | {"train": train}


def on_a_terminal(command: list[str]) -> int:
    """Run a command with a terminal for its output, which is read and dropped; return its exit code."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            while os.read(ours, 65536):
                pass
        except OSError:
            pass  # a terminal whose last writer has gone
        os.close(ours)
        return process.wait()


def matmul_peak(dtype: torch.dtype) -> float:
    """Return the floating point operations a second of large matrix products here, the best of several."""
    one, other = torch.randn(2048, 2048).to(dtype), torch.randn(2048, 2048).to(dtype)
    best = 0.0
    for _ in range(8):
        start = time.perf_counter()
        torch.mm(one, other)
        best = max(best, 2 * 2048**3 / (time.perf_counter() - start))
    return best


def operations(task: str) -> float:
    """Return the floating point operations of an image's step of training, forward and backward."""
    _, _, side, batch, _ = TASKS[task]
    model, images = VAE(task), torch.rand(batch, 1, side, side)
    with FlopCounterMode(display=False) as counter:
        model(images).sum().backward()
    return counter.get_total_flops() / batch


def main(rounds: int, chosen: list[str]) -> None:
    folder = BUILD / "work"
    folder.mkdir(parents=True, exist_ok=True)
    pythons = {peer: python_of(peer) for peer in PEERS}
    tables = {use: Table(title=f"{use}, images a second (distaff / other)") for use in USES}
    for table in tables.values():
        for column in ("network", "distaff", "textbook loop", "pythae", "Keras"):
            table.add_column(column, justify="right" if column != "network" else "left")
    tables["train"].add_column("share of the matmul peak", justify="right")
    for task in chosen:
        _, _, side, batch, count = TASKS[task]
        data = folder / f"{task}-images.npy"
        np.save(data, sprites(side, count))
        sides = {"textbook": (Path(sys.executable), "textbook.py")}
        sides |= {
            peer: (python, PEERS[peer][0])
            for peer, python in pythons.items()
            if python is not None and (peer != "keras" or task == "keras")
        }
        seconds: dict[str, list[Seconds]] = {name: [] for name in ("distaff", *sides)}
        peaks = []
        for _ in range(rounds):
            peaks.append(matmul_peak(torch.bfloat16 if prefers_bfloat16("cpu") else torch.float32))
            seconds["distaff"].append(our_seconds(task, data, folder))
            for name, (python, script) in sides.items():
                seconds[name].append(script_seconds(python, script, task, data, batch, EPOCHS))
            print(
                task,
                {name: f"{count / each[-1]['train']:,.0f}" for name, each in seconds.items()},
                flush=True,
            )
        for use, table in tables.items():
            ours = [each[use] for each in seconds["distaff"]]
            cells = [f"{count / statistics.median(ours):,.0f}"]
            for name in ("textbook", *PEERS):
                if name not in seconds:
                    cells.append("")
                    continue
                theirs = [each[use] for each in seconds[name]]
                ratio = statistics.median(other / own for own, other in zip(ours, theirs, strict=True))
                cells.append(f"{count / statistics.median(theirs):,.0f} ({ratio:.2f}x)")
            if use == "train":
                rate = operations(task) * count / statistics.median(ours)
                cells.append(
                    f"{rate / statistics.median(peaks):.0%} of {statistics.median(peaks) / 1e9:.0f} GFLOP/s"
                )
            table.add_row(task, *cells)
    for table in tables.values():
        Console().print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2:] or list(TASKS))
