"""`distaff encode`, `generate` and `edit`: tables and pictures of a model."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distaff.cli.picture import to_png
from distaff.errors import InputError
from distaff.model import to_bytes
from distaff.run import load


def pixels(path):
    return np.asarray(Image.open(path))


def test_encode_writes_codes_and_attributes(does, supervised, pictures):
    assert "4 pictures" in does("encode", supervised, pictures, pictures / "a.png", "--out", "codes.csv")
    header, *rows = csv.reader(Path("codes.csv").read_text().splitlines())
    model = load(supervised)
    assert header == ["file", *(each.label for each in model.latents), "digit"]
    assert [Path(row[0]).name for row in rows] == ["a.png", "b.png", "c.png", "a.png"]
    images = np.stack([pixels(row[0]) for row in rows])
    np.testing.assert_array_equal(np.array([row[1:-1] for row in rows], np.float32), model.encode(images))
    assert [int(row[-1]) for row in rows] == model.predict(images)["digit"].tolist()


def test_encode_tells_a_latent_from_the_attribute_it_is_named_after(does, pictures):
    words = (
        "--data",
        "digits",
        "--set",
        "data.count=300",
        "--set",
        "network=mlp",
        "--steps",
        "2",
        "--no-page",
    )
    does(
        "train",
        "supervised",
        *words,
        "--set",
        "latent=[{argmax: {}}]",
        "--set",
        "loss=[supervise]",
        "--out",
        "one",
    )
    does("encode", "one", pictures, "--out", "codes.csv")
    assert Path("codes.csv").read_text().splitlines()[0] == "file,digit (code),digit"


def test_generate_one_picture_at_its_own_size(does, supervised):
    does("generate", supervised, "--set", "digit=3", "--seed", "5", "--out", "one.png")
    expected = load(supervised).sample(1, seed=5, digit=3)[0]
    np.testing.assert_array_equal(pixels("one.png"), np.rint(expected * 255).astype(np.uint8))
    does("generate", supervised, "--set", "digit=3", "--seed", "5", "--scale", "3", "--out", "large.png")
    np.testing.assert_array_equal(pixels("large.png")[::3, ::3], pixels("one.png"))


def test_generate_many_in_a_grid(does, vae):
    does("generate", vae, "-n", "5", "--out", "five.png")
    sheet = pixels("five.png")
    assert sheet.shape == (2 * 8 + 2, 3 * 8 + 2 * 2)
    assert (sheet[8:10] == 255).all()
    assert (sheet[10:, 20:] == 255).all()
    expected = np.rint(load(vae).sample(5) * 255).astype(np.uint8)
    np.testing.assert_array_equal(sheet[10:, 10:18], expected[4])


def test_generate_arrays(does, vae):
    does("generate", vae, "-n", "5", "--seed", "2", "--out", "five.npz")
    arrays = np.load("five.npz")
    model = load(vae)
    assert arrays["images"].dtype == np.uint8
    np.testing.assert_array_equal(arrays["images"], to_bytes(model.sample(5, seed=2)))
    np.testing.assert_array_equal(arrays["codes"], model.sample_codes(5, seed=2)[0])


def test_edit_sets_an_attribute(does, supervised, pictures):
    picture = pictures / "a.png"
    does("edit", supervised, picture, "--set", "digit=3", "--out", "three.png")
    expected = load(supervised).edit(pixels(picture)[None], digit=3)[0]
    np.testing.assert_array_equal(pixels("three.png"), np.rint(expected * 255).astype(np.uint8))
    does("edit", supervised, picture, "--set", "digit=3", "--compare", "--out", "both.png")
    both = pixels("both.png")
    assert both.shape == (8, 18)
    np.testing.assert_array_equal(both[:, :8], pixels(picture))
    np.testing.assert_array_equal(both[:, 10:], pixels("three.png"))


def test_colour_pictures_stay_in_colour():
    import io

    pictures = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    sheet = pixels(io.BytesIO(to_png(pictures)))
    assert sheet.shape == (3, 10, 3)
    np.testing.assert_array_equal(sheet[:, 6:], pictures[1])


def test_more_channels_than_a_png_holds_lead_to_npz():
    with pytest.raises(InputError, match=r"at most 4 channels .* have 5; .*\.npz"):
        to_png(np.zeros((1, 8, 8, 5), np.uint8))
    assert to_png(np.zeros((1, 8, 8, 4), np.uint8)).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", "RUN", "--set", "digt=3", "--out", "new.png"], "did you mean 'digit'"),
        (["generate", "RUN", "--set", "digit=12", "--out", "new.png"], "from 0 to 9"),
        (["generate", "RUN", "--set", "digit", "--out", "new.png"], "ATTRIBUTE=VALUE"),
        (["generate", "RUN", "--set", "digit=1", "--set", "digit=2", "--out", "new.png"], "already set"),
        (["generate", "RUN", "--out", "new.txt"], "ends in .png or .npz"),
        (["generate", "RUN", "--out", "folder.png"], "is a folder"),
        (["generate", "nowhere", "--out", "new.png"], "no such run folder"),
        (["generate", "PICTURES", "--out", "new.png"], "not a run folder"),
        (["edit", "RUN", "PICTURES/a.png", "--set", "digit=12", "--out", "new.png"], "from 0 to 9"),
        (["edit", "RUN", "PICTURES/a.png", "--set", "size=1", "--out", "new.png"], "'size'"),
        (["edit", "RUN", "PICTURES/a.png", "--out", "new.png"], "--set ATTRIBUTE=VALUE"),
        (["edit", "RUN", "missing.png", "--set", "digit=1", "--out", "new.png"], "missing.png"),
        (["edit", "RUN", "broken.png", "--set", "digit=1", "--out", "new.png"], "broken.png"),
        (["encode", "RUN", "missing.png", "--out", "new.csv"], "missing.png"),
        (["encode", "RUN", "empty", "--out", "new.csv"], "no pictures in this folder"),
        (["encode", "RUN", "PICTURES", "broken.png", "--out", "new.csv"], "broken.png"),
        (["encode", "RUN", "PICTURES", "--out", "new.xlsx"], "ends in .csv"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(fails, supervised, pictures, arguments, said):
    Path("broken.png").write_bytes((pictures / "a.png").read_bytes()[:60])
    Path("folder.png").mkdir()
    Path("empty").mkdir()
    places = {"RUN": str(supervised), "PICTURES": str(pictures)}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    assert said in fails(*arguments)
    assert not list(Path().glob("new.*")) + list(Path().glob(".new.*"))


def test_a_place_that_cannot_be_written_is_named(fails, vae):
    Path("file").write_text("in the way")
    assert "file" in fails("generate", vae, "--out", "file/new.png")


def test_damaged_weights_are_refused(fails, copied):
    weights = copied / "model.safetensors"
    content = bytearray(weights.read_bytes())
    weights.write_bytes(content[: len(content) // 2])
    assert "model.safetensors: damaged" in fails("generate", copied, "--out", "new.png")
    assert not Path("new.png").exists()
