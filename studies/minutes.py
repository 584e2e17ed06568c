"""How MIG grows with the minutes of training: beta-VAE (beta 4) on sprites, one core a model.

    python studies/minutes.py FOLDER [--seeds 5] [--minutes 1,2,4,8] [--network conv]

The published medians (Locatello et al. 2019, 2020) are of 300,000 steps of 64 images. Here a model is trained
for as many steps as fit into the minutes, then measured and trained on: the rate is constant, so that a
longer training begins with the shorter one. The minutes are those of the processor, without the measuring.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median

import torch
from joblib import Parallel, delayed

import distaff
from distaff.evaluation import evaluate
from distaff.recipe import load_recipe
from distaff.study import median_interval

CHANGES = {
    "loss": [{"kl": {"weight": 4}}],
    "train": {"batch": 64, "lr": 5e-4, "images_every": 100000, "valid_every": 1000},
}
METRICS = ("mig", "factor_vae_score", "elbo")
"""Of the mean codes, 10,000 images and 20 bins, as published."""


def grow(seed: int, given: argparse.Namespace) -> list[dict[str, float]]:
    """Train one model for more and more minutes; return what was measured after each."""
    torch.set_num_threads(1)
    changes = CHANGES | {"network": given.network, "train.seed": seed}
    recipe = load_recipe("beta-vae").changed(changes)
    data = distaff.data.load("sprites")
    folder, steps, spent, rows = given.out / f"{given.network}-{seed}", 0, 0.0, []
    for until in [float(each) for each in given.minutes.split(",")]:
        while spent < 58 * until:
            # The first steps tell how long one takes.
            steps += round((60 * until - spent) * steps / spent) if steps else 300
            begin = time.process_time()
            run = distaff.train(recipe, data=data, out=folder, steps=steps, resume=True, progress=False)
            spent += time.process_time() - begin
        found = evaluate(run, metrics=METRICS)["metrics"]
        values = {name: found[name]["value"] for name in METRICS}
        rows.append({"seed": seed, "minutes": until, "steps": steps, **values})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", default="1,2,4,8")
    parser.add_argument("--network", default="conv")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    found = Parallel(n_jobs=given.jobs)(delayed(grow)(seed, given) for seed in range(given.seeds))
    rows = [row for of_seed in found for row in of_seed]
    print("| minutes | steps | MIG: median, interval | FactorVAE's score | ELBO |\n|---|---|---|---|---|")
    for minutes in sorted({row["minutes"] for row in rows}):
        members = [row for row in rows if row["minutes"] == minutes]
        column = {name: [row[name] for row in members] for name in ("steps", *METRICS)}
        at = median_interval(column["mig"])
        cells = [f"{minutes:g}", f"{median(column['steps']):,.0f}"]
        cells += [f"{median(column['mig']):.3f} ({at.low:.3f} to {at.high:.3f})"]
        cells += [f"{median(column['factor_vae_score']):.3f}", f"{median(column['elbo']):.1f}"]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
