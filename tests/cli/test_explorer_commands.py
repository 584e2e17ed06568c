"""`distaff export`, `distaff explore`, and the page that training leaves: what is written and said."""

from pathlib import Path

import pytest

from distaff.cli import main
from distaff.explorer import PAGE, prepare
from distaff.explorer import _export as export
from distaff.explorer._bundle import read_html
from distaff.explorer._hosts import listen
from distaff.run import Run


@pytest.fixture
def quick(monkeypatch):
    """Pages whose graphs are left out, since they take longest and have tests of their own."""
    for name in ("encoder_graph", "decoder_graph"):
        monkeypatch.setattr(f"distaff.explorer._export.{name}", lambda *_, **__: b"graph")


def runs_of(page):
    return read_html(Path(page)).manifest["runs"]


def test_export_writes_a_page(capsys, vae, supervised, quick):
    assert main(["export", str(vae), str(supervised), "--to", "both.html"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "both.html\n"
    # 28 and 28 images of the test split.
    assert captured.err.count(" test images") == 2
    assert captured.err.startswith("distaff: both.html: ")
    assert [each["name"] for each in runs_of("both.html")] == ["vae", "supervised"]


def test_export_writes_both_graphs(does, fails, vae, operators_once):
    assert does("export", vae, "--to", "model.onnx") == "model.encoder.onnx\nmodel.decoder.onnx\n"
    assert Path("model.encoder.onnx").stat().st_size > 1000
    assert "ONNX graphs are of one run, not of 2" in fails("export", vae, vae, "--to", "model.onnx")


@pytest.mark.parametrize("to", ["page", "page.htm", "page.html.gz", "model.pt", ".html", ".", "d.html"])
def test_a_file_of_no_known_kind_is_refused(fails, vae, to):
    Path("d.html").mkdir()
    assert f"--to {to}: " in fails("export", vae, "--to", to)
    assert "no such run folder" in fails("export", "nowhere", "--to", "page.html")


def test_explore_opens_the_browser_unless_told_not_to(does, vae, monkeypatch, quick):
    opened = []
    monkeypatch.setattr("typer.launch", opened.append)
    monkeypatch.setattr(
        "distaff.explorer.serve", lambda bundle, port, ready: ready(f"http://127.0.0.1:{port}/")
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
    monkeypatch.setattr("distaff.explorer._export.make_bundle", lambda *_: pytest.fail("made again"))
    assert prepare([run]).blocks == written.blocks


def test_evaluation_brings_the_page_up_to_date(does, copied, quick):
    does("export", copied, "--to", copied / PAGE)
    before = (copied / PAGE).read_text()
    does("evaluate", copied, "--metrics", "reconstruction")
    assert (copied / PAGE).read_text() != before
    assert "reconstruction" in str(runs_of(copied / PAGE)[0]["evaluation"])


@pytest.mark.parametrize("error", [RuntimeError("out of\n memory"), KeyboardInterrupt()])
def test_a_page_that_fails_spoils_nothing(capsys, tiny, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("distaff.explorer._export.make_bundle", fail)
    words = [word for word in tiny if word != "--no-page"]
    assert main(["train", "vae", *words, "--steps", "3", "--out", "one"]) == 0
    captured = capsys.readouterr()
    reason = "interrupted" if isinstance(error, KeyboardInterrupt) else "out of memory"
    assert f"distaff: no explorer.html: {reason}; the run itself is complete\n" in captured.err
    assert "distaff evaluate one" in captured.out
    assert Run.open("one").is_trained
    assert not (Path("one") / PAGE).exists()


@pytest.fixture
def untrained(copied):
    (copied / "model.safetensors").unlink()
    return copied


@pytest.mark.parametrize(
    "words", [("export", "--to", "page.html"), ("export", "--to", "model.onnx"), ("explore", "--no-open")]
)
def test_what_is_no_trained_run_is_one_line(fails, untrained, words):
    command, *options = words
    Path("file").write_text("not a run")
    Path("empty").mkdir()
    for run, said in (
        ("nowhere", "nowhere: there is no such run folder"),
        ("file", "file: "),
        ("empty", "empty: "),
        (untrained, "no trained weights yet"),
    ):
        assert said in fails(command, run, *options)
    assert not list(Path().glob("*.html")) + list(Path().glob("*.onnx"))


def test_more_than_four_runs_are_refused_before_any_work(fails, vae, monkeypatch):
    monkeypatch.setattr("distaff.explorer._export._bundle", lambda *_: pytest.fail("work was done"))
    assert "5 runs; a page shows 1 to 4" in fails("export", *[vae] * 5, "--to", "page.html")
    assert "5 runs; a page shows 1 to 4" in fails("explore", *[vae] * 5, "--no-open")
    assert "missing argument" in fails("export", "--to", "page.html").lower()


def test_a_place_that_cannot_be_written_is_one_line(fails, vae, quick, monkeypatch):
    Path("file").write_text("not a folder")
    for to in ("file/page.html", "file/model.onnx", "/proc/page.html"):
        assert to.partition("/")[0] in fails("export", vae, "--to", to)
    monkeypatch.setattr(
        "pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    assert "No space left on device" in fails("export", vae, "--to", "page.html")
    assert not list(Path().glob("*page.html*"))


def test_a_port_that_is_taken_or_none_is_one_line(fails, vae, quick):
    with listen(None) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}: cannot be used" in fails("explore", vae, "--no-open", "--port", port)
    for port in ("0", "65536", "-1", "web"):
        assert "--port" in fails("explore", vae, "--no-open", "--port", port)


def test_large_pages_are_warned_of_and_larger_ones_need_force(capsys, does, fails, vae, quick, monkeypatch):
    assert (export.LARGE, export.TOO_LARGE) == (15_000_000, 40_000_000)
    monkeypatch.setattr("distaff.explorer._export.LARGE", 1_000_000)
    assert main(["export", str(vae), "--to", "page.html"]) == 0
    told = capsys.readouterr().err
    assert "distaff: warning: page.html: " in told
    Path("page.html").unlink()
    monkeypatch.setattr("distaff.explorer._export.TOO_LARGE", 2_000_000)
    assert "are only written with force=True" in fails("export", vae, "--to", "page.html")
    assert not Path("page.html").exists()
    assert does("export", vae, "--to", "page.html", "--force") == "page.html\n"


def test_no_page_is_left_where_none_is_wanted(does, tiny):
    assert "--no-page" in tiny
    told = does("train", "vae", *tiny, "--steps", "3", "--out", "one")
    assert "Look into it" not in told
    assert not (Path("one") / PAGE).exists()


def test_runs_of_different_images_share_a_page(does, vae, tiny, quick):
    words = [word for word in tiny if word not in {"--data", "digits"}]
    does("train", "vae", "--data", "sprites", *words, "--steps", "3", "--out", "large")
    assert does("export", vae, "large", "--to", "both.html") == "both.html\n"
    assert [each["image"]["width"] for each in runs_of("both.html")] == [8, 64]
