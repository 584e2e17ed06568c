"""The bundle holds what the run holds: codes, labels, maps, regions, numbers; and nothing of the machine."""

import hashlib
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import colour_dataset, write_run

from distaff.analysis import Analysis
from distaff.errors import InputError
from distaff.explorer import _describe, _points, make_bundle, prepare, update_page
from distaff.explorer._bundle import Blocks, Bundle, join, read_html, references, to_json
from distaff.explorer._export import write_html
from distaff.latents import AttributeBlock, Gaussian, Latent, Posterior, priors
from distaff.losses import KL
from distaff.metrics import METRICS
from distaff.recipe import Recipe


def array(bundle, reference):
    content = bundle.blocks[reference["block"]]
    assert len(content) == reference["bytes"]
    return np.frombuffer(content, dtype=reference["dtype"]).reshape(reference["shape"])


@pytest.fixture(scope="module")
def analysis(plane_run):
    return Analysis(plane_run, plane_run.dataset())


def test_codes_labels_and_predictions_are_the_runs(made, plane_run, analysis):
    entry = made.manifest["runs"][0]
    codes = array(made, entry["points"]["codes"])
    assert codes.dtype == np.float16
    exact = plane_run.model.encode(analysis.images(analysis.rows))
    np.testing.assert_allclose(codes, exact, rtol=1e-3, atol=1e-3)
    assert entry["points"]["count"] == entry["points"]["total"] == len(exact) > 40
    labels = array(made, entry["points"]["attributes"]["digit"])
    np.testing.assert_array_equal(labels, analysis.table.column("digit"))
    read = plane_run.model.read(codes.astype(np.float32))["digit"]
    np.testing.assert_array_equal(array(made, entry["points"]["predicted"]["digit"]), read)
    assert made.manifest["schema"] == 1
    made.check("the bundle")


def test_the_map_of_two_latents_is_the_code_and_its_regions_are_the_classifiers(made, plane_run):
    entry = made.manifest["runs"][0]
    (plane,) = entry["maps"]
    assert (plane["kind"], plane["exact"], plane["inverse"]["pair"]) == ("pair", True, [0, 1])
    codes = array(made, entry["points"]["codes"])
    np.testing.assert_allclose(array(made, plane["points"]), codes, rtol=1e-3, atol=1e-3)
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


def test_the_page_shows_what_the_figures_and_mix_show(made, analysis):
    entry = made.manifest["runs"][0]
    base = analysis.typical
    assert entry["points"]["typical"] == {"row": base, "code": analysis.codes[base].tolist()}
    for latent, use in zip(entry["latents"], analysis.latents, strict=True):
        assert (latent["low"], latent["high"], latent["active"]) == (use.low, use.high, use.used)
    ends = entry["class_ends"]
    assert ends["first"] == "digit"
    codes, digit = array(made, ends["codes"]["digit"]), analysis.train_table.get("digit")
    present = set(analysis.train_table.column("digit"))
    for value in range(10):
        if value in present:
            np.testing.assert_array_equal(codes[value], analysis.class_end(digit, value).code)
        else:
            assert np.isnan(codes[value]).all()


def test_a_plane_leads_back_to_the_codes(tmp_path):
    analysis = analysis_of(write_run(tmp_path / "run", "vae"))
    blocks = Blocks()
    found = {
        each.kind: _points.describe_map(analysis, each, blocks) for each in map(analysis.map, ("pair", "pca"))
    }
    first, second = found["pair"]["inverse"]["pair"]
    assert found["pair"]["name"] == f"{analysis.latents[first].label} and {analysis.latents[second].label}"
    np.testing.assert_allclose(found["pair"]["inverse"]["rest"], np.median(analysis.codes, axis=0), atol=1e-6)
    points = array(Bundle({}, blocks.content), found["pca"]["points"])
    inverse = found["pca"]["inverse"]
    back = np.array(inverse["mean"]) + points @ np.array(inverse["components"])
    left = np.square(analysis.codes - back).sum() / np.square(analysis.codes - inverse["mean"]).sum()
    assert left == pytest.approx(1 - sum(found["pca"]["variance"]), abs=1e-4)


