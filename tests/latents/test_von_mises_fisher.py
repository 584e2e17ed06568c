"""The von Mises-Fisher distribution against Bessel functions, closed forms and its own draws."""

import math

import pytest
import torch
from scipy.special import ive

from distaff.latents import LatentSpace, Sphere
from distaff.latents._continuous import UniformSphere, VonMisesFisher


def q_of(size, kappa, rows=1, dtype=torch.float32):
    mu = torch.zeros(rows, size, dtype=dtype)
    mu[:, -1] = 1
    return VonMisesFisher(mu, torch.full((rows,), float(kappa), dtype=dtype))


@pytest.mark.parametrize(
    ("size", "kappa", "kl"),
    [
        (2, 1, 0.210476),
        (2, 4, 1.029118),
        (2, 10, 1.543026),
        (3, 1, 0.151596),
        (3, 10, 1.995732),
        (5, 10, 2.416177),
        (10, 50, 8.391899),
        (40, 100, 22.322841),
    ],
)
def test_golden_divergences(size, kappa, kl):
    assert UniformSphere(size).kl(q_of(size, kappa), None, {}).item() == pytest.approx(kl, abs=1e-4)
    exact = UniformSphere(size).kl(q_of(size, kappa, dtype=torch.float64), None, {}).item()
    assert exact == pytest.approx(kl, abs=1e-6)


@pytest.mark.parametrize(("size", "kappa"), [(2, 0.01), (3, 10), (10, 50), (2, 5000), (3, 2e5), (50, 300)])
def test_the_mean_cosine_is_the_ratio_of_bessel_functions(size, kappa):
    expected = ive(size / 2, kappa) / ive(size / 2 - 1, kappa)
    found = q_of(size, kappa, dtype=torch.float64).mean_cosine().item()
    assert found == pytest.approx(expected, abs=1e-6)
    assert 1 - found == pytest.approx(1 - expected, rel=1e-4)


def test_on_the_sphere_of_three_numbers_it_is_the_closed_form_and_so_is_its_gradient():
    kappa = torch.tensor([0.5, 4.0, 30.0], dtype=torch.float64, requires_grad=True)
    mu = torch.tensor([[0.0, 0.6, 0.8]], dtype=torch.float64).expand(3, 3)
    kl = UniformSphere(3).kl(VonMisesFisher(mu, kappa), None, {})[:, 0]
    closed = kappa / kappa.tanh() - 1 + kappa.log() - torch.log(torch.sinh(kappa))
    assert torch.allclose(kl, closed, atol=1e-7)
    one, other = (torch.autograd.grad(each.sum(), kappa, retain_graph=True)[0] for each in (kl, closed))
    assert torch.allclose(one, other, atol=1e-6)


def test_the_density_of_a_circle_integrates_to_one():
    angle = torch.linspace(0, 2 * math.pi, 4001, dtype=torch.float64)[:-1]
    points = torch.stack([angle.cos(), angle.sin()], 1)
    q = VonMisesFisher(
        torch.tensor([[0.6, 0.8]], dtype=torch.float64), torch.tensor([7.0], dtype=torch.float64)
    )
    density = q.log_prob(points).exp()
    step = 2 * math.pi / 4000
    assert (density.sum() * step).item() == pytest.approx(1, abs=1e-8)
    assert q.entropy().item() == pytest.approx(-(density * density.log()).sum().item() * step, abs=1e-6)


@pytest.mark.parametrize(("size", "kappa"), [(2, 3), (3, 10), (8, 0.5), (20, 100)])
def test_draws_lie_on_the_sphere_with_the_right_mean_and_spread(size, kappa):
    mu = torch.nn.functional.normalize(
        torch.randn(1, size, generator=torch.Generator().manual_seed(3)), dim=1
    )
    q = VonMisesFisher(mu, torch.tensor([float(kappa)]))
    z = q.rsample(100_000, torch.Generator().manual_seed(0))[:, 0]
    assert torch.allclose(z.norm(dim=1), torch.ones(len(z)), atol=1e-3)
    assert torch.allclose(z.mean(0), q.mean_cosine() * mu[0], atol=0.01)
    # E w^2 = 1 - (m - 1) A / kappa.
    square = (z @ mu[0]).square().mean().item()
    assert square == pytest.approx(1 - (size - 1) * q.mean_cosine().item() / kappa, abs=0.005)


def test_the_gradient_of_the_draws_is_that_of_their_mean():
    kappa = torch.full((1,), 6.0, requires_grad=True)
    mu = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    q = VonMisesFisher(mu, kappa)
    sampled = q.cosines(200_000, torch.Generator().manual_seed(0)).mean()
    one, other = (
        torch.autograd.grad(each, kappa, retain_graph=True)[0].item()
        for each in (sampled, q.mean_cosine().sum())
    )
    assert one == pytest.approx(other, rel=0.02)


def test_the_sampled_divergence_is_the_exact_one_and_gradients_flow():
    numbers = torch.randn(1000, 5, requires_grad=True)
    space = LatentSpace([Sphere(4, posterior="vmf")], {}, (1, 8, 8))
    q = space(numbers)
    z = space.rsample(q, 50, torch.Generator().manual_seed(0))
    exact = space.kl(q, z, {})["z"]
    sampled = (space.log_posterior(q, z) - space.log_prior(z)).mean(0)
    assert sampled.mean().item() == pytest.approx(exact.mean().item(), abs=0.02)
    (z.sum() + exact.sum()).backward()
    assert numbers.grad.isfinite().all()
