"""An image of one's own is encoded in the page as `distaff encode` does it, and can be edited."""

import base64
import shutil

import numpy as np
import pytest
from image_files import drawing, write_images
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
    return write_images(tmp_path_factory.mktemp("images"))


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
    visited.page.get_by_label("Choose an image").set_input_files(file)
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
        seen = pixels(canvas(visited, "Your image as the model takes it"))
        off = np.abs(
            seen.astype(int) - np.moveaxis(np.broadcast_to(taken[0], (3, *taken.shape[2:])), 0, -1)
        ).max()
        exact = page.model.encode(taken)[0]
        apart = np.abs(visited.code - exact).max()
        if off > 0 or apart > 1e-3:
            wrong.append(f"{file.name}: pixels {off}, code {apart:.4f}")
    assert not wrong, "\n".join(wrong)


def test_other_images_have_other_codes(grey, files, classes):
    codes = classes.model.encode(read_images(files, classes.model.image_shape))
    assert np.ptp(codes, axis=0).min() > 1e-3


def test_a_change_shows_beside_what_was(colour, sprites, files):
    give(colour, next(file for file in files if file.name == "colour.png"))
    code = colour.code
    given = sprites.model.decode(code[None])[0]
    assert_same(pixels(canvas(colour, "Your image decoded from its code")), given)
    colour.page.get_by_role("radiogroup", name="shape").get_by_role("radio", name="heart").click()
    colour.page.get_by_role("slider", name="background", exact=True).press("Home")
    colour.settle()
    changed = sprites.model.write(code[None], attributes={"shape": "heart"}, indices={"background": 0})
    assert_same(
        pixels(canvas(colour, "Your image decoded after your edits")), sprites.model.decode(changed)[0]
    )
    assert_same(pixels(canvas(colour, "Your image decoded from its code")), given)
    told = colour.page.get_by_text("Edited:").inner_text()
    assert "background" in told
    colour.page.get_by_role("button", name="Undo edits").click()
    np.testing.assert_array_equal(colour.code, code)


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_an_image_can_be_dropped_and_pasted_anywhere(grey, classes, tmp_path, way):
    file = tmp_path / f"{way}.png"
    Image.fromarray(drawing(40, 40, 1, len(way))).save(file)
    exact = classes.model.encode(read_images([file], classes.model.image_shape))[0]
    for view, place in (
        ("Your image", grey.page.get_by_text("Drop or paste")),
        ("Map", grey.page.locator("h1")),
    ):
        grey.open(view)
        grey.page.get_by_role("button", name="Reset", exact=True).click()
        grey.page.evaluate("window.given = distaff.state.values.code, 0")
        content = base64.b64encode(file.read_bytes()).decode()
        grey.page.evaluate(DROP, [place.element_handle(), way, content])
        grey.page.evaluate(TAKEN)
        grey.settle()
        np.testing.assert_allclose(grey.code, exact, atol=1e-3)
        assert grey.page.get_by_role("tab", selected=True).inner_text() == "Your image"


def test_a_file_that_is_no_image_is_one_sentence(grey, files, tmp_path):
    whole = next(file for file in files if file.name == "colour.png").read_bytes()
    bad = {
        "words.txt": b"not an image",
        "empty.png": b"",
        "cut.png": whole[: len(whole) // 2],
        "header.png": whole[:30],
        "huge.png": whole[:16] + b"\xff\xff\xff\xff" + whole[20:],
    }
    code = grey.code
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        grey.page.get_by_label("Choose an image").set_input_files(tmp_path / name)
        alert = grey.page.get_by_role("tabpanel").get_by_role("alert").filter(has_text=".")
        alert.wait_for()
        assert 10 < len(alert.inner_text()) < 200
        np.testing.assert_array_equal(grey.code, code)
        give(grey, files[0])
        assert alert.count() == 0
        code = grey.code


def test_an_image_becomes_the_end_of_an_interpolation(visits, classes, files, tmp_path):
    file = shutil.copy(files[3], tmp_path / "mine.png")
    with visits(classes.file, "#view=own") as visited:
        give(visited, file)
        code = visited.code
        visited.page.get_by_role("button", name="Use as A of an interpolation").click()
        visited.settle()
        visited.page.get_by_role("button", name="0 % of the path", exact=True).click()
        np.testing.assert_allclose(visited.code, code, atol=1e-6)


def test_a_conditional_model_finds_the_class_of_least_error(visits, told, tmp_path):
    images = told.analysis.images(told.analysis.rows[:5])
    with visits(told.file, "#view=own") as visited:
        for number, image in enumerate(images):
            Image.fromarray(image[0]).save(tmp_path / f"{number}.png")
            give(visited, tmp_path / f"{number}.png")
            code = told.model.encode(image[None])
            np.testing.assert_allclose(visited.code, code[0], atol=1e-3)
            decoded = told.model.decode(np.repeat(code, 10, axis=0), attributes={"digit": np.arange(10)})
            p = np.clip(decoded, 1e-7, 1 - 1e-7)
            x = image[0] / 255
            errors = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=(1, 2))
            # Two classes may be as likely, up to the last digits.
            assert errors[int(visited.state("s.condition.digit"))] < errors.min() + 1e-2


