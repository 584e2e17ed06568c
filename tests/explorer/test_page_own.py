"""A picture of one's own is encoded in the page as `distaff encode` does it, and can be changed."""

import base64
import shutil

import numpy as np
import pytest
from picture_files import drawing, write_pictures
from PIL import Image
from visiting import assert_same, pixels

from distaff.data import read_images

DROP = """async ([target, kind, text]) => {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "mine.png", {type: "image/png"}));
  const options = {bubbles: true, cancelable: true};
  const made = kind === "drop" ? new DragEvent("drop", {dataTransfer: data, ...options})
    : new ClipboardEvent("paste", {clipboardData: data, ...options});
  target.dispatchEvent(made);
}"""

TAKEN = """async () => {
  while (distaff.state.values.code === window.given) await new Promise(requestAnimationFrame);
}"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def grey(visits, classes):
    with visits(classes.file, "#view=own") as visited:
        yield visited


@pytest.fixture(scope="module")
def colour(visits, sprites):
    with visits(sprites.file, "#view=own") as visited:
        yield visited


def canvas(visited, words):
    return visited.page.get_by_role("img", name=words)


def give(visited, file):
    """Choose a file, and wait until the page shows the code of it."""
    before = visited.page.evaluate("window.given = distaff.state.values.code, 0")
    assert before == 0
    visited.page.get_by_label("Choose a picture").set_input_files(file)
    visited.page.evaluate(TAKEN)
    visited.settle()


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_files_of_all_kinds_are_encoded_as_python_does(request, files, kind):
    visited = request.getfixturevalue(kind)
    page = request.getfixturevalue({"grey": "classes", "colour": "sprites"}[kind])
    assert len(files) >= 20
    wrong = []
    for file in files:
        taken = read_images([file], page.model.image_shape, page.run.recipe.data.crop)
        give(visited, file)
        seen = pixels(canvas(visited, "Your picture as the model takes it"))
        off = np.abs(
            seen.astype(int) - np.moveaxis(np.broadcast_to(taken[0], (3, *taken.shape[2:])), 0, -1)
        ).max()
        exact = page.model.encode(taken)[0]
        apart = np.abs(visited.code - exact).max()
        if off > 0 or apart > 1e-3:
            wrong.append(f"{file.name}: pixels {off}, code {apart:.4f}")
    assert not wrong, "\n".join(wrong)


def test_other_pictures_have_other_codes(grey, files, classes):
    codes = classes.model.encode(read_images(files, classes.model.image_shape))
    assert np.ptp(codes, axis=0).min() > 0.1


def test_a_change_shows_beside_what_was(colour, sprites, files):
    give(colour, next(file for file in files if file.name == "colour.png"))
    code = colour.code
    given = sprites.model.decode(code[None])[0]
    assert_same(pixels(canvas(colour, "Your picture drawn back from its code")), given)
    colour.page.get_by_role("radiogroup", name="shape").get_by_role("radio", name="heart").check()
    colour.page.get_by_role("slider", name="background", exact=True).press("Home")
    colour.settle()
    changed = sprites.model.write(code[None], shape="heart", background=0)
    assert_same(pixels(canvas(colour, "Your picture with your changes")), sprites.model.decode(changed)[0])
    assert_same(pixels(canvas(colour, "Your picture drawn back from its code")), given)
    told = colour.page.get_by_text("Changed:").inner_text()
    assert "background" in told
    colour.page.get_by_role("button", name="Undo changes").click()
    np.testing.assert_array_equal(colour.code, code)


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_can_be_dropped_and_pasted(grey, classes, tmp_path, way):
    file = tmp_path / f"{way}.png"
    Image.fromarray(drawing(40, 40, 1, len(way))).save(file)
    exact = classes.model.encode(read_images([file], classes.model.image_shape))[0]
    place = grey.page.get_by_text("Drop a picture here").element_handle()
    grey.page.evaluate(DROP, [place, way, base64.b64encode(file.read_bytes()).decode()])
    grey.page.wait_for_timeout(200)
    grey.settle()
    np.testing.assert_allclose(grey.code, exact, atol=1e-3)


def test_a_file_that_is_no_picture_is_one_sentence(grey, files, tmp_path):
    whole = next(file for file in files if file.name == "colour.png").read_bytes()
    bad = {
        "words.txt": b"not a picture",
        "empty.png": b"",
        "cut.png": whole[: len(whole) // 2],
        "header.png": whole[:30],
        "huge.png": whole[:16] + b"\xff\xff\xff\xff" + whole[20:],
    }
    code = grey.code
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        grey.page.get_by_label("Choose a picture").set_input_files(tmp_path / name)
        alert = grey.page.get_by_role("tabpanel").get_by_role("alert").filter(has_text=".")
        alert.wait_for()
        assert 10 < len(alert.inner_text()) < 200
        np.testing.assert_array_equal(grey.code, code)
        give(grey, files[0])
        assert alert.count() == 0
        code = grey.code


def test_a_picture_becomes_the_end_of_a_mix(visits, classes, files, tmp_path):
    file = shutil.copy(files[3], tmp_path / "mine.png")
    with visits(classes.file, "#view=own") as visited:
        give(visited, file)
        code = visited.code
        visited.page.get_by_role("button", name="Use as A of a mix").click()
        visited.settle()
        visited.page.get_by_role("button", name="0 % of the way", exact=True).click()
        np.testing.assert_allclose(visited.code, code, atol=1e-6)


def test_a_conditional_model_finds_the_class_it_draws_best(visits, told, tmp_path):
    images = told.shown.images[:5]
    with visits(told.file, "#view=own") as visited:
        for number, image in enumerate(images):
            Image.fromarray(image[0]).save(tmp_path / f"{number}.png")
            give(visited, tmp_path / f"{number}.png")
            code = told.model.encode(image[None])
            np.testing.assert_allclose(visited.code, code[0], atol=1e-3)
            drawn = told.model.decode(np.repeat(code, 10, axis=0), attributes={"digit": np.arange(10)})
            p = np.clip(drawn, 1e-7, 1 - 1e-7)
            x = image[0] / 255
            errors = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=(1, 2))
            assert visited.state("s.condition.digit") == errors.argmin()
