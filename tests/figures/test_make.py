"""Writing figures: by name, whole or not at all, and none that fails ends the others."""

import re
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from figure_runs import draw, page_of
from matplotlib.text import Text
from PIL import Image
from small_runs import colour_dataset, write_run

import distaff.figures
from distaff.analysis import Analysis
from distaff.errors import InputError, WriteError
from distaff.figures import FIGURES, Panel, Plots, figure, make, save, to_bytes
from distaff.figures import _make as module
from distaff.figures._make import file_stem
from distaff.figures._text import FONT

LEFT_OUT = {
    "vae": {"attributes", "map", "confusion", "manifold", "regions", "variation"},
    "plane": {"attributes", "map_pca", "map_tsne", "variation"},
    "conditional": {"map", "confusion", "manifold", "regions"},
    "colours": {"map", "manifold", "regions"},
    "quantised": {
        "attributes",
        "confusion",
        "kl",
        "manifold",
        "map",
        "regions",
        "strongest",
        "variation",
    },
}
"""What does not fit each model; everything else is drawn."""


@pytest.fixture(autouse=True)
def ours(request):
    """Only figures of distaff's own, whatever other tests registered."""
    foreign = [
        name for name, entry in FIGURES.items() if not entry.function.__module__.startswith("distaff.")
    ]
    for name in foreign:
        FIGURES._things.pop(name)


@pytest.mark.parametrize("name", LEFT_OUT)
def test_make_writes_what_fits_and_says_why_the_rest_does_not(name, request):
    analysis = request.getfixturevalue(name)
    settings, said = dict(mpl.rcParams), []
    made = make(analysis, progress=said.append)
    assert dict(mpl.rcParams) == settings
    assert dict(made.failed) == {}
    assert set(made) == set(FIGURES) - LEFT_OUT[name]
    assert set(made.left_out) == LEFT_OUT[name]
    assert all(reason and "\n" not in reason for reason in made.left_out.values())
    folder = analysis.run.path / "figures"
    assert {each.name for each in folder.iterdir()} == {f"{each}.png" for each in made}
    for each, paths in made.items():
        assert paths == (folder / f"{each}.png",)
        with Image.open(paths[0]) as image:
            image.verify()
            assert image.format == "PNG"
    assert {line.split(":")[0] for line in said} >= set(FIGURES)
    with pytest.raises(InputError, match="was not drawn"):
        made[min(made.left_out)]


@pytest.mark.parametrize("width", [None, pytest.param(3.25, marks=pytest.mark.slow)])
def test_every_word_lies_on_the_page_and_can_be_read(vae, colours, plane, quantised, width):
    planar = {"map", "manifold", "regions"}
    cases = [(vae, name) for name in ("traversals", "losses", "kl")] + [(quantised, "traversals")]
    cases += [(plane, name) for name in planar]
    cases += [(colours, name) for name in FIGURES if name not in planar]
    for analysis, name in cases:
        drawn = draw(name, analysis, width=width)
        wide, high = drawn.get_size_inches()
        assert drawn.get_facecolor()[:3] == (1, 1, 1)
        for text in drawn.findobj(Text):
            if not text.get_text() or not text.get_visible():
                continue
            assert text.get_fontsize() >= 7, (name, text.get_text())
            assert text.get_fontfamily()[0] == FONT, (name, text.get_text())
            assert not text.get_parse_math() or "$" not in text.get_text()
        box = drawn.get_tightbbox()
        assert min(box.x0, box.y0) >= -0.01, (name, box)
        assert box.x1 <= wide + 0.01, (name, box)
        assert box.y1 <= high + 0.01, (name, box)


def test_a_prior_with_one_kl_for_all_its_latents_has_its_figures(mixture):
    only = ["kl", "losses", "traversals"]
    assert list(make(mixture, only=only)) == only


def test_an_unknown_figure_names_the_nearest(vae):
    with pytest.raises(InputError, match="no figure 'traversal'; did you mean 'traversals'"):
        make(vae, only=["kl", "traversal"])


