"""Curves, bars and maps: the data of what is drawn is the data of the run."""

import numpy as np
import pytest
from figure_runs import material_of, texts, write_run
from matplotlib.colors import to_hex, to_rgb

from distaff.data import Attribute
from distaff.figures.activity import mean_kl
from distaff.figures.colouring import TURN, class_colours, ordered_map
from distaff.figures.confusion import confusion, counts
from distaff.figures.kl import ATTRIBUTE, kl
from distaff.figures.losses import losses, no_history
from distaff.figures.maps import map_pca, map_tsne, neighbour_embedding, plane, principal_components
from distaff.figures.panels import term_panels
from distaff.figures.style import ACCENT, IDLE
from distaff.model import BoundTerms

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


def test_loss_curves_hold_the_history(vae):
    figure = losses(material_of(vae))
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["loss", "reconstruction", "kl", "weight of kl", "learning rate"]
    train, valid = figure.axes[0].get_lines()
    assert train.get_xydata().tolist() == [[50, 60], [100, 50], [150, 40], [200, 35]]
    assert valid.get_xydata().tolist() == [[100, 51], [200, 36]]
    assert figure.axes[3].get_lines()[0].get_ydata().tolist() == [0, 0.5, 1, 1]
    assert figure.axes[0].get_ylabel() == "nats per picture"
    assert any("reconstruction\N{NO-BREAK SPACE}1" in text for text in texts(figure))


def test_terms_of_several_attributes_share_a_plot_and_a_steep_fall_gets_a_log_axis(tmp_path, vae):
    run = write_run(tmp_path, "vae")
    (run.path / "history.csv").write_text(
        "step,seconds,split,lr,weight.supervise,loss,supervise.shape,supervise.scale,active_units\n"
        "50,1,train,0.1,20,90,1.0,,\n100,2,train,0.1,20,4,0.05,,\n100,2,valid,0.1,20,5,0.06,,3\n"
    )
    figure = losses(material_of(run))
    # Nobody ever had a label of scale.
    assert [axes.get_title("left") for axes in figure.axes] == ["loss", "supervise (shape)", "learning rate"]
    assert figure.axes[0].get_yscale() == "log"
    (run.path / "history.csv").write_text(
        "step,seconds,split,lr,weight.supervise,loss,supervise.shape,supervise.scale,active_units\n"
        "50,1,train,0.1,20,9,1.0,2,\n100,2,train,0.1,20,8,0.5,1,\n"
    )
    supervise = losses(material_of(run)).axes[1]
    assert supervise.get_title("left") == "supervise"
    named = [each.get_text() for each in supervise.get_legend().get_texts()]
    assert named[:2] == ["shape", "scale"]
    assert len({line.get_color() for line in supervise.get_lines()}) == 2


def test_the_parts_of_a_term_have_a_plot_of_their_own():
    history = {
        name: np.ones(2) for name in ("step", "kl", "kl.z0", "kl.z1", "loss", "classify.digit", "weight.kl")
    }
    panels = [(panel.title, list(panel.lines)) for panel in term_panels(history)]
    assert panels == [
        ("loss", ["loss"]),
        ("kl", ["kl"]),
        ("kl, part by part", ["z0", "z1"]),
        ("classify (digit)", ["digit"]),
    ]


def test_curves_need_a_history(tmp_path):
    run = write_run(tmp_path, "vae")
    (run.path / "history.csv").unlink()
    assert no_history(material_of(run)) == "the run has no history yet"
    (run.path / "history.csv").write_text("")
    assert no_history(material_of(run)) == "the run has no history yet"


def test_kl_bars_are_sorted_and_sum_to_the_terms(vae, colours):
    material = material_of(vae)
    axes = kl(material).axes[0]
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == sorted(mean_kl(material).values(), reverse=True)
    assert len(axes.get_xticklabels()) == 10
    supervised = kl(colours).axes[0]
    assert {to_hex(bar.get_facecolor()) for bar in supervised.patches} == {ACCENT, ATTRIBUTE}