def test_where_data_lie_is_calibrated_by_unseen_images(analysis, made):
    support = _points.Support(analysis)
    drawn = analysis.encoded.drawn
    assert (support.distance(drawn) <= 1).mean() >= 0.98
    assert (support.distance(analysis.train_codes) < 0.01).all()
    away = analysis.train_codes.max(axis=0, keepdims=True) + 20 / support.scale
    assert support.distance(away) > 3
    told = made.manifest["runs"][0]["training"]
    codes = array(made, told["codes"]).astype(np.float32)
    gaps = (drawn[:, None, told["columns"]] - codes) * np.array(told["scale"], dtype=np.float32)
    nearest = np.sqrt(np.square(gaps).sum(axis=2)).min(axis=1) / told["unit"]
    np.testing.assert_allclose(nearest, support.distance(drawn), rtol=1e-3, atol=1e-3)


def test_every_kind_of_attribute_is_described(colours):
    kinds = {each["name"]: each for each in _describe.describe_attributes(colours.model)}
    assert kinds["side"]["values"] == ["left", "right"]
    assert kinds["angle"]["period"] == 8
    assert (kinds["weight"]["values"], kinds["weight"]["min"], kinds["weight"]["max"]) == (None, 0.0, 2.0)
    blocks = _describe.describe_blocks(colours.model, Blocks())
    assert [(each["attribute"], each["kind"]) for each in blocks] == [
        ("side", "softmax"),
        ("size", "softmax"),
        ("angle", "softmax"),
        ("weight", "l2"),
        (None, "gaussian"),
    ]
    latents = _describe.describe_latents(colours)
    assert [each["label"] for each in latents] == [each.label for each in colours.model.latents]
    assert all(each["low"] <= each["median"] <= each["high"] for each in latents if each["kind"] != "l2")
    assert {each["kl"] is None for each in latents if each["kind"] == "softmax"} == {True}
    assert {each["kl"] is None for each in latents if each["kind"] == "gaussian"} == {False}


SPACES = [
    [{"softmax": {"attributes": ["side", "size", "angle"]}}, {"l2": {"attributes": ["weight"]}}],
    [{"argmax": {"attributes": ["side", "size", "angle"]}}],
    [{"argmax_norm": {"attributes": ["side", "size", "angle"]}}],
    [{"sampled": {"attributes": ["side", "size", "angle"]}}],
    [{"l2": {"attributes": "all"}}],
    [{"l2": {"attributes": "all", "standardise": False}}],
]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: next(iter(space[0])))
def test_the_page_reads_and_writes_as_the_model_does(tmp_path, space):
    recipe = Recipe.model_validate({"data": "digits", "latent": space, "loss": [{"supervise": {}}]})
    model = write_run(tmp_path / "run", recipe, colour_dataset()).model
    for block in model.vae.latents:
        for name, buffer in block.named_buffers():
            if name == "prototypes":
                buffer.copy_(torch.randn(buffer.shape, generator=torch.Generator().manual_seed(1)))
    blocks = Blocks()
    entries = _describe.describe_blocks(model, blocks)
    assert [each["attribute"] for each in entries] == [block.attribute for block in model.vae.latents]
    random = np.random.default_rng(3)
    for entry in entries:
        name, size = entry["attribute"], entry["size"]
        values = random.uniform(0, size - 1 if size else 2, 30).astype(np.float32)
        columns = slice(entry["start"], entry["stop"])
        exact = model.write(np.zeros((30, model.code_size), np.float32), indices={name: values})
        code = exact[:, columns] + random.normal(0, 0.2, exact[:, columns].shape).astype(np.float32)
        changed = exact.copy()
        changed[:, columns] = code
        if "unit" in entry:
            number = code[:, 0] * entry["unit"] + entry["centre"]
            written = (values[:, None] - entry["centre"]) / entry["unit"]
            read = np.clip(np.rint(number), 0, size - 1) if size else number
        else:
            table = entry["prototypes"]
            pure = np.eye(size) if table is None else array(Bundle({}, blocks.content), table)
            low = np.floor(values).astype(int)
            share = (values - low)[:, None]
            written = pure[low] * (1 - share) + pure[np.minimum(low + 1, size - 1)] * share
            read = code.argmax(axis=1)
        np.testing.assert_allclose(exact[:, columns], written, atol=1e-5)
        np.testing.assert_allclose(model.read(changed)[name], read, atol=1e-4)


