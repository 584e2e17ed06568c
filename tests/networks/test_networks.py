import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from distaff.errors import InputError
from distaff.latents import Batch, Gaussian
from distaff.likelihoods import Bernoulli
from distaff.losses import Classify
from distaff.networks import (
    Conv,
    EncoderBody,
    Fc,
    Folded,
    Keras,
    Locatello,
    Mlp,
    Network,
    Pair,
    Resnet,
    Style,
    initialise,
)
from distaff.networks._general import Residual
from distaff.vae import VAE

NETWORKS = [
    Mlp(hidden=(16,)),
    Mlp(hidden=(16,), activation="tanh"),
    Conv(hidden=(16,)),
    Folded(channels=8, hidden=(16,)),
    Keras(channels=(4, 8)),
    Resnet(hidden=(16,)),
    Style(channels=(4, 8), hidden=(16,)),
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
def test_any_image_goes_in_and_its_shape_comes_out(network, channels, height, width, condition):
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
    with pytest.raises(InputError, match=next(iter(fields))):
        network(**fields)


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


def test_a_tanh_follows_every_hidden_layer_of_both_bodies():
    network = Mlp(hidden=(7, 5), activation="tanh")
    encoder, decoder = network.build_encoder((1, 8, 8), 0), network.build_decoder(3, (1, 8, 8))
    for body in (encoder, decoder):
        kinds = [type(each).__name__ for each in body.modules() if not list(each.children())]
        assert kinds.count("Tanh") == 2
        assert "ReLU" not in kinds
    assert encoder(torch.full((1, 1, 8, 8), 1e4), None).abs().max() <= 1


class Flat(Network):
    """A network whose decoder does not begin with a linear layer."""

    tag = "flat_for_test"

    def build_encoder(self, shape, condition):
        return EncoderBody(nn.Flatten(), shape[0] * shape[1] * shape[2], condition, (8,))

    def build_decoder(self, inputs, shape):
        upsample = nn.Upsample(size=shape[1:])
        return nn.Sequential(
            nn.Unflatten(1, (inputs, 1, 1)), upsample, nn.Conv2d(inputs, shape[0], 3, padding=1)
        )


def test_a_decoder_may_begin_with_any_layer():
    vae = VAE((1, 9, 11), network=Flat(), latent=[Gaussian(3)], likelihood=Bernoulli(), attributes={})
    assert vae(Batch(torch.rand(2, 1, 9, 11))).decoded.shape == (1, 2, 1, 9, 11)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.tag)
def test_scales_of_the_first_weights_are_fields(network):
    def build(**fields):
        torch.manual_seed(0)
        changed = network.model_copy(update=fields)
        return VAE((1, 16, 16), network=changed, latent=[Gaussian(3)], likelihood=Bernoulli(), attributes={})

    usual, large = build(), build(head_scale=1.0)
    assert torch.allclose(large.head.weight, 10 * usual.head.weight)
    last = [each for each in build(output_scale=0.2).decoder.modules() if hasattr(each, "weight")][-1]
    before = [each for each in usual.decoder.modules() if hasattr(each, "weight")][-1]
    assert torch.allclose(last.weight, 2 * before.weight)


@pytest.mark.parametrize(("channels", "weights"), [(1, 690_517), (3, 692_567)])
def test_the_networks_of_the_study_have_their_number_of_weights(channels, weights):
    vae = VAE(
        (channels, 64, 64), network=Locatello(), latent=[Gaussian(10)], likelihood=Bernoulli(), attributes={}
    )
    assert sum(each.numel() for each in vae.parameters()) == weights
    assert vae(Batch(torch.rand(2, channels, 64, 64))).decoded.shape == (1, 2, channels, 64, 64)
    bound = math.sqrt(6 / (256 + 20))
    assert 0.9 * bound < vae.head.weight.abs().max() <= bound


def test_the_study_networks_say_which_sizes_they_take():
    with pytest.raises(InputError, match="multiples of 16"):
        Locatello().build_encoder((1, 28, 28), 0)
    assert Fc().build_decoder(10, (3, 9, 7))(torch.zeros(2, 10)).shape == (2, 3, 9, 7)
