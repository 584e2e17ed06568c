"""What is generated against what was asked for, true renderings and real images."""

from __future__ import annotations

import numpy as np
import pytest
from toy_images import SIZE, TOY, OracleClassifier, ToyModel, encoded, give

from distaff.analysis import Analysis
from distaff.attributes import Attribute, AttributeTable
from distaff.data import ArrayImages, Dataset, load
from distaff.data.sprites import FACTORS, render
from distaff.errors import InputError
from distaff.evaluation import (
    RunInputs,
    condition_fidelity,
    diversity,
    drawn_iou,
    interpolation,
    read_each_other,
)
from distaff.evaluation._generated import share_by_class
from distaff.metrics import METRICS, model_centrality
from distaff.metrics import run as run_metrics
from distaff.model import Model
from distaff.recipe import load_recipe

PLACE = Attribute(name="place", kind="categorical", values=("left", "middle", "right"))


def analysis_of(recipe, dataset=None, **settings):
    wanted = load_recipe(recipe).changed(settings)
    dataset = dataset or load(wanted.data)
    attributes, shape = dataset.attributes.attributes, dataset.images.shape[1:]
    wanted = wanted.resolved({each.name: each for each in attributes})
    images = len(dataset.splits["train"])
    return Analysis(Model(wanted, attributes, *wanted.build(attributes, shape, images)), dataset)


def generator(analysis, draw):
    """Have the model generate draw(indices, n, seed) in place of what it would."""
    made = {}

    def sample_codes(n, *, indices, seed):
        made["images"] = draw(indices, n, seed)
        return np.zeros((n, 1), np.float32), {}

    analysis.model.sample_codes = sample_codes
    analysis.model.decode = lambda codes, *, indices: made["images"]
    return analysis


def rendered(indices, *_):
    factors = np.stack([np.floor(indices[factor.name]) for factor in FACTORS], axis=1)
    return render(factors).astype(np.float32) / 255


def test_a_renderer_has_a_perfect_iou_and_a_white_image_that_of_its_area():
    analysis = analysis_of("supervised", **{"data.source": "sprites", "data.count": 40})
    assert RunInputs(analysis).lacks(METRICS["drawn_iou"]) is None
    assert drawn_iou(generator(analysis, rendered)).value == 1
    white = drawn_iou(generator(analysis, lambda _, n, seed: np.ones((n, 64, 64), np.float32)))
    assert white.value == pytest.approx(0.05, abs=0.03)


def test_a_model_that_sets_nothing_is_asked_for_nothing(toy):
    plain = RunInputs(analysis_of("vae", **{"data.source": "digits", "data.count": 40}))
    for name in ("condition_fidelity", "diversity"):
        assert "no attribute of this model can be set" in plain.lacks(METRICS[name])
    for name in ("swap_test", "interpolation"):
        assert "no attribute latents" in plain.lacks(METRICS[name])


def test_condition_fidelity_counts_what_is_seen():
    analysis = analysis_of("conditional-vae", **{"data.source": "digits", "data.count": 100})
    generator(analysis, lambda asked, n, seed: np.broadcast_to(asked["digit"][:, None, None] / 10, (n, 8, 8)))

    def reading(wrong):
        def read(images):
            digit = np.rint(images[:, 0, 0] * 10)
            return {"digit": np.where(digit == wrong, 9, digit).astype(np.float32)}

        return OracleClassifier(analysis.labels.attributes, read)

    give(analysis, reference_accuracy={"digit": 1.0}, reference_classifier=reading(-1))
    assert condition_fidelity(analysis).value == 1
    lowest = analysis.table.column("digit").min()
    found = condition_fidelity(give(analysis, reference_classifier=reading(lowest)))
    assert 0 < found.value < 1
    by_digit = found.details["per_class"]["digit"]
    assert {digit for digit, share in by_digit.items() if share < 1} == {f"{lowest:.0f}"}
    analysis.table.values[:] = np.nan
    with pytest.raises(InputError, match="no measured image"):
        condition_fidelity(analysis)


def grey_dataset():
    rng = np.random.default_rng(7)
    labels = rng.integers(3, size=900)
    table = AttributeTable((PLACE,), labels[:, None].astype(np.float32))
    grey = rng.integers(0, 256, size=900).astype(np.uint8)
    images = np.broadcast_to(grey[:, None, None, None], (900, 1, 8, 8)).copy()
    rows = np.arange(900)
    return Dataset(
        "grey",
        ArrayImages(images),
        table,
        table,
        {"train": rows[:600], "valid": rows[:0], "test": rows[600:]},
    )


def test_diversity_is_the_spread_of_generated_images_over_that_of_real_ones():
    analysis = analysis_of("class-separated", grey_dataset())

    def read(images):
        grey = images.reshape(len(images), -1)[:, 0]
        return {"place": np.digitize(grey, (1 / 3, 2 / 3)).astype(np.float32)}

    give(analysis, reference_classifier=OracleClassifier((PLACE,), read), reference_accuracy={"place": 1.0})
    for spread in (1.0, 0.5, 0.0):

        def draw(_, n, seed, spread=spread):
            grey = 0.5 + spread * np.random.default_rng(seed).uniform(-0.5, 0.5, n)
            return np.broadcast_to(grey[:, None, None], (n, 8, 8)).astype(np.float32)

        found = diversity(generator(analysis, draw))
        assert found.value == pytest.approx(spread, abs=0.1)
        assert found.details["in_reference_features"] == pytest.approx(spread, abs=0.1)
        assert set(found.details["per_class"]["place"]) == {"left", "middle", "right"}
    # All generated images lie in the middle: none of the other classes is shown as asked.
    shares = {name: each["right"] for name, each in found.details["per_class"]["place"].items()}
    assert shares == {"left": 0, "middle": 1, "right": 0}
    assert found.details["of_right_images"] == 0
    analysis.table.values[:] = np.nan
    with pytest.raises(InputError, match="10 measured images"):
        diversity(analysis)


