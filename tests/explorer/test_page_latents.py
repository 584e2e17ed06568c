"""Slide a latent, set an attribute: the picture is the one that Python decodes, and comes at once."""

import numpy as np
import pytest
from visiting import LIVE, assert_same, pixels

from distaff.figures.activity import activity

SLIDE = """(input, values) => {
  for (const value of values) {
    input.value = String(value);
    input.dispatchEvent(new Event("input", {bubbles: true}));
  }
}"""
FRAMES = """async ([input, canvas, value]) => {
  const picture = () => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.join();
  const before = picture();
  input.value = String(value);
  input.dispatchEvent(new Event("input", {bubbles: true}));
  for (let frames = 1; frames < 100; frames++) {
    await new Promise(requestAnimationFrame);
    if (picture() !== before) return frames;
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
def test_a_slider_moves_its_latent_and_the_picture_follows(plane, classes, index):
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
    assert np.abs(after.astype(int) - before).max() > 20


def test_sliders_reach_from_the_1st_to_the_99th_percentile(plane, classes):
    found = activity(classes.shown)
    middle = np.median(classes.shown.trained.codes, axis=0)
    for column, label, low, high in zip(found.columns, found.labels, found.low, found.high, strict=True):
        moved = slider(plane, label)
        moved.dblclick()
        plane.settle()
        assert float(moved.get_attribute("min")) == pytest.approx(low, abs=1e-4)
        assert float(moved.get_attribute("max")) == pytest.approx(high, abs=1e-4)
        # A double click leads back to the middle, and so does Delete.
        assert plane.code[column] == pytest.approx(middle[column], abs=1e-4)
        moved.press("End")
        assert plane.code[column] == pytest.approx(high, abs=1e-2)
        moved.press("Delete")
        assert plane.code[column] == pytest.approx(middle[column], abs=1e-4)


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
        page.get_by_role("radiogroup", name=name).get_by_role("radio", name=str(value), exact=True).check()
        return
    control = page.get_by_role("slider", name=name, exact=True)
    control.press("Home")
    for _ in range(place):
        control.press("ArrowRight")
    assert control.get_attribute("aria-valuetext") == str(value)


@pytest.mark.parametrize(
    ("name", "value"), [("shape", "heart"), ("shape", "square"), ("colour", "cyan"), ("background", 5)]
)
def test_attributes_are_set_by_name_and_the_rest_stays(named, sprites, name, value):
    start = named.code
    before = named.live
    read = {each: values[0] for each, values in sprites.model.read(start[None]).items()}
    set_value(named, sprites, name, value)
    after = named.live
    code = named.code
    expected = sprites.model.write(start[None], **{name: value})
    np.testing.assert_allclose(code, expected[0], atol=1e-5)
    assert_same(after, sprites.model.decode(code[None])[0])
    now = {each: values[0] for each, values in sprites.model.read(code[None]).items()}
    assert sprites.model.labels(name, [now.pop(name)])[0] == value
    assert now == {each: read[each] for each in now}
    if read[name] != next(each for each in sprites.model.attributes if each.name == name).values.index(value):
        assert np.abs(after.astype(int) - before).max() > 2


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


def test_a_conditional_model_is_told_the_class(visits, told):
    with visits(told.file) as visited:
        pictures = []
        for digit in ("3", "8"):
            visited.page.get_by_role("radiogroup", name="digit").get_by_role("radio", name=digit).check()
            pictures.append(visited.live)
            expected = told.model.decode(visited.code[None], attributes={"digit": [float(digit)]})
            assert_same(pictures[-1], expected[0])
        assert np.abs(pictures[0].astype(int) - pictures[1]).max() > 20


def test_the_picture_can_be_saved(plane, classes, tmp_path):
    from PIL import Image

    with plane.page.expect_download() as begun:
        plane.page.get_by_role("complementary").get_by_role("button", name="PNG").click()
    begun.value.save_as(tmp_path / "picture.png")
    saved = np.asarray(Image.open(tmp_path / "picture.png").convert("RGB"))
    shown = pixels(plane.page.get_by_role("img", name=LIVE))
    scale = saved.shape[0] // shown.shape[0]
    np.testing.assert_array_equal(saved, shown.repeat(scale, axis=0).repeat(scale, axis=1))