def test_one_asked_for_that_does_not_fit_is_named_and_the_others_are_drawn(vae):
    made = make(vae, only=["attributes", "kl"])
    assert list(made) == ["kl"]
    assert isinstance(made.failed["attributes"], InputError)
    assert made.left_out == {}


def test_only_the_named_are_drawn_and_the_same_every_time(plane):
    first = make(plane, only=["kl", "kl"])
    assert list(first) == ["kl"]
    content = first["kl"][0].read_bytes()
    assert make(plane, only=["kl"])["kl"][0].read_bytes() == content
    assert to_bytes(page_of("kl", plane)) == content


@pytest.mark.parametrize("fault", ["function", "page"])
def test_a_figure_that_fails_is_named_and_the_others_are_drawn(plane, monkeypatch, fault):
    path = make(plane, only=["kl"])["kl"][0]
    content = path.read_bytes()

    def fail(*_):
        raise RuntimeError("it broke")

    broken = fail if fault == "function" else lambda _: Plots("", "", [Panel("", fail)])
    monkeypatch.setitem(FIGURES._things, "kl", replace(FIGURES["kl"], function=broken))
    made = make(plane, only=["kl", "strongest"])
    assert list(made) == ["strongest"]
    assert str(made.failed["kl"]) == "it broke"
    assert path.read_bytes() == content
    assert [each for each in path.parent.iterdir() if each.name.startswith(".")] == []


def test_a_full_disk_ends_all(plane, monkeypatch):
    def refuse(path, content):
        raise WriteError(f"{path}: cannot be written: no space left")

    monkeypatch.setattr(module, "atomic_write", refuse)
    with pytest.raises(WriteError):
        make(plane, only=["kl", "strongest"])


