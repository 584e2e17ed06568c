"""bfloat16 beside float32, and beside a textbook loop in float32: the same start, steps and unseen pictures.

The textbook loop takes the run's own initial weights, a DataLoader over floats, and PyTorch's plain Adam; it
shares nothing else with distaff's training.

Usage: python studies/precision.py MNIST_FOLDER [SEEDS [PICTURES...]], where PICTURES are mnist or sprites
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import distaff
from distaff.evaluation import evaluate
from distaff.recipe import Recipe, load_recipe
from distaff.run import Run

ARMS = ("textbook", "32", "bf16")
TASKS = {
    "mnist": (
        {"network": "mlp", "latent.gaussian.size": 16, "train.steps": 1500, "train.batch": 128},
        ("elbo", "kl", "knn_accuracy"),
    ),
    "sprites": (
        {
            "network": "mlp",
            "latent.gaussian.size": 10,
            "train.steps": 2000,
            "train.batch": 128,
            "data.count": 20_000,
        },
        ("elbo", "kl", "mig"),
    ),
}
"""Settings over the recipe `vae`, and what is measured."""


def textbook(recipe: Recipe, out: Path) -> Run:
    """Train a recipe's autoencoder by a plain loop and write the run."""
    dataset = distaff.data.load(recipe.data)
    attributes, shape = dataset.attributes.attributes, dataset.images.shape[1:]
    model, objective = recipe.build(attributes, shape)
    images = torch.from_numpy(dataset.images.take(dataset.splits["train"])).float() / 255
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    torch.manual_seed(recipe.train.seed)
    loader = DataLoader(TensorDataset(images), batch_size=recipe.train.batch, shuffle=True, drop_last=True)
    step = 0
    while step < recipe.train.steps:
        for (x,) in loader:
            mean, log_variance = model.head(model.encoder(x, None)).chunk(2, dim=1)
            logits = model.decoder(mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean))
            bce = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
            optimizer.zero_grad()
            ((bce + kl) / len(x)).backward()
            optimizer.step()
            step += 1
            if step == recipe.train.steps:
                break
    run = Run(out)
    run.write_setup(recipe, attributes, shape)
    run.write_weights(model, objective)
    return run


def main(mnist: str, seeds: int, chosen: list[str]) -> None:
    table = Table("pictures", "training", "measure", "mean", "deviation over seeds", "from the textbook loop")
    for data in chosen:
        settings, measures = TASKS[data]
        found: dict[str, dict[str, list[float]]] = {arm: {name: [] for name in measures} for arm in ARMS}
        for seed in range(seeds):
            for arm in ARMS:
                # The textbook's learning rate, which does not move.
                changes = settings | {
                    "train.lr": 1e-3,
                    "train.seed": seed,
                    "train.precision": "32" if arm != "bf16" else arm,
                }
                changes["data.source"] = f"mnist:{mnist}" if data == "mnist" else data
                with tempfile.TemporaryDirectory() as folder:
                    recipe = load_recipe("vae").changed(changes)
                    if arm == "textbook":
                        run = textbook(recipe, Path(folder) / "run")
                    else:
                        run = distaff.train(recipe, out=Path(folder) / "run", progress=False)
                    measured = evaluate(run, metrics=measures)["metrics"]
                for name in measures:
                    found[arm][name].append(float(measured[name]["value"]))
                print(data, arm, seed, {name: found[arm][name][-1] for name in measures}, flush=True)
        for name in measures:
            base = np.mean(found["textbook"][name])
            for arm in ARMS:
                values = np.array(found[arm][name])
                away = f"{100 * (values.mean() - base) / abs(base):+.2f}%"
                table.add_row(data, arm, name, f"{values.mean():.4g}", f"{values.std(ddof=1):.2g}", away)
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5, sys.argv[3:] or list(TASKS))