def stroke(visited, *places):
    """Draw a line through places of the canvas, as shares of its sides."""
    box = visited.page.get_by_role("img", name="Canvas to draw on").bounding_box()
    spots = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    visited.page.mouse.move(*spots[0])
    visited.page.mouse.down()
    for spot in spots[1:]:
        visited.page.mouse.move(*spot, steps=8)
    visited.page.mouse.up()
    visited.settle()


def test_what_is_drawn_is_encoded(visits, classes):
    with visits(classes.file, "#view=own") as visited:
        visited.page.wait_for_timeout(200)
        before = visited.code
        stroke(visited, (0.3, 0.2), (0.7, 0.2), (0.45, 0.85))
        taken = pixels(canvas(visited, "Your image as the model takes it"))
        assert taken.shape == (8, 8, 3)
        assert taken.max() > 100
        # The background of the digits is black.
        assert taken[0].max() < 30
        assert np.abs(visited.code - before).max() > 0
        np.testing.assert_allclose(visited.code, classes.model.encode(taken[None, ..., 0])[0], atol=1e-3)
        assert "your image" in visited.page.locator(".caption").inner_text()
        seven = visited.code
        stroke(visited, (0.2, 0.55), (0.8, 0.55))
        assert np.abs(visited.code - seven).max() > 0
        visited.page.get_by_role("button", name="Clear").click()
        stroke(visited, (0.3, 0.2), (0.7, 0.2), (0.45, 0.85))
        np.testing.assert_allclose(visited.code, seven, atol=1e-2)


def test_a_digit_dark_on_light_can_be_inverted(visits, classes, tmp_path):
    image = classes.analysis.images(classes.analysis.rows[3:4])[0, 0]
    Image.fromarray(255 - image).save(tmp_path / "dark-on-light.png")
    exact = classes.model.encode(image[None, None])[0]
    with visits(classes.file, "#view=own") as visited:
        give(visited, tmp_path / "dark-on-light.png")
        notice = visited.page.get_by_role("status").filter(visible=True)
        notice.get_by_role("button", name="Invert?").click()
        notice.get_by_role("button", name="Undo").wait_for()
        visited.settle()
        np.testing.assert_allclose(visited.code, exact, atol=1e-3)
        assert notice.get_by_role("button", name="Invert?").count() == 0
        notice.get_by_role("button", name="Undo").click()
        notice.get_by_role("button", name="Invert?").wait_for()
        visited.settle()
        inverted = classes.model.encode(255 - image[None, None])[0]
        np.testing.assert_allclose(visited.code, inverted, atol=1e-3)


def test_an_image_unlike_all_others_is_said_to_be_far(visits, classes, tmp_path):
    analysis = classes.analysis
    typical = analysis.images(analysis.rows[analysis.typical : analysis.typical + 1])[0, 0]
    noise = np.random.default_rng(0).integers(0, 2, (8, 8), dtype=np.uint8) * 255
    Image.fromarray(noise).save(tmp_path / "noise.png")
    Image.fromarray(typical).save(tmp_path / "digit.png")
    with visits(classes.file, "#view=own") as visited:
        side = visited.page.get_by_role("complementary")
        for name, far in (("digit.png", False), ("noise.png", True), ("digit.png", False)):
            give(visited, tmp_path / name)
            words = "Far from any training image"
            assert (words in visited.page.get_by_role("tabpanel").inner_text()) == far
            assert (words in side.inner_text()) == far
            assert ("%" in side.inner_text()) != far
