"""Terms of labels against their closed forms: AR-VAE, S2, CSVAE, responsibilities of a class prior, M2."""

import math

import pytest
import torch
from small_model import ATTRIBUTES, NAN, SHAPE, loss_of, make_batch, make_model
from torch import nn
from torch.nn import functional

from distaff.attributes import Attribute
from distaff.errors import InputError
from distaff.latents import Batch, Categorical, Coded, Gaussian, LatentSpace, Normal, Softmax
from distaff.latents.priors import ByClass
from distaff.likelihoods import Bernoulli
from distaff.losses import (
    KL,
    Align,
    Classify,
    Confuse,
    Context,
    Enumerate,
    Objective,
    Order,
    Reconstruction,
    Responsible,
    Step,
)
from distaff.losses._bound import EnumerateTerm
from distaff.losses._single import order_cost
from distaff.networks import Mlp
from distaff.vae import VAE

Z = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
A = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)


def order_by_hand(z, a, sharpness):
    pairs = [(i, j) for i in range(len(z)) for j in range(len(z))]
    sign = lambda x: (x > 0) - (x < 0)  # noqa: E731
    return sum(abs(math.tanh(sharpness * (z[i] - z[j])) - sign(a[i] - a[j])) for i, j in pairs) / len(pairs)


def test_the_order_of_three_codes_has_the_golden_cost():
    assert order_cost(Z, A, 1.0).item() == pytest.approx(0.268306, abs=1e-6)
    assert order_cost(Z, A, 1.0).item() == pytest.approx(order_by_hand(Z.tolist(), A.tolist(), 1.0))
    # Reversed, what is not tied costs 2: 4 of 9 pairs.
    assert order_cost(-Z, A, 1e9).item() == pytest.approx(8 / 9 + 2 / 9, abs=1e-6)
    tied = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    assert order_cost(-tied, A, 1e9).item() == pytest.approx(0.8889, abs=1e-4)
    assert order_cost(tied, A, 1e9).item() == 0


def test_only_the_order_of_labels_and_the_distances_of_codes_count():
    generator = torch.Generator().manual_seed(0)
    z, a = torch.randn(20, generator=generator), torch.randn(20, generator=generator)
    cost = order_cost(z, a, 2.0).item()
    assert order_cost(z, a.exp(), 2.0).item() == pytest.approx(cost)
    assert order_cost(z + 7, a, 2.0).item() == pytest.approx(cost, abs=1e-5)
    order = torch.randperm(20, generator=generator)
    assert order_cost(z[order], a[order], 2.0).item() == pytest.approx(cost, abs=1e-6)
    missing = torch.cat([a, torch.full((5,), NAN)])
    assert order_cost(torch.cat([z, torch.randn(5)]), missing, 2.0).item() == pytest.approx(cost, abs=1e-6)


def test_the_gradient_moves_codes_towards_their_order():
    z = torch.tensor([0.5, 0.0], requires_grad=True)
    order_cost(z, torch.tensor([0.0, 1.0]), 1.0).backward()
    assert z.grad[0] > 0 > z.grad[1]
    z = torch.zeros(3, requires_grad=True)
    cost = order_cost(z, torch.full((3,), NAN), 1.0)
    cost.backward()
    assert cost.item() == 0
    assert not z.grad.any()


def test_each_attribute_orders_its_latent():
    model, batch = make_model([Gaussian(3)]), make_batch()
    batch.labels["slant"] = torch.tensor([0.1, 0.7, NAN, 0.3])
    loss, _, step = loss_of([Reconstruction(0.0), Order(weight=10, sharpness=3)], model, batch)
    found = {name: column.mean().item() for name, column in loss.columns.items() if "order" in name}
    z = step.z[0]
    expected = {
        f"order.{name}": order_cost(z[:, i], batch.labels[name], 3.0) for i, name in enumerate(ATTRIBUTES)
    }
    assert found == pytest.approx({name: value.item() for name, value in expected.items()})
    assert loss.total.item() == pytest.approx(10 * sum(found.values()), rel=1e-5)
    one, _, _ = loss_of([Reconstruction(0.0), Order(attributes=("slant",))], model, batch)
    assert list(one.columns) == ["reconstruction", "order.slant"]