def test_shares_by_class_are_of_those_asked_for():
    right, asked = np.array([1, 0, 1, np.nan]), np.array([0, 0, 2, 2])
    assert share_by_class(PLACE, right, asked) == {"left": 0.5, "right": 1.0}


class BetweenModel(ToyModel):
    """A toy model that shows what lies between two sizes as the lower, the upper, or something else."""

    shown = staticmethod(np.floor)

    def sample_codes(self, n, *, indices, seed):
        self.values = np.stack([indices[each.name] for each in TOY], axis=1)
        return np.zeros((n, self.code_size), np.float32), {}

    def decode(self, codes, *, indices=None):
        values = self.values.copy()
        values[:, 1] = np.floor(values[:, 1])
        values[:, 2] = self.shown(values[:, 2])
        images = np.zeros((len(codes), 8, 8), dtype=np.float32)
        images[:, 0, :3] = values / 255
        return images


def test_what_lies_between_two_values_is_read_as_one_of_them(toy):
    toy.model.__class__ = BetweenModel
    found = interpolation(toy)
    assert set(found.details["per_attribute"]) == {"turn", "size"}
    assert found.value == found.details["at_values"] == 1
    for shown, right in ((np.ceil, 1.0), (lambda size: np.where(size % 1, 4 - np.floor(size), size), 0.25)):
        toy.model.shown = shown
        sizes = interpolation(toy).details["per_attribute"]["size"]
        assert sizes["right"] == pytest.approx(right, abs=0.05)
        assert sizes["right_at_values"] == 1
        assert sizes["others"] == 1
    toy.model.shown = lambda size: np.full(len(size), SIZE.size - 1.0)
    assert interpolation(toy).details["per_attribute"]["turn"]["right"] < 0.4


def test_interpolation_needs_ordered_attributes_and_labels_of_all(toy):
    toy.table.values[:, 0] = np.nan
    with pytest.raises(InputError, match="labels"):
        interpolation(give(toy, encoded=encoded(toy.codes), labelled=TOY))
    with pytest.raises(InputError, match="ordered"):
        interpolation(give(toy, labelled=TOY[:1]))


def test_sprites_between_two_values_overlap_with_the_better_of_both():
    analysis = analysis_of("supervised", **{"data.source": "sprites", "data.count": 60})
    last = {}

    def draw(indices, *_):
        last.update({name: np.floor(values) for name, values in indices.items()})
        return rendered(indices)

    generator(analysis, draw)
    give(
        analysis,
        reference_classifier=OracleClassifier(FACTORS, lambda images: last),
        reference_accuracy={factor.name: 1.0 for factor in FACTORS},
    )
    found = interpolation(analysis)
    per_attribute = found.details["per_attribute"]
    assert set(per_attribute) == {"scale", "orientation", "pos_x", "pos_y"}
    assert found.value == 1
    assert all(each["iou"] == each["iou_at_values"] == 1 for each in per_attribute.values())


def test_the_jacobian_of_a_run_is_that_of_its_decoder(make_run):
    run = make_run("vae", **{"network": {"mlp": {"hidden": [16]}}, "latent.gaussian.size": 3})
    analysis = Analysis(run, run.dataset())
    inputs = RunInputs(analysis)
    model, step = run.model, 1e-3
    assert inputs.jacobians.shape[1:] == (64, 3)
    codes = inputs.codes[:5].astype(np.float32)
    for latent in range(3):
        away = step * np.eye(3, dtype=np.float32)[latent]
        slope = (model.decode(codes + away) - model.decode(codes - away)).reshape(5, -1) / (2 * step)
        # Where a ReLU begins within the distance, the slope differs.
        assert np.abs(inputs.jacobians[:5, :, latent] - slope).mean() < 0.06 * np.abs(slope).mean()
    found = run_metrics(inputs, ["orthogonality", "pipe"])
    assert 0 <= found["orthogonality"].value <= 1
    assert "pipe" in found or "20 images" in found.left_out["pipe"]
    assert inputs.independent.shape == inputs.reconstructions.shape


class Mirror:
    """A model whose images are its codes, in an order of its own; one latent is unused."""

    condition = ()

    def __init__(self, order):
        self.order = np.array(order)

    def sample_codes(self, n, *, seed):
        return np.random.default_rng(seed).standard_normal((n, 3)).astype(np.float32), {}

    def decode(self, codes):
        return np.asarray(codes)[:, self.order[:2]]

    def encode(self, images):
        found = np.zeros((len(images), 3), np.float32)
        found[:, self.order[:2]] = images
        return found


def test_models_read_the_latent_that_another_fixed_and_never_an_unused_one():
    models = [Mirror([0, 1, 2]), Mirror([2, 0, 1])]
    codes, fixed = read_each_other(models, votes=60, images=20)
    assert [set(each.tolist()) for each in fixed] == [{0, 1}, {0, 2}]
    assert codes[0][1].shape == (60, 20, 3)
    found = model_centrality(codes, fixed)
    assert found.value == 1
    assert found.details["one_way"].min() == 1
    conditional = Mirror([0, 1, 2])
    conditional.condition = ("digit",)
    with pytest.raises(InputError, match="model 1 has a condition"):
        read_each_other([models[0], conditional], votes=5)
