"""Golden numbers of the published code for pairs: disentanglement_lib, and both averages of ML-VAE."""

import math

import pytest
import torch

from distaff.attributes import Attribute
from distaff.errors import InputError
from distaff.latents import Batch, Gaussian, LatentSpace, Normal, Share, Softmax
from distaff.latents._posteriors import normal_kl
from distaff.latents._rules import average, divergence
from distaff.likelihoods import Bernoulli
from distaff.losses import KL, Context, Objective, Step
from distaff.networks import Mlp
from distaff.vae import VAE


def normal(means, variances):
    return Normal(torch.tensor(means), torch.tensor(variances).log())


def shared(q, **fields):
    space = LatentSpace([Gaussian(q.mean.shape[1], rules=[Share(**fields)])], {}, (1, 8, 8))
    images = torch.zeros(len(q.mean), 1, 8, 8)
    return space.apply_rules({"z": q}, Batch(images, pairs=True), None)["z"]


def test_averages_of_two_normals():
    one, two = normal([[0.0]], [[1.0]]), normal([[1.0]], [[2.0]])
    found = {how: average(one, two, how) for how in ("arithmetic", "product", "harmonic")}
    means = {how: q.mean.item() for how, q in found.items()}
    variances = {how: q.log_variance.exp().item() for how, q in found.items()}
    assert means == pytest.approx({"arithmetic": 0.5, "product": 1 / 3, "harmonic": 1 / 3})
    assert variances == pytest.approx({"arithmetic": 1.5, "product": 2 / 3, "harmonic": 4 / 3})


def test_the_divergence_of_two_normals():
    one, two = normal([[0.0]], [[1.0]]), normal([[1.0]], [[2.0]])
    # disentanglement_lib leaves out the factor of a half: .693147.
    assert divergence(one, two).item() == pytest.approx(0.346574, abs=1e-6)
    symmetric = 0.5 * (divergence(one, two) + divergence(two, one))
    assert symmetric.item() == pytest.approx(0.5, abs=1e-6)


def test_a_latent_that_hardly_moved_is_shared_and_the_other_is_kept():
    # Divergences 0 and .1 between the images of one pair.
    q = normal([[0.0, 0.0], [0.0, math.sqrt(0.2)]], [[1.0, 1.0], [1.0, 1.0]])
    found = shared(q)
    assert found.mean[:, 0].tolist() == [0, 0]
    assert found.mean[:, 1].tolist() == pytest.approx([0, math.sqrt(0.2)])


@pytest.mark.parametrize(("ratio", "kept"), [(0.5, [2, 3]), (0.75, [3]), (0.25, [1, 2, 3])])
def test_what_moved_at_least_to_the_middle_of_least_and_most_is_kept(ratio, kept):
    # Divergences .02, .05, .07 and .1: their middle is .06, and a quarter and three quarters .04 and .08.
    away = [math.sqrt(2 * each) for each in (0.02, 0.05, 0.07, 0.1)]
    found = shared(normal([[0.0] * 4, away], [[1.0] * 4] * 2), ratio=ratio)
    expected = [0.0 if d in kept else away[d] / 2 for d in range(4)]
    assert found.mean[0].tolist() == pytest.approx(expected)
    assert found.mean[1].tolist() == pytest.approx([away[d] - expected[d] for d in range(4)])


def test_latents_that_moved_equally_are_all_kept():
    q = normal([[0.0, 1.0], [1.0, 2.0]], [[1.0, 1.0], [1.0, 1.0]])
    assert torch.equal(shared(q).mean, q.mean)


def test_the_loss_is_of_shared_posteriors_whose_codes_are_drawn_apart_and_only_in_training():
    torch.manual_seed(0)
    fields = {"network": Mlp((16,)), "likelihood": Bernoulli(), "attributes": {}}
    vae = VAE((1, 8, 8), latent=[Gaussian(4, rules=[Share(which="all")])], **fields)
    batch = Batch(torch.rand(6, 1, 8, 8), pairs=True)
    made = vae(batch, generator=torch.Generator().manual_seed(0))
    q = made.posteriors["z"]
    assert torch.equal(q.mean[:3], q.mean[3:])
    assert not (made.z[0, :3] == made.z[0, 3:]).any()
    step = Step(vae, batch, made.posteriors, made.z, made.decoded, 0, 10, 0)
    loss = Objective([KL(2)], Context(vae, {}, 100, 10))(step)
    assert torch.allclose(loss.columns["kl"].values, normal_kl(q.mean, q.log_variance).sum(1))
    nats = 2 * loss.columns["kl"].values + loss.columns["reconstruction"].values
    assert loss.total.item() == pytest.approx((0.5 * nats[:3] + 0.5 * nats[3:]).mean().item(), rel=1e-6)
    own = vae.eval()(batch).posteriors["z"].mean
    assert torch.equal(own, vae.encode(batch.images)["z"].mean)
    assert not (own[:3] == own[3:]).any()


