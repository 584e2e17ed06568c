"""The marginal KL: 0 for posteriors that make the prior, the value of a mixture, and memory."""

import math

import pytest
import torch
from small_model import ATTRIBUTES, loss_of, make_batch, make_model

from distaff.errors import InputError
from distaff.latents import Gaussian, Normal, Softmax
from distaff.latents.priors import ByClass
from distaff.losses import KL, ClassMeans, Context, Marginal


def term_of(q, z, **fields):
    """The term of a model of q's size after one step in training, and what it found there."""
    model = make_model([Gaussian(q.mean.shape[1])])
    term = Marginal(**fields).build(Context(model, ATTRIBUTES, 1000, 100)).train()
    return term, found_by(term, model, q, z)


def found_by(term, model, q, z):
    _, _, step = loss_of([KL()], model)
    step.posteriors, step.z = {"z": q}, z.unsqueeze(0)
    return term(step)


def test_posteriors_that_are_the_prior_cost_nothing():
    z = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    for width in (0.0, 0.7):
        _, found = term_of(Normal(torch.zeros(64, 3), torch.zeros(64, 3)), z, width=width)
        assert found.loss.item() == pytest.approx(0, abs=1e-6)


def test_posteriors_that_together_make_the_prior_cost_almost_nothing():
    generator = torch.Generator().manual_seed(0)
    q = Normal(0.8 * torch.randn(4000, 2, generator=generator), torch.full((4000, 2), 0.36).log())
    _, found = term_of(q, q.rsample(1, generator)[0], memory=0)
    assert abs(found.loss.item()) < 0.02


def test_the_value_is_that_of_the_mixture_with_what_is_remembered():
    mean = torch.tensor([[1.0, 0.0], [-2.0, 0.5]])
    q = Normal(mean, torch.tensor([[0.5, 1.0], [0.25, 2.0]]).log())
    z = torch.tensor([[0.3, -0.2], [-1.0, 1.5]])
    term, first = term_of(q, z, weight=3.0, memory=8)
    parts = torch.distributions.Normal(mean, torch.exp(0.5 * q.log_variance))
    log_q = parts.log_prob(z.unsqueeze(1)).sum(2).logsumexp(1) - math.log(2)
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    assert torch.allclose(first.columns["marginal"].values, log_q - log_p, atol=1e-5)
    assert first.loss.item() == pytest.approx(3 * (log_q - log_p).mean().item(), rel=1e-5)
    # The same posteriors once more, now remembered too: the same mixture.
    again = found_by(term, make_model([Gaussian(2)]), q, z)
    assert torch.allclose(again.columns["marginal"].values, log_q - log_p, atol=1e-5)
    assert int(term.seen) == 4


def test_memory_is_a_ring_and_stands_still_outside_training():
    q = Normal(torch.arange(6.0).reshape(3, 2), torch.zeros(3, 2))
    term, _ = term_of(q, q.mean, memory=4)
    later = Normal(10 + q.mean, q.log_variance)
    model = make_model([Gaussian(2)])
    found_by(term, model, later, later.mean)
    assert term.means[:, 0].tolist() == [12.0, 14.0, 4.0, 10.0]
    term.eval()
    found_by(term, model, q, q.mean)
    assert int(term.seen) == 6
    small, _ = term_of(q, q.mean, memory=2)
    assert small.means[:, 0].tolist() == [0.0, 2.0]


def test_codes_are_pushed_out_of_a_crowd_and_never_away_for_good():
    mean = torch.tensor([[0.1, 0.0], [-0.1, 0.0], [0.0, 0.1], [30.0, 0.0]], requires_grad=True)
    _, found = term_of(Normal(mean, torch.full((4, 2), -4.0)), mean)
    found.loss.backward()
    assert mean.grad[0, 0] < 0 < mean.grad[1, 0]  # descent moves them apart
    # An outlier has no neighbour in sight: of q around it nothing is known, and the KL alone draws it back.
    assert mean.grad[3].tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_a_weight_of_0_is_the_vae_to_the_bit():
    found = []
    for terms in ([KL()], [KL(), Marginal(weight=0)]):
        model = make_model([Gaussian(4)])
        loss_of(terms, model, batch=make_batch(8))[0].total.backward()
        found.append([each.grad for each in model.parameters()])
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


def test_it_needs_a_normal_latent():
    with pytest.raises(InputError, match="normal posterior"):
        loss_of([Marginal()], make_model([Softmax(attributes=("digit",))]))


def test_the_hyper_prior_of_class_means_is_their_squared_length():
    model = make_model([Gaussian(2, prior=ByClass(spread=0.5))])
    prior = next(iter(model.latents)).prior
    with torch.no_grad():
        prior.mean.fill_(0.3)
    loss, _, _ = loss_of([KL(), ClassMeans(weight=4)], model)
    assert loss.terms["class_means"].item() == pytest.approx(4 * 0.5 * 2 * 0.09 / 0.75)
    loss.terms["class_means"].backward()
    assert prior.mean.grad[0].tolist() == pytest.approx([4 * 0.3 / 0.75 / 10] * 2)
    for latent, match in ((Gaussian(2), "mean for each class"), (Gaussian(2, prior=ByClass()), "below 1")):
        with pytest.raises(InputError, match=match):
            loss_of([ClassMeans()], make_model([latent]))


def test_the_own_posterior_of_a_narrow_code_is_exact():
    # The product of matrices was off by hundreds of nats in single precision at this variance.
    generator = torch.Generator().manual_seed(0)
    mean = 3 * torch.randn(20, 2, generator=generator)
    q = Normal(mean, torch.full((20, 2), -20.0))
    z = q.rsample(1, generator)[0]
    _, found = term_of(q, z, memory=0)
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    expected = q.log_prob(z) - math.log(20) - log_p  # no other is near
    assert torch.allclose(found.columns["marginal"].values, expected, atol=1e-3)
