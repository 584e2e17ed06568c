"""Borders of models whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from toy_images import OracleClassifier, encoded, give

from distaff.analysis import Analysis
from distaff.attributes import Attribute, AttributeTable
from distaff.data import ArrayImages, Dataset
from distaff.errors import InputError
from distaff.evaluation import RunInputs, borders
from distaff.evaluation._evaluate import _asked
from distaff.metrics import METRICS
from distaff.model import Model
from distaff.recipe import load_recipe

PLACE = Attribute(name="place", kind="categorical", values=("left", "middle", "right"))


def flat(centres, spread=0.3, size=2, recipe="vae"):
    """A model whose codes are clouds around `centres` [K] of the first latent, one for each class.

    It decodes the place of a code as the grey of an image, and the classifier says the nearest centre.
    """
    wanted = load_recipe(recipe).changed({"latent": [{"gaussian": {"size": size}}]})
    wanted = wanted.resolved({"place": PLACE})
    rng = np.random.default_rng(0)
    labels = rng.integers(len(centres), size=900)
    table = AttributeTable((PLACE,), labels[:, None].astype(np.float32))
    rows = np.arange(900)
    splits = {"train": rows[:600], "valid": rows[:0], "test": rows[600:]}
    data = Dataset("flat", ArrayImages(np.zeros((900, 1, 8, 8), np.uint8)), table, table, splits)
    analysis = Analysis(Model(wanted, (PLACE,), *wanted.build((PLACE,), (1, 8, 8), 600)), data)
    mean = spread * rng.standard_normal((900, size))
    mean[:, 0] += np.array(centres)[labels]
    logvar = np.full(mean.shape, 2 * np.log(0.2))
    drawn = mean + 0.2 * rng.standard_normal(mean.shape)

    def decode(codes, *, indices=None):
        return np.broadcast_to((codes[:, 0] / 20 + 0.5)[:, None, None], (len(codes), 8, 8)).astype(np.float32)

    def read(images):
        place = (images.reshape(len(images), -1)[:, 0] - 0.5) * 20
        return {"place": np.abs(place[:, None] - np.array(centres)).argmin(1).astype(np.float32)}

    analysis.model.decode = decode

    def part(rows):
        return encoded(mean[rows], drawn[rows], logvar[rows])

    return give(
        analysis,
        encoded=part(analysis.rows),
        train_encoded=part(analysis.train_rows),
        reference_classifier=OracleClassifier((PLACE,), read),
        reference_accuracy={"place": 1.0},
    )


@pytest.mark.parametrize("size", [2, 4])
def test_classes_in_a_row_share_borders_with_their_neighbours_alone(size):
    found = borders(flat([-1, 0, 1], size=size))
    details = found.details
    place = details["per_attribute"]["place"]
    pairs = place["pairs"]
    assert {name: pair["border"] for name, pair in pairs.items()} == {
        "left - middle": True,
        "left - right": False,
        "middle - right": True,
    }
    assert pairs["left - middle"]["path_purity"] == 1
    assert pairs["left - right"]["path_purity"] == pytest.approx(0.5, abs=0.06)
    assert found.value == pytest.approx((1 + 1 + 0.5) / 3, abs=0.03)
    assert details["path_purity_by_codes"] == pytest.approx(found.value, abs=0.06)
    assert place["path_purity_of_neighbours"] == 1
    assert details["pairs_sharing_a_border"] == pytest.approx(2 / 3)
    assert details["void_depth"] < 2
    assert details["reference_accuracy"] == {"place": 1.0}
    assert set(METRICS["borders"].parts) <= set(details)


@pytest.mark.parametrize("size", [2, 4])
def test_classes_far_apart_share_no_border_and_leave_a_void(size):
    details = borders(flat([-6, 0, 6], size=size)).details
    assert details["pairs_sharing_a_border"] == 0
    assert details["void_depth"] > 10
    # The void is between the classes: the two halves of one class have none.
    assert details["void_depth_within"] < 0.3
    assert details["per_attribute"]["place"]["void_depth_within_median"] < 0.3
    assert np.isnan(details["per_attribute"]["place"]["path_purity_of_neighbours"])


def test_a_void_within_a_class_is_told_apart_from_one_between_classes():
    analysis = flat([0, 0, 0])
    # Each class is two clouds, the same two: what lies between two halves is empty, as it is in every class.
    trained = analysis.train_encoded
    rng = np.random.default_rng(3)
    mean = trained.mean + 4 * np.where(rng.random(len(trained.mean)) < 0.5, 1, -1)[:, None]
    give(analysis, train_encoded=encoded(mean, trained.drawn, trained.log_variance))
    details = borders(analysis).details
    assert details["void_depth"] < 1
    assert details["void_depth_within"] > 5


def test_of_two_codes_the_share_of_the_planar_bound_is_told():
    found = borders(flat([-1, 0, 1])).details["per_attribute"]["place"]
    assert found["borders_on_the_map"] == 2
    assert found["share_of_planar_bound"] == pytest.approx(2 / 3)
    assert "borders_on_the_map" not in borders(flat([-1, 0, 1], size=4)).details["per_attribute"]["place"]


def test_classes_without_enough_images_have_no_region():
    analysis = flat([-1, 0, 1])
    rare = np.flatnonzero(analysis.train_table.values[:, 0] == 2)[9:]
    analysis.train_table.values[rare, 0] = np.nan
    assert borders(analysis).details["per_attribute"]["place"]["classes"] == 2


def test_borders_need_a_density_and_classes(toy):
    assert "normal posterior" in RunInputs(toy).lacks(METRICS["borders"])
    analysis = flat([-1, 0, 1])
    assert RunInputs(analysis).lacks(METRICS["borders"]) is None
    with pytest.raises(InputError, match="condition"):
        borders(flat([-1, 0, 1], recipe="conditional-vae"))
    analysis.train_table.values[:] = 0
    with pytest.raises(InputError, match="2 to 20 classes"):
        borders(analysis)


def test_they_are_measured_unasked_where_a_classifier_shaped_the_code():
    assert "borders" not in _asked(None, flat([-1, 0, 1]))
    assert "borders" in _asked(None, flat([-1, 0, 1], recipe="class-separated"))
    assert _asked(["kl"], flat([-1, 0, 1], recipe="class-separated")) == ["kl"]
