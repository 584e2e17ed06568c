import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from distaff.errors import InputError
from distaff.latent import Gaussian
from distaff.network import Conv, Folded, Keras, Mlp, Pair, Resnet, initialise
from distaff.network.resnet import Residual
from distaff.objective import Classify

NETWORKS = [
    Mlp(hidden=(16,)),
    Conv(hidden=(16,)),
    Folded(channels=8, hidden=(16,)),
    Keras(channels=(4, 8)),
    Resnet(hidden=(16,)),
    Pair(),
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.tag)
@given(
    channels=st.integers(1, 4),
    height=st.integers(8, 70),
    width=st.integers(8, 70),
    condition=st.integers(0, 3),
)
@settings(max_examples=12, deadline=None)
def test_any_picture_goes_in_and_its_shape_comes_out(network, channels, height, width, condition):
    shape = (channels, height, width)
    encoder = network.build_encoder(shape, condition)
    given_condition = torch.rand(2, condition) if condition else None
    assert encoder(torch.rand(2, *shape), given_condition).shape == (2, encoder.features)
    assert network.build_decoder(5 + condition, shape)(torch.rand(2, 5 + condition)).shape == (2, *shape)


@pytest.mark.parametrize(("side", "patch"), [(8, 1), (28, 2), (32, 2), (64, 4), (128, 8), (37, 1)])
def test_cells_keep_sides_of_fourteen(side, patch):
    assert Folded().build_encoder((3, side, side), 0).trunk[0].downscale_factor == patch


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (Conv(), (1, 7, 20), "both sides need 8 pixels"),
        (Conv(channels=(8,) * 6), (1, 28, 28), "6 strided layers do not fit 28 x 28; at most 4 do"),
        (Folded(), (1, 28, 7), "both sides need 8 pixels"),
    ],
)
def test_what_does_not_fit_is_said(network, shape, message):
    with pytest.raises(InputError, match=message):
        network.build_encoder(shape, 0)


@pytest.mark.parametrize(
    ("network", "fields"),
    [
        *((Mlp, {"hidden": hidden}) for hidden in ([-5], [0], [], [65537])),
        *((each, {"channels": channels}) for each in (Conv, Resnet) for channels in ([-3], [0], [])),
        *((each, {"hidden": [0]}) for each in (Conv, Resnet, Folded)),
        (Folded, {"channels": 10**9}),
        (Classify, {"hidden": [-5]}),
        (Gaussian, {"size": 10**9}),
    ],
)
def test_widths_that_no_layer_has_are_refused(network, fields):
    with pytest.raises(ValidationError, match=next(iter(fields))):
        network.model_validate(fields)


def test_resnet_takes_any_number_of_channels_and_its_blocks_start_as_the_identity():
    encoder = Resnet(channels=(12, 7)).build_encoder((1, 16, 16), 0)
    initialise(encoder)
    residuals = [each for each in encoder.modules() if isinstance(each, Residual)]
    for block, channels in zip(residuals, (12, 7), strict=True):
        images = torch.randn(2, channels, 4, 4)
        assert torch.equal(block(images), images)


def test_activations_keep_their_size_through_every_layer():
    torch.manual_seed(0)
    for network in (Mlp(hidden=(512, 512, 512)), Conv(channels=(64, 64, 64, 64))):
        decoder = network.build_decoder(64, (1, 64, 64))
        initialise(decoder)
        assert 0.3 < float(decoder(torch.randn(64, 64)).detach().std()) < 4
