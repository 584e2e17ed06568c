"""Tiny trained runs, made by the commands themselves, once for all tests of a worker."""

import shutil

import pytest
from PIL import Image

from distaff.cli import main
from distaff.data import load

TINY = ("--data", "digits", "--set", "data.count=300", "--set", "network=mlp", "--steps", "20", "--no-page")


@pytest.fixture(scope="session")
def tiny():
    """Words after `distaff train RECIPE` that make it short."""
    return TINY


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Every test works in a folder of its own and keeps its caches there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture(scope="session")
def vae(tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "vae"
    assert main(["train", "vae", *TINY, "--out", str(run)]) == 0
    return run


@pytest.fixture(scope="session")
def supervised(tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "supervised"
    assert main(["train", "supervised", *TINY, "--out", str(run)]) == 0
    return run


@pytest.fixture
def copied(supervised, tmp_path):
    """A run that a test may damage."""
    return shutil.copytree(supervised, tmp_path / "copied")


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A folder of three images, one of them in a subfolder."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "more").mkdir()
    found = load("digits", count=300).images.take(slice(0, 3))
    for name, image in zip(("a.png", "b.png", "more/c.png"), found, strict=True):
        Image.fromarray(image[0]).save(folder / name)
    return folder


@pytest.fixture
def fails(capsys):
    """fails(arguments): run a command that must exit with 2, and return its last line on stderr."""

    def run(*arguments):
        capsys.readouterr()
        assert main([str(each) for each in arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Traceback" not in captured.err
        lines = captured.err.splitlines()
        assert lines[-1].startswith("distaff: ")
        assert sum(line.startswith("distaff: ") for line in lines) == 1
        return lines[-1]

    return run


def succeed(capsys, arguments):
    """Run a command that must succeed, and return what it printed."""
    capsys.readouterr()
    code = main([str(each) for each in arguments])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured


@pytest.fixture
def notes(capsys):
    """notes(arguments): run a command that must succeed, and return what it printed on stderr."""
    return lambda *arguments: succeed(capsys, arguments).err


@pytest.fixture
def does(capsys):
    """does(arguments): run a command that must succeed, and return what it printed on stdout."""
    return lambda *arguments: succeed(capsys, arguments).out
