import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distaff.errors import InputError
from distaff.latent import L2, Argmax, ArgmaxNorm, Domain, Gaussian, LatentSpace, Sampled, Softmax
from distaff.latent.gaussian import normal_kl, split_head

DOMAINS = {"shape": Domain(3), "turn": Domain(40), "weight": Domain(0, mean=70.0, std=12.0)}
CLASSES = ["shape", "turn"]
SPACES = [Softmax, Sampled, Argmax, ArgmaxNorm, L2]


def attribute_blocks(spec):
    return LatentSpace([spec(attributes=CLASSES)], DOMAINS).attribute_blocks


@pytest.mark.parametrize("scale", ["exp", "softplus"])
def test_kl_is_torchs(scale):
    mean, log_variance = split_head(torch.randn(50, 8), scale)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))
    assert torch.allclose(normal_kl(mean, log_variance, "square"), expected, atol=1e-5)


def test_softplus_scale_is_log_one_plus_e_to_the_rho():
    rho = torch.tensor([[0.0, 0.0, -3.0, 2.0]])
    _, log_variance = split_head(rho, "softplus")
    assert torch.allclose((0.5 * log_variance).exp(), torch.log1p(rho[:, 2:].exp()), atol=1e-6)


def test_a_cut_keeps_the_decoders_gradient_from_the_encoder_but_not_the_kls():
    numbers = torch.randn(4, 6, requires_grad=True)
    (block,) = Gaussian(3, cut=True).build({})
    state = block(numbers, sample=True, generator=None)
    assert not state.code.requires_grad
    block.kl(state).sum().backward()
    assert numbers.grad.abs().min() > 0


def test_the_abs_penalty_has_the_mean_itself():
    mean, log_variance = torch.tensor([[3.0]]), torch.zeros(1, 1)
    assert normal_kl(mean, log_variance, "square").item() == pytest.approx(4.5)
    assert normal_kl(mean, log_variance, "abs").item() == pytest.approx(1.5)


def test_samples_have_the_posteriors_mean_and_deviation():
    space = LatentSpace([Gaussian(2)], {})
    numbers = torch.tensor([[1.0, -2.0, math.log(4.0), 0.0]]).expand(40_000, 4)
    code = space.join(space(numbers, sample=True, generator=torch.Generator().manual_seed(1)))
    assert torch.allclose(code.mean(0), torch.tensor([1.0, -2.0]), atol=0.05)
    assert torch.allclose(code.std(0), torch.tensor([2.0, 1.0]), atol=0.05)


@pytest.mark.parametrize("spec", SPACES)
def test_what_is_written_is_read(spec):
    for block in attribute_blocks(spec):
        values = torch.arange(block.size).float()
        assert block.read(block.write(values)).tolist() == values.tolist()


@pytest.mark.parametrize("standardise", [True, False])
@given(value=st.floats(-500, 500))
@settings(max_examples=30, deadline=None)
def test_a_continuous_attribute_is_read_as_written(standardise, value):
    (block,) = LatentSpace([L2(attributes="continuous", standardise=standardise)], DOMAINS).attribute_blocks
    assert float(block.read(block.write(torch.tensor([value])))) == pytest.approx(value, rel=1e-4, abs=1e-3)


def test_between_classes_softmax_codes_mix_neighbours():
    block = attribute_blocks(Softmax)[0]
    assert block.write(torch.tensor([1.25, 2.0, 9.0])).tolist() == [[0, 0.75, 0.25], [0, 0, 1], [0, 0, 1]]


def test_codes_of_the_five_spaces():
    numbers = torch.tensor([[0.0, 5.0, 1.0]])
    domains = {"a": Domain(3)}
    code = {
        spec.tag: LatentSpace([spec(attributes=["a"])], domains)(
            numbers if spec is not Sampled else torch.cat([numbers, torch.zeros(1, 3)], 1), sample=False
        )["a"].code
        for spec in (Softmax, Argmax, ArgmaxNorm, Sampled)
    }
    assert torch.allclose(code["softmax"], numbers.softmax(1))
    assert code["argmax"].tolist() == [[1.0]]
    assert code["argmax_norm"].tolist() == [[0.5]]
    assert code["sampled"].tolist() == numbers.tolist()


