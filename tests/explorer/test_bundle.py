"""The bundle holds what the run holds: codes, labels, maps, regions, numbers; and nothing of the machine."""

import json

import numpy as np
import pytest
from figure_runs import write_run

from distaff.errors import InputError
from distaff.explorer import about, maps, numbers, points, regions
from distaff.explorer.blocks import Blocks, Bundle
from distaff.explorer.bundle import check_count, join, refresh, weights_sha256
from distaff.explorer.document import to_json
from distaff.explorer.shown import Shown
from distaff.figures.activity import activity
from distaff.figures.material import Material
from distaff.figures.mixes import class_end
from distaff.figures.traversals import base_row


def array(bundle, reference):
    content = bundle.blocks[reference["block"]]
    assert len(content) == reference["bytes"]
    return np.frombuffer(content, dtype=reference["dtype"]).reshape(reference["shape"])


def test_codes_labels_and_readings_are_the_runs(made, plane_run):
    entry = made.manifest["runs"][0]
    shown = Shown(plane_run, plane_run.dataset())
    codes = array(made, entry["points"]["codes"])
    assert codes.dtype == np.float16
    exact = plane_run.model.encode(shown.images)
    np.testing.assert_allclose(codes, exact, rtol=1e-3, atol=1e-3)
    assert entry["points"]["count"] == entry["points"]["total"] == len(exact) == 60
    labels = array(made, entry["points"]["attributes"]["digit"])
    np.testing.assert_array_equal(labels, shown.table.column("digit"))
    read = plane_run.model.read(codes.astype(np.float32))["digit"]
    np.testing.assert_array_equal(array(made, entry["points"]["predicted"]["digit"]), read)
    assert made.manifest["schema"] == 1
    made.check("the bundle")


def test_the_map_of_two_latents_is_the_code_and_its_regions_are_the_classifiers(made, plane_run):
    entry = made.manifest["runs"][0]
    (plane,) = entry["maps"]
    assert (plane["kind"], plane["exact"], plane["inverse"]["pair"]) == ("pair", True, [0, 1])
    codes = array(made, entry["points"]["codes"])
    np.testing.assert_array_equal(array(made, plane["points"]), codes.astype(np.float32))
    (region,) = entry["regions"]
    assert region["reader"] == "classifier"
    labels, sure = array(made, region["labels"]), array(made, region["confidence"])
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 256, (2, 100))
    x = region["x"][0] + (columns + 0.5) / 256 * (region["x"][1] - region["x"][0])
    y = region["y"][0] + (rows + 0.5) / 256 * (region["y"][1] - region["y"][0])
    chances = plane_run.model.read_probabilities(np.stack([x, y], axis=1))["digit"]
    top = np.sort(chances, axis=1)[:, -2:]
    certain = top[:, 1] - top[:, 0] > 1e-3
    np.testing.assert_array_equal(labels[rows, columns][certain], chances.argmax(axis=1)[certain])
    np.testing.assert_allclose(sure[rows, columns] / 255, top[:, 1], atol=0.01)


def test_the_classifiers_layers_read_as_the_model_does(made, plane_run):
    entry = made.manifest["runs"][0]
    values = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    layers = entry["classifier"]["layers"]
    signal = values
    for number, layer in enumerate(layers):
        signal = signal @ array(made, layer["weight"]).T + array(made, layer["bias"])
        if number < len(layers) - 1:
            signal = np.maximum(signal, 0)
    chances = np.exp(signal) / np.exp(signal).sum(axis=1, keepdims=True)
    expected = plane_run.model.read_probabilities(values)["digit"]
    np.testing.assert_allclose(chances, expected, atol=1e-5)


def test_the_page_shows_what_the_figures_and_mix_show(made, plane_run):
    entry = made.manifest["runs"][0]
    material = Material(plane_run, plane_run.dataset())
    base = base_row(material)
    assert entry["points"]["typical"] == {"row": base, "code": material.codes[base].tolist()}
    ranges = activity(material)
    for place, column in enumerate(ranges.columns):
        latent = entry["latents"][column]
        assert (latent["low"], latent["high"]) == pytest.approx((ranges.low[place], ranges.high[place]))
    ends = entry["class_ends"]
    assert ends["first"] == "digit"
    codes, digit = array(made, ends["codes"]["digit"]), material.trained.factors.get("digit")
    present = set(material.trained.factors.column("digit"))
    for value in range(10):
        if value in present:
            np.testing.assert_array_equal(codes[value], class_end(material, digit, value).code)
        else:
            assert np.isnan(codes[value]).all()


def test_principal_components_lead_back_to_the_code():
    rng = np.random.default_rng(0)
    flat = (rng.normal(size=(50, 2)) @ rng.normal(size=(2, 5)) + 3).astype(np.float32)
    found = maps.principal(flat)
    np.testing.assert_allclose(found.plane.codes(found.points), flat, atol=1e-4)
    assert sum(found.variance) == pytest.approx(1)
    noisy = rng.normal(size=(50, 5)).astype(np.float32)
    assert sum(maps.principal(noisy).variance) < 0.9


