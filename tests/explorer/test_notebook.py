"""The widget in Python: its traits hold the bundle as bytes, and what it shows can be written as a page."""

import gzip
import json
import sys

import pytest

import distaff
from distaff.errors import InputError
from distaff.explorer import PAGE
from distaff.explorer._bundle import asset, read_html, to_html


@pytest.fixture
def shown(plane_run, made):
    (plane_run.path / PAGE).write_text(to_html(made))
    return plane_run


def test_a_widget_holds_the_bundle(shown, made, tmp_path):
    explorer = distaff.explore(shown, height="500px")
    assert json.loads(explorer.manifest)["runs"][0]["points"] == made.manifest["runs"][0]["points"]
    assert {name: gzip.decompress(content) for name, content in explorer.blocks.items()} == made.blocks
    assert explorer.ort == asset("ort.wasm.gz")
    assert explorer.height == "500px"
    state = explorer.get_state()
    assert all(isinstance(content, bytes) for content in state["blocks"].values())
    assert read_html(explorer.to_html(tmp_path / "page.html")).blocks == made.blocks


def test_latents_and_selection_are_in_step(shown):
    explorer = distaff.explore(str(shown.path))
    heard = []
    explorer.observe(
        lambda change: heard.append((change["name"], change["new"])), names=["latents", "selection"]
    )
    explorer.set_state({"latents": [0.5, -1], "selection": 7})
    assert heard == [("latents", [0.5, -1.0]), ("selection", 7)]
    explorer.latents = [1.0, 2.0]
    assert explorer.get_state("latents") == {"latents": [1.0, 2.0]}


def test_without_anywidget_it_says_what_to_install(shown, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "distaff.explorer._widget", raising=False)
    with pytest.raises(InputError, match=r"pip install 'distaff\[jupyter\]'"):
        distaff.explore(shown)