class Steps(Posterior):
    """A deterministic code, of a package that the explorer has never heard of."""

    def __init__(self, code):
        self.code = code

    @property
    def mode(self):
        return self.code

    def detach(self):
        return Steps(self.code.detach())


class StairsBlock(AttributeBlock):
    """The class k as the code 2 k + 1, counted from the end."""

    kind, has_kl, has_density = "stairs", False, False

    def __init__(self, attribute):
        super().__init__()
        self.name = self.attribute = attribute.name
        self.size, self.inputs, self.outputs = attribute.size, attribute.size, 1
        self.prior = priors.Standard().build(1, (3, 12, 10), ())

    def forward(self, numbers):
        return Steps(self.write(numbers.argmax(1).float()))

    def supervised_loss(self, posterior, values, known):
        return values * 0

    def read(self, code):
        return (self.size - 1 - (code[:, 0] - 1) / 2).round().clamp(0, self.size - 1)

    def write(self, values):
        return (2 * (self.size - 1 - values) + 1).unsqueeze(1)


class Stairs(Latent):
    tag = "explorer-test-stairs"

    def build(self, attributes, shape):
        return [StairsBlock(attributes["angle"])]


def test_a_latent_of_another_package_is_shown_and_set(tmp_path, monkeypatch):
    dataset = colour_dataset()
    recipe = Recipe(latent=[Stairs(), Gaussian(3)], loss=[KL()])
    run = write_run(tmp_path / "run", recipe, dataset)
    monkeypatch.setattr(type(run), "dataset", lambda _: dataset)
    found = make_bundle([run])
    found.check("the bundle")
    (entry,) = found.manifest["runs"]
    stairs, free = entry["blocks_of_z"]
    assert (stairs["attribute"], stairs["unit"], stairs["centre"]) == ("angle", -0.5, 7.5)
    assert free["attribute"] is None
    (latent, *_) = entry["latents"]
    codes = run.model.encode(dataset.images.take(np.arange(60)))[:, 0]
    assert (latent["kl"], latent["attribute"]) == (None, "angle")
    assert set(latent["values"]) <= {1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0}
    assert set(codes[30:].tolist()) <= set(latent["values"])


def test_a_block_that_the_page_cannot_read_is_shown_as_numbers(colours, monkeypatch):
    (softmax, *_) = colours.model.vae.latents
    assert isinstance(softmax, AttributeBlock)
    monkeypatch.setattr(softmax, "read", lambda code: code.argmin(1).float())
    first, second, *_ = _describe.describe_blocks(colours.model, Blocks())
    assert (first["attribute"], first["start"], first["stop"]) == (None, 0, 2)
    assert second["attribute"] == "size"


def test_quantised_latents_stop_at_the_values_that_occur(tmp_path):
    run = write_run(tmp_path / "run", "qlae")
    analysis = analysis_of(run)
    block = run.model.vae.latents["z"]
    for latent in _describe.describe_latents(analysis):
        codebook = block.prior.codebook[latent["index"]].detach().numpy()
        seen = np.concatenate([analysis.codes, analysis.train_codes])[:, latent["index"]]
        assert latent["kl"] is None
        assert latent["values"] == sorted(latent["values"])
        assert len(latent["values"]) == len({int(np.abs(codebook - each).argmin()) for each in seen})
        assert all(np.abs(codebook - each).min() < 1e-5 for each in latent["values"])


