import math

import pytest
import torch

from distaff.likelihood import Bernoulli, GaussianPixels, Laplace, Mse


def test_bernoulli_of_even_odds_is_log_two_per_pixel():
    images = torch.rand(3, 2, 4, 5)
    nats = Bernoulli().build().log_probability(torch.zeros(3, 2, 4, 5), images)
    assert torch.allclose(nats, torch.full((3,), -40 * math.log(2)))


@pytest.mark.parametrize("variance", [0.05, 2.0, 1e-8, "learned"])
def test_gaussian_agrees_with_torch(variance):
    likelihood = GaussianPixels(variance).build()
    output, images = torch.randn(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    scale = torch.exp(0.5 * likelihood.log_variance)
    expected = torch.distributions.Normal(output, scale).log_prob(images).flatten(1).sum(1)
    assert torch.allclose(likelihood.log_probability(output, images), expected, rtol=1e-4)


def test_squared_errors_count_in_standard_units():
    likelihood = Mse(mean=0.1, deviation=0.5).build()
    images = torch.rand(2, 1, 4, 4)
    output = likelihood.units(images)
    assert torch.allclose(likelihood.picture(output), images, atol=1e-6)
    assert torch.allclose(likelihood.log_probability(output + 2, images), torch.tensor(-64.0))
    assert torch.allclose(
        likelihood.log_probability(torch.zeros(2, 1, 4, 4), images),
        -4 * (images - 0.1).square().flatten(1).sum(1),
    )


def test_a_learned_variance_finds_the_error():
    likelihood = GaussianPixels("learned").build()
    output, images = torch.zeros(1, 1, 100, 100), 0.3 * torch.randn(1, 1, 100, 100)
    optimiser = torch.optim.Adam(likelihood.parameters(), lr=0.05)
    for _ in range(300):
        optimiser.zero_grad()
        (-likelihood.log_probability(output, images).mean()).backward()
        optimiser.step()
    assert float(likelihood.log_variance.exp().detach()) == pytest.approx(float(images.var()), rel=0.02)


def test_a_learned_variance_stops_at_half_a_grey_level():
    likelihood = GaussianPixels("learned").build()
    images = torch.rand(1, 1, 4, 4)
    with torch.no_grad():
        likelihood.log_variance.fill_(-50)
    expected = torch.distributions.Normal(images, 0.5 / 255).log_prob(images).sum()
    assert torch.allclose(likelihood.log_probability(images, images).sum(), expected, rtol=1e-4)


def test_laplace_agrees_with_torch():
    output, images = torch.randn(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    expected = torch.distributions.Laplace(output, 0.2).log_prob(images).flatten(1).sum(1)
    assert torch.allclose(Laplace(0.2).build().log_probability(output, images), expected, rtol=1e-4)


def test_mse_is_the_sum_of_squares():
    output, images = torch.zeros(2, 1, 2, 2), torch.full((2, 1, 2, 2), 0.5)
    assert Mse().build().log_probability(output, images).tolist() == [-1, -1]


@pytest.mark.parametrize("spec", [Bernoulli(), GaussianPixels(), Mse(), Laplace()])
def test_pictures_lie_between_black_and_white(spec):
    picture = spec.build().picture(5 * torch.randn(2, 1, 8, 8))
    assert picture.min() >= 0
    assert picture.max() <= 1
