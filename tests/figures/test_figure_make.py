"""Writing figures: by name, whole or not at all, and nothing that does not fit."""

import re
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest
from figure_runs import material_of
from matplotlib.text import Text
from PIL import Image

import distaff.figures
from distaff.errors import InputError
from distaff.figures import FIGURES, make, registry, to_png

LEFT_OUT = {
    "vae": {"sweeps", "map", "confusion", "manifold", "regions", "variation"},
    "plane_run": {"sweeps", "map_pca", "map_tsne", "variation"},
    "conditional": {"map", "confusion", "manifold", "regions"},
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_make_writes_what_fits_and_says_why_the_rest_does_not(name, request):
    run = request.getfixturevalue(name)
    settings, said = dict(mpl.rcParams), []
    written = make(run, progress=said.append)
    assert dict(mpl.rcParams) == settings
    assert set(written) == set(FIGURES) - LEFT_OUT[name]
    assert sorted(each.name for each in (run.path / "figures").iterdir()) == sorted(
        f"{each}.png" for each in written
    )
    for each, path in written.items():
        assert path == run.path / "figures" / f"{each}.png"
        with Image.open(path) as picture:
            picture.verify()
            assert picture.format == "PNG"
    reasons = {line.split(":")[0] for line in said if "left out, " in line}
    assert reasons == LEFT_OUT[name]
    dataset = run.dataset()
    assert {each for each in FIGURES if FIGURES[each].needs(run, dataset)} == LEFT_OUT[name]


def test_every_word_lies_on_the_page_and_can_be_read(vae, colours, plane_run):
    cases = [(material_of(vae), "traversals"), (material_of(vae), "losses")]
    plane = {"map", "manifold", "regions"}
    cases += [(material_of(plane_run), name) for name in plane]
    cases += [(colours, name) for name in FIGURES if name not in plane]
    for material, name in cases:
        figure = FIGURES[name].draw(material)
        figure.draw_without_rendering()
        width, height = figure.get_size_inches()
        assert figure.get_facecolor()[:3] == (1, 1, 1)
        for text in figure.findobj(Text):
            if not text.get_text() or not text.get_visible():
                continue
            assert text.get_fontsize() >= 7, (name, text.get_text())
            assert text.get_fontfamily() == ["DejaVu Sans"], (name, text.get_text())
        box = figure.get_tightbbox()
        assert min(box.x0, box.y0) >= -0.01, (name, box)
        assert box.x1 <= width + 0.01, (name, box)
        assert box.y1 <= height + 0.01, (name, box)


def test_an_unknown_figure_names_the_nearest(vae):
    with pytest.raises(InputError, match="no figure 'traversal'; did you mean 'traversals'"):
        make(vae, only=["kl", "traversal"])


def test_a_figure_asked_for_that_does_not_fit_is_an_error_and_nothing_is_written(vae):
    before = sorted(vae.path.rglob("*.png"))
    with pytest.raises(InputError, match=r"'sweeps' cannot be drawn for .*: no attribute can be set"):
        make(vae, only=["kl", "sweeps"])
    assert sorted(vae.path.rglob("*.png")) == before


def test_only_the_named_are_drawn_twice_the_same(plane_run):
    first = make(plane_run, only=["kl", "kl"])
    assert list(first) == ["kl"]
    content = first["kl"].read_bytes()
    assert make(plane_run, only=["kl"])["kl"].read_bytes() == content
    dataset = plane_run.dataset()
    assert to_png(FIGURES["kl"].function(plane_run, dataset)) == content


def test_a_failed_drawing_leaves_the_old_file(plane_run, monkeypatch):
    path = make(plane_run, only=["kl"])["kl"]
    content = path.read_bytes()

    def fail(material):
        raise RuntimeError

    monkeypatch.setitem(registry.FIGURES, "kl", replace(FIGURES["kl"], draw=fail))
    with pytest.raises(RuntimeError):
        make(plane_run, only=["kl"])
    assert path.read_bytes() == content
    assert [each for each in path.parent.iterdir() if each.name.startswith(".")] == []


def test_nothing_uses_global_state():
    for path in Path(distaff.figures.__file__).parent.glob("*.py"):
        assert not re.search(r"pyplot|rc_context|rcParams|mpl\.rc\b", path.read_text()), path.name


def test_every_figure_is_described():
    assert all(entry.description and "\n" not in entry.description for entry in FIGURES.values())