@pytest.mark.parametrize("recipe", ["mixture-vae", "vampprior"])
def test_a_latent_whose_kl_is_known_as_a_whole_has_none_of_its_own(tmp_path, recipe):
    analysis = analysis_of(write_run(tmp_path / "run", recipe))
    latents = _describe.describe_latents(analysis)
    assert {(each["kl"], each["values"]) for each in latents} == {(None, None)}
    assert all(each["active"] for each in latents)
    assert [each.kind for each in _points.maps_of(analysis)][:2] == ["pair", "pca"]


def analysis_of(run):
    return Analysis(run, run.dataset())


def test_missing_labels_stay_missing(colours):
    blocks = Blocks()
    found = Bundle({"points": _points.describe_points(colours, blocks)}, blocks.content)
    side = array(found, found.manifest["points"]["attributes"]["side"])
    np.testing.assert_array_equal(np.isnan(side), np.isnan(colours.table.column("side")))
    assert np.isnan(side).any()


def test_importance_finds_the_latent_that_tells(colours):
    blocks = Blocks()
    told = _describe.describe_importance(colours, blocks)["codes x attributes"]
    assert told["attributes"] == ["side", "size", "angle", "weight"]
    values = array(Bundle({}, blocks.content), told["values"])
    assert values.shape == (colours.codes.shape[1], 4)
    assert (values >= 0).all()


def test_the_history_is_a_table_of_numbers(plane_run):
    blocks = Blocks()
    told = _describe.describe_history(plane_run, blocks)
    table = array(Bundle({}, blocks.content), told["data"])
    split = table[:, told["columns"].index("split")]
    assert split.tolist() == [0, 0, 1, 0, 0, 1]
    assert table[:, told["columns"].index("step")].tolist() == [50, 100, 100, 150, 200, 200]


