"""`distaff demo`: from nothing to a table, on a model and a reader that hardly learn."""

import json
from pathlib import Path

from distaff.data import sprites
from distaff.evaluation.reader_cache import reader_of
from distaff.explorer.document import read_html
from distaff.training import train

FEW = {"data.count": 500, "network": "mlp", "train.steps": 5}


def test_demo_ends_with_a_table_and_where_to_look(does, monkeypatch):
    monkeypatch.setattr(
        "distaff.training.train", lambda recipe, **given: train(recipe, settings=FEW, **given)
    )
    monkeypatch.setattr(
        "distaff.evaluation.subject.reader_of",
        lambda *given, **named: reader_of(*given, **named | {"budget": 128}),
    )
    for name in ("encoder_graph", "decoder_graph"):
        monkeypatch.setattr(f"distaff.explorer.bundle.{name}", lambda *_, **__: b"graph")
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
    assert "Look at shown/figures" in told
    assert Path("shown/figures/sweeps.png").is_file()
