"""The whole of encode, rules, sample and decode against what theory says of linear models."""

import math

import pytest
import torch
from torch import nn

from distaff.attributes import Attribute
from distaff.latents import Batch, Gaussian, Softmax
from distaff.likelihoods import Bernoulli
from distaff.likelihoods import Gaussian as GaussianPixels
from distaff.losses import KL, Context, Objective, Step
from distaff.networks import EncoderBody, Mlp, Network
from distaff.vae import VAE

EIGENVALUES = torch.tensor([4.0, 1.0, 0.25, 0.05])
VARIANCE = 0.1


class Linear(Network):
    """One linear layer each way, for data whose best model is known."""

    tag = "linear_for_test"

    def build_encoder(self, shape, condition):
        return EncoderBody(nn.Flatten(), math.prod(shape), condition, ())

    def build_decoder(self, inputs, shape):
        return nn.Sequential(nn.Linear(inputs, math.prod(shape)), nn.Unflatten(1, shape))


def train_linear(beta, variance, steps=2500, rate=0.05, size=4):
    torch.manual_seed(0)
    shape = (1, 1, 4)
    vae = VAE(
        shape,
        network=Linear(head_scale=1.0, output_scale=1.0),
        latent=[Gaussian(size)],
        likelihood=GaussianPixels(variance),
        attributes={},
    )
    objective = Objective([KL(beta)], Context(vae, {}, 512, steps))
    # Exactly the wanted covariance, turned so that no pixel is a factor.
    data = torch.randn(512, 4)
    data = data - data.mean(0)
    data = data @ torch.linalg.inv(torch.linalg.cholesky(data.T @ data / 512)).T * EIGENVALUES.sqrt()
    data = data @ torch.linalg.qr(torch.randn(4, 4)).Q
    batch = Batch(data.reshape(-1, *shape))
    adam = torch.optim.Adam([*vae.parameters()], lr=rate)
    for number in range(steps):
        for group in adam.param_groups:
            group["lr"] = rate * (1 + math.cos(math.pi * number / steps)) / 2
        made = vae(batch, generator=torch.Generator().manual_seed(number))
        step = Step(vae, batch, made.posteriors, made.z, made.decoded, number, steps, number)
        adam.zero_grad()
        objective(step).total.backward()
        adam.step()
    posteriors = vae.encode(batch.images)
    kl = vae.latents.kl(posteriors, vae.latents.rsample(posteriors, 1, None), {})["z"]
    return kl.mean(0).detach().sort(descending=True).values.tolist(), posteriors["z"], vae.likelihood


@pytest.mark.parametrize(
    ("beta", "variance", "expected"),
    [
        (1, VARIANCE, [1.8444, 1.1513, 0.4581, 0]),
        (2, VARIANCE, [1.4979, 0.8047, 0.1116, 0]),
        (4, VARIANCE, [1.1513, 0.4581, 0, 0]),
        (8, VARIANCE, [0.8047, 0.1116, 0, 0]),
        # beta and the variance of the decoder are one thing.
        (1, 2 * VARIANCE, [1.4979, 0.8047, 0.1116, 0]),
    ],
)
def test_linear_data_uses_the_latents_that_are_worth_their_nats(beta, variance, expected):
    found, q, _ = train_linear(beta, variance)
    assert found == pytest.approx(expected, abs=0.02)
    used = sum(each > 0.02 for each in found)
    assert used == int((beta * variance < EIGENVALUES).sum())
    variances = sorted(q.log_variance.exp().mean(0).tolist())[:used]
    ideal = [beta * variance / each for each in EIGENVALUES.tolist()[:used]]
    assert variances == pytest.approx(ideal, rel=0.05)
    spreads = sorted(q.mean.var(0, correction=0).tolist(), reverse=True)
    assert spreads == pytest.approx([1 - each for each in ideal] + [0] * (4 - used), abs=0.02)


def test_a_learned_variance_is_the_mean_of_the_eigenvalues_that_are_left():
    found, _, likelihood = train_linear(1, "learned", size=2)
    left = EIGENVALUES[2:].mean()
    assert likelihood.log_variance.exp().item() == pytest.approx(left.item(), rel=0.05)
    assert found == pytest.approx((0.5 * (EIGENVALUES[:2] / left).log()).tolist(), abs=0.03)


ATTRIBUTES = {"digit": Attribute(name="digit", kind="categorical", values=(0, 1, 2))}


def conditional(dropout):
    torch.manual_seed(0)
    return VAE(
        (1, 8, 8),
        network=Mlp((16,)),
        latent=[Gaussian(3)],
        likelihood=Bernoulli(),
        attributes=ATTRIBUTES,
        condition=("digit",),
        condition_dropout=dropout,
    )


def test_a_condition_is_one_hot_and_all_zeros_where_it_is_unknown():
    code = conditional(0.1).condition_code({"digit": torch.tensor([2.0, math.nan])})
    assert code.tolist() == [[0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_the_encoder_does_not_see_the_condition_of_a_share_of_the_images(dropout):
    vae = conditional(dropout)
    image = torch.rand(1, 1, 8, 8).expand(4000, 1, 8, 8)
    batch = Batch(image, {"digit": torch.full((4000,), 2.0)})
    means = vae(batch, generator=torch.Generator().manual_seed(0)).posteriors["z"].mean
    unknown = vae.encode(image[:1])["z"].mean
    assert torch.isclose(means, unknown, atol=1e-6).all(1).float().mean().item() == pytest.approx(
        dropout, abs=0.03
    )
    vae.eval()
    assert not torch.isclose(vae(batch).posteriors["z"].mean, unknown, atol=1e-6).all(1).any()


def test_draws_are_decoded_side_by_side():
    torch.manual_seed(0)
    vae = VAE(
        (2, 9, 8),
        network=Mlp((16,)),
        latent=[Gaussian(3), Softmax()],
        likelihood=Bernoulli(),
        attributes=ATTRIBUTES,
    )
    batch = Batch(torch.rand(5, 2, 9, 8), {"digit": torch.zeros(5)})
    made = vae(batch, draws=7, generator=torch.Generator().manual_seed(0))
    assert made.z.shape == (7, 5, 6)
    assert made.decoded.shape == (7, 5, 2, 9, 8)
    assert torch.allclose(made.decoded[3], vae.decode(made.z[3]), atol=1e-6)
    # Normal latents differ between draws, deterministic codes do not.
    assert not torch.equal(made.z[0, :, :3], made.z[1, :, :3])
    assert torch.equal(made.z[0, :, 3:], made.z[1, :, 3:])