def test_no_gradient_passes_an_argmax():
    numbers = torch.randn(4, 3, requires_grad=True)
    state = LatentSpace([Argmax(attributes=["shape"])], DOMAINS)(numbers, sample=True)["shape"]
    assert not state.code.requires_grad


@pytest.mark.parametrize("size", [2, 7])
def test_the_kl_of_classes_runs_from_nothing_to_log_size(size):
    space = LatentSpace([Softmax(attributes=["a"])], {"a": Domain(size)})
    block = space["a"]
    even, sure = torch.zeros(1, size), 100 * torch.eye(size)[:1]
    assert block.kl(space(even, sample=False)["a"]).item() == pytest.approx(0, abs=1e-6)
    assert block.kl(space(sure, sample=False)["a"]).item() == pytest.approx(math.log(size))


def test_a_normal_head_has_the_original_kl():
    space = LatentSpace([Softmax(attributes=["shape"], head="normal")], DOMAINS)
    assert space.inputs == 6
    state = space(torch.zeros(2, 6), sample=False)["shape"]
    assert space["shape"].kl(state).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_teaching_replaces_only_labelled_codes():
    space = LatentSpace([Softmax(attributes=["shape"], teach=1.0), Gaussian(2)], DOMAINS)
    states = space(torch.randn(3, space.inputs), sample=False)
    before = states["shape"].code.clone()
    space.teach(states, {"shape": torch.tensor([2.0, float("nan"), 0.0])}, None)
    assert states["shape"].code[0].tolist() == [0, 0, 1]
    assert states["shape"].code[1].tolist() == before[1].tolist()
    assert states["shape"].code[2].tolist() == [1, 0, 0]


def test_teach_is_a_share():
    space = LatentSpace([Softmax(attributes=["shape"], teach=0.25)], DOMAINS)
    states = space(torch.zeros(8000, 3), sample=False)
    space.teach(states, {"shape": torch.zeros(8000)}, torch.Generator().manual_seed(0))
    assert (states["shape"].code[:, 0] == 1).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_sampled_codes_are_written_from_remembered_means():
    space = LatentSpace([Sampled(attributes=["shape"])], DOMAINS)
    block = space["shape"]
    numbers = torch.cat([torch.tensor([[4.0, -1.0, 2.0]]), torch.zeros(1, 3)], 1)
    for _ in range(1000):
        block.supervised_loss(space(numbers, sample=False)["shape"], torch.tensor([0.0]))
    assert torch.allclose(block.write(torch.tensor([0.0])), numbers[:, :3], atol=0.01)


@pytest.mark.parametrize("spec", [Gaussian, *SPACES])
def test_priors_are_drawn_and_repeat_with_the_seed(spec):
    space = LatentSpace([spec() if spec is Gaussian else spec(attributes=CLASSES)], DOMAINS)
    draws = [space.draw_prior(5, torch.Generator().manual_seed(3), torch.device("cpu")) for _ in range(2)]
    assert draws[0].shape == (5, space.outputs)
    assert torch.equal(draws[0], draws[1])


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ([Softmax(attributes=["shap"])], "did you mean 'shape'"),
        ([Softmax(attributes=["weight"])], "has no classes; put it under 'l2'"),
        ([Gaussian(2), Gaussian(3)], "two blocks are called 'z'"),
        ([Softmax(attributes=[])], "no block fits this data"),
    ],
)
def test_mistakes_are_named(specs, message):
    with pytest.raises(InputError, match=message):
        LatentSpace(specs, DOMAINS)
