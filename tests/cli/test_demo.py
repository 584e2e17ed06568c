"""`distaff demo`: from nothing to a table, on a model and a reference classifier that hardly learn."""

import json
from pathlib import Path

from distaff.data import sprites
from distaff.explorer._bundle import read_html
from distaff.training import train

FEW = {"data.count": 500, "network": "mlp", "train.steps": 5}


def test_demo_ends_with_a_table_and_where_to_look(does, monkeypatch):
    monkeypatch.setattr(
        "distaff.training.train", lambda recipe, **given: train(recipe, settings=FEW, **given)
    )
    for name in ("LEAST", "BUDGET"):
        monkeypatch.setattr(f"distaff.analysis._analysis.{name}", 256)
    for name in ("encoder_graph", "decoder_graph"):
        monkeypatch.setattr(f"distaff.explorer._export.{name}", lambda *_, **__: b"graph")
    told = does("demo", "--out", "shown")
    metrics = json.loads(Path("shown/evaluation.json").read_text())["metrics"]
    lines = [line.split() for line in told.splitlines()]
    for factor in sprites.FACTORS:
        accuracy = metrics["attribute_accuracy"]["per_attribute"][factor.name]["accuracy"]
        assert any(line[:2] == [factor.name, f"{accuracy:.3f}"] for line in lines)
    for name in ("drawn_iou", "swap_test"):
        assert any(line[:2] == [name, f"{metrics[name]['value']:.3f}"] for line in lines)
    assert "Open shown/explorer.html in a browser" in told
    assert len(read_html(Path("shown/explorer.html")).manifest["runs"][0]["attributes"]) == 5
    shown = [Path(word.rstrip(":,.")) for word in told.split() if word.startswith("shown/figures/")]
    assert shown
    assert all(each.is_file() for each in shown)


def test_the_quick_demo_ends_with_a_page_and_what_to_try(does, monkeypatch):
    monkeypatch.setattr("distaff.explorer._export.encoder_graph", lambda *_, **__: b"graph")
    monkeypatch.setattr("distaff.explorer._export.decoder_graph", lambda *_, **__: b"graph")
    told = does("demo", "--quick", "--steps", "20", "--out", "shown")
    metrics = json.loads(Path("shown/evaluation.json").read_text())["metrics"]
    lines = [line.split() for line in told.splitlines()]
    for name in ("elbo", "knn_accuracy"):
        assert any(line[0] == name for line in lines if line)
        assert name in metrics
    assert "Open shown/explorer.html in a browser" in told
    (command,) = (line for line in lines if line[:2] == ["distaff", "mix"])
    does(*command[1:])
    assert Path("mix.gif").is_file()
