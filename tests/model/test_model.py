import numpy as np
import pytest
import torch

from distaff import InputError, Recipe
from distaff.attributes import Attribute
from distaff.latents import L2, Gaussian, Softmax
from distaff.losses import KL, Classify
from distaff.model import Model
from distaff.model._inputs import likeliest_condition

ATTRIBUTES = (
    Attribute(name="shape", kind="categorical", values=("square", "ellipse", "heart")),
    Attribute(name="level", kind="ordinal", values=(0, 1, 2, 3)),
    Attribute(name="weight", kind="continuous", mean=70.0, std=10.0, low=40.0, high=110.0),
)


def make(shape=(1, 8, 8), attributes=ATTRIBUTES, **fields):
    recipe = Recipe(**{"data": "digits", "network": {"mlp": {"hidden": [16]}}} | fields)
    recipe = recipe.resolved({each.name: each for each in attributes})
    return Model(recipe, attributes, *recipe.build(attributes, shape, 100))


@pytest.fixture
def attribute_model():
    return make(latent=[Softmax(), L2(attributes="continuous"), Gaussian(2, name="style")])


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 10)])
def test_every_layout_and_type_of_image_gives_the_same_code(shape):
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
        (np.full((2, 8, 8), 256), "whole numbers must lie from 0 to 255, got 256 to 256"),
        (np.zeros((2, 8, 8), complex), "expected uint8, or floats"),
        (np.full((2, 8, 8), 255.0), "divide by 255"),
        (np.full((2, 8, 8), np.nan), "divide by 255"),
        (np.zeros((8, 9)), "got \\[8, 9\\]"),
        ([[1], [2, 3]], "not an array of one shape"),
    ],
)
def test_wrong_images_are_named(images, message):
    with pytest.raises(InputError, match=message):
        make().encode(images)


def test_a_model_says_what_it_is_and_where(attribute_model):
    said = repr(attribute_model)
    for part in ("1 x 8 x 8 images", "10 latents", "shape (softmax, 3)", "style (gaussian, 2)", "on cpu"):
        assert part in said
    assert attribute_model.to("cpu") is attribute_model
    with pytest.raises(InputError, match="device 'nowhere'"):
        attribute_model.to("nowhere")


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
    written = attribute_model.write(codes, attributes={"shape": "heart", "weight": 85})
    after = attribute_model.read(written)
    assert after["shape"].tolist() == [2, 2, 2, 2]
    assert after["weight"] == pytest.approx([85.0] * 4)
    assert after["level"].tolist() == before["level"].tolist()
    assert np.array_equal(written[:, 8:], codes[:, 8:])
    assert written[:, :3].tolist() == [[0, 0, 1]] * 4


@pytest.mark.parametrize("dtype", [int, np.int64, np.float32, np.float64, str])
def test_a_label_means_the_same_whatever_its_type(dtype):
    stages = Attribute(name="stage", kind="ordinal", values=(3, 5, 7))
    model = make(attributes=(stages,), latent=[Softmax()])
    asked = np.array([5, 3, 7, 5]).astype(dtype)
    codes, _ = model.sample_codes(4, attributes={"stage": asked})
    assert model.read(codes)["stage"].tolist() == [1, 0, 2, 1]
    assert model.labels("stage", model.read(codes)["stage"]).tolist() == [5, 3, 7, 5]


def test_class_indices_are_given_as_such_also_between_classes(attribute_model):
    codes = np.zeros((2, 10), np.float32)
    written = attribute_model.write(codes, indices={"level": [1.25, 3]})
    assert written[:, 3:7].tolist() == [[0, 0.75, 0.25, 0], [0, 0, 0, 1]]


def test_samples_have_the_attributes_asked_for(attribute_model):
    codes, _ = attribute_model.sample_codes(50, attributes={"shape": "ellipse", "level": 3})
    read = attribute_model.read(codes)
    assert set(read["shape"]) == {1}
    assert set(read["level"]) == {3}
    assert attribute_model.sample(2, seed=1).tolist() == attribute_model.sample(2, seed=1).tolist()
    assert attribute_model.sample(2, seed=1).tolist() != attribute_model.sample(2, seed=2).tolist()


@pytest.mark.parametrize("name", ["seed", "n", "codes", "images", "self", "attributes", "indices"])
def test_an_attribute_may_have_any_name(name):
    attribute = Attribute(name=name, kind="categorical", values=("a", "b"))
    model = make(attributes=(attribute,), latent=[Softmax(), Gaussian(2, name="z_")])
    codes, _ = model.sample_codes(3, attributes={name: "b"})
    assert model.read(codes)[name].tolist() == [1, 1, 1]
    images = model.sample(3, attributes={name: "b"})
    assert model.edit(images, attributes={name: "a"}).shape == (3, 8, 8)


def test_one_value_for_each_image(attribute_model):
    codes, _ = attribute_model.sample_codes(3, attributes={"shape": ["heart", "square", "ellipse"]})
    assert attribute_model.read(codes)["shape"].tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"shpe": "heart"}, "did you mean 'shape'"),
        ({"shape": "hart"}, "did you mean 'heart'"),
        ({"level": 7}, "level"),
        ({"weight": 500}, "from 40 to 110"),
        ({"shape": ["heart", "square"]}, "2 values for 3 images"),
    ],
)
def test_wrong_attributes_are_named(attribute_model, wanted, message):
    with pytest.raises(InputError, match=message):
        attribute_model.sample(3, attributes=wanted)


