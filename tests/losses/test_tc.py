"""Golden numbers for the estimates of the total correlation (beta-TCVAE, FactorVAE)."""

import math

import pytest
import torch
from small_model import loss_of, make_batch, make_model
from torch import nn

from distaff.errors import InputError
from distaff.latents import Gaussian, Normal, Softmax
from distaff.latents._posteriors import normal_kl
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
    parts = split(Q, Z, log_weights(estimator, 4, images).double())
    found = [each.mean().item() for each in parts]
    assert found == pytest.approx([mi, tc, dim_kl], abs=1e-5)
    assert sum(found) == pytest.approx(1.230647, abs=1e-5)
    prior = Normal(torch.zeros_like(Z), torch.zeros_like(Z))
    assert torch.allclose(sum(parts), Q.log_prob(Z) - prior.log_prob(Z), atol=1e-5)
    assert normal_kl(Q.mean, Q.log_variance).sum(1).mean().item() == pytest.approx(1.193147, abs=1e-6)


@pytest.mark.parametrize("estimator", ["mss", "exchangeable"])
def test_weights_add_to_one_with_the_own_posterior_at_one_over_n(estimator):
    weights = log_weights(estimator, 4, 10).exp()
    assert torch.allclose(weights.sum(1), torch.ones(4))
    assert torch.allclose(weights.diagonal(), torch.full((4,), 0.1))


@pytest.mark.parametrize(("batch", "images"), [(4, 10), (4, 4), (64, 480_000)])
def test_exchangeable_is_the_mean_of_stratified_over_which_other_image_is_the_one(batch, images):
    # With the whole data set as the batch it is the exact mixture, which stratified is in the mean alone.
    stratified, even = (log_weights(each, batch, images).double().exp() for each in ("mss", "exchangeable"))
    turned = [stratified[0, 1:].roll(k) for k in range(batch - 1)]
    assert torch.allclose(torch.stack(turned).mean(0), even[0, 1:], rtol=1e-5)
    assert torch.equal(stratified.roll(1, 0).roll(1, 1), stratified)
    if batch == images:
        assert torch.allclose(even, torch.full((batch, batch), 1 / batch).double())


@pytest.mark.parametrize(
    ("estimator", "mi", "tc"), [("mws", 17.2, 69.9), ("mss", 12.4, -2.8), ("exchangeable", 12.4, -2.8)]
)
def test_estimates_within_a_batch_are_off_by_many_nats(estimator, mi, tc):
    # The truth is a mutual information of 8.99 and a total correlation of 0: why no report has the estimates.
    generator, log_w = torch.Generator().manual_seed(0), log_weights(estimator, 64, 480_000)
    found = []
    for _ in range(100):
        mean = math.sqrt(0.95) * torch.randn(64, 6, generator=generator)
        q = Normal(mean, torch.full((64, 6), math.log(0.05)))
        found.append([each.mean().item() for each in split(q, q.rsample(1, generator)[0], log_w)[:2]])
    assert torch.tensor(found).mean(0).tolist() == pytest.approx([mi, tc], abs=0.15)


def test_each_part_of_the_divergence_can_have_a_weight_of_its_own():
    model = make_model(latent=[Gaussian(4)])
    free, _, step = loss_of([KL(2), TC(5, by=Minibatch(estimator="mss", mi=-11))], model)
    q, z = step.normal_posterior()
    mi, tc, _ = split(q, z, log_weights("mss", 4, 1000))
    kl = normal_kl(q.mean, q.log_variance).sum(1)
    assert free.total.item() == pytest.approx(
        (2 * kl + 5 * tc - 11 * mi - step.log_likelihood[0]).mean().item(), abs=1e-3
    )
    # Of weight 0 it leaves the loss as it was, and has no weight in the history.
    plain, objective, _ = loss_of([KL(2), TC(5, by=Minibatch(estimator="mss"))], model)
    assert free.total.item() == pytest.approx(plain.total.item() - 11 * mi.mean().item(), abs=1e-3)
    assert "mi" not in objective.schedules


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
    mean = torch.randn(3000, 2)
    mean = mean - mean.mean(0)
    # Exactly the wanted covariance.
    white = mean @ torch.linalg.inv(torch.linalg.cholesky(mean.T @ mean / 3000)).T
    mean = white @ torch.linalg.cholesky(spread).T
    q = Normal(mean, torch.tensor([0.1, 0.2]).log().expand(3000, 2))
    assert normal_kl(q.mean, q.log_variance).sum(1).mean().item() == pytest.approx(1.856012, abs=1e-4)
    z = q.rsample(1, torch.Generator().manual_seed(1))[0]
    mi, tc, dim_kl = (each.mean().item() for each in split(q, z, log_weights("exchangeable", 3000, 3000)))
    assert (mi, tc, dim_kl) == pytest.approx((1.666102, 0.184549, 0.005361), abs=0.02)


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


