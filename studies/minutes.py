"""How far methods get on sprites in some minutes of training, one core a model.

    python studies/minutes.py FOLDER [--recipes beta-vae] [--seeds 5] [--minutes 1,2,4,8] [--network mlp]

The published medians (Locatello et al. 2019, 2020) are of 300,000 steps of 64 images. Here a model is trained
for as many steps as fit into the minutes, then measured and trained on: the rate is constant, so that a
longer training begins with the shorter one. The minutes are those of the processor, without the measuring.
What was measured is kept as lines of FOLDER/rows.jsonl, so that the study goes on after the last of them.
"""

import argparse
import json
import shutil
import time
from pathlib import Path
from statistics import median

import torch
from joblib import Parallel, delayed

import distaff
from distaff.evaluation import evaluate
from distaff.recipe import load_recipe
from distaff.study import median_interval

SAME = {"train.batch": 64, "train.lr": 5e-4, "train.images_every": None, "train.valid_every": 1000}
"""The published batch. A method's own numbers are those of its recipe, but for these:"""
OWN = {
    "beta-vae": {"loss": [{"kl": {"weight": 4}}]},
    "factor-vae": {"loss.tc.by.discriminator.hidden": [256, 256, 256], "loss.tc.by.discriminator.lr": 5e-4},
}
ROWS = "rows.jsonl"
METRICS = ("mig", "factor_vae_score", "dci", "elbo")
"""Of the mean codes, 10,000 images and 20 bins, as published."""
NAMES = {"mig": "MIG", "factor_vae_score": "FactorVAE's score", "dci": "DCI", "elbo": "ELBO, nats per image"}


def grow(name: str, seed: int, given: argparse.Namespace) -> None:
    """Train one model for more and more minutes; write a row of what was measured after each."""
    torch.set_num_threads(1)
    changes = SAME | {"network": given.network, "train.seed": seed} | OWN.get(name, {})
    recipe = load_recipe(name).changed(changes)
    folder, data = given.out / f"{name}-{given.network}-{seed}", distaff.data.load(recipe.data)
    which = {"recipe": name, "network": given.network, "seed": seed}
    rows = [row for row in read_rows(given.out) if which.items() <= row.items()]
    steps, spent = (rows[-1]["steps"], rows[-1]["spent"]) if rows else (0, 0.0)
    if not rows:
        shutil.rmtree(folder, ignore_errors=True)
    for until in [float(each) for each in given.minutes.split(",")]:
        if until in {row["minutes"] for row in rows}:
            continue
        while spent < 58 * until:
            # The first steps tell how long one takes.
            steps += round((60 * until - spent) * steps / spent) if steps else 300
            begin = time.process_time()
            run = distaff.train(recipe, data=data, out=folder, steps=steps, resume=True, progress=False)
            spent += time.process_time() - begin
        found = evaluate(run, metrics=METRICS)["metrics"]
        values = {metric: found[metric]["value"] for metric in METRICS}
        with (given.out / ROWS).open("a") as file:
            file.write(
                json.dumps({**which, "minutes": until, "steps": steps, "spent": spent, **values}) + "\n"
            )


def read_rows(folder: Path) -> list[dict]:
    """What was measured so far."""
    lines = folder / ROWS
    return [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []


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
    waiting = [(name, seed) for seed in range(given.seeds) for name in given.recipes.split(",")]
    Parallel(n_jobs=given.jobs)(delayed(grow)(*each, given) for each in waiting)
    print(table([row for row in read_rows(given.out) if row["network"] == given.network]))


if __name__ == "__main__":
    main()
