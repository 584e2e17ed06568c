import numpy as np
import pytest
import torch

from distaff import KL, L2, Classify, Gaussian, InputError, Recipe, Sampled, Softmax
from distaff.data import Attribute
from distaff.model import Model, bound_terms, build, has_bound, judge_collapse, log_weights, resolve
from distaff.model.condition import likeliest_condition

ATTRIBUTES = (
    Attribute(name="shape", kind="categorical", values=("square", "ellipse", "heart")),
    Attribute(name="level", kind="ordinal", values=(0, 1, 2, 3)),
    Attribute(name="weight", kind="continuous", mean=70.0, std=10.0, low=40.0, high=110.0),
)


def make(shape=(1, 8, 8), **fields):
    recipe = Recipe(**{"data": "digits", "network": {"mlp": {"hidden": [16]}}} | fields)
    recipe = resolve(recipe, ATTRIBUTES)
    return Model(recipe, ATTRIBUTES, *build(recipe, ATTRIBUTES, shape))


@pytest.fixture
def attribute_model():
    return make(latent=[Softmax(), L2(attributes="continuous"), Gaussian(2, name="style")])


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 10)])
def test_every_layout_and_type_of_picture_gives_the_same_code(shape):
    model = make(shape)
    channels, height, width = shape
    planes = np.random.default_rng(0).integers(0, 256, (5, channels, height, width), dtype=np.uint8)
    layouts = [planes, planes.transpose(0, 2, 3, 1), planes.astype(np.float32) / 255, planes / 255.0]
    if channels == 1:
        layouts.append(planes[:, 0])
    codes = [model.encode(each) for each in layouts]
    assert all(np.allclose(codes[0], each, atol=1e-6) for each in codes)
    out = model.decode(codes[0])
    assert out.shape == ((5, 8, 8) if channels == 1 else (5, 8, 10, 3))
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 1


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 9, 9)), r"expected \[n, 8, 8\] or \[n, 1, 8, 8\], got \[2, 9, 9\]"),
        (np.zeros((2, 8, 8), int), "expected uint8, or floats"),
        (np.full((2, 8, 8), 255.0), "divide by 255"),
        (np.full((2, 8, 8), np.nan), "divide by 255"),
        (np.zeros((8, 8)), "got \\[8, 8\\]"),
    ],
)
def test_wrong_pictures_are_named(images, message):
    with pytest.raises(InputError, match=message):
        make().encode(images)


def test_latents_are_named(attribute_model):
    labels = [each.label for each in attribute_model.latents]
    assert labels == [
        "shape=square", "shape=ellipse", "shape=heart", "level=0", "level=1", "level=2", "level=3",
        "weight", "style0", "style1",
    ]  # fmt: skip
    assert attribute_model.slices["style"] == slice(8, 10)


def test_written_attributes_are_read_and_the_style_is_kept(attribute_model):
    codes = np.random.default_rng(0).normal(size=(4, 10)).astype(np.float32)
    before = attribute_model.read(codes)
    written = attribute_model.write(codes, shape="heart", weight=85)
    after = attribute_model.read(written)
    assert after["shape"].tolist() == [2, 2, 2, 2]
    assert after["weight"] == pytest.approx([85.0] * 4)
    assert after["level"].tolist() == before["level"].tolist()
    assert np.array_equal(written[:, 8:], codes[:, 8:])
    assert written[:, :3].tolist() == [[0, 0, 1]] * 4


def test_samples_have_the_attributes_asked_for(attribute_model):
    codes, _ = attribute_model.sample_codes(50, shape="ellipse", level=3)
    read = attribute_model.read(codes)
    assert set(read["shape"]) == {1}
    assert set(read["level"]) == {3}
    assert attribute_model.sample(2, seed=1).tolist() == attribute_model.sample(2, seed=1).tolist()
    assert attribute_model.sample(2, seed=1).tolist() != attribute_model.sample(2, seed=2).tolist()


def test_one_value_for_each_picture(attribute_model):
    codes, _ = attribute_model.sample_codes(3, shape=["heart", "square", "ellipse"])
    assert attribute_model.read(codes)["shape"].tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"shpe": "heart"}, "did you mean 'shape'"),
        ({"shape": "hart"}, "did you mean 'heart'"),
        ({"level": 7}, "level"),
        ({"weight": 500}, "not a number from 40 to 110"),
        ({"shape": ["heart", "square"]}, "2 values for 3 pictures"),
    ],
)
def test_wrong_attributes_are_named(attribute_model, wanted, message):
    with pytest.raises(InputError, match=message):
        attribute_model.sample(3, **wanted)