def test_snapshots_of_training_are_in_order_and_few(copied):
    folder = copied.path / "figures" / "training"
    folder.mkdir(parents=True)
    for step in range(0, 300, 10):
        Image.fromarray(np.full((40, 60), step // 2, np.uint8)).save(folder / f"step-{step:08d}.png")
    (folder / "step-00000000.png").write_bytes(b"no image")
    blocks = Blocks()
    told = _describe.describe_snapshots(copied, blocks)
    steps = [each["step"] for each in told]
    assert steps == sorted(steps)
    assert len(steps) == _describe.MOST_SNAPSHOTS - 1
    assert steps[-1] == 290
    for each in told:
        shown = Image.open(io.BytesIO(blocks.content[each["image"]["block"]])).convert("L")
        assert shown.size == (each["width"], each["height"]) == (60, 40)
        assert np.asarray(shown).mean() == pytest.approx(each["step"] // 2, abs=2)


def test_a_run_without_numbers_has_none(copied):
    (copied.path / "history.csv").unlink()
    assert _describe.describe_history(copied, Blocks()) is None
    digest = hashlib.sha256((copied.path / "model.safetensors").read_bytes()).hexdigest()
    assert _describe.read_evaluation(copied, digest) is None
    copied.write_json("evaluation.json", {"metrics": {}, "settings": {"weights_sha256": "other"}})
    assert _describe.read_evaluation(copied, digest) is None
    (copied.path / "evaluation.json").write_text("{")
    assert _describe.read_evaluation(copied, digest) is None
    settings = {"weights_sha256": digest, "data": "mnist:/home/someone/secret"}
    copied.write_json("evaluation.json", {"metrics": {"mig": {"value": 0.5}}, "settings": settings})
    assert _describe.read_evaluation(copied, digest)["settings"]["data"] == "mnist"
    (copied.path / "model.safetensors").unlink()
    with pytest.raises(InputError, match="no trained weights yet"):
        prepare([copied])


def test_the_glossary_of_metrics_is_their_docstrings():
    told = _describe.describe_metrics([{"metrics": {"mig": {}, "gone": {}}, "left_out": {"sap": ""}}, None])
    assert set(told) == {"mig", "sap"}
    assert told["mig"]["summary"] == METRICS["mig"].summary
    assert (told["mig"]["range"], told["mig"]["better"]) == ("0 to 1", "higher")
    assert told["mig"]["paper"].startswith("https://")


def test_a_page_takes_up_a_later_evaluation(copied, made, tmp_path):
    assert update_page(copied) is None
    bundle = Bundle(json.loads(json.dumps(made.manifest)), dict(made.blocks))
    write_html(bundle, copied.path / "explorer.html")
    digest = made.manifest["runs"][0]["provenance"]["weights_sha256"]
    found = {"metrics": {"mig": {"value": 0.25}}, "settings": {"weights_sha256": digest}}
    copied.write_json("evaluation.json", found)
    assert update_page(copied) == copied.path / "explorer.html"
    page = read_html(copied.path / "explorer.html")
    assert page.manifest["runs"][0]["evaluation"]["metrics"] == found["metrics"]
    assert "mig" in page.manifest["metrics"]
    assert page.blocks == made.blocks
    (copied.path / "explorer.html").write_text("another page")
    assert update_page(copied) is None
    assert (copied.path / "explorer.html").read_text() == "another page"


def test_a_page_does_not_say_where_the_data_lie(made, tmp_path):
    assert _describe.without_place("mnist:/home/someone/data") == "mnist"
    assert _describe.without_place("/home/someone/images") == "images"
    assert _describe.without_place("digits") == "digits"
    text = to_json(made.manifest)
    assert str(tmp_path.parents[1]) not in text
    assert "notes" not in made.manifest["runs"][0]["provenance"]


def test_runs_are_joined(bundle, made):
    both = join([Bundle(json.loads(json.dumps(made.manifest)), made.blocks), bundle])
    both.check("both")
    assert [each["name"] for each in both.manifest["runs"]] == ["plane", "plane"]
    assert {name.partition("/")[0] for name in both.blocks} == {"0", "1"}
    assert both.blocks["1/codes"] == both.blocks["0/codes"]


@pytest.mark.parametrize("count", [0, 5])
def test_a_page_compares_up_to_four(count, plane_run):
    for gather in (make_bundle, prepare):
        with pytest.raises(InputError, match=f"explorer: {count} runs; a page shows 1 to 4"):
            gather([plane_run] * count)


def test_collapsed_codes_have_no_projection(tmp_path):
    analysis = analysis_of(write_run(tmp_path / "flat", "vae"))
    with torch.no_grad():
        analysis.model.vae.head.weight *= 0
    assert [each.kind for each in _points.maps_of(analysis)] == ["pair"]
    assert _points.Support(analysis).distance(analysis.codes).tolist() == [0.0] * len(analysis.codes)


NAMES = ("block", "sha256", "__proto__", "</script><b>")


def test_attributes_may_be_called_as_the_bundle_calls_its_own(tmp_path):
    dataset = colour_dataset(NAMES)
    run = write_run(tmp_path / "run", "supervised", dataset)
    analysis = Analysis(run, dataset)
    blocks = Blocks()
    told = {
        "schema": 1,
        "points": _points.describe_points(analysis, blocks),
        "blocks": _describe.describe_blocks(run.model, blocks),
        "ends": _points.describe_ends(analysis, blocks),
        "importance": _describe.describe_importance(analysis, blocks),
    }
    bundle = Bundle(json.loads(to_json(told)), blocks.content)
    bundle.check("the bundle")
    assert set(bundle.manifest["points"]["attributes"]) == set(NAMES)
    assert {each["block"] for each in references(bundle.manifest)} == set(blocks.content)
