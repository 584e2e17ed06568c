"""Regions and paths: what they cost on codes whose classes are known, and when the labels are gone."""

import math

import pytest
import torch
from small_model import ATTRIBUTES, loss_of, make_batch, make_model

from distaff.attributes import Attribute
from distaff.errors import InputError
from distaff.latents import Gaussian, Normal
from distaff.latents import priors as made
from distaff.losses import KL, Context, Paths, Regions
from distaff.networks import Folded
from distaff.schedules import Linear

PAIRS = ((3, 7),)


def model_of(size=2, seed=0, **fields):
    return make_model([Gaussian(size, prior=made.Regions(**fields))], seed=seed)


def halves(model):
    """Divide the plane in two: class 3 right of the vertical, class 7 left of it, no other anywhere."""
    prior = next(iter(model.latents)).prior
    prior.slopes.zero_()
    prior.offsets.fill_(-100.0)
    prior.offsets[[3, 7]] = 0.0
    prior.slopes[3, 0], prior.slopes[7, 0] = 2.0, -2.0
    return prior


def one_step(term, model, mean, number=50, labels=None):
    _, _, step = loss_of([KL()], model, step=number)
    step.posteriors = {"z": Normal(mean, torch.full_like(mean, -4.0))}
    step.z, step.number = mean.unsqueeze(0), number
    if labels is not None:
        step.batch.labels["digit"] = labels
    return term(step)


def build(part, model):
    return part.build(Context(model, ATTRIBUTES, 1000, 100)).train()


def test_the_cost_is_the_cross_entropy_of_the_labelled():
    model = model_of()
    halves(model)
    mean = torch.tensor([[0.5, 1.0], [-2.0, 0.0], [0.5, 0.0], [1.0, 3.0]])
    labels = torch.tensor([3.0, 7.0, 7.0, math.nan])
    found = one_step(build(Regions(weight=10, keep=3, settle=0), model), model, mean, labels=labels)
    # The logits differ by 4 x; z = 0.5 of class 7 lies 2 on the wrong side.
    told = [math.log1p(math.exp(-2)), math.log1p(math.exp(-8)), math.log1p(math.exp(2))]
    kept = [math.log1p(math.exp(-each)) for each in (2, 8, 2, 4)]
    assert found.columns["regions.digit"].mean().item() == pytest.approx(sum(told) / 3, rel=1e-5)
    assert found.columns["regions.digit.keep"].mean().item() == pytest.approx(sum(kept) / 4, rel=1e-5)
    assert found.loss.item() == pytest.approx(10 * sum(told) / 3 + 3 * sum(kept) / 4, rel=1e-5)


def test_regions_are_laid_out_once_where_the_classes_lie():
    model = model_of()
    prior, term = next(iter(model.latents)).prior, build(Regions(settle=2), model)
    mean, labels = (
        torch.tensor([[2.0, 0.1], [2.1, 0.0], [-2.0, 0.0], [-2.1, 0.2]]),
        torch.tensor([3.0, 3, 7, 7]),
    )
    for number in (0, 1):
        found = one_step(term, model, mean, number, labels)
        assert found.columns["regions.digit"].mean().item() == pytest.approx(
            math.log(10)
        )  # nothing known yet
    one_step(term, model, mean, 2, labels)
    chances = prior.class_logits(mean).softmax(1)
    assert chances[:2, 3].min() > chances[:2, 7].max()
    assert chances[2:, 7].min() > chances[2:, 3].max()
    before = prior.slopes.clone()
    one_step(term, model, -mean, 3, labels)
    assert torch.equal(prior.slopes, before)


def test_without_labels_only_keep_moves_the_codes():
    model = model_of()
    halves(model)
    mean = torch.tensor([[0.5, 0.0], [-0.5, 0.0], [0.2, 1.0], [-0.2, 1.0]], requires_grad=True)
    unlabelled = torch.full((4,), math.nan)
    for part, moves in ((Regions(weight=10, settle=0), False), (Regions(keep=1, settle=0), True)):
        mean.grad = None
        one_step(build(part, model), model, mean, labels=unlabelled).loss.backward()
        assert bool(mean.grad.any()) == moves
    assert mean.grad[0, 0] < 0 < mean.grad[1, 0]  # descent moves both away from the border


