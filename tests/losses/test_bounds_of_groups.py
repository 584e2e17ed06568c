"""MIWAE, PIWAE and CIWAE against the bound, each other, and the gradients that their paper asks for."""

import pytest
import torch
from small_model import loss_of, make_batch, make_model

from distaff.errors import InputError
from distaff.latents import Gaussian
from distaff.losses import Bound


def gradients(bound, shift=0.0):
    """The loss of one model and one batch, and the gradients of its encoder and of its decoder."""
    model = make_model([Gaussian(3)])
    with torch.no_grad():
        model.head.bias += shift
    loss, _, step = loss_of([bound], model, make_batch(8))
    loss.total.backward()
    encoder = [each.grad.clone() for each in (*model.encoder.parameters(), *model.head.parameters())]
    return loss, step, encoder, [each.grad.clone() for each in model.decoder.parameters()]


def same(one, two, tolerance=2e-6):
    scale = max(each.abs().max().item() for each in two)
    return all(torch.allclose(a, b, atol=tolerance * scale, rtol=1e-4) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("gradient", ["iwae", "stl", "dreg"])
def test_groups_of_one_draw_are_the_elbo_and_one_group_is_iwae(gradient):
    single, _, encoder, decoder = gradients(Bound(6, gradient, groups=6))
    assert torch.allclose(single.columns["bound"].values, -single.columns["elbo"].values, atol=1e-4)
    whole, _, own, other = gradients(Bound(6, gradient, elbo=1.0))
    assert single.total.item() == pytest.approx(whole.total.item(), rel=1e-6)
    assert same(encoder, own)
    assert same(decoder, other)


def test_miwae_is_the_mean_of_the_bounds_of_its_groups():
    loss, step, _, _ = gradients(Bound(15, groups=3))
    q, latents = step.posteriors["z"], step.model.latents
    log_w = step.log_likelihood + latents.log_prior(step.z) - q.log_prob(step.z)
    # The first five draws are a group; k and the number of groups are not the same.
    each = [torch.logsumexp(log_w[5 * i : 5 * i + 5], 0) - torch.tensor(5.0).log() for i in range(3)]
    assert torch.allclose(loss.columns["bound"].values, -sum(each) / 3, atol=1e-4)
    iwae = gradients(Bound(15))[0].total
    elbo = gradients(Bound(15, groups=15))[0].total
    assert iwae < loss.total < elbo


def test_ciwae_lies_between_and_so_does_its_gradient():
    _, _, elbo, _ = gradients(Bound(6, elbo=1.0))
    _, _, iwae, _ = gradients(Bound(6))
    mixed, _, encoder, _ = gradients(Bound(6, elbo=0.3))
    assert same(encoder, [0.7 * a + 0.3 * b for a, b in zip(iwae, elbo, strict=True)], 1e-5)
    parts = mixed.columns
    # The column is the loss itself: a bound, as both are.
    assert mixed.total.item() == pytest.approx(parts["bound"].mean().item())


@pytest.mark.parametrize("gradient", ["iwae", "stl", "dreg"])
@pytest.mark.parametrize("shift", [0.0, 4.0])
def test_piwae_has_the_encoder_of_miwae_and_the_decoder_of_iwae(gradient, shift):
    piwae, _, encoder, decoder = gradients(Bound(12, gradient, groups=4, grouped="encoder"), shift)
    miwae, _, wanted, other = gradients(Bound(12, gradient, groups=4), shift)
    iwae, _, _, own = gradients(Bound(12, gradient), shift)
    assert same(encoder, wanted)
    assert same(decoder, own)
    assert not same(decoder, other)
    assert piwae.total.item() == pytest.approx(iwae.total.item())
    assert piwae.total < miwae.total


def test_dreg_of_a_mixture_counts_the_weights_twice_and_the_elbo_once():
    _, _, dreg, _ = gradients(Bound(6, "dreg"))
    _, _, stl, _ = gradients(Bound(6, "stl", elbo=1.0))
    _, _, mixed, _ = gradients(Bound(6, "dreg", elbo=0.3))
    assert same(mixed, [0.7 * a + 0.3 * b for a, b in zip(dreg, stl, strict=True)], 1e-5)


def test_what_does_not_divide_is_refused():
    with pytest.raises(InputError, match="50 draws cannot be 8 equal groups"):
        Bound(50, groups=8)
    with pytest.raises(InputError, match="goes with grouped: both"):
        Bound(48, groups=8, grouped="encoder", elbo=0.5)
