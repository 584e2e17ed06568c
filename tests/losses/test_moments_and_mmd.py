"""Golden numbers of DIP-VAE and of the maximum mean discrepancy."""

import pytest
import torch
from small_model import loss_of, make_batch, make_model

from distaff.errors import InputError
from distaff.latents import Gaussian, Normal, Softmax
from distaff.losses import KL, MMD, Moments
from distaff.losses._aggregate import between_others, covariance, kernel, normal_mmd, sampled_mmd

Q = Normal(
    torch.tensor([[1.0, 2], [3, 0], [-1, 1], [1, -3]]),
    torch.tensor([[0.5, 1], [1, 0.25], [0.5, 0.75], [2, 1]]).log(),
)


def of(term, q, z=None):
    model = make_model([Gaussian(q.mean.shape[1])])
    _, objective, step = loss_of([term], model)
    step.posteriors, step.z = {"z": q}, (q.mean if z is None else z).unsqueeze(0)
    return next(each for each in objective if set(each.columns) & {"mmd", "diagonal"})(step)


@pytest.mark.parametrize(("kind", "expected"), [("mean", 7.75), ("sample", 15.0625)])
def test_the_covariance_of_the_golden_batch(kind, expected):
    # The published scalar in the place of the variances' diagonal gives 10.1875 for `sample`.
    values = of(Moments(1, 1, kind), Q)
    assert values.loss.item() == pytest.approx(expected)
    parts = values.columns["off_diagonal"].values + values.columns["diagonal"].values
    assert parts.item() == pytest.approx(expected)


def test_each_weight_counts_its_own_entries():
    assert covariance(Q, "mean").tolist() == [[2, -0.5], [-0.5, 3.5]]
    assert covariance(Q, "sample").tolist() == [[3, -0.5], [-0.5, 4.25]]
    assert of(Moments(3, 0, "mean"), Q).loss.item() == pytest.approx(3 * 0.5)
    assert of(Moments(0, 3, "mean"), Q).loss.item() == pytest.approx(3 * 7.25)


def test_whitened_means_cost_nothing_and_shifts_do_not_matter():
    torch.manual_seed(0)
    raw = torch.randn(64, 3) - torch.randn(3)
    raw = raw - raw.mean(0)
    white = raw @ torch.linalg.inv(torch.linalg.cholesky(raw.T @ raw / 64)).T
    q = Normal(white, torch.zeros(64, 3))
    assert of(Moments(5, 7, "mean"), q).loss.item() == pytest.approx(0, abs=1e-8)
    shifted = Normal(Q.mean + 100, Q.log_variance)
    assert of(Moments(1, 1, "mean"), shifted).loss.item() == pytest.approx(7.75, abs=1e-3)
    turned = Normal(Q.mean.flip(1), Q.log_variance.flip(1))
    assert of(Moments(1, 1), turned).loss.item() == pytest.approx(15.0625)


X = torch.tensor([[0.0, 0], [1, 0], [0, 2]])
Y = torch.tensor([[1.0, 1], [-1, 0], [0, 0.5]])


@pytest.mark.parametrize(
    ("name", "scale", "biased", "unbiased"),
    [("rbf", 2.0, 0.114903, -0.198106), ("imq", 4.0, 0.109298, -0.144847)],
)
def test_the_discrepancy_of_two_small_samples(name, scale, biased, unbiased):
    with_own = sum(kernel(each, each, name, scale).mean() for each in (X, Y))
    assert (with_own - 2 * kernel(X, Y, name, scale).mean()).item() == pytest.approx(biased, abs=1e-6)
    assert sampled_mmd(X, Y, name, scale).item() == pytest.approx(unbiased, abs=1e-6)


@pytest.mark.parametrize(
    ("mean", "variance", "scale", "expected"),
    [([1.0], [1.0], 1.0, 0.177268), ([0.0, 0.0], [0.25, 1.0], 2.0, 0.0230551), ([0.0], [1.0], 1.0, 0.0)],
)
def test_the_discrepancy_of_a_normal_has_its_closed_form(mean, variance, scale, expected):
    torch.manual_seed(0)
    found = []
    for _ in range(20):
        z = torch.tensor(mean) + torch.tensor(variance).sqrt() * torch.randn(2000, len(mean))
        found.append(normal_mmd(z, scale).item())
    assert sum(found) / 20 == pytest.approx(expected, abs=3e-3)


def test_the_exact_prior_agrees_with_draws_from_it():
    torch.manual_seed(0)
    z = torch.randn(300, 3) * 0.7 + 0.5
    drawn = [sampled_mmd(z, torch.randn(4000, 3), "rbf", 3.0).item() for _ in range(5)]
    assert sum(drawn) / 5 == pytest.approx(normal_mmd(z, 3.0).item(), abs=5e-3)
    assert between_others(z, "rbf", 3.0) == between_others(z.flip(0), "rbf", 3.0)


def test_the_discrepancy_is_of_drawn_codes_over_scales_that_grow_with_their_number():
    z = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    q = Normal(torch.zeros(50, 3), torch.zeros(50, 3))
    expected = sum(normal_mmd(z, 3 * each) for each in (0.25, 1, 4)) / 3
    assert of(MMD(6), q, z).loss.item() == pytest.approx(6 * expected.item(), rel=1e-5)
    assert of(MMD(6), q, z[torch.randperm(50)]).loss.item() == pytest.approx(6 * expected.item(), rel=1e-5)


@pytest.mark.parametrize("scale", [0.5, 2.0, 8.0])
def test_the_discrepancy_grows_with_the_distance_of_the_means(scale):
    z = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    found = [normal_mmd(z - z.mean(0) + shift, scale).item() for shift in (0, 0.25, 0.5, 1, 2, 4, 99)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(0, abs=0.01)
    assert found[-1] == pytest.approx(2 * scale / (scale + 2), rel=0.05)


@pytest.mark.parametrize("term", [Moments(0, 0), MMD(0), MMD(0, "imq")])
def test_a_weight_of_nothing_is_the_vae_to_the_bit(term):
    def gradients(terms):
        model = make_model([Gaussian(4)])
        loss, _, _ = loss_of(terms, model, make_batch(16))
        loss.total.backward()
        return [each.grad for each in model.parameters()]

    plain, with_term = gradients([KL()]), gradients([KL(), term])
    assert all(torch.equal(*pair) for pair in zip(plain, with_term, strict=True))


@pytest.mark.parametrize("term", [Moments(), MMD()])
def test_codes_without_a_normal_posterior_are_refused(term):
    with pytest.raises(InputError, match="with a normal posterior"):
        loss_of([term], make_model([Softmax(attributes=("digit",))]))
