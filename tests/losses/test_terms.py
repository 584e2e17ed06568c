import pytest
import torch
from small_model import ATTRIBUTES, NAN, SHAPE, loss_of, make_batch, make_model

from distaff.errors import InputError
from distaff.latents import Batch, Gaussian, Gumbel, QuantisedLatent, Softmax, Sphere
from distaff.losses import (
    GECO,
    KL,
    MMD,
    TC,
    Bound,
    Classify,
    Column,
    Context,
    ControlledKL,
    Discriminator,
    Hessian,
    Marginal,
    Moments,
    Objective,
    Quantise,
    Reconstruction,
    Supervise,
    Term,
    TermModule,
    Values,
)
from distaff.schedules import Linear, Sigmoid


@pytest.fixture
def model():
    return make_model()


def test_the_loss_is_the_weighted_sum_in_nats_per_image(model):
    loss, _, step = loss_of([Reconstruction(2.0), KL(3.0, blocks=("z",))], model)
    nats = -model.likelihood.log_probability(step.decoded[0], step.batch.images)
    kl = model.latents.kl(step.posteriors, step.z, {})["z"].sum(1)
    assert torch.allclose(loss.total, 2 * nats.mean() + 3 * kl.mean())
    assert torch.allclose(loss.columns["kl"].values, kl)


def test_reconstruction_is_always_there(model):
    _, objective, _ = loss_of([KL()], model)
    assert list(objective.columns) == ["reconstruction", "kl"]
    assert "nats per image" in objective.columns["kl"]


def test_capacity_holds_the_batch_mean(model):
    loss, objective, _ = loss_of([Reconstruction(0.0), KL(5.0, capacity=Linear(0, 20))], model, step=50)
    assert objective.schedules["kl.capacity"].value(50, 100) == 10
    assert loss.total.item() == pytest.approx(5 * abs(loss.columns["kl"].mean().item() - 10), rel=1e-5)


def test_the_mean_is_taken_before_the_distance_to_the_capacity(model):
    """Images on both sides of the capacity cancel; a distance of each image would not be 0."""
    with torch.no_grad():
        model.head.weight.mul_(10)
    batch = make_batch()
    kl = loss_of([KL()], model, batch)[0].columns["kl"].values
    assert kl.std() > 0.1
    terms = [Reconstruction(0.0), KL(5.0, capacity=kl.mean().item())]
    assert loss_of(terms, model, batch)[0].total.item() == pytest.approx(0, abs=1e-4)
    order = torch.tensor([2, 0, 3, 1])
    mixed = Batch(batch.images[order], {name: each[order] for name, each in batch.labels.items()})
    terms = [Reconstruction(0.0), KL(5.0, capacity=1.0)]
    found = [loss_of(terms, model, each)[0].total.item() for each in (batch, mixed)]
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_two_latents_have_weights_and_capacities_of_their_own():
    terms = [KL(30, blocks=("z",), capacity=5), KL(20, blocks=("class",), name="kl.class", capacity=0.5)]
    loss, _, _ = loss_of(terms, make_model([Gaussian(4), Gumbel(3)]))
    nats = {name: column.mean().item() for name, column in loss.columns.items()}
    expected = nats["reconstruction"] + 30 * abs(nats["kl"] - 5) + 20 * abs(nats["kl.class"] - 0.5)
    assert loss.total.item() == pytest.approx(expected, rel=1e-6)


def test_without_capacity_to_fill_the_term_is_a_beta(model):
    held, _, _ = loss_of([KL(1000, capacity=0)], model)
    plain, _, _ = loss_of([KL(1000)], model)
    assert torch.equal(held.total, plain.total)


def test_below_the_capacity_the_gradient_is_turned_round(model):
    def gradient(term):
        model.zero_grad()
        loss, _, _ = loss_of([Reconstruction(0.0), term], model)
        loss.total.backward()
        return model.head.weight.grad.clone()

    assert torch.allclose(gradient(KL(7, capacity=10_000)), -gradient(KL(7)), atol=1e-6)


def test_free_bits_are_free_per_dimension(model):
    loss, _, step = loss_of([Reconstruction(0.0), KL(free_bits=2.0, blocks=("z",))], model)
    per_dimension = model.latents.kl(step.posteriors, step.z, {})["z"].mean(0)
    assert loss.total.item() == pytest.approx(per_dimension.clamp(min=2).sum().item(), rel=1e-5)
    assert loss.total.item() >= 8


def test_free_bits_of_a_latent_and_of_each_image(model):
    """The reading of the paper, of most codes, and of each image; the last is never less."""
    found = {}
    for per in ("latent", "dimension", "image"):
        term = KL(free_bits=0.05, free_per=per, blocks=("z",))
        loss, _, step = loss_of([Reconstruction(0.0), term], model)
        found[per] = loss.total.item()
    nats = model.latents.kl(step.posteriors, step.z, {})["z"]
    expected = {
        "latent": max(nats.sum(1).mean().item(), 0.05),
        "dimension": nats.mean(0).clamp(min=0.05).sum().item(),
        "image": nats.clamp(min=0.05).sum(1).mean().item(),
    }
    assert found == pytest.approx(expected, rel=1e-5)
    assert found["image"] >= found["dimension"] >= found["latent"]


