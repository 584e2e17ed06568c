"""How well the classes that JointVAE finds without labels match MNIST's digits (Dupont 2018).

    python studies/joint_classes.py FOLDER [--seeds 10] [--steps 20000] [--network conv] [--jobs 2]

https://arxiv.org/abs/1804.00104. Each test image belongs to the class with the highest probability; classes
and digits are matched one to one so that most images agree (Hungarian method). A seed fails where that is
under 70%: two digits share a class, and another digit has two. The paper trains for 100 epochs (93,750 steps
of 64) and names no accuracy for all seeds; its best model has about 88.7%. The classes' capacity is met by
few classes as well, if each image is surely of one: where it rises fast, some stay empty.
"""

import argparse
import json
from pathlib import Path
from statistics import median

import numpy as np
import torch
from joblib import Parallel, delayed
from scipy.optimize import linear_sum_assignment

import distaff
from distaff.recipe import load_recipe
from distaff.study import median_interval

FAILED = 0.7


def train(seed: int, given: argparse.Namespace) -> dict[str, float]:
    torch.set_num_threads(1)
    recipe = load_recipe("joint-vae").changed(
        {
            "network": given.network,
            "train.steps": given.steps,
            "train.seed": seed,
            "train.images_every": None,
        }
    )
    run = distaff.train(recipe, out=given.out / f"joint-{seed}", progress=False)
    data = run.dataset()
    rows = data.splits["test"]
    labels = data.labels.values[rows, 0].astype(int)
    codes = run.model.encode(data.images.take(rows))
    classes = codes[:, run.model.slices["class"]].argmax(1)
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (classes, labels), 1)
    matched = linear_sum_assignment(-counts)
    row = {
        "seed": seed,
        "accuracy": counts[matched].sum() / len(labels),
        "most common digit of each class": counts.max(1).sum() / len(labels),
        "classes in use": int((counts.sum(1) > 0.01 * len(labels)).sum()),
    }
    print(json.dumps(row), flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--network", default="conv")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    rows = Parallel(n_jobs=given.jobs)(delayed(train)(seed, given) for seed in range(given.seeds))
    found = [row["accuracy"] for row in rows]
    at, failed = median_interval(found), sum(each < FAILED for each in found)
    told = f"{median(found):.3f} ({at.low:.3f} to {at.high:.3f}), best {max(found):.3f}"
    print(f"{len(found)} seeds of {given.steps:,} steps: {told}; under {FAILED}: {failed}")


if __name__ == "__main__":
    main()