@pytest.mark.parametrize("extra", [Regions(weight=0), Paths("digit", weight=0)])
def test_a_weight_of_0_is_the_vae_to_the_bit(extra):
    found = []
    for terms, prior in (([KL()], made.Standard()), ([KL(), extra], made.Regions())):
        model = make_model([Gaussian(4, prior=prior)])
        loss_of(terms, model, batch=make_batch(8))[0].total.backward()
        found.append([each.grad for each in model.parameters()])
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


def test_paths_are_of_the_pairs_asked_for_or_of_all():
    assert build(Paths(), model_of(pairs=PAIRS)).pairs.tolist() == [[3, 7]]
    assert len(build(Paths(), model_of(3)).pairs) == 45
    assert len(build(Paths(), make_model([Gaussian(3)])).pairs) == 45


def test_in_a_plane_paths_are_of_the_regions_that_touch():
    model = model_of()
    prior, term = next(iter(model.latents)).prior, build(Paths("digit", weight=1, points=300), model)
    term.counts.fill_(1.0)
    step = loss_of([KL()], model, step=50)[2]
    assert not term(step).columns["paths"].mask.any()  # nothing is laid out
    angles = 2 * math.pi * torch.arange(10) / 10
    prior.divide(torch.stack([angles.cos(), angles.sin()], 1), torch.full((10,), 0.1))
    joined = {tuple(each) for each in prior.joined.triu().nonzero().tolist()}
    assert 10 <= len(joined) <= 24
    chosen, known = term._choose(step)
    assert known.all()
    assert {tuple(each) for each in chosen.tolist()} == joined


def read_paths(**fields):
    """A model with three latents, and the term."""
    model = make_model([Gaussian(3)])
    term = Paths("digit", **fields).build(Context(model, ATTRIBUTES, 1000, 100)).train()
    return model, term


def test_a_reader_learns_from_labelled_images_until_its_time_and_the_encoder_from_nothing():
    model, term = read_paths(weight=2, until=10)
    mean = torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [1.0, 0.5, 0.0], [-1.0, 0.5, 0.0]])
    labels = torch.tensor([3.0, 7.0, math.nan, 7.0])
    for number, learns in ((9, True), (10, False)):
        model.zero_grad()
        term.zero_grad()
        found = one_step(term, model, mean, number, labels)
        assert found.loss.item() == pytest.approx(2 * found.columns["paths"].mean().item(), rel=1e-5)
        assert found.columns["paths.reader"].mask.tolist() == [True, True, False, True]
        found.loss.backward()
        gradients = [each.grad for each in term.parameters() if each.grad is not None]
        assert bool(sum(each.abs().sum() for each in gradients)) == learns
        assert all(each.grad is None or not each.grad.any() for each in model.encoder.parameters())
        assert any(each.grad is not None and each.grad.any() for each in model.decoder.parameters())


def test_a_weight_that_is_0_at_first_shows_as_many_points():
    # The history puts the columns of several steps beside each other.
    model, term = read_paths(weight=Linear(0, 1))
    shapes = {}
    for number in (0, 50):
        _, _, step = loss_of([KL()], model, step=number)
        shapes[number] = {name: each.values.shape for name, each in term(step).columns.items()}
    assert shapes[0] == shapes[50]


def test_a_reader_asks_for_the_pairs_of_its_own_attribute():
    assert len(read_paths()[1].pairs) == 45
    assert build(Paths("digit"), model_of(pairs=PAIRS)).pairs.tolist() == [[3, 7]]


