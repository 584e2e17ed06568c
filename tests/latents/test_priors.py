"""Closed forms of notes on learned priors: mixtures, VampPrior."""

import math

import pytest
import torch

from distaff.attributes import Attribute
from distaff.errors import InputError
from distaff.latents import Categorical, Gaussian, LatentSpace, Normal, Sampled
from distaff.latents.priors import Mixture, Standard, Vamp
from distaff.likelihoods import Bernoulli
from distaff.networks import Folded, Mlp
from distaff.vae import VAE

SHAPE = (1, 8, 8)


def normal(mean, deviation, rows=1):
    mean = torch.tensor(mean).expand(rows, -1)
    return Normal(mean, torch.full_like(mean, 2 * math.log(deviation)))


def one_component(mean=0.0, variance=1.0):
    prior = Mixture(1).build(2, SHAPE, {})
    with torch.no_grad():
        prior.mean.fill_(mean)
        prior.log_variance.fill_(math.log(variance))
    return prior


def test_a_mixture_of_one_standard_normal_is_the_standard_prior():
    prior, standard = one_component(), Standard().build(2, SHAPE, {})
    z = torch.randn(4, 100, 2)
    assert torch.allclose(prior.log_prob(z), standard.log_prob(z), atol=1e-5)
    q = normal([1.0, -0.5], 0.3, rows=20_000)
    z = q.rsample(5, torch.Generator().manual_seed(0))
    exact = standard.kl(q, z, {}).sum(1).mean().item()
    assert prior.kl(q, z, {}).shape == (20_000, 1)
    assert prior.kl(q, z, {}).mean().item() == pytest.approx(exact, abs=0.02)


def test_a_mixture_integrates_to_one():
    torch.manual_seed(0)
    prior = Mixture(7, spread=2.0).build(1, SHAPE, {})
    grid = torch.linspace(-30, 30, 60_001).unsqueeze(1)
    assert (prior.log_prob(grid).exp().sum() * 0.001).item() == pytest.approx(1, abs=1e-4)


def test_a_posterior_that_is_the_mixture_diverges_by_nothing():
    torch.manual_seed(0)
    prior = one_component(mean=2.0, variance=0.25)
    q = normal([2.0, 2.0], 0.5, rows=1000)
    z = q.rsample(1, None)
    assert torch.allclose(prior.kl(q, z, {}), torch.zeros(1000, 1), atol=1e-4)


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 3.0])
def test_the_divergence_of_one_of_two_components_is_that_of_quadrature(distance):
    prior = Mixture(2).build(1, SHAPE, {})
    with torch.no_grad():
        prior.mean.copy_(torch.tensor([[distance], [-distance]]))
    q = normal([distance], 1.0, rows=100_000)
    found = prior.kl(q, q.rsample(1, torch.Generator().manual_seed(0)), {}).mean().item()
    # log q - log p = log 2 - log(1 + exp(-2 a z)) for z ~ N(a, 1): between 0 and log 2.
    grid = torch.linspace(-20, 20, 40_001, dtype=torch.float64)
    density = torch.distributions.Normal(distance, 1.0).log_prob(grid).exp()
    nats = math.log(2) - torch.nn.functional.softplus(-2 * distance * grid)
    assert found == pytest.approx((density * nats).sum().item() * 0.001, abs=0.005)


def test_a_mixtures_gradient_is_finite_far_away():
    prior = Mixture(3).build(2, SHAPE, {})
    prior.log_prob(torch.full((1, 2), 30.0)).sum().backward()
    assert all(each.grad.isfinite().all() for each in prior.parameters())


def test_a_component_that_became_too_narrow_is_led_back():
    module = Mixture(1).build(1, SHAPE, {})
    with torch.no_grad():
        module.mean.zero_()
        module.log_variance.fill_(-9.0)
    z = torch.randn(200, 1, generator=torch.Generator().manual_seed(0))
    (-module.log_prob(z).mean()).backward()
    assert module.log_variance.grad < 0
    assert module.log_prob(torch.zeros(1, 1)).item() == pytest.approx(3.45 - 0.5 * math.log(2 * math.pi))


