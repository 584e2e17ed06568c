"""The power spherical distribution against its closed forms, quadrature and its own draws."""

import math

import pytest
import torch

from distaff.latents import LatentSpace, Sphere
from distaff.latents._continuous import PowerSpherical, UniformSphere, VonMisesFisher, log_area

LABELS = {}


def q_of(size, kappa, rows=1):
    mu = torch.zeros(rows, size)
    mu[:, -1] = 1
    return PowerSpherical(mu, torch.full((rows,), kappa))


@pytest.mark.parametrize(
    ("size", "kappa", "kl", "cosine"),
    [
        (2, 4, 0.827695, 0.8),
        (3, 4, 0.809438, 0.666667),
        (3, 10, 1.488804, 0.833333),
        (10, 50, 5.98009, 0.847458),
    ],
)
def test_golden_divergences_and_mean_cosines(size, kappa, kl, cosine):
    q = q_of(size, float(kappa))
    assert UniformSphere(size).kl(q, None, LABELS).item() == pytest.approx(kl, abs=1e-4)
    assert q.mean_cosine().item() == pytest.approx(cosine, abs=1e-5)


@pytest.mark.parametrize("kappa", [1e-2, 1e3, 1e4, 1e5])
@pytest.mark.parametrize("size", [2, 10])
def test_the_divergence_is_as_exact_in_single_precision(size, kappa):
    # Numbers as large as kappa log kappa cancel: summed in single precision they left errors up to 0.09 nats.
    q = q_of(size, kappa)
    double = PowerSpherical(q.mu.double(), q.kappa.double())
    assert q.entropy().dtype == torch.float32
    assert q.entropy().item() == pytest.approx(double.entropy().item(), abs=1e-5)
    assert q.log_prob(q.mu).item() == pytest.approx(double.log_prob(q.mu.double()).item(), abs=2e-5)


def test_the_density_of_a_circle_integrates_to_one():
    angle = torch.linspace(0, 2 * math.pi, 20_001, dtype=torch.float64)[:-1]
    points = torch.stack([angle.cos(), angle.sin()], 1)
    q = PowerSpherical(
        torch.tensor([[0.6, 0.8]], dtype=torch.float64), torch.tensor([7.0], dtype=torch.float64)
    )
    density = q.log_prob(points).exp()
    step = 2 * math.pi / 20_000
    assert (density.sum() * step).item() == pytest.approx(1, abs=1e-6)
    entropy = -(density * density.clamp(min=1e-300).log()).sum() * step
    assert q.entropy().item() == pytest.approx(entropy.item(), abs=1e-5)


@pytest.mark.parametrize("family", [PowerSpherical, VonMisesFisher])
@pytest.mark.parametrize("size", [3, 6])
def test_the_density_of_a_sphere_integrates_to_one(family, size):
    # Over the cosine t: the area of the sphere in one number less, times (1 - t^2)^((size - 3) / 2).
    t = torch.linspace(-1, 1, 20_001, dtype=torch.float64)
    z = torch.zeros(len(t), size, dtype=torch.float64)
    z[:, -1], z[:, 0] = t, (1 - t.square()).sqrt()
    q = family(z[-1:], torch.tensor([7.0], dtype=torch.float64))
    around = math.exp(log_area(size - 1)) * (1 - t.square()) ** ((size - 3) / 2)
    density = q.log_prob(z).exp()
    assert torch.trapezoid(around * density, t).item() == pytest.approx(1, abs=1e-5)
    nats = density.clamp(min=1e-300).log() + log_area(size)
    expected = torch.trapezoid(around * density * nats, t).item()
    assert UniformSphere(size).kl(q, None, LABELS).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("posterior", ["power", "vmf"])
@pytest.mark.parametrize("size", [2, 3, 10])
def test_a_code_may_say_nothing_and_its_direction_costs_nothing(posterior, size):
    space = LatentSpace([Sphere(size, posterior=posterior)], {}, (1, 8, 8))
    numbers = torch.randn(6, size + 1, generator=torch.Generator().manual_seed(0))
    numbers[:, -1] = torch.tensor([-50.0, -4.0, -2.0, 0.0, 2.0, 4.0])
    numbers.requires_grad_()
    q = space(numbers)
    kl = space.kl(q, space.rsample(q, 1, None), {})["z"][:, 0]
    assert kl[0].item() == pytest.approx(0, abs=2e-4)
    assert kl.tolist() == sorted(kl.tolist())
    # The code where nothing is drawn is the direction, not the mean of the draws, which is shorter.
    assert torch.allclose(q["z"].mode.norm(dim=1), torch.ones(6))
    kl.sum().backward()
    assert not numbers.grad[:, :-1].any()


@pytest.mark.parametrize("size", [2, 3, 8])
def test_draws_lie_on_the_sphere_with_the_right_mean(size):
    mu = torch.nn.functional.normalize(
        torch.randn(1, size, generator=torch.Generator().manual_seed(3)), dim=1
    )
    q = PowerSpherical(mu, torch.tensor([6.0]))
    z = q.rsample(100_000, torch.Generator().manual_seed(0))[:, 0]
    assert torch.allclose(z.norm(dim=1), torch.ones(len(z)), atol=1e-3)
    assert torch.allclose(z.mean(0), q.mean_cosine() * mu[0], atol=0.01)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_first_axis_and_its_opposite_are_no_exception(sign):
    mu = torch.tensor([[sign, 0.0, 0.0]], requires_grad=True)
    z = PowerSpherical(mu, torch.tensor([5.0])).rsample(20_000, torch.Generator().manual_seed(0))
    assert z[..., 0].mean().item() == pytest.approx(sign * 5 / 7, abs=0.02)
    z.sum().backward()
    assert mu.grad.isfinite().all()


def test_the_sampled_divergence_is_the_exact_one_and_gradients_flow():
    numbers = torch.randn(2000, 5, requires_grad=True)
    space = LatentSpace([Sphere(4)], {}, (1, 8, 8))
    q = space(numbers)
    z = space.rsample(q, 50, torch.Generator().manual_seed(0))
    exact = space.kl(q, z, {})["z"]
    sampled = (space.log_posterior(q, z) - space.log_prior(z)).mean(0)
    assert exact.shape == (2000, 1)
    assert sampled.mean().item() == pytest.approx(exact.mean().item(), abs=0.02)
    (z.sum() + exact.sum()).backward()
    assert numbers.grad.isfinite().all()
    assert space.has_density


def test_the_prior_is_uniform():
    draws = UniformSphere(3).sample(50_000, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert torch.allclose(draws.mean(0), torch.zeros(3), atol=0.02)
    assert UniformSphere(3).log_prob(draws)[0].item() == pytest.approx(-math.log(4 * math.pi), abs=1e-6)
