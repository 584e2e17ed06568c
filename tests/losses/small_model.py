"""A small model, a batch and one step of it, for the tests of terms."""

import torch

from distaff.attributes import Attribute
from distaff.latents import Batch, Gaussian, Softmax
from distaff.likelihoods import Bernoulli
from distaff.losses import Context, Objective, Step
from distaff.networks import Mlp
from distaff.vae import VAE

SHAPE = (1, 8, 8)
NAN = float("nan")
ATTRIBUTES = {
    "digit": Attribute(name="digit", kind="categorical", values=tuple(range(10))),
    "slant": Attribute(name="slant", kind="continuous"),
}


def make_model(latent=None, seed=0, **fields):
    torch.manual_seed(seed)
    latent = [Gaussian(4), Softmax(attributes=("digit",))] if latent is None else latent
    parts = {"network": Mlp((32,)), "likelihood": Bernoulli()} | fields
    return VAE(SHAPE, latent=latent, attributes=ATTRIBUTES, **parts)


def make_batch(size=4):
    generator = torch.Generator().manual_seed(7)
    labels = {
        "digit": torch.tensor([3.0, NAN, 7.0, NAN]).repeat(size // 4),
        "slant": torch.full((size,), NAN),
    }
    return Batch(torch.rand(size, *SHAPE, generator=generator), labels)


def loss_of(terms, model, batch=None, step=0, steps=100, images=1000, objective=None):
    batch = make_batch() if batch is None else batch
    if objective is None:
        torch.manual_seed(1)
        objective = Objective(terms, Context(model, ATTRIBUTES, images, steps))
    generator = torch.Generator().manual_seed(0)
    made = model(batch, draws=objective.draws, generator=generator)
    given = Step(model, batch, made.posteriors, made.z, made.decoded, step, steps, seed=5)
    return objective(given), objective, given
