"""softplus against exp for sigma: the original VAE, five seeds each, at two learning rates.

Usage: python studies/sigma.py DATA OUT
"""

import sys
from pathlib import Path

import numpy as np

import distaff

STEPS, SEEDS = 500, 5


def main(data: str, out: Path) -> None:
    print("| sigma | learning rate | final validation loss | its spread | largest rise | not finite |")
    print("|---|---|---|---|---|---|")
    for rate in (1e-3, 1e-2):
        for scale in ("softplus", "exp"):
            finals, rises, broken = [], [], 0
            for seed in range(SEEDS):
                settings = {"latent.gaussian.scale": scale, "train.lr": rate, "train.valid_every": 100}
                folder = out / f"{scale}-{rate:g}-{seed}"
                run = distaff.train(
                    "original/vae",
                    data=data,
                    settings=settings,
                    steps=STEPS,
                    seed=seed,
                    out=folder,
                    progress=False,
                )
                history = run.history()
                losses = history["loss"][history["split"] == "valid"]
                broken += int(not np.isfinite(losses).all())
                finals.append(losses[-1])
                rises.append(max(0.0, float(np.nanmax(np.diff(losses) / losses[:-1]))))
            print(
                f"| {scale} | {rate:g} | {np.mean(finals):.1f} | {np.std(finals, ddof=1):.1f} "
                f"| {np.max(rises):.1%} | {broken} of {SEEDS} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
