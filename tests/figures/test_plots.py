"""Bars, maps, regions and tables: what is drawn is what the analysis found."""

import numpy as np
import pytest
from figure_runs import analyse, draw, images_of, page_of, texts
from matplotlib.colors import to_hex, to_rgb
from scipy.stats import norm
from small_runs import write_run

from distaff.analysis import judge, principal_map, symmetry_folds, tsne_map
from distaff.attributes import Attribute, AttributeTable, Folds
from distaff.errors import InputError
from distaff.evaluation import evaluate
from distaff.figures._maps import IMAGES
from distaff.figures._page import ACCENT, UNUSED
from distaff.figures._tables import ATTRIBUTE, count_classes, nearest_turn
from distaff.figures._values import TURN, class_colours, ordered_map

# https://doi.org/10.1109/TVCG.2009.113, severity 1: how dichromats see linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protan": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deutan": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
}


def lab(colours, seen):
    """Return CIELAB [n, 3] of sRGB colours as someone with a colour blindness sees them."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ seen.T, 0, 1)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ matrix.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("count", [2, 3, 5, 8, 10])
def test_class_colours_are_told_apart(blindness, count):
    seen = lab(class_colours(count), BLINDNESS[blindness])
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=2)[~np.eye(count, dtype=bool)]
    assert distances.min() > 10


def test_the_cyclic_map_closes_and_ordered_maps_rise_in_lightness():
    assert to_hex(TURN(0.0)) == to_hex(TURN(1.0))
    assert ordered_map(Attribute(name="a", kind="circular", period=1.0)) is TURN
    rising = ordered_map(Attribute(name="a", kind="ordinal", values=(0, 1)))
    assert (np.diff(lab(rising(np.linspace(0, 1, 32))[:, :3], np.eye(3))[:, 0]) > 0).all()


def bars(analysis):
    axes = draw("kl", analysis).axes[0]
    names = [label.get_text() for label in axes.get_xticklabels()]
    return dict(zip(names, [bar.get_height() for bar in axes.patches], strict=True))


@pytest.mark.parametrize("name", ["vae", "mixture", "colours"])
def test_the_bars_are_the_numbers_of_evaluation_json(name, request):
    analysis = request.getfixturevalue(name)
    if name == "colours":
        shown = analysis.kl
    else:
        found = evaluate(analysis.run, ["kl", "collapse"])["metrics"]
        shown = found["collapse"]["kl_per_latent"]
        assert found["kl"]["value"] == pytest.approx(sum(bars(analysis).values()), rel=1e-12)
    assert bars(analysis) == {each: pytest.approx(nats, rel=1e-12) for each, nats in shown.items()}
    assert list(bars(analysis)) == sorted(shown, key=lambda each: -shown[each])


def test_attributes_have_bars_of_their_own_colour(colours):
    axes = draw("kl", colours).axes[0]
    assert {to_hex(bar.get_facecolor()) for bar in axes.patches} == {ACCENT, ATTRIBUTE}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["latent", "latent of an attribute"]


def with_kl(analysis, monkeypatch, nats):
    monkeypatch.setitem(analysis.__dict__, "kl", dict(zip(analysis.kl, nats, strict=True)))
    analysis.__dict__.pop("collapse", None)


def test_unused_latents_have_no_bar_and_are_named(vae, monkeypatch):
    kept = dict(vae.__dict__)
    with_kl(vae, monkeypatch, [0.5] * 3 + [0.001] + [0.5] * 6)
    page = page_of("kl", vae)
    assert "1 of 10" in page.note
    assert "z3" in page.note
    assert len(bars(vae)) == 9
    with_kl(vae, monkeypatch, [0.0] * 10)
    figure = draw("kl", vae)
    assert any("collapsed" in text for text in texts(figure))
    assert {to_hex(bar.get_facecolor()) for bar in figure.axes[0].patches} == {UNUSED}
    vae.__dict__["collapse"] = kept.get("collapse")
    if vae.__dict__["collapse"] is None:
        del vae.__dict__["collapse"]


def test_many_latents_still_fit(tmp_path):
    analysis = analyse(write_run(tmp_path, "vae", **{"latent.gaussian.size": 70}))
    axes = draw("kl", analysis).axes[0]
    used = len([nats for nats in analysis.kl.values() if nats >= 0.01])
    assert len(axes.patches) == min(64, used)
    assert used <= 64 or "64 largest" in page_of("kl", analysis).note


def offsets(axes):
    return np.concatenate([each.get_offsets() for each in axes.collections])


def assert_same_points(found, wanted):
    found, wanted = (np.asarray(each)[np.lexsort(np.asarray(each).T)] for each in (found, wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)


def test_two_latents_are_drawn_as_they_are(plane):
    axes = draw("map", plane).axes[0]
    codes, table = plane.all_train_codes()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z0", "z1")
    assert_same_points(offsets(axes), codes)
    named = [each.get_text() for each in axes.get_legend().get_texts()]
    assert named == [str(digit) for digit in np.unique(table.column("digit")).astype(int)]
    assert f"{len(plane.dataset.splits['train'])} training images" in page_of("map", plane).note


def test_every_kind_of_attribute_has_its_own_colours(colours):
    figure = draw("map_pca", colours)
    codes, table = colours.all_train_codes()
    by_name = {axes.get_title("left"): axes for axes in figure.axes}
    assert list(by_name)[:4] == ["by side", "by size", "by angle", "by weight"]
    side = by_name["by side"]
    missing = int(np.isnan(table.column("side")).sum())
    assert missing > 0
    assert len(side.collections[0].get_offsets()) == missing
    assert to_hex(side.collections[0].get_facecolor()[0]) == UNUSED
    assert by_name["by angle"].collections[0].get_cmap() is TURN
    assert by_name["by weight"].collections[0].get_cmap().name == "viridis"
    assert by_name["by size"].collections[0].get_cmap().N == 4
    assert_same_points(offsets(by_name["by weight"]), principal_map(codes).points)


def test_tsne_hides_its_scales(colours):
    figure = draw("map_tsne", colours)
    weight = next(axes for axes in figure.axes if axes.get_title("left") == "by weight")
    assert not len(weight.get_xticks())
    assert_same_points(offsets(weight), tsne_map(colours.all_train_codes()[0]).points)


def test_a_map_says_what_it_shows(colours):
    assert page_of("map_pca", colours).note.startswith("20 training images.")
    page = page_of("map_pca", colours)
    assert len(page.panels) == 4
    with pytest.raises(InputError, match="'map' shows it"):
        page_of("map_pca", type("Two", (), {"model": type("Model", (), {"code_size": 2})})())


def test_confusion_counts_what_is_read(colours):
    attribute = colours.table.get("side")
    table = count_classes(attribute, np.array([0, 0, 1, np.nan]), np.array([0, 1, 1, 1.0]))
    assert table.tolist() == [[1, 1], [0, 1]]
    figure = draw("confusion", colours)
    assert len(figure.axes) == 3
    shares = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_confusion_shows_the_accuracy_of_evaluation_json(plane):
    found = evaluate(plane.run, ["attribute_accuracy"])["metrics"]["attribute_accuracy"]
    accuracy = found["per_attribute"]["digit"]["accuracy"]
    assert page_of("confusion", plane).panels[0].title == f"digit: {accuracy:.1%} right"


def test_confusion_counts_symmetric_turns_as_the_accuracy_does():
    random = np.random.default_rng(0)
    shape = Attribute(name="shape", kind="categorical", values=("square", "ellipse", "heart"))
    turn = Attribute(
        name="turn",
        kind="circular",
        values=tuple(range(40)),
        period=39,
        folds=Folds(by="shape", counts=(4, 2, 1)),
    )
    true = random.integers(0, 40, 500).astype(np.float32)
    shapes = random.integers(0, 3, 500)
    folds = np.array([4, 2, 1])[shapes]
    # Turned by whole symmetric turns, and now and then by a step.
    read = np.mod(true + np.rint(39 / folds * random.integers(0, 4, 500)) + random.integers(0, 2, 500), 39)
    table = AttributeTable((shape, turn), np.stack([shapes, true], axis=1).astype(np.float32))
    accuracy = judge(turn, read, true, symmetry_folds(turn, table))["accuracy"]
    assert 0.2 < accuracy < 1
    counts = count_classes(turn, true, nearest_turn(turn, read, true, symmetry_folds(turn, table)))
    assert np.trace(counts) / counts.sum() == pytest.approx(accuracy)


def test_regions_are_what_the_classifier_and_the_neighbours_say(plane):
    figure = draw("regions", plane)
    assert [axes.get_title("left") for axes in figure.axes] == ["latent classifier", "10 nearest codes"]
    classifier = figure.axes[0].images[0]
    x0, x1, y0, y1 = classifier.get_extent()
    side = classifier.get_array().shape[0]
    spot = np.array([[x0 + (10 + 0.5) / side * (x1 - x0), y0 + (200 + 0.5) / side * (y1 - y0)]])
    chances = plane.model.read_probabilities(spot)["digit"][0]
    strength = 0.08 + 0.72 * (chances.max() - 0.1) / 0.9
    colour = np.array(to_rgb(class_colours(10)[chances.argmax()])) * strength + 1 - strength
    np.testing.assert_allclose(classifier.get_array()[200, 10], colour, atol=1e-4)


def test_the_manifold_is_the_decoder_over_the_priors_quantiles(plane, vae):
    drawn = images_of(draw("manifold", plane))
    assert len(drawn) == IMAGES**2
    edge = norm.ppf(0.01)
    corner = plane.model.decode(np.array([[edge, -edge]]))[0]
    scale = drawn[0].shape[0] // 8
    np.testing.assert_allclose(drawn[0][::scale, ::scale], corner, atol=1e-5)
    with pytest.raises(InputError, match="10 latents"):
        page_of("manifold", vae)


def test_another_prior_has_a_manifold_over_its_own_quantiles(tmp_path):
    analysis = analyse(write_run(tmp_path, "mixture-vae", **{"latent.gaussian.size": 2}))
    assert len(images_of(draw("manifold", analysis))) == IMAGES**2
    codes, _ = analysis.model.sample_codes(10_000)
    low = np.quantile(codes[:, 0], 0.01)
    assert f"from {low:.3g}".replace("-", "−") in page_of("manifold", analysis).note