def test_a_plane_does_not_hold_a_path_between_every_two_of_many_classes(caplog):
    def weight(size, **prior):
        model = model_of(size, **prior) if prior else make_model([Gaussian(size)])
        return Paths("digit").build(Context(model, ATTRIBUTES, 1000, 100)).part.weight

    assert [weight(1), weight(2)] == [0, 0]
    assert "2 latents hold no straight path between every two of 10 classes" in caplog.text
    assert [weight(3), weight(2, pairs=PAIRS)] == [1, 1]


def test_pairs_of_regions_of_another_attribute_are_not_taken():
    colour = Attribute(name="colour", kind="categorical", values=("red", "green", "blue"))
    attributes = {**ATTRIBUTES, "colour": colour}
    model = model_of(pairs=PAIRS, attribute="digit")
    term = Paths("colour").build(Context(model, attributes, 1000, 100))
    assert term.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]


@pytest.mark.parametrize("points", [1, 4])
def test_means_are_those_of_the_classes_however_few_images_are_read(points):
    _, term = read_paths(points=points)
    mean = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    for _ in range(2000):
        chosen = torch.randint(9, (points,), generator=generator)  # class 9 never comes
        term._remember(mean[chosen], torch.eye(10)[chosen])
    means = term.sums[:9] / term.counts[:9].unsqueeze(1)
    assert torch.allclose(means, mean[:9], atol=1e-4)
    assert term.counts[9] == 0


def test_a_path_to_a_class_without_images_does_not_count():
    _, term = read_paths(points=300)
    term.counts[:2] = 1.0
    _, _, step = loss_of([KL()], make_model([Gaussian(3)]))
    column = term.eval()(step).columns["paths"]
    assert 0 < column.mask.sum() < 30  # one pair of 45


def test_what_is_decoded_between_classes_leaves_the_statistics_of_layers_alone():
    model = make_model([Gaussian(3)], network=Folded(channels=8, hidden=(16,)))
    term = build(Paths("digit"), model)
    _, _, step = loss_of([KL()], model.train())
    counted = {name: each.clone() for name, each in model.named_buffers() if "running" in name}
    assert counted
    term.train()(step).loss.backward()
    assert all(torch.equal(each, counted[name]) for name, each in model.named_buffers() if name in counted)
    assert all(each.training for each in model.modules() if isinstance(each, torch.nn.BatchNorm2d))


@pytest.mark.parametrize("name", ["slant", "nothing"])
def test_a_reader_needs_classes(name):
    with pytest.raises(InputError, match=name):
        loss_of([Paths(name)], make_model([Gaussian(2)]))


def test_regions_need_a_prior_of_them():
    with pytest.raises(InputError, match="prior of regions"):
        loss_of([Regions()], make_model([Gaussian(2)]))


def settled(part, steps):
    """Return the term, its model's prior with layouts counted, and the steps at which it was laid out."""
    model = model_of()
    prior, found = next(iter(model.latents)).prior, []
    real = prior.divide
    term = part.build(Context(model, ATTRIBUTES, 1000, steps)).train()

    def divide(means, shares):
        found.append(number)
        return real(means, shares)

    prior.divide = divide
    for number in range(0, steps, 5):
        one_step(term, model, torch.randn(4, 2), number=number)
    return term, found


def test_regions_are_laid_out_once_also_when_a_run_is_continued_with_more_steps():
    term, found = settled(Regions(weight=20, settle="20%"), 100)
    assert found == [20]
    model = model_of()
    longer = Regions(weight=20, settle="20%").build(Context(model, ATTRIBUTES, 1000, 400)).train()
    longer.load_state_dict(term.state_dict())
    prior = halves(model)
    before = prior.slopes.clone()
    one_step(longer, model, torch.randn(4, 2), number=80)
    assert torch.equal(prior.slopes, before)


@pytest.mark.parametrize("settle", ["100%", 100, 2000])
def test_regions_that_would_never_be_laid_out_are_refused(settle):
    with pytest.raises(InputError, match="never"):
        Regions(settle=settle).build(Context(model_of(), ATTRIBUTES, 1000, 100))


def test_early_stopping_waits_for_the_layout():
    assert build(Regions(weight=20, settle="40%"), model_of()).last_change(100) == 40
