"""The two terms of Tripod: total correlation by kernels, and the share of curvature that mixes latents."""

import math

import pytest
import torch
from small_model import loss_of, make_batch, make_model
from torch import nn

from distaff.errors import InputError
from distaff.latents import Batch, Gaussian, QuantisedLatent
from distaff.losses import TC, Hessian, Reconstruction, Step
from distaff.losses._single import HessianTerm
from distaff.losses._tc import kernel_tc


@pytest.mark.parametrize("r", [0.0, 0.6, 0.9])
def test_kernels_measure_the_total_correlation_of_blurred_normals(r):
    n = 2500
    noise = torch.randn(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = torch.stack([noise[:, 0], r * noise[:, 0] + math.sqrt(1 - r * r) * noise[:, 1]], 1)
    blurred = torch.cov(z.T)
    blurred.diagonal().mul_(1 + n ** (-1 / 3))  # Silverman's factor for two latents is n^(-1/6)
    own = torch.cov(z.T)
    spread = torch.linalg.solve(blurred, own).trace() - (own.diagonal() / blurred.diagonal()).sum()
    expected = 0.5 * (blurred.diagonal().log().sum() - torch.logdet(blurred) - spread)
    assert kernel_tc(z).mean().item() == pytest.approx(expected.item(), abs=0.03)


def test_kernels_find_a_copy_and_ignore_scale_shift_and_order():
    z = torch.randn(300, 3, generator=torch.Generator().manual_seed(1))
    copied = torch.cat([z[:, :1], z[:, :1], z[:, 2:]], 1)
    assert kernel_tc(copied).mean() > kernel_tc(z).mean() + 0.4
    moved = z[torch.randperm(300)] * torch.tensor([5.0, 0.1, -2.0]) + 3
    assert kernel_tc(moved[:, [2, 0, 1]]).mean().item() == pytest.approx(kernel_tc(z).mean().item(), abs=1e-3)
    still = torch.cat([z, torch.ones(300, 1)], 1)
    assert kernel_tc(still).isfinite().all()


def test_quantised_latents_have_kernels_and_no_minibatch_estimate():
    model = make_model([QuantisedLatent(3, learned=False)])
    loss, objective, step = loss_of([Reconstruction(0.0), TC(2, by="kernel")], model, make_batch(16))
    assert list(objective.columns) == ["reconstruction", "tc"]
    assert loss.total.item() == pytest.approx(2 * kernel_tc(step.z[0]).mean().item())
    loss.total.backward()
    assert model.head.weight.grad.any()
    with pytest.raises(InputError, match="needs 2 latents"):
        loss_of([TC()], model)
    with pytest.raises(InputError, match="needs 2 latents"):
        loss_of([TC(by="kernel")], make_model([QuantisedLatent(1)]))


class Decoder(nn.Module):
    """A stand-in for the model whose images are a function of the code."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def condition_code(self, labels):
        return None

    def decode(self, z, condition):
        return self.function(z).reshape(*z.shape[:-1], 1, 1, -1)


def share(function, images=400, seed=0):
    z = torch.randn(1, images, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    model = Decoder(function)
    step = Step(model, Batch(torch.zeros(images, 1, 1, 1)), {}, z, model.decode(z, None), 0, 1, seed)
    return HessianTerm(Hessian())(step).columns["hessian"].values.item()


def test_a_decoder_that_adds_functions_of_single_latents_has_no_mixed_curvature():
    assert share(lambda z: torch.stack([z[..., 0] ** 2 + z[..., 1].sin(), z[..., 2].exp()], -1)) < 1e-12


def test_a_product_of_two_latents_is_nothing_but_mixed_whatever_its_scale():
    product = share(lambda z: (z[..., 0] * z[..., 1])[..., None])
    assert product == pytest.approx(1, abs=0.25)
    assert share(lambda z: 1000 * (z[..., 0] * z[..., 1])[..., None]) == pytest.approx(product, rel=1e-6)
    # H = [[2, 1], [1, 0]]: the mixed entries are 2 of 6 squares.
    both = share(lambda z: (z[..., 0] ** 2 + z[..., 0] * z[..., 1])[..., None], images=4000)
    assert both == pytest.approx(1 / 3, abs=0.06)


def test_the_hessian_trains_the_decoder_alone_and_a_weight_of_0_changes_nothing():
    model = make_model([Gaussian(4)])
    loss, _, _ = loss_of([Reconstruction(0.0), Hessian(3)], model, make_batch(8))
    loss.total.backward()
    assert all(each.grad is None or not each.grad.any() for each in model.encoder.parameters())
    assert any(each.grad.any() for each in model.decoder.parameters())
    assert loss.total.item() == pytest.approx(3 * loss.columns["hessian"].values.item())
    without, _, _ = loss_of([], model, make_batch(8))
    nothing, _, _ = loss_of([Hessian(0)], model, make_batch(8))
    assert torch.equal(without.total, nothing.total)
    with pytest.raises(InputError, match="needs 2 latents"):
        loss_of([Hessian()], make_model([Gaussian(1)]))
