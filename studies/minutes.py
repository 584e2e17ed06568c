"""How far methods get on sprites in some minutes of training, one core a model.

    python studies/minutes.py FOLDER [--recipes beta-vae] [--seeds 5] [--minutes 1,2,4,8] [--network mlp]

The published medians (Locatello et al. 2019, 2020) are of 300,000 steps of 64 images. Here a model is trained
for as many steps as fit into the minutes, then measured and trained on: the rate is constant, so that a
longer training begins with the shorter one. The minutes are those of the processor, without the measuring.
What was measured is kept as lines of FOLDER/rows.jsonl, so that the study goes on where it stopped.
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

SAME = {"train": {"batch": 64, "lr": 5e-4, "images_every": None, "valid_every": 1000}}
"""The published batch. A method's own numbers are those of its recipe, but for these:"""
OWN = {
    "beta-vae": {"loss": [{"kl": {"weight": 4}}]},
    "factor-vae": {"loss.tc.by.discriminator.hidden": [256, 256, 256], "loss.tc.by.discriminator.lr": 5e-4},
}
METRICS = ("mig", "factor_vae_score", "dci", "elbo")
"""Of the mean codes, 10,000 images and 20 bins, as published."""
NAMES = {"mig": "MIG", "factor_vae_score": "FactorVAE's score", "dci": "DCI", "elbo": "ELBO, nats per image"}


def grow(name: str, seed: int, given: argparse.Namespace) -> None:
    """Train one model for more and more minutes; write a row of what was measured after each."""
    torch.set_num_threads(1)
    recipe = load_recipe(name).changed(
        SAME | {"network": given.network, "train.seed": seed} | OWN.get(name, {})
    )
    folder, steps, spent = given.out / f"{name}-{given.network}-{seed}", 0, 0.0
    data = distaff.data.load(recipe.data)
    for until in [float(each) for each in given.minutes.split(",")]:
        while spent < 58 * until:
            # The first steps tell how long one takes.
            steps += round((60 * until - spent) * steps / spent) if steps else 300
            begin = time.process_time()
            run = distaff.train(recipe, data=data, out=folder, steps=steps, resume=True, progress=False)
            spent += time.process_time() - begin
        found = evaluate(run, metrics=METRICS)["metrics"]
        values = {metric: found[metric]["value"] for metric in METRICS}
        row = {"recipe": name, "seed": seed, "minutes": until, "steps": steps, **values}
        with (given.out / "rows.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")


def table(rows: list[dict]) -> str:
    """Medians of the seeds with their intervals, a line for each recipe and time."""
    lines = [f"| recipe | minutes | seeds | steps | {' | '.join(NAMES.values())} |", "|---" * 8 + "|"]
    for name, minutes in sorted({(row["recipe"], row["minutes"]) for row in rows}):
        members = [row for row in rows if (row["recipe"], row["minutes"]) == (name, minutes)]
        cells = [f"`{name}`", f"{minutes:g}", str(len(members))]
        cells += [f"{median(row['steps'] for row in members):,.0f}"]
        for metric in METRICS:
            values = [row[metric] for row in members]
            at, digits = median_interval(values), 1 if metric == "elbo" else 3
            cells += [f"{median(values):.{digits}f} ({at.low:.{digits}f} to {at.high:.{digits}f})"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--recipes", default="beta-vae", help="separated by commas")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", default="1,2,4,8")
    parser.add_argument("--network", default="mlp")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    lines = given.out / "rows.jsonl"
    done = {(row["recipe"], row["seed"]) for row in _rows(lines)}
    waiting = [(name, seed) for seed in range(given.seeds) for name in given.recipes.split(",")]
    Parallel(n_jobs=given.jobs)(delayed(grow)(*each, given) for each in waiting if each not in done)
    print(table(_rows(lines)))


def _rows(lines: Path) -> list[dict]:
    return [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []


if __name__ == "__main__":
    main()
