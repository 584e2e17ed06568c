"""How well M2 reads MNIST's digits where 100 images have labels (Kingma et al. 2014, arXiv:1406.5298).

    python studies/few_labels.py FOLDER [--seeds 5] [--steps 8000] [--jobs 2]

The recipe `m2-vae`, beside a classifier of the same width that sees the 100 labelled images alone. The paper
has an error of 11.97% (1.71) and 25.81%, after 3,000 passes over images of which each class has ten labels;
here the 100 are drawn at random of all 60,000, others for each seed, and one or two of them validate.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.neural_network import MLPClassifier

import distaff
from distaff.recipe import load_recipe
from distaff.study import median_interval

LABELS = 100


def train(seed: int, given: argparse.Namespace) -> dict[str, float]:
    torch.set_num_threads(1)
    recipe = load_recipe("m2-vae").changed(
        {
            "data": {"source": "mnist", "seed": seed, "valid": 0.01, "labelled": LABELS / 60_000},
            "train.steps": given.steps,
            "train.seed": seed,
            "train.images_every": None,
        }
    )
    run = distaff.train(recipe, out=given.out / f"m2-{seed}", progress=False)
    data = run.dataset()
    (digit,), train, test = data.attributes.attributes, data.splits["train"], data.splits["test"]
    digits, told = data.attributes.values[:, 0], data.labels.values[:, 0]
    known = train[~np.isnan(told[train])]
    images = data.images.take(test)
    read = run.model.predict(images)[digit.name] == run.model.labels(digit.name, digits[test])
    classifier = MLPClassifier((500, 500), random_state=seed, max_iter=500)
    classifier.fit(data.images.take(known).reshape(len(known), -1) / 255, digits[known])
    alone = classifier.score(images.reshape(len(images), -1) / 255, digits[test])
    row = {"seed": seed, "labels": len(known), "M2": 1 - float(read.mean()), "labels alone": 1 - alone}
    print(json.dumps(row), flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    rows = Parallel(n_jobs=given.jobs)(delayed(train)(seed, given) for seed in range(given.seeds))
    for name in ("M2", "labels alone"):
        print(name, "error", median_interval([row[name] for row in rows]))


if __name__ == "__main__":
    main()
