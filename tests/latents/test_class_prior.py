"""A mean for every class: exact where the label is known, the mixture where it is not."""

import math

import pytest
import torch

from distaff.attributes import Attribute
from distaff.errors import InputError
from distaff.latents import Gaussian, LatentSpace, Normal
from distaff.latents.priors import ByClass, Standard

SHAPE = (1, 8, 8)
NAN = float("nan")
ATTRIBUTES = {
    "slant": Attribute(name="slant", kind="continuous"),
    "digit": Attribute(name="digit", kind="categorical", values=("a", "b", "c")),
}


def prior_of(means, **fields):
    prior = ByClass(**fields).build(len(means[0]), SHAPE, ATTRIBUTES)
    with torch.no_grad():
        prior.mean.copy_(torch.tensor(means))
    return prior


def posterior(rows=6, size=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Normal(torch.randn(rows, size, generator=generator), torch.randn(rows, size, generator=generator))


def test_with_every_mean_at_0_and_spread_1_it_is_the_standard_prior():
    prior, standard = prior_of([[0.0, 0.0]] * 3), Standard().build(2, SHAPE, {})
    q = posterior()
    labels = {"digit": torch.tensor([0.0, 1.0, 2.0, 0.0, 1.0, 2.0])}
    z = q.rsample(4, torch.Generator().manual_seed(0))
    assert torch.allclose(prior.kl(q, z, labels), standard.kl(q, z, {}).sum(1, keepdim=True), atol=1e-5)
    for given in (labels, {}, {"digit": torch.full((6,), NAN)}):
        assert torch.allclose(prior.log_prob(z, given), standard.log_prob(z), atol=1e-5)


def test_a_known_class_has_the_closed_divergence_and_an_unknown_one_that_of_the_mixture():
    means = [[2.0, 0.0], [-1.0, 3.0], [0.0, -2.0]]
    prior, q = prior_of(means, spread=0.5), posterior()
    labels = {"digit": torch.tensor([0.0, NAN, 2.0, 1.0, NAN, 1.0])}
    z = q.rsample(3, torch.Generator().manual_seed(1))
    found = prior.kl(q, z, labels)[:, 0]
    for row, label in enumerate(labels["digit"].tolist()):
        if math.isnan(label):
            components = torch.distributions.Normal(torch.tensor(means), 0.5)
            mixed = components.log_prob(z[:, row].unsqueeze(1)).sum(-1).logsumexp(1) - math.log(3)
            expected = (q.log_prob(z)[:, row] - mixed).mean()
        else:
            own = torch.distributions.Normal(q.mean[row], torch.exp(0.5 * q.log_variance[row]))
            target = torch.distributions.Normal(torch.tensor(means[int(label)]), 0.5)
            expected = torch.distributions.kl_divergence(own, target).sum()
        assert found[row].item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-4)


def test_with_a_single_class_it_is_the_standard_prior_moved_to_its_mean():
    prior, standard, q = (
        prior_of([[5.0, 5.0], [2.0, -1.0], [0.0, 9.0]]),
        Standard().build(2, SHAPE, {}),
        posterior(),
    )
    labels, moved = {"digit": torch.ones(6)}, torch.tensor([2.0, -1.0])
    z = q.rsample(3, torch.Generator().manual_seed(0))
    expected = standard.kl(q, z, {}).sum(1, keepdim=True)
    there = Normal(q.mean + moved, q.log_variance)
    assert torch.allclose(prior.kl(there, z + moved, labels), expected, atol=1e-5)
    assert torch.allclose(prior.log_prob(z + moved, labels), standard.log_prob(z), atol=1e-5)


def test_a_mean_is_stationary_at_the_mean_of_its_class():
    prior, q = prior_of([[0.0, 0.0]] * 3), posterior(rows=9)
    labels = {"digit": torch.arange(9) % 3.0}
    with torch.no_grad():
        prior.mean.copy_(q.mean.reshape(3, 3, 2).mean(0))
    prior.kl(q, q.rsample(1, None), labels).sum().backward()
    assert torch.allclose(prior.mean.grad, torch.zeros(3, 2), atol=1e-5)


