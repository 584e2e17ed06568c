import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distaff.attributes import Attribute
from distaff.errors import InputError
from distaff.latents import (
    L2,
    Argmax,
    ArgmaxNorm,
    Batch,
    Categorical,
    Coded,
    Detach,
    Gaussian,
    LatentSpace,
    Normal,
    Sampled,
    Softmax,
    TeacherForcing,
    normal_head,
)

SHAPE = (1, 8, 8)
ATTRIBUTES = {
    "shape": Attribute(name="shape", kind="categorical", values=("square", "ellipse", "heart")),
    "turn": Attribute(name="turn", kind="ordinal", values=tuple(range(40))),
    "weight": Attribute(name="weight", kind="continuous", mean=70.0, std=12.0),
}
CLASSES = ("shape", "turn")
SPACES = [Softmax, Sampled, Argmax, ArgmaxNorm, L2]


def space(*latents):
    return LatentSpace(latents, ATTRIBUTES, SHAPE)


def kl(found, posteriors):
    return found.kl(posteriors, found.rsample(posteriors, 1, None), {})


@pytest.mark.parametrize("scale", ["exp", "softplus"])
def test_the_kl_of_normals_is_torchs(scale):
    found = space(Gaussian(4, scale=scale))
    posteriors = found(torch.randn(50, 8))
    q = posteriors["z"]
    posterior = torch.distributions.Normal(q.mean, (0.5 * q.log_variance).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))
    assert torch.allclose(kl(found, posteriors)["z"], expected, atol=1e-5)
    z = torch.randn(3, 50, 4)
    assert torch.allclose(q.log_prob(z), posterior.log_prob(z).sum(-1), atol=1e-4)


def test_softplus_scale_is_log_one_plus_e_to_the_rho():
    rho = torch.tensor([[0.0, 0.0, -3.0, 2.0]])
    deviation = (0.5 * normal_head(rho, "softplus").log_variance).exp()
    assert torch.allclose(deviation, torch.log1p(rho[:, 2:].exp()), atol=1e-6)


def test_samples_have_the_posteriors_mean_and_deviation():
    found = space(Gaussian(2))
    posteriors = found(torch.tensor([[1.0, -2.0, math.log(4.0), 0.0]]))
    z = found.rsample(posteriors, 40_000, torch.Generator().manual_seed(1))
    assert z.shape == (40_000, 1, 2)
    assert torch.allclose(z.mean((0, 1)), torch.tensor([1.0, -2.0]), atol=0.05)
    assert torch.allclose(z.std((0, 1)), torch.tensor([2.0, 1.0]), atol=0.05)


def test_detached_codes_keep_the_decoders_gradient_from_the_encoder_but_not_the_kls():
    numbers = torch.randn(4, 6, requires_grad=True)
    found = space(Gaussian(3, rules=[Detach()]))
    posteriors = found.apply_rules(found(numbers), Batch(torch.zeros(4, *SHAPE)), None)
    z = found.rsample(posteriors, 1, None)
    assert not z.requires_grad
    found.kl(posteriors, z, {})["z"].sum().backward()
    assert numbers.grad.abs().min() > 0


@pytest.mark.parametrize("latent", SPACES)
def test_what_is_written_is_read(latent):
    for block in space(latent(attributes=CLASSES)).attribute_blocks:
        values = torch.arange(block.size).float()
        assert block.read(block.write(values)).tolist() == values.tolist()


@pytest.mark.parametrize("standardise", [True, False])
@given(value=st.floats(-500, 500))
@settings(max_examples=30, deadline=None)
def test_a_continuous_attribute_is_read_as_written(standardise, value):
    (block,) = space(L2(attributes="continuous", standardise=standardise)).attribute_blocks
    assert float(block.read(block.write(torch.tensor([value])))) == pytest.approx(value, rel=1e-4, abs=1e-3)


def test_between_classes_softmax_codes_mix_neighbours():
    block = space(Softmax())["shape"]
    assert block.write(torch.tensor([1.25, 2.0, 9.0])).tolist() == [[0, 0.75, 0.25], [0, 0, 1], [0, 0, 1]]


def test_codes_of_the_class_spaces():
    numbers = torch.tensor([[0.0, 5.0, 1.0]])
    code = {}
    for latent in (Softmax, Argmax, ArgmaxNorm, Sampled):
        found = space(latent(attributes=("shape",)))
        given_numbers = numbers if latent is not Sampled else torch.cat([numbers, torch.zeros(1, 3)], 1)
        code[latent.tag] = found.mode(found(given_numbers))
    assert torch.allclose(code["softmax"], numbers.softmax(1))
    assert code["argmax"].tolist() == [[1.0]]
    assert code["argmax_norm"].tolist() == [[0.5]]
    assert code["sampled"].tolist() == numbers.tolist()


def test_no_gradient_passes_an_argmax():
    numbers = torch.randn(4, 3, requires_grad=True)
    found = space(Argmax(attributes=("shape",)))
    assert not found.rsample(found(numbers), 1, None).requires_grad


