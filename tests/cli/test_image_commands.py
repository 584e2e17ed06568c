"""`distaff generate` and `edit`: images of a model."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distaff.analysis import to_bytes
from distaff.cli._generate import to_png
from distaff.data import load as load_data
from distaff.errors import InputError
from distaff.run import load


def pixels(path):
    return np.asarray(Image.open(path))


def test_generate_one_picture_at_its_own_size(does, supervised):
    does("generate", supervised, "--attribute", "digit=3", "--seed", "5", "--out", "one.png")
    expected = load(supervised).sample(1, seed=5, attributes={"digit": 3})[0]
    np.testing.assert_array_equal(pixels("one.png"), np.rint(expected * 255).astype(np.uint8))
    does(
        "generate", supervised, "--attribute", "digit=3", "--seed", "5", "--scale", "3", "--out", "large.png"
    )
    np.testing.assert_array_equal(pixels("large.png")[::3, ::3], pixels("one.png"))


def test_generate_many_in_a_grid(does, vae):
    does("generate", vae, "-n", "5", "--out", "five.png")
    sheet = pixels("five.png")
    assert sheet.shape == (2 * 8 + 2, 3 * 8 + 2 * 2)
    assert (sheet[8:10] == 255).all()
    assert (sheet[10:, 20:] == 255).all()
    expected = np.rint(load(vae).sample(5) * 255).astype(np.uint8)
    np.testing.assert_array_equal(sheet[10:, 10:18], expected[4])


def test_an_attribute_may_have_any_name(does, fails):
    names = ["seed", "n", "a=b", "[bold]", "--set", "a\nb", "\x1b[31m"]
    found = load_data("digits", count=60)
    labels = {name: found.attributes.column("digit").astype(int) % 2 for name in names}
    with zipfile.ZipFile("mine.npz", "w") as archive:
        for name, array in {"imgs": found.images.take(slice(None)), **labels}.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array)
    words = ("--set", "network=mlp", "--steps", "2", "--no-page", "--out", "odd")
    does("train", "supervised", "--data", "mine.npz", *words)
    for name in names:
        does("generate", "odd", "--attribute", f"{name}=1", "--out", "new.png")
    told = does("evaluate", "odd", "--metrics", "attribute_accuracy")
    assert "\x1b" not in told
    assert "[bold]" in told
    assert "a\\nb" in told
    assert "did you mean 'seed'?" in fails("generate", "odd", "--attribute", "sed=1")


def test_generate_arrays(does, vae):
    does("generate", vae, "-n", "5", "--seed", "2", "--out", "five.npz")
    arrays = np.load("five.npz")
    model = load(vae)
    assert arrays["images"].dtype == np.uint8
    np.testing.assert_array_equal(arrays["images"], to_bytes(model.sample(5, seed=2)))
    np.testing.assert_array_equal(arrays["codes"], model.sample_codes(5, seed=2)[0])


def test_edit_sets_an_attribute(does, supervised, images):
    image = images / "a.png"
    does("edit", supervised, image, "--set", "digit=3", "--out", "three.png")
    expected = load(supervised).edit(pixels(image)[None], attributes={"digit": 3})[0]
    np.testing.assert_array_equal(pixels("three.png"), np.rint(expected * 255).astype(np.uint8))
    does("edit", supervised, image, "--set", "digit=3", "--compare", "--out", "both.png")
    both = pixels("both.png")
    assert both.shape == (8, 18)
    np.testing.assert_array_equal(both[:, :8], pixels(image))
    np.testing.assert_array_equal(both[:, 10:], pixels("three.png"))


def test_colour_images_stay_in_colour():
    images = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    sheet = pixels(io.BytesIO(to_png(images)))
    assert sheet.shape == (3, 10, 3)
    np.testing.assert_array_equal(sheet[:, 6:], images[1])


def test_more_channels_than_a_png_holds_lead_to_npz():
    with pytest.raises(InputError, match=r"at most 4 channels .* have 5; .*\.npz"):
        to_png(np.zeros((1, 8, 8, 5), np.uint8))
    assert to_png(np.zeros((1, 8, 8, 4), np.uint8)).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", "RUN", "--set", "digt=3", "--out", "new.png"], "did you mean 'digit'"),
        (["generate", "RUN", "--set", "digit=12", "--out", "new.png"], "no value '12'"),
        (["generate", "RUN", "--set", "digit", "--out", "new.png"], "NAME=VALUE"),
        (["generate", "RUN", "--set", "digit=1", "--set", "digit=2", "--out", "new.png"], "already set"),
        (["generate", "RUN", "--out", "new.txt"], "ends in .png or .npz"),
        (["generate", "RUN", "--out", "folder.png"], "is a folder"),
        (["generate", "nowhere", "--out", "new.png"], "no such run folder"),
        (["generate", "IMAGES", "--out", "new.png"], "not a run folder"),
        (["edit", "RUN", "IMAGES/a.png", "--set", "digit=12", "--out", "new.png"], "no value '12'"),
        (["edit", "RUN", "IMAGES/a.png", "--set", "size=1", "--out", "new.png"], "'size'"),
        (["edit", "RUN", "IMAGES/a.png", "--out", "new.png"], "--attribute NAME=VALUE"),
        (["edit", "RUN", "missing.png", "--set", "digit=1", "--out", "new.png"], "missing.png"),
        (["edit", "RUN", "broken.png", "--set", "digit=1", "--out", "new.png"], "broken.png"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(fails, supervised, images, arguments, said):
    Path("broken.png").write_bytes((images / "a.png").read_bytes()[:60])
    Path("folder.png").mkdir()
    places = {"RUN": str(supervised), "IMAGES": str(images)}
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
