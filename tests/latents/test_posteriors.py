"""Sums of which float32 does not see every summand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distaff.latents import without_negligible

NATS = st.floats(-300, 300, width=32)


@settings(deadline=None)
@given(st.lists(NATS, min_size=1, max_size=20))
def test_the_sum_is_the_same_to_the_last_digit_but_one(nats):
    logs = torch.tensor(nats)
    found, wanted = torch.logsumexp(without_negligible(logs, 0), 0), torch.logsumexp(logs, 0)
    assert found.item() == pytest.approx(wanted.item(), rel=2e-7, abs=1e-6)


def test_what_does_not_count_has_no_gradient_and_no_number_becomes_denormal():
    logs = torch.tensor([[0.0, -29.0, -31.0, -88.0, -120.0]], requires_grad=True)
    torch.logsumexp(without_negligible(logs, 1), 1).sum().backward()
    assert (logs.grad != 0).tolist() == [[True, True, False, False, False]]


def test_sums_of_nothing_stay_as_they_are():
    nothing = torch.full((2, 3), -torch.inf)
    assert torch.equal(without_negligible(nothing, 1), nothing)
