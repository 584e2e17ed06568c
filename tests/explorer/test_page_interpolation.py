"""Interpolation: every step, and the files saved of them, are those of Python's `interpolate`."""

import re

import numpy as np
import pytest
from charts import Chart
from PIL import Image, ImageSequence
from visiting import assert_same, levels, pixels

from distaff.model import End, interpolate

GAP = 2
PYTHONS = {"linear": "straight", "spherical": "spherical"}
"""What Python calls the kinds of path."""


@pytest.fixture(scope="module")
def plane(visits, classes):
    with visits(classes.file, "#view=interpolation") as visited:
        yield visited


@pytest.fixture(scope="module")
def wide(visits, plain):
    with visits(plain.file, "#view=interpolation") as visited:
        yield visited


@pytest.fixture(scope="module")
def conditional(visits, told):
    with visits(told.file, "#view=interpolation") as visited:
        yield visited


def ends(visited):
    found = []
    for name in ("from", "to"):
        code = np.array(visited.state(f"Array.from(s.{name}.code)"), dtype=np.float32)
        told = visited.state(f"s.{name}.condition")
        condition = {key: np.array([value], dtype=np.float32) for key, value in told.items()}
        found.append(End(code, condition or None))
    return found


def steps(visited):
    visited.settle()
    cells = visited.page.get_by_role("group", name="Steps of the path").locator("canvas").all()
    return np.stack([pixels(each) for each in cells])


def choose(visited, letter, label):
    visited.page.get_by_role("combobox", name=f"{letter}, where the path").select_option(label=label)
    visited.settle()


def choose_another_class(visited):
    for _ in range(50):
        choose(visited, "B", "a random test image")
        first, last = ends(visited)
        if first.condition != last.condition:
            return
    raise AssertionError("50 random images are all of one class")


def assert_along(told, probabilities):
    """Assert that classes are named in the order in which they are likeliest, or nearly so, along a path."""
    likely = probabilities > probabilities.max(axis=1, keepdims=True) - 1e-3
    reached = {0}
    for step in likely:
        reached = {place + more for place in reached for more in (0, 1)}
        reached = {place for place in reached if place < len(told) and step[int(told[place])]}
    assert len(told) - 1 in reached


@pytest.mark.parametrize("kind", ["linear", "spherical"])
@pytest.mark.parametrize("name", ["plane", "wide", "conditional"])
def test_every_step_is_pythons(request, name, kind):
    visited = request.getfixturevalue(name)
    page = request.getfixturevalue({"plane": "classes", "wide": "plain", "conditional": "told"}[name])
    if name == "conditional":
        choose_another_class(visited)
    visited.page.get_by_role("radio", name=kind).check()
    shown = steps(visited)
    path = interpolate(page.model, *ends(visited), steps=11, path=PYTHONS[kind])
    assert_same(shown, path.images)
    assert np.ptp(shown.astype(int), axis=0).max() > 10


def test_the_two_paths_differ(wide, plain):
    codes = [interpolate(plain.model, *ends(wide), steps=3, path=kind).codes[1] for kind in PYTHONS.values()]
    assert np.abs(codes[0] - codes[1]).max() > 1e-3


def test_ends_are_chosen_and_the_classes_along_the_path_are_named(plane, classes):
    for letter, digit in (("A", "1"), ("B", "6")):
        choose(plane, letter, digit)
    first, last = ends(plane)
    analysis = classes.analysis
    for end, value in ((first, 1.0), (last, 6.0)):
        # Where `distaff mix` begins and ends.
        np.testing.assert_array_equal(end.code, analysis.class_end(analysis.class_attribute, value).code)
    codes = interpolate(classes.model, first, last, steps=60).codes
    told = plane.page.get_by_text(re.compile("^(Classes|One class) along the path: ")).inner_text()
    assert_along(
        re.findall(r"\d+", told.partition(", predicted")[0]), classes.model.read_probabilities(codes)["digit"]
    )


def test_scrubbing_goes_along_and_the_map_marks_the_place(plane, classes):
    plane.page.get_by_role("radio", name="linear").check()
    first, last = ends(plane)
    scrub = plane.page.get_by_role("slider", name="Place on the path from A to B")
    for share in (0, 1, 0.5):
        scrub.fill(str(share))
        expected = first.code + share * (last.code - first.code)
        image = plane.live
        np.testing.assert_allclose(plane.code, expected, atol=1e-5)
        assert_same(image, classes.model.decode(expected[None])[0])
    surface = plane.page.get_by_role("application")
    entry = classes.entry["maps"][0]
    places = np.frombuffer(classes.bundle.blocks[entry["points"]["block"]], np.float32).reshape(-1, 2)
    scrub.fill("0.25")
    plane.settle()
    code = plane.code
    spot = [float(each) for each in surface.locator("xpath=..").get_attribute("data-marker").split(",")]
    chart = Chart(plane, places)
    np.testing.assert_allclose(spot, chart.to_screen(code), atol=1.5)


def test_it_plays_from_a_to_b(plane):
    scrub = plane.page.get_by_role("slider", name="Place on the path from A to B")
    scrub.fill("0.9")
    plane.page.get_by_role("button", name="Play", exact=True).click()
    plane.page.get_by_role("button", name="Pause").wait_for()
    plane.page.get_by_role("button", name="Play", exact=True).wait_for()
    plane.settle()
    assert plane.state("s.t") == 1
    np.testing.assert_allclose(plane.code, ends(plane)[1].code, atol=1e-6)
    first, last = ends(plane)
    plane.page.get_by_role("button", name="Swap A and B").click()
    np.testing.assert_array_equal(ends(plane)[0].code, last.code)
    np.testing.assert_array_equal(ends(plane)[1].code, first.code)


def test_the_saved_strip_and_film_are_pythons(plane, classes, tmp_path):
    plane.page.get_by_role("radio", name="linear").check()
    expected = levels(interpolate(classes.model, *ends(plane), steps=11).images)
    for name, file in (("Save the strip as PNG", "a.png"), ("Save the animation as GIF", "a.gif")):
        with plane.page.expect_download() as begun:
            plane.page.get_by_role("button", name=name).click()
        begun.value.save_as(tmp_path / file)
    with Image.open(tmp_path / "a.png") as image:
        sheet = np.asarray(image.convert("RGB"))
    with Image.open(tmp_path / "a.gif") as film:
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
    scale = 8
    for number in range(11):
        left = number * (8 * scale + GAP)
        part = sheet[: 8 * scale, left : left + 8 * scale]
        np.testing.assert_array_equal(part, part[::scale, ::scale].repeat(scale, 0).repeat(scale, 1))
        np.testing.assert_allclose(part[::scale, ::scale], expected[number], atol=1)
    assert len(frames) == 20
    for number, frame in enumerate(frames):
        # Greys are at most 256, so the film keeps every one.
        drawn = frame[::scale, ::scale]
        np.testing.assert_allclose(drawn, expected[number if number < 11 else 20 - number], atol=1)