def test_dead_latents_are_grey_and_said(vae):
    material = material_of(vae)
    nats = np.full((5, 10), 0.5, dtype=np.float32)
    nats[:, 3] = 0
    nothing = np.zeros((5, 10), dtype=np.float32)
    latents = [f"z{index}" for index in range(10)]
    material.posterior = BoundTerms(nats[:, 0], nats, latents, nothing, nothing + 1, np.arange(10))
    figure = kl(material)
    assert any("1 of 10" in text for text in texts(figure))
    assert to_hex(figure.axes[0].patches[-1].get_facecolor()) == IDLE
    material.posterior = BoundTerms(nats[:, 0], nothing, latents, nothing, nothing + 1, np.arange(10))
    assert any("collapsed" in text for text in texts(kl(material)))


def test_many_latents_still_fit(tmp_path):
    figure = kl(material_of(write_run(tmp_path, "vae", **{"latent.gaussian.size": 70})))
    assert len(figure.axes[0].patches) == 64
    assert any("64 largest of 70" in text for text in texts(figure))


def offsets(axes):
    return np.concatenate([each.get_offsets() for each in axes.collections])


def assert_same_points(found, wanted):
    found, wanted = (np.asarray(each)[np.lexsort(np.asarray(each).T)] for each in (found, wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)


def test_two_latents_are_drawn_as_they_are(plane_run):
    material = material_of(plane_run)
    figure = plane(material)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z0", "z1")
    assert_same_points(offsets(axes), material.trained.codes)
    named = [each.get_text() for each in axes.get_legend().get_texts()]
    assert named == [str(digit) for digit in np.unique(material.trained.factors.column("digit")).astype(int)]


def test_every_kind_of_attribute_has_its_own_colours(colours):
    figure = map_pca(colours)
    by_name = {axes.get_title("left"): axes for axes in figure.axes}
    assert list(by_name)[:4] == ["by side", "by size", "by angle", "by weight"]
    side = by_name["by side"]
    missing = int(np.isnan(colours.trained.factors.column("side")).sum())
    assert missing > 0
    assert len(side.collections[0].get_offsets()) == missing
    assert to_hex(side.collections[0].get_facecolor()[0]) == IDLE
    assert by_name["by angle"].collections[0].get_cmap() is TURN
    assert by_name["by weight"].collections[0].get_cmap().name == "viridis"
    assert by_name["by size"].collections[0].get_cmap().N == 4
    points, _ = principal_components(colours.trained.codes)
    assert_same_points(offsets(by_name["by weight"]), points)


def test_principal_components_are_those_of_the_covariance():
    codes = np.random.default_rng(1).normal(size=(50, 4)) @ np.diag([3, 2, 0.5, 0.1])
    points, shares = principal_components(codes)
    sizes = np.sort(np.linalg.eigvalsh(np.cov(codes.T)))[::-1]
    np.testing.assert_allclose(points.var(axis=0, ddof=1), sizes[:2], rtol=1e-5)
    np.testing.assert_allclose(shares, sizes[:2] / sizes.sum(), rtol=1e-5)


def test_tsne_is_the_same_every_time_and_hides_its_scales(colours):
    figure = map_tsne(colours)
    assert not len(figure.axes[0].get_xticks())
    weight = next(axes for axes in figure.axes if axes.get_title("left") == "by weight")
    assert_same_points(offsets(weight), neighbour_embedding(colours.trained.codes))


def test_confusion_counts_what_is_read(colours):
    attribute = colours.table.get("side")
    table = counts(attribute, np.array([0, 0, 1, np.nan]), np.array([0, 1, 1, 1]))
    assert table.tolist() == [[1, 1], [0, 1]]
    figure = confusion(colours)
    assert len(figure.axes) == 3
    shares = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