def test_votes_fade_away_from_the_points():
    rng = np.random.default_rng(0)
    middles = np.array([[0.0, 0.0], [10.0, 0.0]])
    labels = np.repeat([0.0, 1.0, np.nan], 100).astype(np.float32)
    cloud = np.concatenate(
        [rng.normal(size=(200, 2)) + np.repeat(middles, 100, axis=0), rng.normal(size=(100, 2))]
    )
    places = np.array([[0, 0], [10, 0], [0, 60]], dtype=np.float32)
    classes, sure = regions.voted(cloud.astype(np.float32), labels, 2, places)
    assert classes[:2].tolist() == [0, 1]
    assert sure.tolist() == [255, 255, 0]


def test_every_kind_of_attribute_is_described(colours):
    kinds = {each["name"]: each for each in about.attributes(colours)}
    assert kinds["side"]["values"] == ["left", "right"]
    assert kinds["angle"]["period"] == 8
    assert (kinds["weight"]["values"], kinds["weight"]["min"], kinds["weight"]["max"]) == (None, 0.0, 2.0)
    blocks = about.blocks_of_z(colours.model, Blocks(0))
    assert [(each["attribute"], each["kind"]) for each in blocks] == [
        ("side", "softmax"),
        ("size", "softmax"),
        ("angle", "softmax"),
        ("weight", "l2"),
        (None, "gaussian"),
    ]
    code = colours.model.write(colours.codes[:1], weight=1.5)
    (weight,) = (each for each in blocks if each["attribute"] == "weight")
    written = (1.5 - weight["centre"]) / weight["unit"]
    assert code[0, weight["start"]] == pytest.approx(written)
    latents = about.latents(colours)
    assert [each["label"] for each in latents] == [each.label for each in colours.model.latents]
    assert all(each["low"] <= each["median"] <= each["high"] for each in latents)
    assert {each["kl"] is None for each in latents if each["kind"] == "softmax"} == {True}
    assert {each["kl"] is None for each in latents if each["kind"] == "gaussian"} == {False}


def test_missing_labels_stay_missing(colours):
    blocks = Blocks(0)
    found = Bundle({"points": points.points(colours, blocks)}, blocks.content)
    side = array(found, found.manifest["points"]["attributes"]["side"])
    np.testing.assert_array_equal(np.isnan(side), np.isnan(colours.table.column("side")))
    assert np.isnan(side).any()


def test_importance_finds_the_latent_that_tells(colours):
    blocks = Blocks(0)
    told = numbers.importance(colours, blocks)["codes x attributes"]
    assert told["attributes"] == ["side", "size", "angle", "weight"]
    values = array(Bundle({}, blocks.content), told["values"])
    assert values.shape == (colours.codes.shape[1], 4)
    assert (values >= 0).all()


def test_the_history_is_a_table_of_numbers(plane_run):
    blocks = Blocks(0)
    told = numbers.history(plane_run, blocks)
    table = array(Bundle({}, blocks.content), told["data"])
    split = table[:, told["columns"].index("split")]
    assert split.tolist() == [0, 0, 1, 0, 0, 1]
    assert table[:, told["columns"].index("step")].tolist() == [50, 100, 100, 150, 200, 200]


def test_a_run_without_numbers_has_none(copied):
    (copied.path / "history.csv").unlink()
    assert numbers.history(copied, Blocks(0)) is None
    digest = weights_sha256(copied)
    assert numbers.evaluation(copied, digest) is None
    copied.write_json("evaluation.json", {"metrics": {}, "settings": {"weights_sha256": "other"}})
    assert numbers.evaluation(copied, digest) is None
    (copied.path / "evaluation.json").write_text("{")
    assert numbers.evaluation(copied, digest) is None
    settings = {"weights_sha256": digest, "data": "mnist:/home/someone/secret"}
    copied.write_json("evaluation.json", {"metrics": {"mig": {"value": 0.5}}, "settings": settings})
    assert numbers.evaluation(copied, digest)["settings"]["data"] == "mnist"
    (copied.path / "model.safetensors").unlink()
    with pytest.raises(InputError, match="no trained weights yet"):
        weights_sha256(copied)


def test_a_page_does_not_say_where_the_data_lie(made, tmp_path):
    assert numbers.without_place("mnist:/home/someone/data") == "mnist"
    assert numbers.without_place("/home/someone/pictures") == "pictures"
    assert numbers.without_place("digits") == "digits"
    text = to_json(made.manifest)
    assert str(tmp_path.parents[1]) not in text
    assert "notes" not in made.manifest["runs"][0]["provenance"]


def test_runs_are_joined_and_renamed(bundle, made, copied):
    both = join([Bundle(json.loads(json.dumps(made.manifest)), made.blocks), refresh(bundle, copied)])
    both.check("both")
    assert [each["name"] for each in both.manifest["runs"]] == ["plane", "copied"]
    assert {name.partition("/")[0] for name in both.blocks} == {"0", "1"}
    assert both.blocks["1/codes"] == both.blocks["0/codes"]


@pytest.mark.parametrize("count", [0, 5])
def test_a_page_compares_up_to_four(count, plane_run):
    with pytest.raises(InputError, match=f"explorer: {count} runs; a page shows 1 to 4"):
        check_count([plane_run] * count)


def test_collapsed_codes_have_no_projection(tmp_path):
    run = write_run(tmp_path / "flat", "vae")
    shown = Shown(run, run.dataset())
    shown.kept = np.zeros_like(shown.codes)
    latents = about.latents(shown)
    assert [each.kind for each in maps.maps(shown, latents)] == ["pair"]
