"""Borders, diversity and interpolation of models whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from toy_pictures import SIZE, TOY, ToyModel

from distaff.data import ArrayImages, Attribute, AttributeTable, Dataset
from distaff.data.sprites import FACTORS, render
from distaff.evaluation.borders import borders, lacks_borders, shaped
from distaff.evaluation.diversity import diversity, lacks_diversity
from distaff.evaluation.drawn import by_class
from distaff.evaluation.encoding import Posteriors
from distaff.evaluation.interpolation import interpolation, lacks_between
from distaff.evaluation.reader import Reader
from distaff.evaluation.subject import Subject
from distaff.model import Model, build, resolve
from distaff.recipe import load_recipe

PLACE = Attribute(name="place", kind="categorical", values=("left", "middle", "right"))


class OracleReader(Reader):
    """Reads pictures by a function, and sees their pixels as they are."""

    def __init__(self, attributes, read):
        object.__setattr__(self, "attributes", attributes)
        object.__setattr__(self, "function", read)

    def read(self, images):
        return self.function(np.asarray(images))

    def features(self, images):
        return images.reshape(len(images), -1) / (255 if images.dtype == np.uint8 else 1)


def flat(centres, spread=0.3, size=2, recipe="vae"):
    """A model whose codes are clouds around `centres` [K] of the first latent, one for each class.

    It draws the place of a code as the grey of a picture, and the reader says the nearest centre.
    """
    wanted = load_recipe(recipe).changed({"latent": [{"gaussian": {"size": size}}]})
    wanted = resolve(wanted, (PLACE,))
    rng = np.random.default_rng(0)
    labels = rng.integers(len(centres), size=900)
    table = AttributeTable((PLACE,), labels[:, None].astype(np.float32))
    rows = np.arange(900)
    splits = {"train": rows[:600], "valid": rows[:0], "test": rows[600:]}
    data = Dataset("flat", ArrayImages(np.zeros((900, 1, 8, 8), np.uint8)), table, table, splits)
    subject = Subject(Model(wanted, (PLACE,), *build(wanted, (PLACE,), (1, 8, 8))), data)
    mean = spread * rng.standard_normal((900, size))
    mean[:, 0] += np.array(centres)[labels]
    logvar = np.full(mean.shape, 2 * np.log(0.2))
    unseen = mean + 0.2 * rng.standard_normal(mean.shape)
    subject.__dict__["posteriors"] = Posteriors(mean[:600], logvar[:600], unseen[600:])

    def decode(codes, *, attributes=None):
        return np.broadcast_to((codes[:, 0] / 20 + 0.5)[:, None, None], (len(codes), 8, 8)).astype(np.float32)

    def read(images):
        place = (images.reshape(len(images), -1)[:, 0] - 0.5) * 20
        return {"place": np.abs(place[:, None] - np.array(centres)).argmin(1).astype(np.float32)}

    subject.model.decode = decode
    subject.__dict__["reader"] = OracleReader((PLACE,), read)
    subject.__dict__["reader_rights"] = {"place": 1.0}
    return subject


@pytest.mark.parametrize("size", [2, 4])
def test_classes_in_a_row_share_borders_with_their_neighbours_alone(size):
    found = borders(flat([-1, 0, 1], size=size))
    pairs = found["per_attribute"]["place"]["pairs"]
    assert {name: pair["border"] for name, pair in pairs.items()} == {
        "left - middle": True,
        "left - right": False,
        "middle - right": True,
    }
    assert pairs["left - middle"]["path_purity"] == 1
    assert pairs["left - right"]["path_purity"] == pytest.approx(0.5, abs=0.06)
    assert found["value"] == pytest.approx((1 + 1 + 0.5) / 3, abs=0.03)
    assert found["path_purity_by_codes"] == pytest.approx(found["value"], abs=0.06)
    assert found["per_attribute"]["place"]["path_purity_of_neighbours"] == 1
    assert found["pairs_sharing_a_border"] == pytest.approx(2 / 3)
    assert found["void_depth"] < 2
    assert found["reader"] == {"place": 1.0}


@pytest.mark.parametrize("size", [2, 4])
def test_classes_far_apart_share_no_border_and_leave_a_void(size):
    found = borders(flat([-6, 0, 6], size=size))
    assert found["pairs_sharing_a_border"] == 0
    assert found["void_depth"] > 10
    assert np.isnan(found["per_attribute"]["place"]["path_purity_of_neighbours"])


def test_of_two_codes_the_share_of_the_planar_bound_is_told():
    found = borders(flat([-1, 0, 1]))["per_attribute"]["place"]
    assert found["borders_on_the_map"] == 2
    assert found["share_of_planar_bound"] == pytest.approx(2 / 3)
    assert "borders_on_the_map" not in borders(flat([-1, 0, 1], size=4))["per_attribute"]["place"]


def test_classes_without_enough_pictures_have_no_region():
    subject = flat([-1, 0, 1])
    rare = np.flatnonzero(subject.table.values[subject.train_rows, 0] == 2)[9:]
    subject.table.values[subject.train_rows[rare], 0] = np.nan
    assert borders(subject)["per_attribute"]["place"]["classes"] == 2


def test_borders_need_a_density_and_classes(toy):
    assert "no density" in lacks_borders(toy)
    subject = flat([-1, 0, 1])
    assert lacks_borders(subject) is None
    assert not shaped(subject)
    assert shaped(flat([-1, 0, 1], recipe="class-separated"))
    assert "condition" in lacks_borders(flat([-1, 0, 1], recipe="conditional-vae"))
    subject.table.values[:] = 0
    assert "2 to 20 classes" in lacks_borders(subject)


def sampler(spread):
    """What draws grey pictures of a class, `spread` as far apart as real ones."""

    def sample(n, *, seed, place):
        grey = 0.5 + spread * np.random.default_rng(seed).uniform(-0.5, 0.5, n)
        return np.broadcast_to(grey[:, None, None], (n, 8, 8)).astype(np.float32)

    return sample


def test_diversity_is_the_spread_of_drawn_pictures_over_that_of_real_ones():
    subject = flat([-1, 0, 1], recipe="class-separated")
    grey = np.random.default_rng(7).integers(0, 256, size=900).astype(np.uint8)
    images = np.broadcast_to(grey[:, None, None, None], (900, 1, 8, 8)).copy()
    subject.dataset = Dataset(
        "flat", ArrayImages(images), subject.table, subject.table, subject.dataset.splits
    )
    assert lacks_diversity(subject) is None
    for spread in (1.0, 0.5, 0.0):
        subject.model.sample = sampler(spread)
        found = diversity(subject)
        assert found["value"] == pytest.approx(spread, abs=0.1)
        assert found["in_reader_features"] == pytest.approx(spread, abs=0.1)
        assert set(found["per_class"]["place"]) == {"left", "middle", "right"}
    # All drawn pictures lie in the middle: none of the other classes is drawn as asked.
    assert {name: each["right"] for name, each in found["per_class"]["place"].items()} == {
        "left": 0,
        "middle": 1,
        "right": 0,
    }
    assert found["of_right_pictures"] == 0
    assert "can be set" in lacks_diversity(flat([-1, 0, 1]))


def test_shares_by_class_are_of_those_asked_for():
    right, asked = np.array([1, 0, 1, np.nan]), np.array([0, 0, 2, 2])
    assert by_class(PLACE, right, asked) == {"left": 0.5, "right": 1.0}


class BetweenModel(ToyModel):
    """A toy model that draws what lies between two sizes as the lower, the upper, or something else."""

    shown = staticmethod(np.floor)

    def sample(self, n, *, seed, **wanted):
        values = np.stack([wanted[each.name] for each in TOY], axis=1)
        values[:, 1] = np.floor(values[:, 1])
        values[:, 2] = self.shown(values[:, 2])
        images = np.zeros((n, 8, 8), dtype=np.float32)
        images[:, 0, :3] = values / 255
        return images


def test_what_lies_between_two_values_is_read_as_one_of_them(toy):
    toy.model.__class__ = BetweenModel
    found = interpolation(toy)
    assert set(found["per_attribute"]) == {"turn", "size"}
    assert found["value"] == found["at_values"] == 1
    for shown, right in ((np.ceil, 1.0), (lambda size: np.where(size % 1, 4 - np.floor(size), size), 0.25)):
        toy.model.shown = shown
        sizes = interpolation(toy)["per_attribute"]["size"]
        assert sizes["right"] == pytest.approx(right, abs=0.05)
        assert sizes["right_at_values"] == 1
        assert sizes["others"] == 1
    toy.model.shown = lambda size: np.full(len(size), SIZE.size - 1.0)
    assert interpolation(toy)["per_attribute"]["turn"]["right"] < 0.4


def test_interpolation_needs_ordered_attributes_of_the_code():
    assert "no attribute latents" in lacks_between(flat([-1, 0, 1]))


def test_sprites_between_two_values_overlap_with_the_better_of_both():
    wanted = load_recipe("supervised").changed({"data.source": "sprites", "data.count": 60})
    from distaff.data import load

    data = load(wanted.data)
    attributes = data.attributes.attributes
    subject = Subject(Model(wanted, attributes, *build(wanted, attributes, (1, 64, 64))), data)

    def sample(n, *, seed, **wanted):
        values = np.stack([np.floor(wanted[factor.name]) for factor in FACTORS], axis=1)
        sample.last = {factor.name: values[:, k] for k, factor in enumerate(FACTORS)}
        return render(values).astype(np.float32) / 255

    subject.model.sample = sample
    subject.__dict__["reader"] = OracleReader(FACTORS, lambda images: sample.last)
    subject.__dict__["reader_rights"] = {factor.name: 1.0 for factor in FACTORS}
    found = interpolation(subject)
    assert set(found["per_attribute"]) == {"scale", "orientation", "pos_x", "pos_y"}
    assert found["value"] == 1
    assert all(each["iou"] == each["iou_at_values"] == 1 for each in found["per_attribute"].values())