def correlated(n, r):
    z = torch.randn(n, 2)
    return torch.stack([z[:, 0], r * z[:, 0] + math.sqrt(1 - r * r) * z[:, 1]], 1)


def discriminator_of(hidden):
    """The term, and a step whose codes and seed the caller sets; the means of its posteriors are 0."""
    _, objective, step = loss_of([TC(1, Discriminator(hidden))], make_model([Gaussian(2)]))

    def found(z, seed=0):
        step.posteriors = {"z": Normal(torch.zeros_like(z), torch.zeros_like(z))}
        step.z, step.seed = z.unsqueeze(0), seed
        return term(step)

    term = next(each for each in objective if "tc" in each.columns)
    return term, found


class AnalyticLogit(nn.Module):
    """log q(z) - log q(z_1) - log q(z_2) of two normals of correlation r, as two logits."""

    def __init__(self, r):
        super().__init__()
        self.r = r

    def forward(self, z):
        r, (one, two) = self.r, z.unbind(1)
        quadratic = (one**2 - 2 * r * one * two + two**2) / (1 - r * r)
        logit = -0.5 * math.log(1 - r * r) - 0.5 * (quadratic - z.square().sum(1))
        return torch.stack([logit, torch.zeros_like(logit)], 1)


def test_the_analytic_logit_gives_the_total_correlation_of_two_normals():
    torch.manual_seed(0)
    term, found = discriminator_of((8,))
    term.discriminator = AnalyticLogit(0.9)
    columns = found(correlated(400_000, 0.9)).columns
    assert columns["tc"].mean().item() == pytest.approx(0.830366, abs=0.01)
    # No discriminator has a lower cross-entropy: log 2 less the Jensen-Shannon divergence, by quadrature.
    assert columns["tc.loss"].values.item() == pytest.approx(0.4786, abs=0.005)


def test_a_discriminator_that_knows_nothing_has_the_cross_entropy_of_chance():
    term, found = discriminator_of((8,))
    with torch.no_grad():
        for each in term.discriminator[-1].parameters():
            each.zero_()
    values = found(correlated(64, 0.9))
    assert values.columns["tc.loss"].values.item() == pytest.approx(0.693147, abs=1e-6)
    assert values.columns["tc"].mean().item() == values.loss.item() == 0


@pytest.mark.parametrize(
    ("r", "steps", "tc", "margin", "least", "most"),
    [(0.9, 1200, 0.83, 0.25, 0.45, 0.55), (0.0, 400, 0, 0.02, 0.69, 0.70)],
)
def test_a_trained_discriminator_measures_the_total_correlation_of_two_normals(
    r, steps, tc, margin, least, most
):
    torch.manual_seed(0)
    term, found = discriminator_of((64, 64))
    adam, seen = torch.optim.Adam(term.parameters(), lr=1e-3), []
    for number in range(steps):
        values = found(correlated(64, r), number)
        adam.zero_grad()
        values.columns["tc.loss"].values.backward()
        adam.step()
        seen.append((values.columns["tc"].mean().item(), values.columns["tc.loss"].values.item()))
    mean, loss = (sum(each) / len(each) for each in zip(*seen[-steps // 3 :], strict=True))
    assert mean == pytest.approx(tc, abs=margin)
    assert least < loss < most


def test_one_latent_has_no_total_correlation():
    with pytest.raises(InputError, match="needs 2 latents"):
        loss_of([TC()], make_model([Gaussian(1), Softmax(attributes=("digit",))]))
