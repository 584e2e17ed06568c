"""The likelihood of MNIST, binarised anew in every epoch, beside Burda et al. 2016 (arXiv:1509.00519).

    python studies/dynamic_mnist.py vae VAE --minutes 30
    python studies/dynamic_mnist.py iwae FIVE --draws 5 --start VAE --minutes 7
    python studies/dynamic_mnist.py iwae FIFTY --start FIVE --minutes 90
    python studies/dynamic_mnist.py iwae LAST --start FIFTY --minutes 10 --seed 1 --rates 1.5e-4,1e-6

One stochastic layer of 50, two layers of 200 tanh units on each side. As many steps are made as fit into the
minutes of one core, by the time of the first; the NLL is of all 10,000 test images by 5,000 draws each.
Fifty draws cost twenty times as much as one, so a short training begins with fewer: in the paper, too, a VAE
that is trained on by 50 draws has nearly what 50 draws have from the beginning (84.88 nats for 84.78).
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import distaff
from distaff.evaluation import evaluate
from distaff.recipe import load_recipe

NETWORK = {"mlp": {"hidden": [200, 200], "activation": "tanh", "head_scale": 1, "output_scale": 1}}
"""As published. The scales of 0.1 that fit most images leave more latents unused here (13 used of 50)."""
WARM_UP = [{"kl": {"weight": {"linear": {"from": 0, "to": 1, "until": 600}}}}]
"""About as many latents are used as in the paper: after 12,000 steps 16 without it, 38 with 3,600 steps."""
BATCH_AND_RATES = {1: (200, 2e-3, 1e-5), 5: (100, 1e-3, 1e-3), 50: (20, 5e-4, 1e-5)}
"""By the draws: the batch, and the learning rates of the first step and of the last."""
SHORT, TIMED = 200, 500
"""Steps of a first training, of which nothing is counted but that a second is so much longer."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe", choices=["vae", "iwae"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--draws", type=int, choices=[1, 5, 50])
    parser.add_argument("--start", help="the run whose weights this one begins with")
    parser.add_argument("--rates", help="learning rates of the first and of the last step")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draws = given.draws or (1 if given.recipe == "vae" else 50)
    batch, *rates = BATCH_AND_RATES[draws]
    first, last = [float(each) for each in given.rates.split(",")] if given.rates else rates
    # Of many draws, the plain gradient of the encoder is mostly noise (https://arxiv.org/abs/1810.04152).
    gradient = {"loss.bound.gradient": "dreg"} if draws == 50 else {}
    recipe = load_recipe(given.recipe).changed(
        {
            "data": {"source": "mnist", "binarise": "every_epoch", "valid": 0.01},
            "network": NETWORK,
            "latent": [{"gaussian": {"size": 50}}],
            **({"loss": WARM_UP} if given.recipe == "vae" else {"loss.bound.samples": draws, **gradient}),
            "train": {"batch": batch, "seed": given.seed, "valid_every": 6000, "images_every": None},
            "train.start": given.start,
            "train.lr": {"cosine": {"from": first, "to": last}},
        }
    )
    torch.set_num_threads(1)
    seconds = []
    # The first training of a process takes longer than any other.
    for steps in (SHORT, SHORT, SHORT + TIMED):
        with TemporaryDirectory() as folder:
            begin = time.process_time()
            distaff.train(recipe, steps=steps, out=Path(folder) / "timed", progress=False)
            seconds.append(time.process_time() - begin)
    steps = round(given.minutes * 60 / ((seconds[2] - seconds[1]) / TIMED))
    begin = time.process_time()
    run = distaff.train(recipe, steps=steps, out=given.out)
    minutes = (time.process_time() - begin) / 60
    found = evaluate(run, metrics=["nll_5000", "elbo", "active_units"])["metrics"]
    told = {name: each["value"] for name, each in found.items()}
    epochs = steps * batch / len(run.dataset().splits["train"])
    about = {"recipe": given.recipe, "draws": draws, "steps": steps, "epochs": epochs, "minutes": minutes}
    print(json.dumps(about | told))


if __name__ == "__main__":
    main()