@pytest.mark.parametrize("missing", [None, np.nan, ["heart", None, "square"]])
def test_a_missing_label_is_no_latent(attribute_model, missing):
    rejected = make(latent=[Gaussian(2)], loss=[KL(), Classify("shape")])
    for work in (
        lambda: attribute_model.sample(3, attributes={"shape": missing}),
        lambda: attribute_model.edit(np.zeros((3, 8, 8)), attributes={"shape": missing}),
        lambda: attribute_model.write(
            np.zeros((3, attribute_model.code_size)), attributes={"shape": missing}
        ),
        lambda: rejected.sample(3, attributes={"shape": missing}),
    ):
        with pytest.raises(InputError, match="a label is missing"):
            work()


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda model: model.sample(-1), "n: expected a whole number of 0 or more, got '-1'"),
        (lambda model: model.sample(1.5), "n: expected a whole number"),
        (lambda model: model.sample("3"), "n: expected a whole number"),
        (lambda model: model.sample(True), "n: expected a whole number"),
        (lambda model: model.sample(2, seed=0.5), "seed: expected a whole number"),
        (lambda model: model.sample(2, attributes="shape"), "attributes: expected a mapping"),
        (lambda model: model.edit(np.zeros((8, 8)), attributes=[("shape", 1)]), "expected a mapping"),
        (lambda model: model.interpolate(np.zeros((8, 8)), np.zeros((8, 8)), steps=2.5), "steps.* whole"),
        (lambda model: model.traverse(np.zeros((8, 8)), "style0", steps=0), "steps: expected .* 1 or more"),
        (
            lambda model: model.traverse(np.zeros((8, 8)), "style0", values=["a"]),
            "values: expected .*numbers",
        ),
        (lambda model: model.traverse(np.zeros((8, 8)), "style0", values=[np.inf]), "values: hold NaN"),
        (lambda model: model.decode("a"), "codes: expected an array of numbers"),
        (lambda model: model.decode(None), "codes: hold NaN"),
        (lambda model: model.decode(np.full((1, model.code_size), np.nan)), "codes: hold NaN"),
    ],
)
def test_odd_values_are_refused_in_a_line(attribute_model, work, message):
    with pytest.raises(InputError, match=message) as caught:
        work(attribute_model)
    assert "\n" not in str(caught.value)


def test_only_what_can_be_traversed_is_offered():
    model = make(latent=[Gaussian(2)], loss=[KL(), Classify("shape")])
    with pytest.raises(InputError, match="no latent 'shape'; there is: z0, z1"):
        model.traverse(np.zeros((8, 8)), "shape")


def test_floats_just_outside_are_rounding_errors():
    model = make()
    images = np.random.default_rng(0).uniform(0, 1, (2, 8, 8))
    near = np.where(images > 0.5, 1 + 1e-7, -1e-7)
    assert np.array_equal(model.encode(near), model.encode(np.round(near)))


def test_a_plain_model_has_nothing_to_set():
    with pytest.raises(InputError, match="this model has no attribute that can be set; train 'supervised'"):
        make().sample(1, attributes={"shape": "heart"})


def test_a_conditional_model_decodes_what_it_is_told_and_takes_unknown_labels():
    model = make(condition="shape", latent=[Gaussian(3)])
    images = np.zeros((2, 8, 8), np.uint8)
    assert not np.allclose(model.encode(images, attributes={"shape": "heart"}), model.encode(images))
    codes, condition = model.sample_codes(4, attributes={"shape": "heart"})
    assert condition["shape"].tolist() == [2, 2, 2, 2]
    assert codes.shape == (4, 3)
    heart, square = (model.edit(images, attributes={"shape": each}) for each in ("heart", "square"))
    assert not np.allclose(heart, square)


def test_an_unknown_condition_is_the_class_under_which_the_image_is_likeliest():
    model = make(condition="shape", latent=[Gaussian(3)])
    codes, condition = model.sample_codes(30)
    images = model.decode(codes, indices=condition)
    found = likeliest_condition(model, images, codes, {})
    assert np.array_equal(found["shape"], condition["shape"])
    assert set(model.condition_of(images, codes, {"shape": "heart"})["shape"]) == {2}
    again = model.decode(model.encode(images), indices=model.condition_of(images, model.encode(images)))
    assert np.array_equal(model.reconstruct(images), again)


def test_a_class_that_was_driven_out_of_the_code_is_not_read_from_it():
    model = make(latent=[Gaussian(2)], condition="shape", loss=[KL(), Classify("shape", weight=-5)])
    assert model.readable == ()
    assert model.settable == ("shape",)


def test_a_class_without_a_latent_is_met_by_rejection():
    model = make(latent=[Gaussian(2)], loss=[KL(), Classify("shape")])
    classifier = next(iter(model.classifiers.values())).classifier
    with torch.no_grad():
        for layer in classifier.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.weight.zero_()
                layer.bias.zero_()
        classifier[0][0].weight[0, 0] = 1.0  # only positive z0 passes the ReLUs
        classifier[0][2].weight[0, 0] = 1.0
        classifier[1].weight[2, 0] = 50.0
        classifier[1].bias[0] = 5.0
    codes, _ = model.sample_codes(200, attributes={"shape": "heart"})
    assert (codes[:, 0] > 0).mean() > 0.98
    others, _ = model.sample_codes(200, attributes={"shape": "square"})
    assert (others[:, 0] < 0.2).mean() > 0.95