def test_a_logit_of_0_is_log_2_from_a_half_and_never_reaches_a_label_over_its_number_of_classes():
    model = make_model([Gaussian(2)])
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
    batch = Batch(
        torch.rand(3, *SHAPE), {"digit": torch.tensor([5.0, 0.0, NAN]), "slant": torch.full((3,), NAN)}
    )
    loss, _, _ = loss_of([Reconstruction(0.0), Align(64.0, attributes=("digit",))], model, batch)
    assert loss.columns["align"].values[:2].tolist() == pytest.approx([math.log(2)] * 2)
    assert loss.total.item() == pytest.approx(64 * math.log(2), rel=1e-6)
    both, _, _ = loss_of([Reconstruction(0.0), Align()], model, batch)
    assert both.columns["align"].mask.tolist() == [True, True, False]


@pytest.mark.parametrize("by", ["xent", "l2", "cov"])
def test_alignment_is_the_sum_over_attributes_of_the_labelled(by):
    model, batch = make_model([Gaussian(3)]), make_batch(8)
    batch.labels["slant"] = torch.tensor([0.5, 0.25, NAN, 1.0] * 2)
    loss, objective, step = loss_of([Reconstruction(0.0), Align(2.0, by=by)], model, batch)
    mu = step.posteriors["z"].mean[:, :2]
    digit, slant = batch.labels["digit"], batch.labels["slant"]
    if by == "cov":
        rows = ~(digit.isnan() | slant.isnan())
        values = torch.stack([digit, slant], 1)[rows]
        found = torch.cov(torch.cat([mu[rows], values], 1).T, correction=0)[:2, 2:]
        expected = found[0, 1] ** 2 + found[1, 0] ** 2
    else:
        total, images = 0.0, 0
        for i in range(8):
            costs = []
            for d, (value, size) in enumerate(((digit[i], 10), (slant[i], 1))):
                if not value.isnan():
                    target = value / size if by == "xent" else value
                    cross = functional.binary_cross_entropy_with_logits
                    costs.append(cross(mu[i, d], target) if by == "xent" else (mu[i, d] - target) ** 2)
            total, images = total + sum(costs), images + bool(costs)
        expected = total / images
    assert loss.total.item() == pytest.approx(2 * expected.item(), rel=1e-4)
    assert [each.shape for each in objective.parameters()] == ([torch.Size([])] if by == "l2" else [])


def test_the_scale_of_l2_comes_to_the_slope_of_a_perfect_code():
    model = make_model([Gaussian(1)])
    batch = Batch(torch.rand(10, *SHAPE), {"digit": torch.arange(10.0), "slant": torch.full((10,), NAN)})
    _, objective, step = loss_of([Align(by="l2", attributes=("digit",))], model, batch)
    step.posteriors["z"] = Normal(torch.arange(10.0).unsqueeze(1) / 4, torch.zeros(10, 1))
    step.decoded = step.decoded.detach()
    del step.log_likelihood
    optimizer = torch.optim.Adam(objective.parameters(), 0.1)
    for _ in range(400):
        optimizer.zero_grad()
        objective(step).total.backward()
        optimizer.step()
    (scale,) = objective.parameters()
    assert scale.item() == pytest.approx(4, abs=1e-2)


def test_a_uniform_reading_cannot_be_confused_further_and_gradients_are_apart():
    model, batch = make_model([Gaussian(3)]), make_batch()
    loss, objective, _ = loss_of([Reconstruction(0.0), Confuse("digit", weight=50)], model, batch)
    column = loss.columns["confuse.digit"]
    assert (column.values >= 0).all()
    assert loss.total.item() == pytest.approx(50 * column.mean().item(), rel=1e-5)
    # The classifier learns by its cross-entropy alone, the encoder by the confusion alone.
    classifier = list(objective.parameters())
    own = torch.autograd.grad(loss.columns["confuse.digit.loss"].mean(), classifier, retain_graph=True)
    whole = torch.autograd.grad(loss.total, [*classifier, model.head.weight], retain_graph=True)
    assert all(torch.allclose(one, two, atol=1e-7) for one, two in zip(own, whole, strict=False))
    (felt,) = torch.autograd.grad(column.mean(), model.head.weight)
    assert torch.allclose(whole[-1], 50 * felt, atol=1e-5)
    with torch.no_grad():
        classifier[-1].zero_()
        classifier[-2].zero_()
    model.zero_grad()
    flat, _, _ = loss_of([], model, batch, objective=objective)
    assert flat.columns["confuse.digit"].mean().item() == pytest.approx(0, abs=1e-6)
    flat.total.backward()
    assert model.head.weight.grad.abs().max() < 1e-6


