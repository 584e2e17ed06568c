import subprocess
import sys

import numpy as np
import pytest

from distaff.data import SOURCES, load
from distaff.errors import InputError
from distaff.parts import is_foreign


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    dataset = load("digits")
    bunch = load_digits()
    assert dataset.images.shape == (1797, 1, 8, 8)
    np.testing.assert_array_equal(np.rint(dataset.images.take(slice(None))[:, 0] / 255 * 16), bunch.images)
    np.testing.assert_array_equal(dataset.attributes.column("digit"), bunch.target)
    with pytest.raises(InputError, match="has no place; write digits"):
        load("digits:here")


def test_every_source_is_described():
    named = {"sprites", "sprites-colour", "digits", "mnist", "fashion-mnist", "celeba", "hf"}
    ours = {tag: source for tag, source in SOURCES.items() if not is_foreign(source.__module__)}
    assert {tag for tag, source in ours.items() if source.path is None} == named
    for source in SOURCES.values():
        for text in (source.about, source.attributes, source.size, source.origin):
            assert text
            assert "\n" not in text


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("minst", "unknown data 'minst', and no such path; did you mean 'mnist'"),
        ("fashion_mnist:x", "did you mean 'fashion-mnist'"),
        ("zzzzzz", "there is: celeba, digits, fashion-mnist, hf, mnist, sprites, sprites-colour"),
        ("arrays", "given in Python and are not kept with the run; give them again"),
        ("some/where", "'some/where': no such file or folder"),
        ("", "data.source"),
    ],
)
def test_an_unknown_source_is_named(written, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says):
        load(written)


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "set.mat").write_text("")
    with pytest.raises(InputError, match=r"is a file of a kind that is not read; give .*FILE\.npz"):
        load(str(tmp_path / "set.mat"))


def test_kinds_of_a_set_that_knows_its_own_are_not_changed():
    assert load("digits", kinds={"digit": "categorical"}).attributes.get("digit").kind == "categorical"
    with pytest.raises(InputError, match=r"data\.kinds: digit of digits is categorical and nothing else"):
        load("digits", kinds={"digit": "ordinal"})
    with pytest.raises(InputError, match="unknown attribute 'digits'; did you mean 'digit'"):
        load("digits", kinds={"digits": "ordinal"})
    with pytest.raises(InputError, match=r"data\.kinds\.digit"):
        load("digits", kinds={"digit": "ordered"})


def test_importing_the_package_is_light():
    heavy = "{'PIL', 'pooch', 'sklearn', 'numba', 'scipy', 'requests', 'platformdirs', 'torch'}"
    code = f"import sys, distaff.data; print({heavy} & {{name.partition('.')[0] for name in sys.modules}})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


FOREIGN = """
from pathlib import Path
from typing import ClassVar
import numpy as np
from distaff.data import ArrayImages, Attribute, AttributeTable, DataOptions, Found, Opened, Source

class Stripes(Source):
    tag: ClassVar[str] = "stripes"
    about: ClassVar[str] = "stripes that lie or stand"
    attributes: ClassVar[str] = "way (2)"
    size: ClassVar[str] = "60 of 8 x 8"
    origin: ClassVar[str] = "drawn"
    path: ClassVar[str | None] = "FILE.stripes"

    @classmethod
    def claims(cls, path: Path) -> bool:
        return path.suffix == ".stripes"

    def find(self, options: DataOptions) -> Found:
        way = np.arange(60) % 2
        pixels = np.zeros((60, 1, 8, 8), np.uint8)
        pixels[way == 0, :, ::2], pixels[way == 1, :, :, ::2] = 255, 255
        table = AttributeTable(
            (Attribute(name="way", kind="categorical", values=("lies", "stands")),),
            way.astype(np.float32)[:, None],
        )
        return Found(self.place or "stripes", table, lambda rows: Opened(ArrayImages(pixels[rows]), rows))
"""


def test_a_source_of_another_package_is_as_good_as_ours(tmp_path):
    (tmp_path / "stripes_package.py").write_text(FOREIGN)
    code = (
        "import stripes_package\n"
        "from distaff.data import SOURCES, DataOptions, find_source, load\n"
        "from distaff.parts import provider\n"
        "assert 'stripes' in SOURCES\n"
        "assert provider(SOURCES['stripes'].__module__).module == 'stripes_package'\n"
        "for written in ('stripes', 'stripes:here', 'some/where.stripes'):\n"
        "    dataset = load(written)\n"
        "    print(dataset.name, dataset.images.shape, dataset.attributes.names)\n"
        "assert find_source('stripes:here') == stripes_package.Stripes('here')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert ran.stdout.splitlines() == [
        f"{name} (60, 1, 8, 8) ('way',)" for name in ("stripes", "here", "some/where.stripes")
    ]


def test_an_archive_is_to_be_unpacked(tmp_path):
    (tmp_path / "birds.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="unpack it and give the folder, or give FOLDER"):
        load(str(tmp_path / "birds.zip"))


def test_a_path_that_no_file_can_have_is_refused_in_a_line():
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        load("x" * 5000)
