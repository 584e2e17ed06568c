"""Curves hold the history, in panels that exist, and nothing leaves its panel."""

import warnings

import numpy as np
import pytest
from figure_runs import analyse, draw, page_of, texts
from small_runs import write_run

from distaff.errors import InputError
from distaff.figures._losses import spread, terms, unit_of, weights

NAN = np.nan


def history_run(path, text, **settings):
    run = write_run(path, "vae", **settings)
    (run.path / "history.csv").write_text(text)
    return analyse(run)


def curves(axes):
    """Return the lines of a plot without the keys beside it."""
    return [line for line in axes.get_lines() if line.get_transform() == axes.transData]


def test_curves_hold_the_history(vae):
    figure = draw("losses", vae)
    assert [axes.get_title("left") for axes in figure.axes] == [
        "loss",
        "reconstruction",
        "kl",
        "weight of kl",
        "learning rate",
    ]
    train, valid = curves(figure.axes[0])
    assert train.get_xydata().tolist() == [[50, 60], [100, 50], [150, 40], [200, 35]]
    assert valid.get_xydata().tolist() == [[100, 51], [200, 36]]
    (weight,) = curves(figure.axes[3])
    assert weight.get_ydata().tolist() == [0, 0.5, 1, 1]
    assert figure.axes[0].get_ylabel() == "nats per image"
    assert {"training", "validation"} <= {text.get_text() for text in figure.axes[0].texts}
    assert any("weight of reconstruction 1" in text for text in texts(figure))


def test_what_does_not_move_is_said_and_has_no_panel(tmp_path):
    text = "step,seconds,split,lr,weight.kl,loss,kl\n50,1,train,0.1,1,2,1\n100,2,train,0.1,1,1,1\n"
    page = page_of("losses", history_run(tmp_path, text))
    assert [panel.title for panel in page.panels] == ["loss", "kl"]
    assert "weight of kl 1" in page.note
    assert "learning rate 0.1" in page.note