def test_towards_the_prior_an_unequal_reading_is_no_clue():
    model = make_model([Gaussian(3)])
    labels = torch.tensor([3.0, 3.0, 3.0, 7.0])
    batch = Batch(torch.rand(4, *SHAPE), {"digit": labels, "slant": torch.full((4,), NAN)})
    terms = [Reconstruction(0.0), Confuse("digit", toward="prior")]
    _, objective, _ = loss_of(terms, model, batch)
    for _ in range(3000):
        loss_of(terms, model, batch, objective=objective)
    with torch.no_grad():
        *_, weight, bias = objective.parameters()
        weight.zero_()
        bias.fill_(-20.0)
        bias[3], bias[7] = math.log(3), 0.0
    loss, _, _ = loss_of(terms, model, batch, objective=objective)
    assert loss.columns["confuse.digit"].mean().item() == pytest.approx(0, abs=5e-3)


def test_an_attribute_is_driven_out_of_the_latents_that_are_named():
    model = make_model([Gaussian(2, name="w"), Gaussian(3)])
    terms = [Reconstruction(0.0), Confuse("digit", blocks=("z",))]
    loss, _, step = loss_of(terms, model)
    (gradient,) = torch.autograd.grad(loss.total, step.z)
    assert not gradient[..., :2].any()
    assert gradient[..., 2:].any()


def test_confusion_leaves_no_reader_of_z_in_the_model():
    _, objective, _ = loss_of([Confuse("digit"), Classify("digit")], make_model([Gaussian(3)]))
    assert {type(term).__name__: term.reads for term in objective if hasattr(term, "reads")} == {
        "ConfuseTerm": False,
        "ClassifyTerm": True,
    }


def test_responsibilities_are_those_of_the_prior():
    model = make_model([Gaussian(3, prior=ByClass("digit", spread=0.5))])
    loss, _, step = loss_of([Reconstruction(0.0), Responsible(10)], model)
    prior = model.latents["z"].prior
    densities = torch.stack(
        [torch.distributions.Normal(mean, 0.5).log_prob(step.z[0]).sum(1) for mean in prior.class_means()], 1
    )
    expected = -(densities.log_softmax(1)[0, 3] + densities.log_softmax(1)[2, 7]) / 2
    assert loss.total.item() == pytest.approx(10 * expected.item(), rel=1e-4)
    loss.total.backward()
    assert prior.mean.grad.abs().sum() > 0


def test_two_class_priors_have_a_term_each():
    """The parts of DIVA: one latent for each of two attributes, and one for the rest."""
    sides = {**ATTRIBUTES, "side": Attribute(name="side", kind="categorical", values=("left", "right"))}
    latent = [Gaussian(2, name=f"z_{name}", prior=ByClass(name, spread=0.5)) for name in ("digit", "side")]
    model = VAE(
        SHAPE, network=Mlp((8,)), latent=[*latent, Gaussian(2)], likelihood=Bernoulli(), attributes=sides
    )
    terms = [Responsible(3, "z_side"), Responsible(2)]
    names = [name for term in Objective(terms, Context(model, sides, 9, 9)) for name in term.columns]
    assert names == ["reconstruction", "responsible.side", "responsible.digit"]
    with pytest.raises(InputError, match="'z' has no mean for each class; there is: z_digit, z_side"):
        Objective([Responsible(block="z")], Context(model, sides, 9, 9))


def bound_of(model, batch, classify=0.0):
    return loss_of([Enumerate("digit", classify=classify)], model, batch)