@pytest.mark.parametrize("per", ["latent", "dimension", "image"])
def test_below_the_free_bits_there_is_no_gradient_and_without_any_it_is_the_kl(model, per):
    free, _, _ = loss_of([Reconstruction(0.0), KL(free_bits=99.0, free_per=per, blocks=("z",))], model)
    free.total.backward()
    assert all(each.grad is None or not each.grad.any() for each in model.parameters())
    assert free.total.item() == pytest.approx(99 * (1 if per == "latent" else 4))
    none, _, _ = loss_of([Reconstruction(0.0), KL(free_per=per, blocks=("z",))], model)
    plain, _, _ = loss_of([Reconstruction(0.0), KL(blocks=("z",))], model)
    assert none.total.item() == pytest.approx(plain.total.item(), rel=1e-6)


def test_the_abs_penalty_has_the_mean_itself():
    model = make_model([Gaussian(1)])
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([3.0, 0.0]))
    square, _, _ = loss_of([Reconstruction(0.0), KL()], model)
    absolute, _, _ = loss_of([Reconstruction(0.0), KL(penalty="abs")], model)
    assert square.total.item() == pytest.approx(4.5)
    assert absolute.total.item() == pytest.approx(1.5)


def test_unlabelled_images_are_skipped(model):
    loss, _, step = loss_of([Reconstruction(0.0), Supervise(1.0), Classify("digit", weight=0.5)], model)
    logits = step.posteriors["digit"].distribution.logits
    expected = torch.nn.functional.cross_entropy(logits[[0, 2]], torch.tensor([3, 7]))
    assert loss.columns["supervise.digit"].mask.tolist() == [True, False, True, False]
    classify = loss.columns["classify.digit"].mean()
    assert loss.total.item() == pytest.approx((expected + 0.5 * classify).item(), rel=1e-5)


def test_a_batch_without_any_label_adds_nothing_and_has_a_gradient(model):
    batch = make_batch()
    batch.labels["digit"] = torch.full((4,), NAN)
    loss, _, _ = loss_of([Reconstruction(0.0), Supervise(100.0), Classify("digit")], model, batch)
    assert loss.total.item() == 0
    loss.total.backward()
    assert all(each.grad is None or torch.equal(each.grad, 0 * each) for each in model.parameters())


def test_a_classifier_with_weight_zero_learns_without_touching_the_encoder(model):
    fall = Sigmoid(100, 0, until="60%")
    loss, objective, _ = loss_of([Reconstruction(0.0), Classify("digit", weight=fall)], model, step=60)
    loss.total.backward()
    assert loss.total.item() == 0
    assert all(not each.grad.any() for each in model.encoder.parameters())
    assert all(each.grad.any() for each in objective.parameters())


def test_the_encoder_feels_the_classifiers_weight(model):
    def gradient(weight):
        model.zero_grad()
        loss, _, _ = loss_of([Reconstruction(0.0), Classify("digit", weight=weight)], model)
        loss.total.backward()
        return model.head.weight.grad.clone()

    assert torch.allclose(gradient(10.0), 10 * gradient(1.0), rtol=1e-4, atol=1e-7)
    assert torch.allclose(gradient(-20.0), -20 * gradient(1.0), rtol=1e-4, atol=1e-7)


def test_the_average_kl_is_the_sum_over_the_number_of_dimensions(model):
    whole, _, _ = loss_of([Reconstruction(0.0), KL()], model)
    mean, _, _ = loss_of([Reconstruction(0.0), KL(average=True)], model)
    # Four normal latents and one categorical.
    assert mean.total.item() == pytest.approx(whole.total.item() / 5)
    assert torch.equal(mean.columns["kl"].values, whole.columns["kl"].values)


class OnlyBright(Term):
    """Skips images by a mask of its own, which no other code knows by name."""

    tag = "only_bright"

    def build(self, context):
        return OnlyBrightTerm()


class OnlyBrightTerm(TermModule):
    def __init__(self):
        super().__init__()
        self.columns, self.schedules = {"bright": "a number for bright images"}, {}

    def forward(self, step):
        brightness = step.batch.images.flatten(1).mean(1)
        column = Column(brightness, brightness > 0.5)
        return Values(column.mean(), {"bright": column})


def test_a_term_of_others_skips_images_by_its_own_mask(model):
    loss, _, step = loss_of([Reconstruction(0.0), OnlyBright()], model)
    brightness = step.batch.images.flatten(1).mean(1)
    assert loss.total.item() == pytest.approx(brightness[brightness > 0.5].mean().item())


