"""`distaff mix`, and `distaff figures` of several runs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distaff.analysis import _analysis


@pytest.fixture(autouse=True)
def quick_classifier(monkeypatch):
    """A reference classifier that is shown few images."""
    for name in ("LEAST", "BUDGET"):
        monkeypatch.setattr(_analysis, name, 256)


def test_a_strip_and_a_film(does, vae):
    said = does("mix", vae, "--from", "digit=0", "--to", "digit=8", "--steps", "5", "--out", "strip.png")
    assert "digit on the path, by the reference classifier" in said
    assert np.asarray(Image.open("strip.png")).shape == (8, 5 * 8 + 4 * 2)
    does("mix", vae, "--from", "digit=0", "--to", "digit=8", "--path", "spherical", "--out", "film.gif")
    with Image.open("film.gif") as film:
        assert film.n_frames > 2


def test_the_model_reads_what_it_can(does, copied):
    said = does("mix", copied, "--from", "digit=0", "--to", "digit=8", "--steps", "3")
    header = next(line for line in said.splitlines() if line.split()[:1] == ["step"])
    assert header.split() == ["step", "model", "confidence", "reference", "classifier", "confidence"]
    assert (copied / "mix.png").is_file()


def test_two_images_are_mixed(does, vae, images):
    does("mix", vae, "--from", images / "a.png", "--to", images / "b.png", "--steps", "3", "--out", "m.png")
    assert np.asarray(Image.open("m.png")).shape[0] == 8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "digit=0", "--to", "eight", "--out", "a.png"), "neither NAME=VALUE"),
        (("--from", "digit=0", "--to", "digit=11", "--out", "a.png"), "11"),
        (("--from", "digt=0", "--to", "digit=8", "--out", "a.png"), "did you mean 'digit'"),
        (("--from", "digit=0", "--to", "no.png", "--out", "a.png"), "no.png"),
        (("--from", "digit=0", "--to", "digit=8", "--out", "a.jpg"), "ends in .png or .gif"),
        (("--from", "digit=0", "--to", "digit=8", "--steps", "1", "--out", "a.png"), "--steps"),
    ],
)
def test_mistakes_are_said_in_one_line(fails, vae, words, message):
    assert message in fails("mix", vae, *words)


def test_runs_are_compared_in_one_figure(does, fails, vae, copied, tiny):
    assert does("figures", copied, vae) == f"{copied / 'figures' / 'comparison.png'}\n"
    does("figures", vae, copied, "--out", "both.pdf")
    assert Path("both.pdf").read_bytes().startswith(b"%PDF")
    assert "are for one run" in fails("figures", vae, copied, "--only", "kl", "--out", "a.png")
    assert "go to its own folder" in fails("figures", vae, "--out", "a.png")