def test_a_term_that_reaches_zero_stays_in_its_panel(tmp_path):
    rows = "".join(f"{10 * k},1,train,0.1,{4.0 / 10**k},{9 - k}\n" for k in range(1, 12))
    text = "step,seconds,split,lr,supervise.k,loss\n" + rows + "120,2,train,0.1,0,1\n120,2,valid,0.1,0,1\n"
    analysis = history_run(tmp_path, text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw("losses", analysis)
    axes = next(each for each in figure.axes if each.get_title("left") == "supervise (k)")
    assert axes.get_yscale() == "log"
    box = axes.get_window_extent()
    train, valid = curves(axes)
    assert len(train.get_xdata()) == 12
    for line in (train, valid):
        points = axes.transData.transform(line.get_xydata())
        assert (points[:, 1] >= box.y0 - 0.5).all()
        assert (points[:, 1] <= box.y1 + 0.5).all()
    # Points at 0 lie on the axis, whose label says so.
    assert axes.transData.transform(valid.get_xydata())[-1, 1] == pytest.approx(box.y0, abs=0.5)
    assert axes.get_yticklabels()[0].get_text().startswith("≤ ")


@pytest.mark.parametrize(
    "values", [[0, 0, 0], [5, 5, 5], [-1, -3, -2], [1e30, 1, 0], [0, 1e-30, 0], [3, 0, 7]]
)
def test_any_values_give_a_plot(tmp_path, values):
    rows = "".join(f"{10 * k},1,train,0.1,{value}\n" for k, value in enumerate(values, 1))
    figure = draw("losses", history_run(tmp_path, "step,seconds,split,lr,loss\n" + rows))
    low, high = figure.axes[0].get_ylim()
    assert low < high
    drawn = curves(figure.axes[0])[0].get_ydata()
    assert low <= drawn.min()
    assert drawn.max() <= high


def test_a_steep_fall_gets_a_logarithmic_axis_and_unlabelled_terms_no_panel(tmp_path):
    text = (
        "step,seconds,split,lr,weight.supervise,loss,supervise.shape,supervise.scale,active_units\n"
        "50,1,train,0.1,20,90,1.0,,\n100,2,train,0.1,20,4,0.05,,\n100,2,valid,0.1,20,5,0.06,,3\n"
    )
    figure = draw("losses", history_run(tmp_path, text))
    # Nobody ever had a label of scale.
    assert [axes.get_title("left") for axes in figure.axes] == ["loss", "supervise (shape)"]
    assert figure.axes[0].get_yscale() == "log"


def test_the_parts_of_a_term_share_a_panel_with_their_names_at_the_ends(tmp_path):
    text = (
        "step,seconds,split,lr,loss,supervise.shape,supervise.scale [mm]\n"
        "50,1,train,0.1,9,1.0,2\n100,2,train,0.1,8,0.5,1\n"
    )
    axes = draw("losses", history_run(tmp_path, text)).axes[1]
    assert axes.get_title("left") == "supervise"
    assert {text.get_text() for text in axes.texts} == {"shape", "scale [mm]"}
    assert len({line.get_color() for line in curves(axes)}) == 2


def test_unused_latents_have_no_line():
    history = {
        name: np.array(values, dtype=float)
        for name, values in {
            "step": [1, 2],
            "kl": [1, 2],
            "kl.z0": [0.4, 0.5],
            "kl.z1": [0.2, 0.001],
            "kl.z2": [0.2, 0.3],
            "loss": [9, 8],
            "classify.digit": [1, 1],
            "weight.kl": [1, 1],
        }.items()
    }
    found = [(group.title, list(group.lines), group.unused) for group in terms(history, {})]
    assert found == [
        ("loss", ["loss"], 0),
        ("kl", ["kl"], 0),
        ("kl of each latent", ["z0", "z2"], 1),
        ("classify (digit)", ["digit"], 0),
    ]


def test_many_latents_and_one_validation_show_points_with_names(tmp_path):
    names = ",".join(f"kl.z{k}" for k in range(30))
    values = ",".join(f"{0.1 + k}" for k in range(30))
    text = f"step,seconds,split,lr,loss,{names}\n10,1,train,0.1,9{',' * 30}\n10,1,valid,0.1,9,{values}\n"
    axes = draw("losses", history_run(tmp_path, text, **{"latent.gaussian.size": 30})).axes[-1]
    assert axes.get_title("left") == "kl of each latent"
    assert all(line.get_marker() == "o" for line in curves(axes))
    said = [text.get_text() for text in axes.texts]
    assert "z29" in said
    assert any("more" in text for text in said)


def test_terms_in_other_units_do_not_share_a_panel():
    history = {name: np.ones(2) for name in ("step", "loss", "tc", "tc.loss", "tc.accuracy")}
    units = {"tc": "nats per image", "tc.loss": "nats", "tc.accuracy": ""}
    found = {group.title: group.unit for group in terms(history, units)}
    assert found == {
        "loss": "nats per image",
        "tc": "nats per image",
        "tc (loss)": "nats",
        "tc (accuracy)": "",
    }


def test_units_are_those_of_the_columns():
    assert unit_of("-log p(x | z), nats per image") == "nats per image"
    assert unit_of("cross-entropy of the discriminator, nats (0.693 at chance)") == "nats"
    assert unit_of("squared distance of codes to their values, summed over latents; no nats") == ""
    assert unit_of("share that the discriminator tells right (0.5 at chance)") == ""


def test_a_capacity_is_in_nats():
    history = {"weight.kl.capacity": np.array([0.0, 25.0]), "lr": np.array([0.1, 0.1])}
    moving, constant = weights(history)
    assert [(group.title, group.unit) for group in moving] == [("capacity of kl", "nats")]
    assert constant == ["learning rate 0.1"]


def test_names_are_spread_apart():
    placed = spread([0.1, 0.1, 0.1, 0.9, 1.0], 0.1)
    assert (np.diff(placed) >= 0.1 - 1e-9).all()
    assert placed[0] >= 0
    assert placed[-1] <= 1


@pytest.mark.parametrize("text", [None, ""])
def test_curves_need_a_history(tmp_path, text):
    run = write_run(tmp_path, "vae")
    if text is None:
        (run.path / "history.csv").unlink()
    else:
        (run.path / "history.csv").write_text(text)
    with pytest.raises(InputError, match="no history yet"):
        page_of("losses", analyse(run))