def test_a_plain_model_has_nothing_to_set():
    with pytest.raises(InputError, match="cannot be set in this model; there is none"):
        make().sample(1, shape="heart")


def test_a_conditional_model_draws_what_it_is_told_and_takes_unknown_labels():
    model = make(condition="shape", latent=[Gaussian(3)])
    images = np.zeros((2, 8, 8), np.uint8)
    assert not np.allclose(model.encode(images, attributes={"shape": "heart"}), model.encode(images))
    codes, condition = model.sample_codes(4, shape="heart")
    assert condition["shape"].tolist() == [2, 2, 2, 2]
    assert codes.shape == (4, 3)
    assert not np.allclose(model.edit(images, shape="heart"), model.edit(images, shape="square"))


def test_an_unknown_condition_is_the_class_that_draws_the_picture_best():
    model = make(condition="shape", latent=[Gaussian(3)])
    codes, condition = model.sample_codes(30)
    images = model.decode(codes, attributes=condition)
    found = likeliest_condition(model, images, codes, None)
    assert np.array_equal(found["shape"], condition["shape"])
    told = likeliest_condition(model, images, codes, {"shape": "heart"})
    assert set(told["shape"]) == {2}
    guessed = likeliest_condition(model, images, model.encode(images), None)
    again = model.decode(model.encode(images), attributes=guessed)
    assert np.array_equal(model.reconstruct(images), again)


def test_a_class_that_was_driven_out_of_the_code_is_not_read_from_it():
    model = make(latent=[Gaussian(2)], condition="shape", loss=[KL(), Classify("shape", weight=-5)])
    assert model.readable == ()
    assert model.settable == ("shape",)


def test_a_class_without_a_block_is_met_by_rejection():
    model = make(latent=[Gaussian(2)], loss=[KL(), Classify("shape")])
    classifier = next(iter(model._classifiers.values())).classifier
    with torch.no_grad():
        for layer in classifier.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.weight.zero_()
                layer.bias.zero_()
        classifier[0][0].weight[0, 0] = 1.0  # only positive z0 passes the ReLUs
        classifier[0][2].weight[0, 0] = 1.0
        classifier[1].weight[2, 0] = 50.0
        classifier[1].bias[0] = 5.0
    codes, _ = model.sample_codes(200, shape="heart")
    assert (codes[:, 0] > 0).mean() > 0.98
    others, _ = model.sample_codes(200, shape="square")
    assert (others[:, 0] < 0.2).mean() > 0.95


def test_the_bound_is_made_of_its_terms():
    model = make(latent=[Gaussian(3), Sampled(attributes=["shape"])])
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    terms = bound_terms(model, images)
    mean, variance = terms.mean, terms.variance
    expected = 0.5 * (variance + mean**2 - 1 - np.log(variance))
    assert terms.kl == pytest.approx(expected, abs=1e-4)
    assert terms.dimensions == ["z0", "z1", "z2", "shape0", "shape1", "shape2"]
    assert terms.columns.tolist() == [0, 1, 2, 3, 4, 5]
    assert has_bound(model)
    assert not has_bound(make(latent=[Softmax()]))


def test_more_draws_tighten_the_bound_and_one_draw_is_the_elbo():
    model = make(latent=[Gaussian(4)])
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    weights = log_weights(model, images, 2000)
    terms = bound_terms(model, images)
    elbo = -(terms.reconstruction.mean() + terms.kl.sum(1).mean())
    assert weights.mean() == pytest.approx(elbo, abs=0.5)
    bounds = [np.logaddexp.reduce(weights[:, :k], axis=1).mean() - np.log(k) for k in (1, 50, 2000)]
    assert bounds[0] < bounds[1] <= bounds[2] + 0.05


def test_verdicts_on_collapse():
    none = judge_collapse({"z0": 2.0, "z1": 0.5})
    assert none.verdict == "none"
    assert "all 2 latents tell something of the picture (2.5 nats in all)" in none.sentence
    some = judge_collapse({"z0": 2.0, "z1": 0.001})
    assert (some.verdict, some.active, some.dead) == ("some", ("z0",), ("z1",))
    assert "1 of 2 latents is unused, under 0.01 nats (z1); the other carries 2 nats" in some.sentence
    assert "normal" in some.sentence
    every = judge_collapse({f"z{i}": 0.009 for i in range(32)})
    assert every.verdict == "all"
    assert every.sentence.startswith(
        "The posterior has collapsed: all 32 latents carry less than 0.01 nats; "
    )
    assert "the decoder ignores the code. Lower beta" in every.sentence
    assert "..." in judge_collapse({"z": 1.0} | {f"z{i}": 0.0 for i in range(9)}).sentence
