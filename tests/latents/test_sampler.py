"""The sampler of codes: the closed velocity of a normal, a shape no prior has, labels that may be missing."""

import math

import pytest
import torch

from distaff.attributes import Attribute
from distaff.latents import (
    CodeSampler,
    Gaussian,
    Gumbel,
    LatentSpace,
    QuantisedLatent,
    SamplerOptions,
    Softmax,
    Sphere,
)
from distaff.losses._aggregate import sampled_mmd

NAN = float("nan")
SIDE = Attribute(name="side", kind="categorical", values=("left", "right"))
TILT = Attribute(name="tilt", kind="continuous", mean=0.5, std=0.3)
SMALL = SamplerOptions(steps=400, batch=256, hidden=(64, 64), lr=8e-3)


def fitted(codes, labels=None, attributes=(), options=SMALL):
    torch.manual_seed(0)
    sampler = CodeSampler(options, codes.shape[1], attributes)
    sampler.error = sampler.fit(codes, labels or {})
    return sampler


def draw(sampler, n=2000, **labels):
    return sampler.sample(n, torch.Generator().manual_seed(1), labels)


def moons(n):
    generator = torch.Generator().manual_seed(0)
    angle = math.pi * torch.rand(n, generator=generator)
    upper = torch.rand(n, generator=generator) < 0.5
    x = torch.where(upper, angle.cos(), 1 - angle.cos())
    y = torch.where(upper, angle.sin(), 0.5 - angle.sin())
    return torch.stack([x, y], 1) + 0.05 * torch.randn(n, 2, generator=generator), upper.float()


def test_of_a_normal_it_learns_the_closed_velocity():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(20_000, 1, generator=generator) * 3 + 5
    sampler = fitted(codes)
    drawn = draw(sampler, 20_000)
    assert drawn.mean().item() == pytest.approx(5, abs=0.2)
    assert drawn.std().item() == pytest.approx(3, abs=0.2)
    # Of standardised codes v(x, t) = (2 t - 1) x / (t^2 + (1 - t)^2).
    x = torch.linspace(-1.5, 1.5, 13).unsqueeze(1)
    for t in (0.1, 0.5, 0.9):
        found = sampler.velocity(x, torch.full((13,), t), torch.zeros(13, 0))
        assert torch.allclose(found, (2 * t - 1) * x / (t**2 + (1 - t) ** 2), atol=0.25)


def test_two_moons_are_drawn_as_two_moons_and_each_by_its_label():
    codes, upper = moons(4000)
    upper[::5] = NAN
    sampler = fitted(codes, {"side": upper}, (SIDE,))
    normal = codes.mean(0) + codes.std(0) * torch.randn(1000, 2, generator=torch.Generator().manual_seed(2))
    far = sampled_mmd(codes[:1000], normal, "rbf", 0.3).item()
    near = sampled_mmd(codes[:1000], draw(sampler, 1000), "rbf", 0.3).item()
    assert near < far / 5
    one = draw(sampler, 1000, side=torch.ones(1000))
    other = draw(sampler, 1000, side=torch.zeros(1000))
    assert (one[:, 1] > 0.25).float().mean() > 0.8
    assert (other[:, 1] < 0.25).float().mean() > 0.8
    either = draw(sampler, 1000, side=torch.full((1000,), NAN))
    assert 0.3 < (either[:, 1] > 0.25).float().mean() < 0.7


def test_the_same_seed_draws_the_same_and_continuous_labels_are_heard():
    generator = torch.Generator().manual_seed(3)
    tilt = torch.rand(3000, generator=generator)
    codes = torch.stack([10 * tilt, torch.randn(3000, generator=generator)], 1)
    sampler = fitted(codes, {"tilt": tilt}, (TILT,))
    asked = torch.tensor([0.2, 0.8]).repeat(500)
    drawn = draw(sampler, 1000, tilt=asked)
    assert torch.equal(drawn, draw(sampler, 1000, tilt=asked))
    assert drawn[::2, 0].mean().item() == pytest.approx(2, abs=1)
    assert drawn[1::2, 0].mean().item() == pytest.approx(8, abs=1)


def test_what_is_drawn_is_taken_to_a_code_that_the_latents_can_have():
    latents = [Gaussian(2), QuantisedLatent(2, name="q"), Sphere(3, name="s"), Gumbel(3), Softmax(("side",))]
    space = LatentSpace(latents, {"side": SIDE}, (1, 8, 8))
    z = torch.randn(50, space.outputs, generator=torch.Generator().manual_seed(0))
    near = space.nearest(z)
    assert torch.equal(near[:, space.slices["z"]], z[:, space.slices["z"]])
    values = space["q"].prior.codebook
    assert torch.isin(near[:, space.slices["q"]], values).all()
    assert torch.allclose(near[:, space.slices["s"]].norm(dim=1), torch.ones(50))
    assert torch.equal(near[:, space.slices["class"]].sort(1).values, torch.tensor([[0.0, 0.0, 1.0]] * 50))
    shares = near[:, space.slices["side"]]
    assert torch.allclose(shares.sum(1), torch.ones(50))
    assert (shares > 0).all()
    assert torch.allclose(space.nearest(near), near, atol=1e-6)


def test_of_a_single_code_it_learns_that_code():
    sampler = CodeSampler(SamplerOptions(steps=5, hidden=(8,)), 2, [])
    sampler.fit(torch.tensor([[3.0, -1.0]]), {})
    drawn = sampler.sample(4, torch.Generator().manual_seed(0), {})
    assert torch.allclose(drawn, torch.tensor([3.0, -1.0]).expand(4, 2), atol=1e-3)