def test_equal_images_are_left_as_they_are():
    q = normal([[1.0, 2.0], [1.0, 2.0]], [[0.5, 1.0], [0.5, 1.0]])
    found = shared(q)
    assert torch.allclose(found.mean, q.mean)
    assert torch.allclose(found.log_variance, q.log_variance)


@pytest.mark.parametrize("how", ["arithmetic", "harmonic", "product"])
def test_the_order_of_a_pair_does_not_choose_what_is_averaged_of_equal_variances(how):
    torch.manual_seed(0)
    q = Normal(torch.randn(8, 5), torch.zeros(8, 5))
    swapped = Normal(torch.cat([q.mean[4:], q.mean[:4]]), q.log_variance)
    one, two = shared(q, average=how), shared(swapped, average=how)
    assert torch.allclose(one.mean[:4], two.mean[4:])
    assert torch.allclose(one.log_variance, two.log_variance)


def test_a_ratio_of_nothing_shares_nothing_and_shared_latents_have_one_posterior():
    torch.manual_seed(0)
    q = Normal(torch.randn(6, 4), torch.randn(6, 4))
    assert torch.equal(shared(q, ratio=0).mean, q.mean)
    found = shared(q, ratio=1)
    same = found.mean[:3] == found.mean[3:]
    # All but the one that changed most.
    assert same.sum(1).tolist() == [3, 3, 3]


def test_single_images_and_other_latents():
    q = Normal(torch.randn(6, 4), torch.randn(6, 4))
    space = LatentSpace([Gaussian(4, rules=[Share()])], {}, (1, 8, 8))
    assert space.apply_rules({"z": q}, Batch(torch.zeros(6, 1, 8, 8)), None)["z"] is q
    digit = Attribute(name="digit", kind="categorical", values=(0, 1))
    with pytest.raises(InputError, match="gaussian"):
        LatentSpace([Softmax(rules=[Share()])], {"digit": digit}, (1, 8, 8))


def test_no_gradient_passes_the_choice():
    mean = torch.randn(4, 3, requires_grad=True)
    found = shared(Normal(mean, torch.zeros(4, 3)), average="arithmetic")
    found.mean.sum().backward()
    # Whether averaged or kept, every mean counts once.
    assert torch.allclose(mean.grad, torch.ones(4, 3))


def test_all_latents_of_a_pair_are_shared_where_the_recipe_says_so():
    torch.manual_seed(0)
    q = Normal(torch.randn(6, 4), torch.randn(6, 4))
    found = shared(q, which="all")
    assert torch.equal(found.mean[:3], found.mean[3:])
    expected = average(
        Normal(q.mean[:3], q.log_variance[:3]), Normal(q.mean[3:], q.log_variance[3:]), "arithmetic"
    )
    assert torch.allclose(found.mean[:3], expected.mean)
    assert torch.allclose(found.log_variance[3:], expected.log_variance)


def test_the_latent_of_an_attribute_that_changed_is_kept_and_all_others_are_shared():
    torch.manual_seed(0)
    q = Normal(torch.randn(4, 4), torch.zeros(4, 4))
    labels = {
        "shape": torch.tensor([0.0, 1.0, 0.0, 1.0]),
        "size": torch.tensor([2.0, 3.0, 1.0, 3.0]),
        "tint": torch.tensor([0.5, float("nan"), 0.5, 0.1]),
    }
    space = LatentSpace([Gaussian(4, rules=[Share(which="attributes")])], {}, (1, 8, 8))
    found = space.apply_rules({"z": q}, Batch(torch.zeros(4, 1, 8, 8), labels, pairs=True), None)["z"]
    kept = found.mean == q.mean
    # The pairs are images 0 and 2, whose size differs, and 1 and 3, of whose tint one is unknown.
    assert kept.tolist() == [[False, True, False, False], [False, False, True, False]] * 2
    alike = found.mean[:2] == found.mean[2:]
    assert torch.equal(alike, ~kept[:2])


def test_more_attributes_than_latents_and_none_at_all():
    q = Normal(torch.randn(4, 2), torch.zeros(4, 2))
    labels = {name: torch.arange(4.0) for name in "abc"}
    space = LatentSpace([Gaussian(2, rules=[Share(which="attributes")])], {}, (1, 8, 8))
    batch = Batch(torch.zeros(4, 1, 8, 8), labels, pairs=True)
    assert torch.equal(space.apply_rules({"z": q}, batch, None)["z"].mean, q.mean)
    with pytest.raises(InputError, match="no attribute"):
        space.apply_rules({"z": q}, Batch(torch.zeros(4, 1, 8, 8), pairs=True), None)
