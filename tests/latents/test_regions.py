"""Regions of N(0, I): masses, borders that were asked for, and graphs that no plane holds."""

import math
from itertools import combinations

import pytest
import torch

from distaff.attributes import Attribute
from distaff.errors import InputError
from distaff.latents import Normal
from distaff.latents._regions import check_planar, lay_out
from distaff.latents.priors import Regions, Standard

SHAPE = (1, 8, 8)
DIGIT = Attribute(name="digit", kind="categorical", values=tuple(range(10)))
SLANT = Attribute(name="slant", kind="continuous")
ASKED = ((0, 8), (3, 5), (4, 9), (1, 7), (2, 6))


@pytest.fixture(scope="module")
def plane():
    prior = Regions(pairs=ASKED).build(2, SHAPE, {"digit": DIGIT})
    means = torch.randn(10, 2, generator=torch.Generator().manual_seed(3))
    assert prior.divide(means, torch.full((10,), 0.1)) == ()
    return prior


def regions_of(prior, points=20_000):
    z = torch.randn(points, prior.size, generator=torch.Generator().manual_seed(0))
    return z, prior.class_logits(z).argmax(1)


def test_every_region_has_the_mass_of_its_class(plane):
    _, seen = regions_of(plane)
    shares = torch.bincount(seen, minlength=10) / len(seen)
    assert shares.min() > 0.07
    assert shares.max() < 0.14


def test_pairs_that_were_asked_for_have_a_straight_path(plane):
    z, seen = regions_of(plane)
    means = torch.stack([z[seen == value].mean(0) for value in range(10)])
    share = torch.linspace(0, 1, 50).unsqueeze(1)
    for one, two in ASKED:
        path = plane.class_logits(means[one] * (1 - share) + means[two] * share).argmax(1)
        assert set(path.tolist()) == {one, two}


def test_in_nine_dimensions_all_pairs_have_a_straight_path():
    means = torch.randn(10, 9, generator=torch.Generator().manual_seed(1))
    found = lay_out(means, torch.full((10,), 0.1), list(combinations(range(10), 2)), 8.0)
    assert len(found.joined) >= 44


def test_two_classes_are_divided_by_the_hyperplane_between_them():
    means = torch.tensor([[2.0, 0.0], [-2.0, 0.0]])
    found = lay_out(means, torch.full((2,), 0.5), [(0, 1)], 8.0)
    across = found.slopes[0] - found.slopes[1]
    assert across[0] > 20 * across[1].abs()
    assert (found.offsets[0] - found.offsets[1]).abs() < 0.2 * across[0]


def test_an_unequal_class_has_the_mass_of_its_share():
    corners = torch.tensor([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]])
    found = lay_out(corners, torch.tensor([0.6, 0.2, 0.2]), [], 8.0)
    z = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    shares = torch.bincount((z @ found.slopes.T + found.offsets).argmax(1), minlength=3) / len(z)
    assert shares.tolist() == pytest.approx([0.6, 0.2, 0.2], abs=0.05)


def test_it_is_n01_for_who_has_no_label_and_the_classes_add_up_to_it(plane):
    standard = Standard().build(2, SHAPE, {})
    q = Normal(torch.randn(5, 2), torch.randn(5, 2))
    z = q.rsample(1, None)
    assert torch.equal(plane.kl(q, z, {}), standard.kl(q, z, {}))
    assert torch.equal(plane.log_prob(z), standard.log_prob(z))
    # KL(q || p(. | y)) = KL(q || p) - E log p(y | z) + log p(y), and sum_y p(y) p(z | y) = p(z).
    logs = plane.class_logits(z[0]).log_softmax(1)
    given = standard.log_prob(z[0])[:, None] + logs - math.log(0.1)
    assert torch.allclose((given + math.log(0.1)).logsumexp(1), standard.log_prob(z[0]), atol=1e-5)


K5 = tuple(combinations(range(5), 2))
K33 = tuple((one, two) for one in (0, 1, 2) for two in (7, 8, 9))


@pytest.mark.parametrize("pairs", [K5, K33])
def test_borders_that_no_plane_holds_are_refused_in_one_line(pairs):
    with pytest.raises(InputError, match=r"regions\.pairs.* of a plane cannot share") as caught:
        Regions(pairs=pairs).build(2, SHAPE, {"digit": DIGIT})
    assert "\n" not in str(caught.value)
    assert Regions(pairs=pairs).build(3, SHAPE, {"digit": DIGIT}).pairs == pairs


def test_the_witness_names_the_classes_and_no_others():
    with pytest.raises(InputError) as caught:
        check_planar([*K5, (5, 6)], list("abcdefg"), "pairs")
    assert "a - b" in str(caught.value)
    assert "f - g" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "size", "match"),
    [
        ({"pairs": ((0, 11),)}, 2, "no value '11'"),
        ({"pairs": ((3, 3),)}, 2, "itself"),
        ({"attribute": "slant"}, 2, "needs classes"),
        ({"attribute": "hue"}, 2, "hue"),
        ({}, 1, "two latents"),
    ],
)
def test_what_cannot_be_divided_is_refused(fields, size, match):
    with pytest.raises(InputError, match=match):
        Regions(**fields).build(size, SHAPE, {"digit": DIGIT, "slant": SLANT})
