import math

import pytest
import torch

from distaff.latents import Gumbel, LatentSpace


def space(**fields):
    return LatentSpace([Gumbel(**fields)], {}, (1, 8, 8))


@pytest.mark.parametrize(
    ("chances", "expected"),
    [((0.7, 0.2, 0.1), 0.296794), ((1 / 3, 1 / 3, 1 / 3), 0.0), ((1.0, 1e-30, 1e-30), math.log(3))],
)
def test_the_kl_is_of_the_classes(chances, expected):
    found = space(classes=3)
    q = found(torch.tensor([chances]).log())
    kl = found.kl(q, found.rsample(q, 1, None), {})["class"]
    assert kl.item() == pytest.approx(expected, abs=1e-5)
    assert found["class"].kl_names == ("class",)


def test_the_largest_number_is_drawn_as_often_as_its_class_is_likely():
    chances = torch.tensor([[0.7, 0.2, 0.1]])
    drawn = space(classes=3)(chances.log())["class"].rsample(100_000, torch.Generator().manual_seed(0))
    share = torch.bincount(drawn[:, 0].argmax(1), minlength=3) / 100_000
    assert torch.allclose(share, chances[0], atol=0.006)
    assert torch.allclose(drawn.sum(-1), torch.ones(100_000, 1))


def test_a_low_temperature_is_nearly_one_hot_and_the_mode_is():
    q = space(classes=3, temperature=0.01)(torch.randn(500, 3))["class"]
    drawn = q.rsample(1, torch.Generator().manual_seed(0))
    assert (drawn.max(-1).values > 0.99).float().mean() > 0.95
    assert set(q.mode.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(q.mode.argmax(1), q.logits.argmax(1))


def test_the_noise_is_finite_and_the_gradient_reaches_the_logits():
    logits = torch.zeros(1000, 3, requires_grad=True)
    drawn = space(classes=3)(logits)["class"].rsample(10, torch.Generator().manual_seed(0))
    (drawn * torch.arange(3.0)).sum().backward()
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().sum() > 0


def test_prior_codes_are_one_hot():
    drawn = space(classes=4).sample_prior(1000, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert torch.equal(drawn.sum(1), torch.ones(1000))
    assert torch.allclose(drawn.mean(0), torch.full((4,), 0.25), atol=0.06)


@pytest.mark.parametrize("uniform", [0.0, 1.0])
def test_the_ends_of_the_uniform_numbers_have_finite_noise(uniform, monkeypatch):
    # A number below 1 may be rounded to it, and 0 is drawn as it is.
    monkeypatch.setattr(torch, "rand", lambda shape, **more: torch.full(shape, uniform))
    logits = torch.zeros(1, 3, requires_grad=True)
    drawn = space(classes=3)(logits)["class"].rsample(1, None)
    drawn[..., 0].sum().backward()
    assert torch.allclose(drawn, torch.full((1, 1, 3), 1 / 3))
    assert logits.grad.isfinite().all()
