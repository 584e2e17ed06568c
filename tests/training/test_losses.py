"""Losses kept for a row of the history: their means, and which broke first."""

import math

import pytest
import torch

from distaff.objective import Loss
from distaff.training.losses import Losses

NAN, INF = math.nan, math.inf


def kept(*steps):
    losses = Losses()
    for total, columns in steps:
        values = {name: torch.tensor(nats) for name, nats in columns.items()}
        losses.add(Loss(torch.tensor(total), values))
    return losses


def test_means_are_over_pictures_and_skip_those_without_a_label():
    losses = kept(
        (1.0, {"kl": [1.0, 2.0, 3.0], "classify.a": [NAN, NAN, NAN], "classify.b": [1.0, NAN, NAN]}),
        (4.0, {"kl": [8.0], "classify.a": [NAN], "classify.b": [2.0]}),
    )
    assert losses.means() == {"loss": 1.75, "kl": 3.5, "classify.a": None, "classify.b": 1.5}
    assert losses.first_broken() is None
    losses.clear()
    assert losses.means() == {}


def test_they_go_through_a_checkpoint():
    losses, again = kept((1.0, {"kl": [1.0, 2.0]}), (2.0, {"kl": [3.0, 0.1]})), Losses()
    again.load_state_dict(losses.state_dict())
    assert again.means() == losses.means()
    assert len(again) == 2
    again.load_state_dict(Losses().state_dict())
    assert len(again) == 0


BROKEN = [(INF, {"a": [1.0], "b": [INF]}), (NAN, {"a": [NAN], "b": [NAN]})]


@pytest.mark.parametrize(
    ("steps", "first"),
    [
        ([(1.0, {"a": [1.0], "b": [1.0]}), *BROKEN], ("b", 1)),
        ([(NAN, {"a": [1.0], "b": [NAN]})], ("b", 0)),
        ([(NAN, {"a": [1.0], "classify.x": [NAN]})], ("loss", 0)),
        ([(INF, {"a": [1.0], "classify.x": [INF]})], ("classify.x", 0)),
    ],
)
def test_the_first_to_break_is_named(steps, first):
    assert kept(*steps).first_broken() == first