@pytest.mark.parametrize(("file_format", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_formats(plane, file_format, start):
    settings = dict(mpl.rcParams)
    made = make(plane, only=["kl", "reconstructions", "regions"], file_format=file_format, width=5.0)
    assert dict(mpl.rcParams) == settings
    for name, (path,) in made.items():
        assert path.suffix == f".{file_format}"
        content = path.read_bytes()
        assert content.startswith(start)
        assert to_bytes(page_of(name, plane), file_format, width=5.0) == content
        if file_format == "pdf":
            # 72 points to an inch; fonts that journals take.
            assert re.search(rb"/MediaBox \[ 0 0 360 ", content)
            assert b"/Type3" not in content


def test_a_wrong_format_is_refused(plane, tmp_path):
    with pytest.raises(InputError, match="png, pdf, svg"):
        make(plane, only=["kl"], file_format="gif")
    with pytest.raises(InputError, match="png, pdf, svg"):
        save(page_of("kl", plane), tmp_path / "kl.jpg")
    save(page_of("kl", plane), tmp_path / "kl.SVG", title=False)
    assert (tmp_path / "kl.SVG").read_bytes().startswith(b"<?xml")


def test_without_title_and_panel_by_panel(colours):
    with_title, without = (page_of("losses", colours).draw(head=head) for head in (True, False))
    assert len(with_title.texts) > len(without.texts) == 0
    assert without.get_size_inches()[1] < with_title.get_size_inches()[1]
    made = make(colours, only=["map_pca", "attributes", "kl"], panels=True)
    assert [path.name for path in made["map_pca"]] == [
        f"map_pca-by_{name}.png" for name in ("side", "size", "angle", "weight")
    ]
    assert [path.name for path in made["attributes"]] == [
        f"attributes-{name}.png" for name in ("side", "size", "angle", "weight")
    ]
    assert [path.name for path in made["kl"]] == ["kl.png"]
    assert all(path.is_file() for paths in made.values() for path in paths)


def test_attribute_names_are_data_everywhere(tmp_path):
    names = ("seed", "$a$ [/b]\n", "../\N{CJK UNIFIED IDEOGRAPH-732B}/\N{GRINNING FACE}", "x" * 300)
    dataset = colour_dataset(names=names)
    analysis = Analysis(write_run(tmp_path / "run", "supervised", dataset), dataset)
    made = make(analysis, panels=True)
    assert dict(made.failed) == {}
    assert set(made.left_out) == LEFT_OUT["colours"]
    files = [path for paths in made.values() for path in paths]
    assert len(files) == len(set(files))
    assert {path.parent for path in files} == {tmp_path / "run" / "figures"}
    assert all(len(path.name.encode()) < 200 for path in files)
    assert "$a$ [/b]\\n" in {text.get_text() for text in draw("attributes", analysis).axes[0].texts}


@pytest.mark.parametrize("title", ["", "...", "a/b\\c:d*e?", "con", "é" * 500, "\udc80", "a\x00b"])
def test_any_title_gives_the_name_of_a_file(title, tmp_path):
    stem = file_stem(title)
    path = tmp_path / f"name-{stem}.png"
    path.write_bytes(b"")
    assert path.parent == tmp_path
    assert re.fullmatch(r"[\w.=-]+", stem)


@pytest.mark.parametrize("channels", [2, 5])
def test_models_of_other_channels_have_figures_of_their_images(tmp_path, channels):
    dataset = colour_dataset(shape=(channels, 12, 10))
    of_images = ["reconstructions", "samples", "attributes", "interpolations", "traversals", "variation"]
    made = make(Analysis(write_run(tmp_path, "supervised", dataset), dataset), only=of_images)
    assert dict(made.failed) == {}
    assert list(made) == of_images


@pytest.mark.parametrize("recipe", ["vae", "class-separated", "qlae"])
def test_constant_codes_are_no_failure(tmp_path, recipe):
    size = {"latent.gaussian.size": 2} if recipe == "class-separated" else {}
    run = write_run(tmp_path, recipe, **size)
    with __import__("torch").no_grad():
        for parameter in run.model.vae.head.parameters():
            parameter.zero_()
    made = make(run)
    assert dict(made.failed) == {}
    assert {"reconstructions", "samples", "losses"} <= set(made)
    if recipe != "class-separated":
        assert "unused" in made.left_out["traversals"]
        assert "vary" in made.left_out["map_pca"]


def test_other_data_have_a_folder_of_their_own(tmp_path):
    run = write_run(tmp_path / "run", "vae")
    other = tmp_path / "other.npz"
    np.savez(other, images=np.zeros((30, 8, 8), np.uint8))
    made = make(run, only=["reconstructions", "kl"], data=str(other))
    assert made["kl"] == (tmp_path / "run" / "figures" / "other" / "kl.png",)
    assert not (tmp_path / "run" / "figures" / "kl.png").exists()


def test_a_figure_of_another_package_is_one_like_ours(vae):
    @figure()
    def code_histogram(analysis):
        """How the numbers of the codes are spread.

        And more.
        """
        return Plots("Codes", "", [Panel("all", lambda axes: axes.hist(analysis.codes.ravel()))])

    assert "code_histogram" in list(FIGURES)
    assert FIGURES["code_histogram"].description == "How the numbers of the codes are spread."
    assert FIGURES["code_histogram"].provider.module == __name__
    assert make(vae, only=["code_histogram"])["code_histogram"][0].is_file()
    with pytest.raises(InputError, match="no figure 'code_histgram'; did you mean 'code_histogram'"):
        make(vae, only=["code_histgram"])
    with pytest.raises(InputError, match="'kl' is defined by"):
        figure(name="kl")(code_histogram)
    with pytest.raises(InputError, match="cannot be called"):
        figure(name="a/b")(code_histogram)


def test_named_figures_take_their_time():
    assert {name for name, entry in FIGURES.items() if entry.when_named} == {"map", "map_pca", "map_tsne"}


def test_nothing_uses_global_state():
    for path in Path(distaff.figures.__file__).parent.glob("*.py"):
        found = re.findall(r"pyplot|rcParams|mpl\.rc\b|rc_context", path.read_text())
        assert found == (["rc_context"] if path.name == "_make.py" else []), path.name


def test_every_figure_is_described():
    for entry in FIGURES.values():
        assert entry.description.endswith(".")
        assert "\n" not in entry.description
        assert len(entry.description) <= 110
