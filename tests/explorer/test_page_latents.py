"""Slide a latent, set an attribute: the image is the one that Python decodes, and comes at once."""

import json

import numpy as np
import pytest
from visiting import LIVE, assert_same, pixels

from distaff.explorer._bundle import Bundle, to_html

SLIDE = """(input, values) => {
  for (const value of values) {
    input.value = String(value);
    input.dispatchEvent(new Event("input", {bubbles: true}));
  }
}"""
EDIT = "code => distaff.edit({code: Float32Array.from(code)})"
FRAMES = """async ([input, canvas, value]) => {
  const shown = () => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.join();
  const before = shown();
  input.value = String(value);
  input.dispatchEvent(new Event("input", {bubbles: true}));
  for (let frames = 1; frames < 100; frames++) {
    await new Promise(requestAnimationFrame);
    if (shown() !== before) return frames;
  }
}"""


@pytest.fixture(scope="module")
def plane(visits, classes):
    with visits(classes.file) as visited:
        yield visited


@pytest.fixture(scope="module")
def named(visits, sprites):
    with visits(sprites.file) as visited:
        yield visited


def slider(visited, name):
    return visited.page.get_by_role("slider", name=name, exact=True)


@pytest.mark.parametrize("index", [0, 1])
def test_a_slider_moves_its_latent_and_the_image_follows(plane, classes, index):
    before = plane.live
    moved = slider(plane, classes.model.latents[index].label)
    moved.focus()
    start = plane.code
    for _ in range(60):
        plane.page.keyboard.press("ArrowRight" if start[index] < 0 else "ArrowLeft")
    after = plane.live
    code = plane.code
    assert abs(code[index] - start[index]) > 0.1
    assert code[1 - index] == start[1 - index]
    assert_same(after, classes.model.decode(code[None])[0])
    assert np.abs(after.astype(int) - before).max() > 2


def test_sliders_reach_from_the_1st_to_the_99th_percentile(plane, classes):
    for latent in classes.analysis.latents:
        column, low, middle, high = latent.index, latent.low, latent.median, latent.high
        moved = slider(plane, latent.label)
        moved.dblclick()
        plane.settle()
        assert float(moved.get_attribute("min")) == pytest.approx(low, abs=1e-4)
        assert float(moved.get_attribute("max")) == pytest.approx(high, abs=1e-4)
        # A double click leads back to the middle, and so does Delete.
        assert plane.code[column] == pytest.approx(middle, abs=1e-4)
        moved.press("End")
        assert plane.code[column] == pytest.approx(high, abs=1e-2)
        moved.press("Delete")
        assert plane.code[column] == pytest.approx(middle, abs=1e-4)


def test_the_last_of_many_values_is_drawn(plane, classes):
    moved = slider(plane, classes.model.latents[0].label)
    low, high = (float(moved.get_attribute(each)) for each in ("min", "max"))
    for last in (low, high):
        moved.evaluate(SLIDE, [*np.linspace(high, low, 150), last])
        shown = plane.live
        assert plane.code[0] == pytest.approx(last, abs=0.02)
        assert_same(shown, classes.model.decode(plane.code[None])[0])


def test_a_change_is_seen_within_two_frames(named, sprites):
    moved = slider(named, sprites.model.latents[-1].label).element_handle()
    canvas = named.page.get_by_role("img", name=LIVE).element_handle()
    low, high = (float(moved.get_attribute(each)) for each in ("min", "max"))
    # Other programs may hold up some of the tries, but not all.
    counts = [named.page.evaluate(FRAMES, [moved, canvas, each]) for each in np.linspace(low, high, 20)]
    assert min(counts) <= 2, counts


def set_value(visited, sprites, name, value):
    """Set an attribute by the control that its kind has, with the keyboard where that is all there is."""
    attribute = next(each for each in sprites.model.attributes if each.name == name)
    place = attribute.values.index(value)
    page = visited.page
    if attribute.kind == "categorical":
        page.get_by_role("radiogroup", name=name).get_by_role("radio", name=str(value), exact=True).click()
        return
    control = page.get_by_role("slider", name=name, exact=True)
    control.press("Home")
    for _ in range(place):
        control.press("ArrowRight")
    assert control.get_attribute("aria-valuetext") == str(value)


VALUES = [
    *(("shape", each) for each in ("heart", "square")),
    *(("colour", each) for each in ("cyan", "red")),
    *(("background", each) for each in (5, 0)),
]


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_attributes_are_set_by_name_and_the_rest_stays(named, sprites, name, value):
    start = named.code
    read = {each: values[0] for each, values in sprites.model.read(start[None]).items()}
    set_value(named, sprites, name, value)
    after = named.live
    code = named.code
    np.testing.assert_allclose(code, sprites.model.write(start[None], attributes={name: value})[0], atol=1e-5)
    assert_same(after, sprites.model.decode(code[None])[0])
    now = {each: values[0] for each, values in sprites.model.read(code[None]).items()}
    assert sprites.model.labels(name, [now.pop(name)])[0] == value
    assert now == {each: read[each] for each in now}


def impure(page, code, name, number):
    """Return a code that reads as a value but is not its pure code, as an encoder gives it."""
    attribute = next(each for each in page.model.attributes if each.name == name)
    (block,) = (each for each in page.entry["blocks_of_z"] if each["attribute"] == name)
    found = page.model.write(code[None], attributes={name: attribute.values[number]})[0]
    found[block["start"]] += 0.004
    assert page.model.read(found[None])[name][0] == number
    return found


