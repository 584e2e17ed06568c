import math

import pytest
import torch

from distaff.likelihoods import Bernoulli, DiscretisedLogistic, Gaussian, Laplace, Mse


def test_bernoulli_of_even_odds_is_log_two_per_pixel():
    images = torch.rand(3, 2, 4, 5)
    nats = Bernoulli().build().log_probability(torch.zeros(3, 2, 4, 5), images)
    assert torch.allclose(nats, torch.full((3,), -40 * math.log(2)))


@pytest.mark.parametrize("variance", [0.05, 2.0, 1e-8, "learned"])
def test_gaussian_agrees_with_torch(variance):
    likelihood = Gaussian(variance).build()
    output, images = torch.randn(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    scale = torch.exp(0.5 * likelihood.log_variance)
    expected = torch.distributions.Normal(output, scale).log_prob(images).flatten(1).sum(1)
    assert torch.allclose(likelihood.log_probability(output, images), expected, rtol=1e-4)


def test_squared_errors_count_in_standard_units():
    likelihood = Mse(mean=0.1, deviation=0.5).build()
    images = torch.rand(2, 1, 4, 4)
    output = likelihood.units(images)
    assert torch.allclose(likelihood.image(output), images, atol=1e-6)
    assert torch.allclose(likelihood.log_probability(output + 2, images), torch.tensor(-64.0))
    assert torch.allclose(
        likelihood.log_probability(torch.zeros(2, 1, 4, 4), images),
        -4 * (images - 0.1).square().flatten(1).sum(1),
    )


def test_a_learned_variance_finds_the_error():
    likelihood = Gaussian("learned").build()
    output, images = torch.zeros(1, 1, 100, 100), 0.3 * torch.randn(1, 1, 100, 100)
    optimiser = torch.optim.Adam(likelihood.parameters(), lr=0.05)
    for _ in range(300):
        optimiser.zero_grad()
        (-likelihood.log_probability(output, images).mean()).backward()
        optimiser.step()
    assert float(likelihood.log_variance.exp().detach()) == pytest.approx(float(images.var()), rel=0.02)


def test_a_learned_variance_stops_at_half_a_grey_level():
    likelihood = Gaussian("learned").build()
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


def test_the_sum_of_squares_is_a_gaussian_of_variance_one_half_up_to_its_constant():
    output, images = torch.randn(3, 2, 4, 4), torch.rand(3, 2, 4, 4)
    gaussian = Gaussian(0.5).build().log_probability(output, images)
    constant = torch.full((3,), 32 * 0.5 * math.log(math.pi))
    assert torch.allclose(Mse().build().log_probability(output, images) - gaussian, constant, rtol=1e-5)


@pytest.mark.parametrize("spec", [Bernoulli(), Gaussian(), Mse(), Laplace()])
def test_images_lie_between_black_and_white(spec):
    image = spec.build().image(5 * torch.randn(2, 1, 8, 8))
    assert image.min() >= 0
    assert image.max() <= 1


def test_the_optimal_variance_has_the_published_number_and_gradient():
    likelihood = Gaussian("optimal").build()
    output = torch.full((1, 3, 64, 64), 0.1, requires_grad=True)
    nats = -likelihood.log_probability(output, torch.zeros(1, 3, 64, 64)).mean()
    assert nats.item() == pytest.approx(-10858.249, abs=0.05)
    nats.backward()
    squared = 0.01
    expected = 12288 / 2 * (2 * 0.1 / 12288) / squared
    assert output.grad.flatten()[0].item() == pytest.approx(expected, rel=1e-4)


def test_the_optimal_variance_of_training_is_used_in_evaluation():
    likelihood = Gaussian("optimal", memory=0.5).build()
    for error in (0.1, 0.2):
        likelihood.log_probability(torch.full((2, 1, 4, 4), error), torch.zeros(2, 1, 4, 4))
    assert likelihood.variance.item() == pytest.approx(0.5 * 0.01 + 0.5 * 0.04)
    likelihood.eval()
    with torch.no_grad():
        one = likelihood.log_probability(torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4))
        two = likelihood.log_probability(torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4))
    assert torch.allclose(one, two[:1])
    assert likelihood.variance.item() == pytest.approx(0.025)


@pytest.mark.parametrize(("mean", "scale"), [(0.3, 0.1), (0.0, 0.01), (1.2, 0.5), (0.5, 1e-3)])
def test_256_logistic_masses_add_to_one(mean, scale):
    likelihood = DiscretisedLogistic(scale).build()
    values = (torch.arange(256) / 255).reshape(256, 1, 1, 1)
    masses = likelihood.log_probability(torch.full((256, 1, 1, 1), mean), values)
    assert masses.isfinite().all()
    assert masses.double().exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_the_gradient_of_a_logistic_is_finite_far_from_the_image():
    likelihood = DiscretisedLogistic(0.001).build()
    output = torch.tensor([[[[-50.0, 50.0]]]], requires_grad=True)
    likelihood.log_probability(output, torch.tensor([[[[1.0, 0.5]]]])).sum().backward()
    assert output.grad.isfinite().all()


@pytest.mark.parametrize(
    ("spec", "name"), [(Gaussian("learned"), "log_variance"), (DiscretisedLogistic(), "log_scale")]
)
def test_a_learned_width_below_its_least_is_led_back_by_large_errors(spec, name):
    # Clamped, it had no gradient any more, and stayed at the least whatever the errors.
    module = spec.build()
    width = getattr(module, name)
    with torch.no_grad():
        width.fill_(-13.0)
    images, output = torch.full((4, 1, 3, 3), 100 / 255), torch.full((4, 1, 3, 3), 0.5)
    (-module.log_probability(output, images).mean()).backward()
    assert width.grad < 0
