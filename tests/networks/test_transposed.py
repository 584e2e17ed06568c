import pytest
import torch
from torch import nn

from distaff.networks._fast import Transposed

LAYERS = [
    {"out_channels": 5, "kernel_size": 4, "padding": 1},
    {"out_channels": 5, "kernel_size": 3, "padding": 1, "output_padding": (1, 0)},
    {"out_channels": 1, "kernel_size": 4, "padding": 1},
    {"out_channels": 1, "kernel_size": 3, "padding": 1, "output_padding": (1, 0)},
    {"out_channels": 1, "kernel_size": 4, "padding": 1, "output_padding": (0, 1)},
    {"out_channels": 3, "kernel_size": 4, "padding": 1, "output_padding": (0, 1)},
    {"out_channels": 4, "kernel_size": 4, "padding": 1, "output_padding": 1},
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_values_and_gradients_are_those_of_pytorch(layer, training):
    theirs = nn.ConvTranspose2d(6, stride=2, dtype=torch.float64, **layer)
    ours = Transposed(6, stride=2, dtype=torch.float64, **layer).train(training)
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


def test_a_bfloat16_gradient_of_the_bias_is_the_sum_over_places():
    layer = Transposed(4, 8, 4, stride=2, padding=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        drawn = layer(torch.randn(16, 4, 8, 8))
    assert drawn.dtype == torch.bfloat16
    weights = torch.randn(drawn.shape).bfloat16()
    drawn.backward(weights)
    assert layer.bias.grad.dtype == torch.float32
    torch.testing.assert_close(layer.bias.grad, weights.float().sum((0, 2, 3)), rtol=0.02, atol=0.5)