def test_what_a_term_draws_moves_no_other_number(model):
    _, _, one = loss_of([KL()], model)
    first = torch.rand(3, generator=one.generator("a"))
    assert not torch.equal(first, torch.rand(3, generator=one.generator("b")))
    assert torch.equal(first, torch.rand(3, generator=one.generator("a")))


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ([KL(blocks=("y",))], "no latent called 'y' has a divergence"),
        ([KL(), KL(2.0)], "two terms have a column 'kl'"),
        ([Classify("digits")], "did you mean 'digit'"),
        ([Classify("slant")], "is continuous; the term needs classes"),
        ([Supervise(attributes=("slant",))], "no latent stands for 'slant'"),
    ],
)
def test_mistakes_are_named(model, terms, message):
    with pytest.raises(InputError, match=message):
        loss_of(terms, model)


def test_supervise_needs_a_latent_of_an_attribute():
    model = make_model([Gaussian(2)])
    with pytest.raises(InputError, match="no attribute latent"):
        Objective([Supervise()], Context(model, ATTRIBUTES, 10, 10))


def test_auto_is_the_first_attribute_with_classes(model):
    assert Classify().resolved(ATTRIBUTES) == Classify("digit")
    with pytest.raises(InputError, match="has none"):
        Classify().resolved({"slant": ATTRIBUTES["slant"]})


ALL_TERMS = {
    "kl": ([Gaussian(4)], [KL()]),
    "free": ([Gaussian(4)], [KL(free_bits=0.1, free_per="image")]),
    "controlled_kl": ([Gaussian(4)], [ControlledKL(target=3)]),
    "geco": ([Gaussian(4)], [KL(), GECO(target=3)]),
    "bound": ([Gaussian(4)], [Bound(5)]),
    "minibatch": ([Gaussian(4)], [KL(), TC()]),
    "discriminator": ([Gaussian(4)], [TC(by=Discriminator(hidden=(8,)))]),
    "kernel": ([QuantisedLatent(4)], [TC(by="kernel")]),
    "moments": ([Gaussian(4)], [Moments()]),
    "rbf": ([Gaussian(4)], [MMD()]),
    "imq": ([Gaussian(4)], [MMD(kernel="imq")]),
    "marginal": ([Gaussian(4)], [Marginal(memory=4)]),
    "quantise": ([QuantisedLatent(4)], [Quantise(), Hessian()]),
    "classify": ([Gaussian(4)], [Classify("digit", weight=-2)]),
    "supervise": ([Softmax(attributes=("digit",))], [Supervise()]),
    "gumbel": ([Gumbel(3), Sphere(3)], [KL()]),
}


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
@pytest.mark.parametrize("name", ALL_TERMS)
def test_every_term_is_finite_for_one_image_without_a_label_and_for_any_encoder(name, scale):
    """A last batch may hold one image, and an encoder may say anything."""
    latent, terms = ALL_TERMS[name]
    model = make_model(latent)
    with torch.no_grad():
        model.head.weight.mul_(scale)
        model.head.bias.mul_(scale)
    for batch in (Batch(torch.rand(1, *SHAPE), {"digit": torch.tensor([NAN])}), make_batch()):
        loss, objective, _ = loss_of(terms, model, batch)
        loss.total.backward()
        assert loss.total.isfinite()
        assert all(column.mean().isfinite() for column in loss.columns.values())
        gradients = [each.grad for each in (*model.parameters(), *objective.parameters())]
        assert all(each.isfinite().all() for each in gradients if each is not None)


@pytest.mark.parametrize("log_variance", [-20.0, 0.0, 5.0])
@pytest.mark.parametrize("name", ALL_TERMS)
def test_every_term_is_finite_in_bfloat16_for_narrow_and_wide_posteriors_and_the_prior(name, log_variance):
    latent, terms = ALL_TERMS[name]
    model = make_model(latent)
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()[len(model.head.bias) // 2 :].fill_(log_variance)
    # As in training: networks in bfloat16, terms outside of it.
    model.forward = torch.autocast("cpu", torch.bfloat16)(model.forward)
    loss, objective, step = loss_of(terms, model, make_batch(8))
    assert step.decoded.dtype == step.z.dtype == torch.float32
    loss.total.backward()
    assert all(column.mean().isfinite() for column in loss.columns.values())
    gradients = [each.grad for each in (*model.parameters(), *objective.parameters())]
    assert all(each.isfinite().all() for each in gradients if each is not None)


def test_a_capacity_above_what_classes_can_hold_is_told_and_cut(caplog):
    model = make_model([Gumbel(4)])
    above, _, _ = loss_of([Reconstruction(0.0), KL(capacity=5.0)], model)
    assert "class hold at most 1.3863 nats, so that is the capacity, not 5" in caplog.text
    caplog.clear()
    most, _, _ = loss_of([Reconstruction(0.0), KL(capacity=1.3863)], model)
    assert above.total.item() == pytest.approx(most.total.item(), abs=1e-4)
    loss_of([KL(capacity=5.0)], make_model([Gumbel(4), Gaussian(2)]))
    assert not caplog.text
