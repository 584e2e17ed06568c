import math

import pytest
import torch

from distaff.errors import InputError
from distaff.latents import Batch, Gaussian, LatentSpace, Quantised, QuantisedLatent
from distaff.likelihoods import Bernoulli
from distaff.losses import KL, Context, Objective, Quantise, Step
from distaff.networks import Mlp
from distaff.vae import VAE

SHAPE = (1, 8, 8)


def block(**fields):
    return LatentSpace([QuantisedLatent(**fields)], {}, SHAPE)["z"]


def test_published_values_and_nearest_of_them():
    found = block(size=2)
    expected = [-0.5, -0.3889, -0.2778, -0.1667, -0.0556, 0.0556, 0.1667, 0.2778, 0.3889, 0.5]
    assert found.prior.codebook[0].tolist() == pytest.approx(expected, abs=1e-4)
    q = found(torch.tensor([[0.07, -0.9], [0.0, 0.61]]))
    assert q.mode.detach().flatten().tolist() == pytest.approx([0.0556, -0.5, -0.0556, 0.5], abs=1e-4)


def test_fixed_values_are_finite_scalar_quantisation():
    found = block(size=1, values=12, learned=False)
    assert found.prior.codebook[0, :2].tolist() == pytest.approx([-1, -0.8182], abs=1e-4)
    assert not list(found.parameters())
    q = found(torch.tensor([[20.0], [-20.0], [0.1]]))
    assert q.mode.flatten().tolist() == pytest.approx([1, -1, 1 / 11], abs=1e-4)


@pytest.mark.parametrize("values", [2, 5, 12])
def test_the_nearest_fixed_value_is_the_rounded_level(values):
    numbers = 2 * torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
    level = ((numbers.tanh() + 1) / 2 * (values - 1)).round()
    found = block(size=1, values=values, learned=False)(numbers).mode
    assert torch.allclose(found, 2 * level / (values - 1) - 1, atol=1e-6)


def test_the_gradient_passes_the_quantiser_and_not_the_codebook():
    found, numbers = block(size=3), torch.randn(4, 3, requires_grad=True)
    (found(numbers).mode * torch.arange(3.0)).sum().backward()
    assert torch.equal(numbers.grad, torch.arange(3.0).expand(4, 3))
    assert found.prior.codebook.grad is None


def test_the_order_of_a_codebook_does_not_matter():
    found, numbers = block(size=3), torch.randn(50, 3)
    before = found(numbers).mode
    with torch.no_grad():
        found.prior.codebook.copy_(found.prior.codebook.flip(1))
    assert torch.equal(found(numbers).mode, before)


def test_codes_are_the_same_in_training_and_evaluation():
    found, numbers = LatentSpace([QuantisedLatent(3)], {}, SHAPE), torch.randn(5, 3)
    drawn = found.rsample(found(numbers), 2, None)
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], found.mode(found.eval()(numbers)))
    assert not found.has_density
    assert found["z"].kl_names == ()
    assert found.kl(found(numbers), drawn, {}) == {}


def test_samples_are_values_of_the_codebook():
    found = block(size=2, values=3)
    draws = found.prior.sample(200, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert {round(each, 3) for each in draws.detach().flatten().tolist()} == {-0.5, 0.0, 0.5}
    assert found.prior.log_prob(draws)[0].item() == pytest.approx(-2 * math.log(3))


def model(latent):
    torch.manual_seed(0)
    return VAE(SHAPE, network=Mlp((16,)), latent=[latent], likelihood=Bernoulli(), attributes={})


def run(vae, term, q=None):
    objective = Objective([term], Context(vae, {}, 100, 10))
    batch = Batch(torch.rand(6, *SHAPE))
    made = vae(batch)
    posteriors = made.posteriors if q is None else {"z": q}
    return objective(Step(vae, batch, posteriors, made.z, made.decoded, 0, 10, 0)), objective


def test_the_term_is_the_squared_distance_both_ways():
    vae = model(QuantisedLatent(2))
    q = Quantised(torch.tensor([[0.5, 0.0]] * 6), torch.tensor([[0.3, 0.1]] * 6))
    loss, _ = run(vae, Quantise(codebook=3, commitment=2), q)
    assert loss.columns["quantise"].values.tolist() == pytest.approx([0.05] * 6)
    expected = loss.columns["reconstruction"].mean().item() + 5 * 0.05
    assert loss.total.item() == pytest.approx(expected, rel=1e-6)


def test_codes_that_are_values_cost_nothing():
    values = torch.tensor([[0.5, -0.1]] * 6)
    loss, _ = run(model(QuantisedLatent(2)), Quantise(3, 2), Quantised(values, values))
    assert loss.columns["quantise"].values.tolist() == [0] * 6
    assert loss.total.item() == loss.columns["reconstruction"].mean().item()


@pytest.mark.parametrize(("weights", "moves"), [((1, 0), "codebook"), ((0, 1), "encoder")])
def test_each_weight_moves_its_own_side(weights, moves):
    vae = model(QuantisedLatent(4))
    numbers = torch.randn(6, 4, requires_grad=True)
    q = vae.latents["z"](numbers)
    loss, _ = run(vae, Quantise(*weights), q)
    (loss.total - loss.columns["reconstruction"].mean()).backward()
    touched = {
        "codebook": vae.latents["z"].prior.codebook.grad is not None
        and bool(vae.latents["z"].prior.codebook.grad.any()),
        "encoder": numbers.grad is not None and bool(numbers.grad.any()),
    }
    assert touched == {"codebook": moves == "codebook", "encoder": moves == "encoder"}


def test_terms_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="no quantised latents"):
        run(model(Gaussian(2)), Quantise())
    with pytest.raises(InputError, match="no latent of this model has a KL divergence"):
        run(model(QuantisedLatent(2)), KL())