@pytest.mark.parametrize("size", [2, 7])
def test_the_kl_of_classes_runs_from_nothing_to_log_size(size):
    attribute = Attribute(name="a", kind="categorical", values=tuple(range(size)))
    found = LatentSpace([Softmax()], {"a": attribute}, SHAPE)
    even, sure = torch.zeros(1, size), 100 * torch.eye(size)[:1]
    assert kl(found, found(even))["a"].item() == pytest.approx(0, abs=1e-6)
    assert kl(found, found(sure))["a"].item() == pytest.approx(math.log(size))
    assert found["a"].kl_names == ("a",)


def test_a_normal_head_has_the_original_kl():
    found = space(Softmax(attributes=("shape",), head="normal"))
    assert found.inputs == 6
    assert kl(found, found(torch.zeros(2, 6)))["shape"].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert found["shape"].kl_names == ("shape0", "shape1", "shape2")


def test_teacher_forcing_replaces_only_labelled_codes():
    found = space(Softmax(attributes=("shape",), rules=[TeacherForcing(1.0)]), Gaussian(2))
    before = found(torch.randn(3, found.inputs))
    labels = {"shape": torch.tensor([2.0, math.nan, 0.0])}
    after = found.apply_rules(before, Batch(torch.zeros(3, *SHAPE), labels), None)
    assert after["shape"].mode[0].tolist() == [0, 0, 1]
    assert after["shape"].mode[1].tolist() == before["shape"].mode[1].tolist()
    assert after["shape"].rsample(2, None)[:, 2].tolist() == [[1, 0, 0], [1, 0, 0]]
    assert after["z"] is before["z"]
    # The divergence is that of what the encoder said.
    assert torch.equal(kl(found, after)["shape"], kl(found, before)["shape"])


def test_teacher_forcing_takes_a_share_of_the_images():
    found = space(Softmax(attributes=("shape",), rules=[TeacherForcing(0.25)]))
    batch = Batch(torch.zeros(8000, 1, 1, 1), {"shape": torch.zeros(8000)})
    forced = found.apply_rules(found(torch.zeros(8000, 3)), batch, torch.Generator().manual_seed(0))
    assert (forced["shape"].mode[:, 0] == 1).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_sampled_codes_are_written_from_average_means_of_labelled_images():
    found = space(Sampled(attributes=("shape",)))
    block = found["shape"]
    means = torch.tensor([[4.0, -1.0, 2.0], [9.0, 9.0, 9.0]])
    numbers = torch.cat([means, torch.zeros(2, 3)], 1)
    for _ in range(1000):
        block.supervised_loss(found(numbers)["shape"], torch.zeros(2), torch.tensor([True, False]))
    assert torch.allclose(block.write(torch.tensor([0.0])), means[:1], atol=0.01)


@pytest.mark.parametrize("latent", [Gaussian(), *(each(attributes=CLASSES) for each in SPACES)])
def test_priors_are_drawn_and_repeat_with_the_seed(latent):
    found = space(latent)
    draws = [found.sample_prior(5, torch.Generator().manual_seed(3), torch.device("cpu")) for _ in range(2)]
    assert draws[0].shape == (5, found.outputs)
    assert torch.equal(draws[0], draws[1])


def test_there_is_a_bound_where_every_code_is_drawn():
    assert space(Gaussian(2), Sampled(attributes=("shape",)), L2(attributes=("weight",))).has_density
    assert not space(Gaussian(2), Softmax(attributes=("shape",))).has_density


def test_a_detached_posterior_has_the_same_values_and_no_gradient():
    numbers = torch.randn(3, 4, requires_grad=True)
    normal = normal_head(numbers, "exp")
    for q in (normal, Categorical(numbers), Coded(numbers * 2, normal)):
        assert torch.equal(q.detach().mode, q.mode)
        assert not q.detach().mode.requires_grad
    assert isinstance(Coded(numbers, normal).detach().distribution, Normal)


@pytest.mark.parametrize(
    ("latents", "message"),
    [
        ([Softmax(attributes=("shap",))], "did you mean 'shape'"),
        ([Softmax(attributes=("weight",))], "has no classes; put it under 'l2'"),
        ([Gaussian(2), Gaussian(3)], "two blocks are called 'z'"),
        ([Softmax(attributes=())], "no block fits this data"),
        ([Gaussian(rules=[TeacherForcing()])], "stands for an attribute"),
    ],
)
def test_mistakes_are_named(latents, message):
    with pytest.raises(InputError, match=message):
        space(*latents)


def test_old_names_are_refused_with_the_new_ones():
    with pytest.raises(InputError, match=r"it is now rules: \[\{teacher_forcing"):
        Softmax(teach=0.5)
    with pytest.raises(InputError, match=r"it is now rules: \[detach\]"):
        Gaussian(cut=True)


def test_codes_keep_their_columns():
    found = space(Softmax(attributes=("shape",)), Gaussian(2, name="style"))
    assert found.slices == {"shape": slice(0, 3), "style": slice(3, 5)}
    assert np.isclose(found.energy, 3.0)