def test_a_known_class_has_its_own_bound_and_an_unknown_one_the_sum_over_all():
    model, batch = make_model([Gaussian(3), Softmax(attributes=("digit",))]), make_batch()
    loss, _, step = bound_of(model, batch, classify=50.0)
    z, q = step.z[0, :, :3], step.posteriors["digit"].distribution.logits.softmax(1)
    kl = model.latents.kl(step.posteriors, step.z, {})["z"].sum(1)
    nats = []
    for y in range(10):
        code = torch.cat([z, functional.one_hot(torch.full((4,), y), 10).float()], 1)
        nats.append(-model.likelihood.log_probability(model.decode(code), batch.images) + kl + math.log(10))
    each = torch.stack(nats, 1)
    expected = (q * (each + q.log())).sum(1)
    expected[0], expected[2] = each[0, 3], each[2, 7]
    assert torch.allclose(loss.columns["enumerate"].values, expected, atol=1e-4)
    cross = -(q[0, 3].log() + q[2, 7].log()) / 2
    assert loss.total.item() == pytest.approx((expected.mean() + 50 * cross).item(), rel=1e-5)


def test_a_certain_class_is_as_good_as_told():
    model, batch = make_model([Gaussian(3), Softmax(attributes=("digit",))]), make_batch()
    with torch.no_grad():
        model.head.weight[-10:] = 0
        model.head.bias[-10:] = -200.0
        model.head.bias[-5] = 200.0
    batch.labels["digit"] = torch.full((4,), 5.0)
    told, _, _ = bound_of(model, batch)
    batch.labels["digit"] = torch.full((4,), NAN)
    summed, _, _ = bound_of(model, batch)
    assert summed.total.isfinite()
    assert summed.total.item() == pytest.approx(told.total.item(), rel=1e-6)


def test_equal_branches_and_an_even_guess_are_the_vae():
    model, batch = make_model([Gaussian(3), Softmax(attributes=("digit",))]), make_batch()
    with torch.no_grad():
        model.head.weight[-10:] = 0
        model.head.bias[-10:] = 0
        model.decoder[0][0].weight[:, -10:] = 0
    batch.labels["digit"] = torch.full((4,), NAN)
    summed, _, step = bound_of(model, batch)
    kl = model.latents.kl(step.posteriors, step.z, {})["z"].sum(1)
    assert torch.allclose(summed.columns["enumerate"].values, kl - step.log_likelihood[0], atol=1e-4)


class Shifted(nn.Module):
    """A stand-in for the model: a pixel is z + 2 y, with a normal of variance 1 around it."""

    def __init__(self):
        super().__init__()
        attributes = {"digit": Attribute(name="digit", kind="ordinal", values=(0, 1))}
        self.latents = LatentSpace([Gaussian(1), Softmax(attributes=("digit",))], attributes, (1, 1, 1))
        self.likelihood = self

    def decode(self, codes, condition):
        return (codes[..., 0] + 2 * codes[..., 2])[..., None, None, None]

    def condition_code(self, labels):
        return None

    def log_probability(self, output, images):
        return torch.distributions.Normal(output, 1.0).log_prob(images).flatten(1).sum(1)


def summed_over(logits, pixels, classes):
    """The bound [n] of pixels [n] whose classes [n] may be unknown, by the same class logits [2] for each."""
    rows, model = len(pixels), Shifted()
    q = {"z": Normal(torch.zeros(rows, 1), torch.zeros(rows, 1))}
    q["digit"] = Coded(logits.softmax(0).expand(rows, -1), Categorical(logits.expand(rows, -1)))
    z = model.latents.rsample(q, 1, torch.Generator().manual_seed(0))
    batch = Batch(pixels.reshape(-1, 1, 1, 1), {"digit": classes})
    step = Step(model, batch, q, z, z[..., None, None], 0, 1, 0)
    return EnumerateTerm(Enumerate("digit"), "digit")(step).columns["enumerate"].values


