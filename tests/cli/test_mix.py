"""`distaff mix`, and `distaff figures` of several runs."""

import numpy as np
import pytest
from PIL import Image

from distaff.evaluation import reader_training


@pytest.fixture(autouse=True)
def hasty_reader(monkeypatch):
    monkeypatch.setattr(reader_training, "SMALL", 2000)


def test_a_strip_and_a_film(does, vae):
    said = does("mix", vae, "--from", "digit=0", "--to", "digit=8", "--steps", "5", "--out", "strip.png")
    assert "digit on the way, by an independent classifier" in said
    assert np.asarray(Image.open("strip.png")).shape == (8, 5 * 8 + 4 * 2)
    does("mix", vae, "--from", "digit=0", "--to", "digit=8", "--path", "spherical", "--out", "film.gif")
    with Image.open("film.gif") as film:
        assert film.n_frames > 2


def test_two_pictures_are_mixed(does, vae, pictures):
    does(
        "mix", vae, "--from", pictures / "a.png", "--to", pictures / "b.png", "--steps", "3", "--out", "m.png"
    )
    assert np.asarray(Image.open("m.png")).shape[0] == 8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "digit=0", "--to", "eight", "--out", "a.png"), "neither ATTRIBUTE=VALUE"),
        (("--from", "digit=0", "--to", "digit=11", "--out", "a.png"), "11"),
        (("--from", "digit=0", "--to", "no.png", "--out", "a.png"), "no.png: no such picture"),
        (("--from", "digit=0", "--to", "digit=8", "--out", "a.jpg"), "ends in .png or .gif"),
        (("--from", "digit=0", "--to", "digit=8", "--steps", "1", "--out", "a.png"), "2 steps or more"),
    ],
)
def test_mistakes_are_said_in_one_line(fails, vae, words, message):
    assert message in fails("mix", vae, *words)


def test_runs_are_compared_in_one_picture(does, fails, vae, tiny):
    does("train", "vae", *tiny, "--set", "loss.kl.weight=50", "--out", "heavy")
    does("figures", vae, "heavy", "--out", "sweep.png")
    with Image.open("sweep.png") as picture:
        assert picture.size[0] > 1000
    assert "--out FILE.png" in fails("figures", vae, "heavy")
    assert "--only and --data are for one run" in fails(
        "figures", vae, "heavy", "--only", "kl", "--out", "a.png"
    )
    assert "go to its own folder" in fails("figures", vae, "--out", "a.png")
