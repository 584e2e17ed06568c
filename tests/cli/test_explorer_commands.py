"""`distaff export`, `distaff explore`, and the page that training leaves: what is written and said."""

from pathlib import Path

import pytest

from distaff.cli import main
from distaff.explorer.document import read_html
from distaff.explorer.prepare import PAGE, prepare
from distaff.run import Run


@pytest.fixture
def quick(monkeypatch):
    """Pages whose graphs are left out, since they take longest and have tests of their own."""
    for name in ("encoder_graph", "decoder_graph"):
        monkeypatch.setattr(f"distaff.explorer.bundle.{name}", lambda *_, **__: b"graph")


def test_export_writes_a_page(does, vae, supervised):
    told = does("export", vae, supervised, "--to", "both.html")
    assert told.startswith("both.html: ")
    assert told.count("of 30 test pictures") == 2
    assert [each["name"] for each in read_html(Path("both.html")).manifest["runs"]] == ["vae", "supervised"]


def test_export_writes_both_graphs(does, fails, vae):
    assert does("export", vae, "--to", "model.onnx") == "model.encoder.onnx\nmodel.decoder.onnx\n"
    assert Path("model.encoder.onnx").stat().st_size > 1000
    assert "ONNX graphs are of one run, not of 2" in fails("export", vae, vae, "--to", "model.onnx")


@pytest.mark.parametrize(
    ("to", "said"),
    [("page.pdf", "--to page.pdf: expected a file that ends in .html or .onnx"), ("d.html", "is a folder")],
)
def test_export_refuses_other_files(fails, vae, to, said):
    Path("d.html").mkdir()
    assert said in fails("export", vae, "--to", to)
    assert "no such run folder" in fails("export", "nowhere", "--to", "page.html")


def test_explore_opens_the_browser_unless_told_not_to(does, vae, monkeypatch, quick):
    opened = []
    monkeypatch.setattr("typer.launch", opened.append)
    monkeypatch.setattr(
        "distaff.explorer.server.serve", lambda bundle, port, ready: ready(f"http://127.0.0.1:{port}/")
    )
    assert does("explore", vae, "--port", "5000") == "http://127.0.0.1:5000/  (Ctrl-C ends it)\n"
    assert opened == ["http://127.0.0.1:5000/"]
    does("explore", vae, "--port", "5000", "--no-open")
    assert len(opened) == 1


def test_training_leaves_a_page_that_explore_takes_up(does, tiny, quick, monkeypatch):
    words = [word for word in tiny if word != "--no-page"]
    told = does("train", "vae", *words, "--steps", "3", "--out", "one")
    assert f"Look into it: open {Path('one') / PAGE}" in told
    run = Run.open("one")
    written = read_html(run.path / PAGE)
    monkeypatch.setattr("distaff.explorer.bundle.make_bundle", lambda *_: pytest.fail("made again"))
    assert prepare([run]).blocks == written.blocks


@pytest.mark.parametrize("error", [RuntimeError("out of\n memory"), KeyboardInterrupt()])
def test_a_page_that_fails_spoils_nothing(capsys, does, tiny, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("distaff.explorer.export.make_bundle", fail)
    words = [word for word in tiny if word != "--no-page"]
    assert main(["train", "vae", *words, "--steps", "3", "--out", "one"]) == 0
    captured = capsys.readouterr()
    reason = "interrupted" if isinstance(error, KeyboardInterrupt) else "out of memory"
    assert f"distaff: no explorer.html: {reason}; the run itself is complete\n" in captured.err
    assert "distaff evaluate one" in captured.out
    assert Run.open("one").is_trained
    assert not (Path("one") / PAGE).exists()


def test_a_page_of_other_weights_is_made_again(does, copied, quick):
    run = Run.open(copied)
    does("export", copied, "--to", copied / PAGE)
    text = (copied / PAGE).read_text()
    digest = read_html(copied / PAGE).manifest["runs"][0]["provenance"]["weights_sha256"]
    (copied / PAGE).write_text(text.replace(digest, "0" * 64))
    assert prepare([run]).manifest["runs"][0]["provenance"]["weights_sha256"] == digest
    (copied / PAGE).write_text("damaged")
    assert prepare([run]).manifest["runs"][0]["name"] == "copied"