def test_responsibilities_and_draws_are_of_the_class_asked_for():
    prior = prior_of([[9.0, 0.0], [-9.0, 0.0], [0.0, 9.0]])
    asked = {"digit": torch.tensor([0.0, 1.0, 2.0, NAN] * 50)}
    z = prior.sample(200, torch.Generator().manual_seed(0), torch.device("cpu"), asked)
    chances = prior.class_logits(z).softmax(1)
    assert torch.allclose(chances.sum(1), torch.ones(200))
    read = chances.argmax(1).float()
    known = ~asked["digit"].isnan()
    assert torch.equal(read[known], asked["digit"][known])
    assert set(read[~known].tolist()) == {0, 1, 2}
    grid = torch.linspace(-30, 30, 20_001).unsqueeze(1)
    flat = prior_of([[3.0], [-2.0], [0.5]], spread=0.7)
    assert (flat.log_prob(grid).exp().sum() * 0.003).item() == pytest.approx(1, abs=1e-4)


def test_the_attribute_must_be_there_and_have_classes():
    assert ByClass().build(2, SHAPE, ATTRIBUTES).attribute == "digit"
    with pytest.raises(InputError, match="did you mean 'digit'"):
        ByClass("digits").build(2, SHAPE, ATTRIBUTES)
    with pytest.raises(InputError, match="is continuous"):
        LatentSpace([Gaussian(2, prior=ByClass("slant"))], ATTRIBUTES, SHAPE)
    with pytest.raises(InputError, match="has none"):
        ByClass().build(2, SHAPE, {})


@pytest.mark.parametrize(("means", "size"), [("whitened", 2), ("simplex", 2), ("simplex", 4)])
def test_all_classes_together_have_the_moments_of_n01(means, size):
    torch.manual_seed(0)  # Three drawn means that lie nearly on a line leave rounding of more than is asked.
    prior = ByClass(means=means, spread=0.5).build(size, SHAPE, ATTRIBUTES)
    found = prior.class_means()
    assert found.mean(0).tolist() == pytest.approx([0.0] * size, abs=1e-5)
    moments = found.T @ found / 3 + 0.25 * torch.eye(size)
    expected = torch.eye(size)
    expected[range(2, size), range(2, size)] = 0.25  # dimensions in which three means do not vary
    assert torch.allclose(moments, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("classes", "variance", "norm", "distance", "error"),
    [
        (3, 0.25, 1.2247, 2.1213, 0.0169),
        (3, 0.5, 1.0, 1.7321, 0.1103),
        (10, 0.25, 2.5981, 3.8730, 5.4e-5),
        (10, 0.5, 2.1213, 3.1623, 0.0127),
    ],
)
def test_corners_of_a_simplex_lie_as_far_apart_as_published(classes, variance, norm, distance, error):
    attributes = {"digit": Attribute(name="digit", kind="ordinal", values=tuple(range(classes)))}
    prior = ByClass(means="simplex", spread=variance**0.5).build(classes - 1, SHAPE, attributes)
    means = prior.class_means()
    assert means.norm(dim=1).tolist() == pytest.approx([norm] * classes, abs=1e-3)
    apart = torch.cdist(means, means)[0, 1:]
    assert apart.tolist() == pytest.approx([distance] * (classes - 1), abs=1e-3)
    # Of two classes as likely, half the distance apart from the border between them.
    found = torch.special.ndtr(-apart[0] / (2 * variance**0.5)).item()
    assert found == pytest.approx(error, rel=0.06)


def test_whitened_means_learn_and_those_of_a_simplex_do_not():
    learned = ByClass(means="whitened", spread=0.5).build(2, SHAPE, ATTRIBUTES)
    learned.class_logits(torch.ones(1, 2))[0, 0].backward()
    assert learned.mean.grad.any()
    assert not list(ByClass(means="simplex", spread=0.5).build(2, SHAPE, ATTRIBUTES).parameters())


@pytest.mark.parametrize(
    ("fields", "size", "match"),
    [
        ({"means": "whitened"}, 2, "spread below 1"),
        ({"means": "whitened", "spread": 0.5}, 3, "2 dimensions at most"),
        ({"means": "simplex", "spread": 0.5}, 1, "needs 2 latents"),
    ],
)
def test_means_without_room_are_refused(fields, size, match):
    with pytest.raises(InputError, match=match):
        ByClass(**fields).build(size, SHAPE, ATTRIBUTES)
