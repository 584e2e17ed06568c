"""Images of a class and of noise: the class is driven out of the codes, and the noise stays in them."""

import pytest
import torch

from distaff.attributes import Attribute
from distaff.latents import Batch, Gaussian
from distaff.likelihoods import Gaussian as GaussianPixels
from distaff.losses import KL, Classify, Confuse, Context, Objective, Step
from distaff.metrics import knn_accuracy
from distaff.networks import Mlp
from distaff.vae import VAE

SIDE = {"side": Attribute(name="side", kind="categorical", values=(0, 1))}
STEPS = 400


def images(n, seed):
    """Two pixels of the class, six of one number that is uniform between 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    side = torch.randint(2, (n,), generator=generator).float()
    noise = torch.rand(n, generator=generator)
    return Batch(torch.stack([side] * 2 + [noise] * 6, 1).reshape(n, 1, 2, 4), {"side": side})


@pytest.mark.parametrize(
    ("terms", "gone"),
    [([], False), ([Confuse("side", weight=50)], True), ([Classify("side", weight=-20)], True)],
)
def test_a_new_reader_finds_no_class_and_the_noise_is_still_decoded(terms, gone):
    torch.manual_seed(0)
    model = VAE(
        (1, 2, 4),
        network=Mlp((32,)),
        latent=[Gaussian(2)],
        likelihood=GaussianPixels(0.07),
        attributes=SIDE,
    )
    objective = Objective([KL(), *terms], Context(model, SIDE, 1000, STEPS))

    def step_of(batch, number):
        made = model(batch, generator=torch.Generator().manual_seed(number))
        return Step(model, batch, made.posteriors, made.z, made.decoded, number, STEPS, number)

    adam = torch.optim.Adam([*model.parameters(), *objective.parameters()])
    for number in range(STEPS):
        adam.param_groups[0]["lr"] = 6e-3 * (1 - number / STEPS)
        adam.zero_grad()
        objective(step_of(images(128, number), number)).total.backward()
        adam.step()
    step = step_of(images(2000, STEPS), STEPS)
    read = knn_accuracy(step.z[0].detach().numpy(), step.batch.labels["side"].numpy()[:, None]).value
    errors = (step.decoded[0] - step.batch.images).square().mean(0).flatten()
    # Alone, the classes would be right half of the time, and squared errors 1/4 and 1/12.
    assert errors[-1] < 0.02
    assert (read < 0.75) == (errors[0] > 0.2) == gone
    assert (read > 0.95) != gone