def test_the_gradient_of_the_sum_over_classes_is_that_of_drawn_ones_in_the_mean():
    rows, logits = 200_000, torch.tensor([0.3, 0.0], requires_grad=True)
    pixels = torch.zeros(rows)
    (found,) = torch.autograd.grad(summed_over(logits, pixels, torch.full((rows,), NAN)).mean(), logits)
    log_q = logits.detach().log_softmax(0)
    drawn = torch.multinomial(log_q.exp(), rows, True, generator=torch.Generator().manual_seed(1))
    nats = summed_over(logits.detach(), pixels, drawn.float()) + log_q[drawn]
    score = functional.one_hot(drawn, 2) - log_q.exp()
    assert (nats.unsqueeze(1) * score).mean(0).tolist() == pytest.approx(found.tolist(), abs=0.02)
    # The classes differ by 2 nats in the mean: (0 - 2 y)^2 / 2.
    expected = log_q.exp().prod().item() * (log_q[0] - log_q[1] - 2).item()
    assert found.tolist() == pytest.approx([expected, -expected], abs=0.02)


def test_the_summed_bound_of_one_number_has_its_closed_form_below_the_likelihood():
    logits = torch.tensor([0.3, 0.0])
    found = summed_over(logits, torch.ones(200_000), torch.full((200_000,), NAN)).mean().item()
    # E -log N(1; z + 2 y, 1) = (log 2 pi + (1 - 2 y)^2 + 1) / 2 for z ~ N(0, 1): the same for y = 0 and 1.
    chances = logits.softmax(0)
    entropy = -(chances * chances.log()).sum().item()
    assert found == pytest.approx(0.5 * math.log(2 * math.pi) + 1 + math.log(2) - entropy, abs=5e-3)
    assert -found < -0.5 * (math.log(4 * math.pi) + 0.5)  # log p(1): the mixture of N(0, 2) and N(2, 2)


@pytest.mark.parametrize("term", [Order(0.0), Align(0.0), Confuse("digit", weight=0.0), Responsible(0.0)])
def test_a_weight_of_0_is_the_vae_to_the_bit(term):
    latent = [Gaussian(4, prior=ByClass("digit", spread=0.5))]
    gradients = []
    for terms in ([KL()], [KL(), term]):
        model = make_model(latent)
        loss, _, _ = loss_of(terms, model)
        loss.total.backward()
        gradients.append([each.grad.clone() for each in model.parameters() if each.grad is not None])
    assert all(torch.equal(one, two) for one, two in zip(*gradients, strict=True))


@pytest.mark.parametrize(
    ("latent", "term", "message"),
    [
        ([Gaussian(1)], Order(), "loss.order: needs 2 latents with a normal posterior, the model has 1"),
        ([Gaussian(3)], Order(attributes=("dgit",)), "did you mean 'digit'"),
        ([Gaussian(3)], Align(attributes=("dgit",)), "did you mean 'digit'"),
        ([Gaussian(3)], Confuse("slant"), "loss.confuse: attribute 'slant' is continuous"),
        ([Gaussian(3)], Confuse("digit", blocks=("y",)), "no latent is called 'y'; there is: z"),
        ([Gaussian(3)], Responsible(), "no latent has a mean for each class"),
        ([Gaussian(3)], Enumerate("digit"), "no latent stands for the classes of 'digit'"),
        ([Softmax(attributes=("digit",), head="normal")], Enumerate("digit"), "head: categorical"),
    ],
)
def test_what_does_not_fit_is_said(latent, term, message):
    with pytest.raises(InputError, match=message):
        loss_of([term], make_model(latent))


def test_a_continuous_label_is_aligned_over_its_range():
    attribute = Attribute(name="slant", kind="continuous", low=-2.0, high=6.0)
    model = make_model([Gaussian(1)])
    step = loss_of([], model)[2]
    step.batch.labels["slant"] = torch.full((4,), 0.0)
    context = type(
        "Context", (), {"model": model, "attributes": {"slant": attribute}, "images": 9, "steps": 9}
    )
    objective = Objective([Reconstruction(0.0), Align()], context())
    expected = functional.binary_cross_entropy_with_logits(
        step.posteriors["z"].mean, torch.full((4, 1), 0.25)
    )
    assert objective(step).total.item() == pytest.approx(expected.item(), rel=1e-5)
