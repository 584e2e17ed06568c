"""The importance-weighted bound where the likelihood is known: p(z) = N(0, 1), p(x | z) = N(z, 1), x = 1."""

import math

import pytest
import torch
from small_model import loss_of, make_batch, make_model
from torch import nn

from distaff.errors import InputError
from distaff.latents import L2, Batch, Detach, Gaussian, LatentSpace, Normal, Softmax, TeacherForcing
from distaff.latents.priors import Mixture
from distaff.losses import GECO, KL, Bound, ControlledKL, Reconstruction, Step
from distaff.losses._bound import BoundTerm

LOG_P = -1.515512


class Exact(nn.Module):
    """A stand-in for the model: a pixel is its code, with a normal of variance 1 around it."""

    def __init__(self):
        super().__init__()
        self.latents = LatentSpace([Gaussian(1)], {}, (1, 1, 1))
        self.likelihood = self

    def log_probability(self, output, images):
        return torch.distributions.Normal(output, 1.0).log_prob(images).flatten(1).sum(1)


def step_of(q, draws, seed=0):
    z = q.rsample(draws, torch.Generator().manual_seed(seed))
    batch = Batch(torch.ones(len(q.mean), 1, 1, 1))
    return Step(Exact(), batch, {"z": q}, z, z.reshape(draws, -1, 1, 1, 1), 0, 1, seed)


def normal(mean, variance, rows, grad=False):
    return Normal(
        torch.full((rows, 1), mean, requires_grad=grad),
        torch.full((rows, 1), math.log(variance), requires_grad=grad),
    )


def term(draws, gradient="iwae"):
    return BoundTerm(Bound(draws, gradient))


@pytest.mark.parametrize("draws", [1, 3, 50])
def test_the_exact_posterior_gives_the_likelihood_with_every_draw(draws):
    values = term(draws)(step_of(normal(0.5, 0.5, 20), draws))
    assert values.columns["bound"].values.tolist() == pytest.approx([-LOG_P] * 20, abs=1e-4)
    assert values.columns["draws_in_use"].mean().item() == pytest.approx(draws, rel=1e-3)


@pytest.mark.parametrize(
    ("draws", "expected"), [(1, -1.918939), (2, -1.6535), (5, -1.5571), (8, -1.5402), (50, -1.5192)]
)
def test_the_prior_as_posterior_gives_the_known_bounds(draws, expected):
    values = term(draws)(step_of(normal(0.0, 1.0, 100_000), draws))
    bound = -values.columns["bound"].values
    # Four standard errors, and the rounding of what is expected.
    error = 4 * bound.std().item() / len(bound) ** 0.5 + 1e-4
    assert bound.mean().item() == pytest.approx(expected, abs=error)
    assert bound.mean().item() + error < LOG_P or draws == 50
    assert values.columns["elbo"].mean().item() == pytest.approx(-1.918939, abs=0.02)


def encoder_gradient(gradient, q, draws, seed=0):
    values = term(draws, gradient)(step_of(q, draws, seed))
    return torch.autograd.grad(values.loss, [q.mean, q.log_variance])


def test_with_the_exact_posterior_the_reparametrised_gradients_vanish_for_every_draw():
    for gradient in ("stl", "dreg"):
        found = encoder_gradient(gradient, normal(0.5, 0.5, 8, grad=True), 4)
        assert all(torch.allclose(each, torch.zeros_like(each), atol=1e-6) for each in found)
    found = encoder_gradient("iwae", normal(0.5, 0.5, 8, grad=True), 4)
    assert any(each.abs().max() > 1e-4 for each in found)
    # That of iwae is 0 in the mean alone.
    mean = [each.sum().item() for each in encoder_gradient("iwae", normal(0.5, 0.5, 100_000, grad=True), 4)]
    assert mean == pytest.approx([0, 0], abs=0.01)


def test_all_gradients_agree_in_the_mean_where_they_are_unbiased():
    rows = 200_000
    q = normal(0.0, 0.8, rows, grad=True)
    iwae = [each.sum().item() for each in encoder_gradient("iwae", q, 5)]
    dreg = [each.sum().item() for each in encoder_gradient("dreg", q, 5, seed=1)]
    assert dreg == pytest.approx(iwae, abs=0.02)
    # stl is unbiased for a single draw alone.
    biased = [each.sum().item() for each in encoder_gradient("stl", q, 5)]
    assert max(abs(a - b) for a, b in zip(biased, iwae, strict=True)) > 0.05
    one = [each.sum().item() for each in encoder_gradient("stl", q, 1)]
    plain = [each.sum().item() for each in encoder_gradient("iwae", q, 1, seed=1)]
    assert one == pytest.approx(plain, abs=0.02)


def test_the_decoder_has_the_same_gradient_under_each():
    found = {}
    for gradient in ("iwae", "stl", "dreg"):
        model = make_model([Gaussian(3)])
        loss, _, _ = loss_of([Bound(7, gradient)], model, make_batch(8))
        loss.total.backward()
        found[gradient] = model.decoder[0][0].weight.grad
    assert torch.allclose(found["iwae"], found["stl"], atol=1e-6)
    assert torch.allclose(found["iwae"], found["dreg"], atol=1e-6)


def test_the_bound_stands_in_the_place_of_reconstruction_and_asks_for_its_draws():
    loss, objective, step = loss_of([Bound(6)], make_model([Gaussian(3)]))
    assert list(objective.columns) == ["bound", "elbo", "draws_in_use"]
    assert step.z.shape == (6, 4, 3)
    assert loss.total.item() == pytest.approx(loss.columns["bound"].mean().item())


def test_one_draw_is_the_elbo_by_sample():
    loss, _, step = loss_of([Bound(1)], make_model([Gaussian(3)]))
    q = step.posteriors["z"]
    expected = step.log_likelihood[0] + step.model.latents.log_prior(step.z)[0] - q.log_prob(step.z)[0]
    assert torch.allclose(loss.columns["bound"].values, -expected, atol=1e-4)


def test_any_prior_with_a_density_has_a_bound():
    loss, _, _ = loss_of([Bound(5)], make_model([Gaussian(3, prior=Mixture(4))]))
    assert loss.total.isfinite()


def test_a_code_without_a_density_has_no_bound():
    with pytest.raises(InputError, match="has no density"):
        loss_of([Bound(5)], make_model([Softmax(attributes=("digit",))]))
    with pytest.raises(InputError, match="samples"):
        Bound(0)


@pytest.mark.parametrize(
    ("term", "match"),
    [
        (KL(4), "bound and kl both hold the divergence"),
        (ControlledKL(target=20), "bound and controlled_kl both hold the divergence"),
        (Reconstruction(), "bound and reconstruction both hold the reconstruction"),
        (GECO(target=90), "bound and geco both hold the reconstruction"),
    ],
)
def test_what_a_bound_holds_has_no_second_weight(term, match):
    with pytest.raises(InputError, match=match):
        loss_of([Bound(5), term], make_model([Gaussian(3)]))


def test_a_code_that_is_written_instead_of_drawn_has_no_bound():
    latent = L2(attributes=("slant",), rules=[TeacherForcing()])
    with pytest.raises(InputError, match="rule 'teacher_forcing' of latent 'slant' writes codes"):
        loss_of([Bound(5)], make_model([latent]))
    loss, _, _ = loss_of([Bound(5)], make_model([L2(attributes=("slant",), rules=[Detach()])]))
    assert loss.total.isfinite()
