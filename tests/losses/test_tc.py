"""Golden numbers for the estimates of the total correlation (beta-TCVAE, FactorVAE)."""

import math

import pytest
import torch
from small_model import loss_of, make_batch, make_model

from distaff.errors import InputError
from distaff.latents import Gaussian, Normal, Softmax
from distaff.losses import KL, TC, Discriminator, Minibatch
from distaff.losses._tc import log_weights, permute_dimensions, split

Q = Normal(
    torch.tensor([[0, 1], [1, -1], [-0.5, 0.5], [2, 0]], dtype=torch.float64),
    torch.tensor([[0.5, 1], [0.25, 0.5], [1, 0.25], [0.5, 0.5]], dtype=torch.float64).log(),
)
Z = torch.tensor([[0.2, 0.8], [1.1, -0.6], [-1, 0.4], [1.5, 0.3]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("estimator", "images", "mi", "tc", "dim_kl"),
    [
        ("mws", 10, 3.285186, 2.460474, -4.515014),
        ("mss", 10, 1.363232, 0.090395, -0.222980),
        ("exchangeable", 10, 1.412650, 0.102119, -0.284123),
        ("exchangeable", 4, 0.982601, 0.157889, 0.090157),
    ],
)
def test_the_tiny_batch(estimator, images, mi, tc, dim_kl):
    found = [each.mean().item() for each in split(Q, Z, log_weights(estimator, 4, images).double())]
    assert found == pytest.approx([mi, tc, dim_kl], abs=1e-5)
    assert sum(found) == pytest.approx(1.230647, abs=1e-5)


@pytest.mark.parametrize("estimator", ["mss", "exchangeable"])
def test_weights_add_to_one_with_the_own_posterior_at_one_over_n(estimator):
    weights = log_weights(estimator, 4, 10).exp()
    assert torch.allclose(weights.sum(1), torch.ones(4))
    assert torch.allclose(weights.diagonal(), torch.full((4,), 0.1))


@pytest.mark.parametrize("estimator", ["mss", "exchangeable"])
def test_a_batch_of_one_image_says_nothing_of_others(estimator):
    # A last batch may hold one image: its only posterior has all the weight, so MI and TC are 0, not log N.
    one = Normal(Q.mean[:1], Q.log_variance[:1])
    mi, tc, dim_kl = split(one, Z[:1], log_weights(estimator, 1, 10).double())
    assert mi.item() == pytest.approx(0, abs=1e-6)
    assert tc.item() == pytest.approx(0, abs=1e-6)
    prior = Normal(torch.zeros(1, 2).double(), torch.zeros(1, 2).double()).log_prob(Z[:1])
    assert dim_kl.item() == pytest.approx((one.log_prob(Z[:1]) - prior).item(), abs=1e-6)


@pytest.mark.parametrize("estimator", ["mss", "exchangeable"])
def test_equal_posteriors_have_neither_information_nor_total_correlation(estimator):
    q = Normal(torch.ones(6, 3), torch.zeros(6, 3))
    mi, tc, _ = split(q, torch.randn(6, 3), log_weights(estimator, 6, 500))
    assert torch.allclose(mi, torch.zeros(6), atol=1e-5)
    assert torch.allclose(tc, torch.zeros(6), atol=1e-5)


def test_the_published_weighting_reports_the_logarithm_of_n():
    q = Normal(torch.zeros(6, 3), torch.zeros(6, 3))
    mi, tc, dim_kl = split(q, torch.randn(6, 3), log_weights("mws", 6, 500))
    assert torch.allclose(mi, torch.tensor(math.log(500)), atol=1e-4)
    assert torch.allclose(tc, torch.tensor(2 * math.log(500)), atol=1e-4)
    assert torch.allclose(dim_kl, torch.tensor(-3 * math.log(500)), atol=1e-4)


def test_the_aggregate_of_a_linear_encoder_has_its_closed_form():
    torch.manual_seed(0)
    spread = torch.tensor([[0.8, 0.5], [0.5, 0.7]])
    mean = torch.randn(3000, 2) @ torch.linalg.cholesky(spread).T
    q = Normal(mean, torch.tensor([0.1, 0.2]).log().expand(3000, 2))
    z = q.rsample(1, torch.Generator().manual_seed(1))[0]
    mi, tc, dim_kl = (each.mean().item() for each in split(q, z, log_weights("exchangeable", 3000, 3000)))
    assert (mi, tc, dim_kl) == pytest.approx((1.666102, 0.184549, 0.005361), abs=0.06)


def gradients(terms, model=None):
    model = make_model([Gaussian(4)]) if model is None else model
    loss, objective, _ = loss_of(terms, model, make_batch(16))
    loss.total.backward()
    return loss, {name: each.grad for name, each in model.named_parameters()}, objective


@pytest.mark.parametrize("by", [Minibatch(), Minibatch("mss"), Minibatch("mws"), Discriminator((8,))])
def test_a_weight_of_nothing_is_the_vae_to_the_bit(by):
    plain, before, _ = gradients([KL()])
    loss, after, _ = gradients([KL(), TC(0, by)])
    assert torch.equal(loss.total, plain.total)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_estimate_is_logged_with_its_parts():
    loss, _, objective = gradients([KL(), TC(5)])
    assert list(objective.columns) == ["reconstruction", "kl", "tc", "mi", "dim_kl"]
    kl = loss.columns["kl"].mean() + 5 * loss.columns["tc"].mean() + loss.columns["reconstruction"].mean()
    assert loss.total.item() == pytest.approx(kl.item(), rel=1e-6)


def test_the_discriminator_and_the_model_do_not_feel_each_others_gradient():
    model = make_model([Gaussian(4)])
    loss, objective, _ = loss_of([TC(1, Discriminator((16, 16)))], model, make_batch(16))
    own = [each for name, each in objective.named_parameters() if "discriminator" in name]
    rest = list(model.parameters())
    tc, reconstruction = loss.columns["tc"].mean(), loss.columns["reconstruction"].mean()
    of_tc = torch.autograd.grad(tc + reconstruction, [*own, *rest], retain_graph=True, allow_unused=True)
    assert all(each is None for each in of_tc[: len(own)])
    of_own = torch.autograd.grad(loss.columns["tc.loss"].values, [*own, *rest], allow_unused=True)
    assert all(each is not None and each.any() for each in of_own[: len(own)])
    assert all(each is None for each in of_own[len(own) :])


def test_the_discriminator_has_its_own_learning_rate_and_betas():
    model = make_model([Gaussian(4)])
    _, objective, _ = loss_of([TC(1, Discriminator((8,), lr=1e-5))], model)
    (group,) = next(term for term in objective if "tc" in term.columns).parameter_groups()
    assert (group.lr, group.betas) == (1e-5, (0.5, 0.9))
    assert len(group.parameters) == 4


def test_permuting_moves_every_column_by_itself():
    z = torch.randn(50, 6)
    moved = permute_dimensions(z, torch.Generator().manual_seed(0))
    assert torch.equal(moved.sort(0).values, z.sort(0).values)
    assert not torch.equal(moved, z)
    order = [(z[:, d].unsqueeze(0) == moved[:, d].unsqueeze(1)).float().argmax(1) for d in range(6)]
    assert not torch.equal(order[0], order[1])


def test_the_published_discriminator_has_its_size():
    model = make_model([Gaussian(10)])
    _, objective, _ = loss_of([TC(30, Discriminator())], model)
    assert sum(each.numel() for each in objective.parameters()) == 5_018_002


def test_the_analytic_logit_gives_the_total_correlation_of_two_normals():
    torch.manual_seed(0)
    r, z = 0.9, torch.randn(400_000, 2, dtype=torch.float64)
    z = torch.stack([z[:, 0], r * z[:, 0] + math.sqrt(1 - r * r) * z[:, 1]], 1)
    quadratic = (z[:, 0] ** 2 - 2 * r * z[:, 0] * z[:, 1] + z[:, 1] ** 2) / (1 - r * r)
    logit = -0.5 * math.log(1 - r * r) - 0.5 * (quadratic - z.square().sum(1))
    assert logit.mean().item() == pytest.approx(0.830366, abs=0.01)


def test_a_trained_discriminator_measures_the_total_correlation_of_two_normals():
    torch.manual_seed(0)
    part = Discriminator((64, 64), lr=1e-3)
    model = make_model([Gaussian(2)])
    _, objective, step = loss_of([TC(1, part)], model)
    term = next(each for each in objective if "tc" in each.columns)
    adam = torch.optim.Adam(term.parameters(), lr=1e-3)
    cholesky = torch.linalg.cholesky(torch.tensor([[1.0, 0.9], [0.9, 1.0]]))
    seen = []
    for number in range(1200):
        z = torch.randn(64, 2) @ cholesky.T
        step.posteriors = {"z": Normal(z, torch.zeros(64, 2))}
        step.z, step.seed = z.unsqueeze(0), number
        values = term(step)
        adam.zero_grad()
        values.columns["tc.loss"].values.backward()
        adam.step()
        seen.append((values.columns["tc"].mean().item(), values.columns["tc.loss"].values.item()))
    tc, loss = (sum(each) / len(each) for each in zip(*seen[-400:], strict=True))
    assert tc == pytest.approx(0.83, abs=0.25)
    assert loss < 0.6


def test_one_latent_has_no_total_correlation():
    with pytest.raises(InputError, match="needs 2 latents"):
        loss_of([TC()], make_model([Gaussian(1), Softmax(attributes=("digit",))]))
