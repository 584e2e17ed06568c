"""The bound by its terms, against closed forms: gaussians, a linear model, a latent that nobody foresaw."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from distaff.analysis import Analysis, lacks_bound
from distaff.analysis._passes import encode, log_weights
from distaff.data import ArrayImages, AttributeTable, Dataset
from distaff.errors import InputError
from distaff.latents import Block, Latent, Normal, Posterior
from distaff.latents.priors import PriorModule
from distaff.losses import KL
from distaff.metrics import iwae_bound
from distaff.model import Model
from distaff.recipe import Recipe

PIXELS = 64


class LaplacePosterior(Posterior):
    def __init__(self, mean, scale):
        self.mean, self.scale = mean, scale

    @property
    def mode(self):
        return self.mean

    def rsample(self, draws, generator):
        u = torch.rand((draws, *self.mean.shape), generator=generator) - 0.5
        return self.mean - self.scale * u.sign() * torch.log1p(-2 * u.abs().clamp(max=0.4999999))

    def log_prob(self, z):
        return (-(z - self.mean).abs() / self.scale - torch.log(2 * self.scale)).sum(-1)

    def detach(self):
        return LaplacePosterior(self.mean.detach(), self.scale.detach())


class LaplacePrior(PriorModule):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def log_prob(self, z, labels=None):
        return (-z.abs() - math.log(2)).sum(-1)

    def sample(self, n, generator, device, labels=None):
        return LaplacePosterior(torch.zeros(n, self.size), torch.ones(())).rsample(1, generator)[0]


class LaplaceBlock(Block):
    kind = name = "laplace_of_a_stranger"

    def __init__(self, size):
        super().__init__()
        self.inputs, self.outputs, self.prior = 2 * size, size, LaplacePrior(size)

    def forward(self, numbers):
        mean, rho = numbers.float().chunk(2, dim=1)
        return LaplacePosterior(mean, rho.exp())


class LaplaceLatent(Latent):
    tag: ClassVar[str] = "laplace_of_a_stranger"
    size: int = 2

    def build(self, attributes, shape):
        return [LaplaceBlock(self.size)]


def dataset(images):
    n = len(images)
    table = AttributeTable((), np.zeros((n, 0), np.float32))
    rows = np.arange(n)
    splits = {"train": rows[:2], "valid": rows[:0], "test": rows[2:]}
    return Dataset("made", ArrayImages(images), table, table, splits)


def analysis_of(images, **fields):
    recipe = Recipe(**{"data": "digits", "network": {"mlp": {"hidden": [4]}}} | fields)
    data = dataset(images)
    model = Model(recipe, (), *recipe.build((), data.images.shape[1:], 2))
    return Analysis(model, data)


def noise(n=400):
    return np.random.default_rng(0).integers(0, 256, (n, 1, 8, 8), dtype=np.uint8)


def fixed_head(analysis, bias):
    """Give every image the same posterior and decode every code to grey."""
    vae = analysis.model.vae
    with torch.no_grad():
        vae.head.weight.zero_()
        vae.head.bias.copy_(torch.tensor(bias))
        for parameter in vae.decoder.parameters():
            parameter.zero_()
    return analysis


def test_gaussian_terms_are_their_closed_form_and_agree_with_densities():
    analysis = analysis_of(
        noise(), latent=[{"gaussian": {"size": 3}}, {"gaussian": {"size": 1, "name": "w"}}]
    )
    encoded = analysis.encoded
    assert encoded.kl_names == ("z0", "z1", "z2", "w0")
    assert encoded.normal.tolist() == [0, 1, 2, 3]
    variance = np.exp(encoded.log_variance)
    expected = 0.5 * (variance + encoded.mean**2 - 1 - encoded.log_variance)
    np.testing.assert_allclose(encoded.kl, expected, atol=1e-5)
    q = Normal(torch.from_numpy(encoded.mean), torch.from_numpy(encoded.log_variance))
    latents = analysis.model.vae.latents
    z = q.rsample(4000, torch.Generator().manual_seed(0))
    estimate = (q.log_prob(z) - latents.log_prior(z)).mean(0).numpy()
    np.testing.assert_allclose(estimate, expected.sum(axis=1), atol=0.1)


def test_one_code_is_drawn_from_each_posterior():
    analysis = fixed_head(analysis_of(noise(4000), latent=[{"gaussian": {"size": 1}}]), [2.0, math.log(0.25)])
    drawn = analysis.encoded.drawn[:, 0]
    assert drawn.mean() == pytest.approx(2, abs=0.05)
    assert drawn.std() == pytest.approx(0.5, abs=0.03)
    assert (analysis.codes == 2).all()
    np.testing.assert_array_equal(drawn, Analysis(analysis.model, analysis.dataset).encoded.drawn[:, 0])


def test_terms_of_a_known_posterior():
    analysis = fixed_head(
        analysis_of(noise(), latent=[{"gaussian": {"size": 2}}]), [2.0, 2.0, *[math.log(0.25)] * 2]
    )
    each = 0.5 * (0.25 + 4 - 1 - math.log(0.25))
    assert analysis.kl == pytest.approx({"z0": each, "z1": each}, rel=1e-5)
    np.testing.assert_allclose(analysis.bound.reconstruction, PIXELS * math.log(2), rtol=1e-5)
    np.testing.assert_allclose(analysis.bound.elbo, -(PIXELS * math.log(2) + 2 * each), rtol=1e-5)


class Linear(nn.Module):
    """Decodes W z + b."""

    def __init__(self, weight, bias):
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, z):
        return (z @ self.weight.T + self.bias).reshape(-1, 1, 8, 8)


def linear_gaussian(widened=1.0):
    """A linear model with N(0, I) codes, and log p(x) of its images; posteriors `widened` times too broad.

    W has orthogonal columns, so that the true posterior has independent dimensions:
    p(z | x) = N(S W^T (x - b) / s^2, S), S = 1 / (1 + |w|^2 / s^2), and p(x) = N(b, W W^T + s^2 I).
    """
    rng, noise_variance = np.random.default_rng(0), 0.01
    weight = np.linalg.qr(rng.standard_normal((PIXELS, 3)))[0] * np.array([0.5, 0.3, 0.1])
    bias = np.full(PIXELS, 0.5)
    x = bias + rng.standard_normal((300, 3)) @ weight.T + 0.1 * rng.standard_normal((300, PIXELS))
    images = np.clip(np.rint(x * 255), 0, 255).astype(np.uint8).reshape(-1, 1, 8, 8)
    analysis = analysis_of(
        images, latent=[{"gaussian": {"size": 3}}], likelihood={"gaussian": {"variance": noise_variance}}
    )
    spread = 1 / (1 + (weight**2).sum(axis=0) / noise_variance)
    project = torch.tensor(spread * weight / noise_variance, dtype=torch.float32)
    log_variance = torch.tensor(np.log(widened * spread), dtype=torch.float32)
    vae = analysis.model.vae
    vae.decoder = Linear(torch.tensor(weight, dtype=torch.float32), torch.tensor(bias, dtype=torch.float32))

    def posterior(images, condition=None):
        mean = (images.flatten(1) - 0.5) @ project
        return {"z": Normal(mean, log_variance.expand_as(mean))}

    vae.encode = posterior
    covariance = weight @ weight.T + noise_variance * np.eye(PIXELS)
    away = analysis.images(analysis.rows).reshape(-1, PIXELS) / 255 - bias
    squared = (away * np.linalg.solve(covariance, away.T).T).sum(axis=1)
    log_p = -0.5 * (squared + np.linalg.slogdet(covariance)[1] + PIXELS * math.log(2 * math.pi))
    return analysis, log_p


def test_with_the_true_posterior_every_weight_is_the_likelihood():
    analysis, log_p = linear_gaussian()
    weights = analysis.log_weights(50, 5)
    np.testing.assert_allclose(weights, np.repeat(log_p[:50, None], 5, axis=1), atol=2e-3)
    # The closed form of the KL and the one drawn reconstruction agree with it on average.
    assert analysis.bound.elbo.mean() == pytest.approx(log_p.mean(), abs=0.25)


def test_with_another_posterior_the_elbo_is_short_by_its_divergence_and_draws_make_it_up():
    widened = 1.5
    analysis, log_p = linear_gaussian(widened)
    short = 3 * 0.5 * (widened - 1 - math.log(widened))
    weights = analysis.log_weights(300, 2000)
    assert weights.mean() == pytest.approx((log_p - short).mean(), abs=0.02)
    bounds = [iwae_bound(weights[:, :k]).value for k in (1, 20, 2000)]
    assert bounds[0] < bounds[1] < bounds[2] <= log_p.mean() + 0.005
    assert bounds[2] == pytest.approx(log_p.mean(), abs=0.005)


def test_a_latent_of_a_stranger_has_a_bound_by_its_densities_alone():
    mean, scale = 0.7, 0.5
    analysis = fixed_head(
        analysis_of(noise(6000), latent=[LaplaceLatent(size=2)], loss=[KL()]),
        [mean, mean, math.log(scale), math.log(scale)],
    )
    assert analysis.model.has_bound
    # KL(Laplace(m, b) || Laplace(0, 1)) = |m| + b exp(-|m| / b) - log b - 1, estimated in one column.
    exact = 2 * (mean + scale * math.exp(-mean / scale) - math.log(scale) - 1)
    assert list(analysis.kl) == ["laplace_of_a_stranger"]
    assert analysis.kl["laplace_of_a_stranger"] == pytest.approx(exact, abs=0.05)
    assert analysis.bound.elbo.mean() == pytest.approx(-(PIXELS * math.log(2) + exact), abs=0.05)
    assert iwae_bound(analysis.log_weights(200, 1000)).value == pytest.approx(-PIXELS * math.log(2), abs=0.02)
    assert len(analysis.encoded.normal) == 0
    assert [each.kl for each in analysis.latents] == [None, None]
    exact_one = fixed_head(analysis_of(noise(), latent=[LaplaceLatent(size=2)]), [0.0] * 4)
    np.testing.assert_allclose(exact_one.log_weights(20, 3), -PIXELS * math.log(2), rtol=1e-5)


class Silent(LaplaceBlock):
    kind = name = "silent_latent"
    has_kl = False


class SilentLatent(Latent):
    tag: ClassVar[str] = "silent_latent"

    def build(self, attributes, shape):
        return [Silent(1)]


def test_a_latent_without_a_divergence_of_its_own_still_counts_in_the_bound():
    analysis = fixed_head(
        analysis_of(noise(6000), latent=[SilentLatent(), {"gaussian": {"size": 1}}]), [0.7, 0.0, 0.0, 0.0]
    )
    exact = 0.7 + math.exp(-0.7) - 1
    assert analysis.kl == pytest.approx({"silent_latent": exact, "z0": 0.0}, abs=0.05)


def test_a_model_with_codes_without_density_has_no_bound(digits_analysis):
    analysis = digits_analysis("supervised")
    assert "softmax" in lacks_bound(analysis.model)
    assert lacks_bound(digits_analysis("vae").model) is None
    with pytest.raises(InputError, match="softmax"):
        analysis.log_weights(5, 5)
    # Codes that are not drawn are decoded as they are.
    np.testing.assert_array_equal(analysis.encoded.drawn[:, :10], analysis.codes[:, :10])
    assert analysis.encoded.kl_names[0] == "digit"
    assert analysis.encoded.normal.tolist() == list(range(10, 18))


def test_batches_and_the_order_of_rows_change_nothing(digits_analysis):
    analysis = digits_analysis("vae")
    model, data, rows = analysis.model, analysis.dataset, analysis.rows
    whole = encode(model, data.images, analysis.labels, rows)
    model.batch_size = 7
    small = encode(model, data.images, analysis.labels, rows)
    np.testing.assert_allclose(whole.codes, small.codes, atol=1e-5)
    np.testing.assert_allclose(whole.kl, small.kl, atol=1e-5)
    turned = encode(model, data.images, analysis.labels, rows[::-1])
    np.testing.assert_allclose(turned.codes[::-1], small.codes, atol=1e-5)
    weights = log_weights(model, data.images, analysis.labels, rows[:3], 50)
    assert weights.shape == (3, 50)