@pytest.mark.parametrize("name", ["shape", "background", "colour"])
def test_the_value_that_is_shown_can_be_set_too(named, sprites, name):
    attribute = next(each for each in sprites.model.attributes if each.name == name)
    for number in (0, attribute.size - 1):
        code = impure(sprites, named.code, name, number)
        named.page.evaluate(EDIT, code.tolist())
        np.testing.assert_array_equal(named.code, code)
        press_again(named, attribute, number)
        expected = sprites.model.write(code[None], attributes={name: attribute.values[number]})[0]
        assert np.abs(expected - code).max() > 0.003
        np.testing.assert_allclose(named.code, expected, atol=1e-6)


def press_again(visited, attribute, number):
    """Choose the value that a control shows already: the first or the last one."""
    if attribute.kind == "categorical":
        radio = visited.page.get_by_role("radiogroup", name=attribute.name).get_by_role("radio")
        assert radio.nth(number).is_checked()
        radio.nth(number).click()
        return
    control = visited.page.get_by_role("slider", name=attribute.name, exact=True)
    assert control.get_attribute("aria-valuetext") == str(attribute.values[number])
    control.press("End" if number else "Home")


def test_a_long_list_sets_the_value_that_it_shows(visits, sprites, tmp_path):
    manifest = json.loads(json.dumps(sprites.bundle.manifest))
    (shape,) = (each for each in manifest["runs"][0]["attributes"] if each["name"] == "shape")
    shape["values"] = [f"{each} {'x' * 60}" for each in shape["values"]]
    file = tmp_path / "long.html"
    file.write_text(to_html(Bundle(manifest, sprites.bundle.blocks)), encoding="utf-8")
    with visits(file) as visited:
        select = visited.page.get_by_role("combobox", name="shape")
        for number, label in enumerate(sprites.model.labels("shape", [0, 1, 2])):
            code = impure(sprites, visited.code, "shape", number)
            visited.page.evaluate(EDIT, code.tolist())
            assert select.evaluate("e => e.selectedOptions[0].textContent").startswith(str(label))
            select.select_option(value=str(number))
            visited.settle()
            expected = sprites.model.write(code[None], attributes={"shape": label})[0]
            np.testing.assert_allclose(visited.code, expected, atol=1e-6)


def test_a_dial_follows_the_pointer(named, sprites):
    dial = named.page.get_by_role("slider", name="colour", exact=True)
    dial.scroll_into_view_if_needed()
    box = dial.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    # Of 12 hues, a quarter turn is the 4th, half a turn the 7th.
    for place, hue in (
        ((x + 20, y), "lime"),
        ((x, y + 20), "cyan"),
        ((x - 20, y), "violet"),
        ((x, y - 20), "red"),
    ):
        named.page.mouse.click(*place)
        assert dial.get_attribute("aria-valuetext") == hue
    assert sprites.model.labels("colour", sprites.model.read(named.code[None])["colour"])[0] == "red"


def test_a_conditional_model_takes_the_class(visits, told):
    with visits(told.file) as visited:
        images = []
        for digit in ("3", "8"):
            visited.page.get_by_role("radiogroup", name="digit").get_by_role("radio", name=digit).check()
            images.append(visited.live)
            expected = told.model.decode(visited.code[None], attributes={"digit": int(digit)})
            assert_same(images[-1], expected[0])
        assert np.abs(images[0].astype(int) - images[1]).max() > 2


def test_the_image_can_be_saved(plane, classes, tmp_path):
    from PIL import Image

    with plane.page.expect_download() as begun:
        plane.page.get_by_role("complementary").get_by_role("button", name="PNG").click()
    begun.value.save_as(tmp_path / "image.png")
    saved = np.asarray(Image.open(tmp_path / "image.png").convert("RGB"))
    shown = pixels(plane.page.get_by_role("img", name=LIVE))
    scale = saved.shape[0] // shown.shape[0]
    np.testing.assert_array_equal(saved, shown.repeat(scale, axis=0).repeat(scale, axis=1))


def test_the_slider_of_a_quantised_latent_stops_at_its_values(visits, classes, tmp_path):
    manifest = json.loads(json.dumps(classes.bundle.manifest))
    latent = manifest["runs"][0]["latents"][0]
    latent["values"] = [-1.5, -0.25, 0.5, 2.0]
    file = tmp_path / "quantised.html"
    file.write_text(to_html(Bundle(manifest, classes.bundle.blocks)), encoding="utf-8")
    with visits(file) as visited:
        moved = slider(visited, latent["label"])
        rest = visited.code[1]
        moved.press("Home")
        seen = [visited.code[0]]
        for _ in range(4):
            moved.press("ArrowRight")
            seen.append(visited.code[0])
        np.testing.assert_array_equal(seen, np.float32([-1.5, -0.25, 0.5, 2.0, 2.0]))
        assert moved.get_attribute("aria-valuetext") == "2.00"
        assert visited.code[1] == rest
        visited.open("Traversals")
        row = visited.page.get_by_role("grid").get_by_role("row").filter(has_text=latent["label"])
        assert row.get_by_role("gridcell").count() == 4
        codes = np.stack([np.float32([value, rest]) for value in latent["values"]])
        shown = np.stack([pixels(each) for each in row.locator("canvas").all()])
        assert_same(shown, classes.model.decode(codes))
