import subprocess
import sys

import numpy as np
import pytest

from distaff.data import SOURCES, load
from distaff.errors import InputError


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    dataset = load("digits")
    bunch = load_digits()
    assert dataset.images.shape == (1797, 1, 8, 8)
    np.testing.assert_array_equal(np.rint(dataset.images.take(slice(None))[:, 0] / 255 * 16), bunch.images)
    np.testing.assert_array_equal(dataset.attributes.column("digit"), bunch.target)
    with pytest.raises(InputError, match="no place; write digits"):
        load("digits:here")


def test_every_source_is_described():
    named = ["sprites", "sprites-colour", "digits", "mnist", "fashion-mnist", "celeba"]
    assert list(SOURCES) == [*named, "FILE.npz", "FILE.npy", "FOLDER"]
    for source in SOURCES.values():
        for text in (source.about, source.attributes, source.size, source.origin):
            assert text
            assert "\n" not in text


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("minst", "unknown data 'minst', and no such path: did you mean 'mnist'"),
        ("fashion_mnist:x", "did you mean 'fashion-mnist'"),
        ("zzzzzz", "there is: celeba, digits, fashion-mnist, mnist, sprites, sprites-colour"),
        ("arrays", "given in Python and are not kept with the run; name some with --data"),
        ("some/where", "'some/where': no such file or folder"),
        ("", "data.source"),
    ],
)
def test_an_unknown_source_is_named(written, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says):
        load(written)


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "set.h5").write_text("")
    with pytest.raises(InputError, match=r"is a file, but no \.npz"):
        load(str(tmp_path / "set.h5"))


def test_importing_the_package_is_light():
    heavy = "{'PIL', 'pooch', 'sklearn', 'numba', 'scipy', 'requests', 'platformdirs', 'torch'}"
    code = f"import sys, distaff.data; print({heavy} & {{name.partition('.')[0] for name in sys.modules}})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
