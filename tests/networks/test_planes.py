import pytest
import torch
from torch import nn

from distaff.networks._fast import ThinConv

LAYERS = [
    {"out_channels": 1, "kernel_size": 3, "padding": 1},
    {"out_channels": 3, "kernel_size": 3, "padding": 1},
    {"out_channels": 2, "kernel_size": (3, 1), "padding": (0, 0)},
    {"out_channels": 4, "kernel_size": (1, 5), "padding": (0, 1)},
    {"out_channels": 5, "kernel_size": 3, "padding": 1},
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_values_and_gradients_are_those_of_pytorch(layer, training):
    theirs = nn.Conv2d(6, dtype=torch.float64, **layer)
    ours = ThinConv(6, dtype=torch.float64, **layer).train(training)
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 6, 5, 7, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    found = []
    for each in (theirs, ours):
        seen = images.clone().requires_grad_()
        drawn = each(seen)
        (drawn**2).sum().backward()
        found.append((drawn, seen.grad, each.weight.grad, each.bias.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_planes_in_bfloat16_are_summed_in_float32():
    layer = ThinConv(8, 1, 3, padding=1)
    images = torch.randn(4, 8, 9, 9)
    exact = layer.eval()(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        drawn = layer.train()(images)
    assert drawn.dtype == torch.float32
    torch.testing.assert_close(drawn, exact, rtol=0, atol=0.03)
    drawn.sum().backward()
    assert layer.weight.grad.dtype == torch.float32


def test_the_gradient_of_the_pixels_is_laid_out_as_they_are():
    images = torch.randn(2, 6, 5, 7).contiguous(memory_format=torch.channels_last).requires_grad_()
    (gradient,) = torch.autograd.grad(ThinConv(6, 1, 3, padding=1)(images).sum(), images)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