def test_a_mixture_is_drawn_from_its_components():
    prior = one_component(mean=3.0, variance=0.25)
    draws = prior.sample(20_000, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert draws.mean().item() == pytest.approx(3, abs=0.02)
    assert draws.std().item() == pytest.approx(0.5, abs=0.02)


def vae(prior, network=None, size=3):
    torch.manual_seed(0)
    return VAE(
        SHAPE,
        network=network or Mlp((16,)),
        latent=[Gaussian(size, prior=prior)],
        likelihood=Bernoulli(),
        attributes={},
    )


def test_a_vamp_prior_is_the_equal_mixture_of_its_inputs_posteriors():
    model = vae(Vamp(4))
    prior = model.latents["z"].prior
    q = model.encode(prior.inputs.clamp(0, 1))["z"]
    z = torch.randn(50, 3)
    expected = torch.logsumexp(torch.stack([normal_log_prob(q, k, z) for k in range(4)]), 0) - math.log(4)
    assert torch.allclose(prior.log_prob(z), expected, atol=1e-5)


def normal_log_prob(q, k, z):
    deviation = (0.5 * q.log_variance[k]).exp()
    return torch.distributions.Normal(q.mean[k], deviation).log_prob(z).sum(-1)


def test_a_vamp_prior_of_an_input_that_says_nothing_is_the_standard_prior():
    model, standard = vae(Vamp(1)), Standard().build(3, SHAPE, {})
    prior = model.latents["z"].prior
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
    q = normal([1.0, -0.5, 0.0], 0.3, rows=50)
    z = q.rsample(4, torch.Generator().manual_seed(0))
    by_sample = (q.log_prob(z) - standard.log_prob(z)).mean(0).unsqueeze(1)
    assert torch.allclose(prior.kl(q, z, {}), by_sample, atol=1e-5)


def test_a_vamp_prior_integrates_to_one_and_no_divergence_to_it_is_negative():
    model = vae(Vamp(4), size=1)
    prior = model.latents["z"].prior
    with torch.no_grad():
        prior.inputs.uniform_()
        model.head.weight.mul_(50)
        grid = torch.linspace(-60, 60, 120_001).unsqueeze(1)
        assert (prior.log_prob(grid).exp().sum() * 0.001).item() == pytest.approx(1, abs=1e-3)
        q = model.encode(torch.rand(20, *SHAPE))["z"]
        nats = prior.kl(q, q.rsample(20_000, torch.Generator().manual_seed(0)), {})
    assert nats.min() > -0.02
    assert nats.max() > 0.05


def test_a_vamp_prior_does_not_depend_on_the_order_or_on_copies_of_its_inputs():
    model, z = vae(Vamp(4)), torch.randn(20, 3)
    prior = model.latents["z"].prior
    before = prior.log_prob(z)
    with torch.no_grad():
        prior.inputs.copy_(prior.inputs.flip(0).clone())
    assert torch.allclose(prior.log_prob(z), before, atol=1e-5)
    with torch.no_grad():
        prior.inputs.copy_(prior.inputs[:1].expand_as(prior.inputs).clone())
    single = vae(Vamp(1))
    single.load_state_dict(
        {k: v[:1] if k.endswith("prior.inputs") else v for k, v in model.state_dict().items()}
    )
    assert torch.allclose(prior.log_prob(z), single.latents["z"].prior.log_prob(z), atol=1e-5)


def test_the_encoder_learns_through_a_vamp_prior_and_posteriors_are_kept_only_in_evaluation():
    model = vae(Vamp(4))
    prior = model.latents["z"].prior
    prior.log_prob(torch.randn(2, 3)).sum().backward()
    assert model.head.weight.grad.abs().sum() > 0
    assert prior.inputs.grad.abs().sum() > 0
    model.eval()
    with torch.no_grad():
        assert prior.components() is prior.components()
        model.train()
        assert prior.components() is not prior.components()


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.load_state_dict({k: v * 2 for k, v in model.state_dict().items()}),
        lambda model: model.double(),
    ],
)
def test_posteriors_that_a_vamp_prior_keeps_are_forgotten_with_the_weights(change):
    # Loading the best weights in evaluation left the prior of the weights before them.
    model = vae(Vamp(4)).eval()
    prior = model.latents["z"].prior
    with torch.no_grad():
        before = prior.components()
        change(model)
        after = prior.components()
        fresh = model.encode(prior.inputs.clamp(0, 1))["z"]
    assert after is not before
    assert torch.equal(after.mean, fresh.mean)


def test_a_vamp_prior_starts_from_training_images():
    model = vae(Vamp(3))
    images = torch.rand(10, *SHAPE)
    model.prepare(images)
    assert (model.latents["z"].prior.inputs - images[:3]).abs().max() < 0.06
    noise = vae(Vamp(3, start="noise"))
    noise.prepare(images)
    assert noise.latents["z"].prior.inputs.max() < 0.2


def test_a_vamp_prior_refuses_batch_normalisation():
    with pytest.raises(InputError, match="batch normalisation"):
        vae(Vamp(3), Folded(channels=8))


def test_a_vamp_prior_samples_where_its_inputs_lie():
    model = vae(Vamp(1)).eval()
    prior = model.latents["z"].prior
    with torch.no_grad():
        q = prior.components()
        draws = prior.sample(20_000, torch.Generator().manual_seed(1), torch.device("cpu"))
    assert torch.allclose(draws.mean(0), q.mean[0], atol=0.03)


@pytest.mark.parametrize(("prior", "names"), [(Standard(), ("z0", "z1", "z2")), (Mixture(2), ("z",))])
def test_columns_are_dimensions_where_the_divergence_is_exact(prior, names):
    space = LatentSpace([Gaussian(3, prior=prior)], {}, SHAPE)
    assert space["z"].kl_names == names
    q = space(torch.randn(5, 6))
    assert space.kl(q, space.rsample(q, 4, None), {})["z"].shape == (5, len(names))


def test_a_deterministic_code_has_no_divergence_to_estimate():
    with pytest.raises(ValueError, match="deterministic"):
        Mixture(2).build(3, SHAPE, {}).kl(Categorical(torch.zeros(1, 3)), torch.zeros(1, 1, 3), {})


def test_the_density_of_a_sampled_attribute_is_that_which_its_divergence_is_to():
    digit = Attribute(name="digit", kind="categorical", values=tuple(range(10)))
    space = LatentSpace([Sampled(attributes=("digit",))], {"digit": digit}, (1, 8, 8))
    prior = next(iter(space)).prior
    assert prior.log_prob(torch.zeros(1, 3, 10)).flatten().tolist() == pytest.approx([-9.18939] * 3, rel=1e-5)
    q = Normal(torch.full((1, 10), 0.5), torch.full((1, 10), -1.0))
    z = q.rsample(20_000, torch.Generator().manual_seed(0))
    sampled = (q.log_prob(z) - prior.log_prob(z)).mean().item()
    assert sampled == pytest.approx(prior.kl(q, z, {}).sum().item(), rel=0.01)
