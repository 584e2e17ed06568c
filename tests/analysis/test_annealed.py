"""Annealed importance sampling where the likelihood is known: p(z) = N(0, I), p(x | z) = N(z, I)."""

import math

import pytest
import torch

from distaff.analysis._passes import anneal
from distaff.latents import Normal

D = 6
LOG_P = D * -1.515512


def log_joint(z):
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    return (prior + torch.distributions.Normal(z, 1.0).log_prob(torch.ones(()))).sum(-1)


def posterior(mean, variance, images=40):
    return Normal(torch.full((images, D), mean), torch.full((images, D), math.log(variance)))


def test_from_the_true_posterior_every_chain_gives_the_likelihood():
    found = anneal(posterior(0.5, 0.5), log_joint, 3, torch.Generator().manual_seed(0), temperatures=5)
    assert found.shape == (3, 40)
    assert torch.allclose(found, torch.full_like(found, LOG_P), atol=1e-4)


@pytest.mark.parametrize(("mean", "variance"), [(-1.0, 0.1), (0.0, 3.0)])
def test_from_a_wrong_posterior_it_is_near_the_likelihood_where_as_many_draws_are_not(mean, variance):
    q = posterior(mean, variance)
    chains = anneal(q, log_joint, 8, torch.Generator().manual_seed(1))
    bound = (chains.logsumexp(0) - math.log(8)).mean().item()
    assert bound == pytest.approx(LOG_P, abs=0.1)
    z = q.rsample(8, torch.Generator().manual_seed(1))
    draws = log_joint(z) - q.log_prob(z)
    assert (draws.logsumexp(0) - math.log(8)).mean().item() < LOG_P - 0.25
