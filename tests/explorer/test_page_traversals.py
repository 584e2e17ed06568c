"""The grid of traversals shows what Python's figures decode, and its files hold what it shows."""

import numpy as np
import pytest
from PIL import Image, ImageSequence
from visiting import assert_same, levels, pixels

from distaff.figures._latents import code_path, traversals

GAP, NAMES = 2, 130
"""Pixels between the images of a saved grid, and for the names at its left."""


def opened(visits, page):
    return visits(page.file, "#view=traversals")


def rest(visited):
    """The grid follows a slider once it has come to rest."""
    visited.page.wait_for_timeout(350)
    visited.settle()


def grid(visited):
    """Return what each row is called and its images: uint8 [k, h, w, 3]."""
    rest(visited)
    found = {}
    for row in visited.page.get_by_role("grid").get_by_role("row").all():
        name = row.get_by_role("rowheader").locator("b").inner_text()
        found[name] = np.stack([pixels(each) for each in row.get_by_role("gridcell").locator("canvas").all()])
    return found


def moved(page, visited, latent):
    """Return the images of Python's traversal of one latent from the code that the page shows."""
    use = page.analysis.latents[latent.index]
    values = code_path(use.low, float(visited.code[latent.index]), use.high)
    rows = np.repeat(visited.code[None], len(values), axis=0)
    rows[:, latent.index] = values
    told = visited.state("Object.values(s.condition)")
    known = {name: np.repeat(np.float32(told[0]), len(rows)) for name in page.model.condition}
    return page.model.decode(rows, indices=known)


@pytest.mark.parametrize("name", ["classes", "plain", "told"])
def test_a_page_begins_with_the_figure_of_traversals(request, visits, name):
    page = request.getfixturevalue(name)
    with opened(visits, page) as visited:
        shown = grid(visited)
    for row in traversals(page.analysis).rows:
        assert_same(shown[row.label], row.images)


@pytest.mark.parametrize("name", ["classes", "plain", "told", "sprites"])
def test_every_latents_row_is_pythons(request, visits, name):
    page = request.getfixturevalue(name)
    with opened(visits, page) as visited:
        rows = grid(visited)
        free = [each for each in page.model.latents if each.attribute is None]
        shown = [each for each in free if each.label in rows]
        assert len(shown) >= min(2, len(free))
        for latent in shown:
            assert len(rows[latent.label]) == 11
            assert_same(rows[latent.label], moved(page, visited, latent))


def test_every_attributes_row_is_pythons(visits, sprites):
    with opened(visits, sprites) as visited:
        rows = grid(visited)
        for attribute in sprites.model.attributes:
            if attribute.size <= 11:
                values = np.arange(attribute.size, dtype=np.float32)
                codes = np.repeat(visited.code[None], attribute.size, axis=0)
                written = sprites.model.write(codes, indices={attribute.name: values})
                assert_same(rows[attribute.name], sprites.model.decode(written))


def test_the_first_row_of_a_conditional_model_is_every_class(visits, told):
    with opened(visits, told) as visited:
        codes = np.repeat(visited.code[None], 10, axis=0)
        expected = told.model.decode(codes, attributes={"digit": np.arange(10)})
        assert_same(grid(visited)["digit"], expected)


def test_traversals_continue_from_the_image_that_is_chosen(visits, classes):
    with opened(visits, classes) as visited:
        before = grid(visited)
        label = classes.model.latents[1].label
        row = visited.page.get_by_role("grid").get_by_role("row").filter(has_text=label)
        row.get_by_role("gridcell").nth(9).get_by_role("button").click()
        np.testing.assert_allclose(visited.live.astype(int), before[label][9], atol=1)
        visited.page.get_by_role("slider", name=label, exact=True).press("Home")
        after = grid(visited)
        assert_same(after[label], moved(classes, visited, classes.model.latents[1]))
        assert np.abs(after[label].astype(int) - before[label]).max() > 2


def save(visited, name, file):
    with visited.page.expect_download() as begun:
        visited.page.get_by_role("button", name=name).click()
    begun.value.save_as(file)


def cell(sheet, row, column, shape, left):
    """Return one image of a saved grid at its own size, each of whose pixels is repeated."""
    height, width = shape
    scale = max(1, round(64 / width))
    top, begin = row * (height * scale + GAP), left + column * (width * scale + GAP)
    part = sheet[top : top + height * scale, begin : begin + width * scale]
    np.testing.assert_array_equal(part, part[::scale, ::scale].repeat(scale, axis=0).repeat(scale, axis=1))
    return part[::scale, ::scale]


def test_the_saved_grid_is_pythons(visits, classes, tmp_path):
    with opened(visits, classes) as visited:
        names = list(grid(visited))
        expected = {each.label: levels(moved(classes, visited, each)) for each in classes.model.latents}
        save(visited, "Save the grid as PNG", tmp_path / "a.png")
        save(visited, "Save the grid as GIF", tmp_path / "a.gif")
    with Image.open(tmp_path / "a.png") as image:
        sheet = np.asarray(image.convert("RGB"))
    assert set(names) == set(expected)
    for row, name in enumerate(names):
        for column in range(11):
            drawn = cell(sheet, row, column, (8, 8), NAMES)
            np.testing.assert_allclose(drawn, expected[name][column], atol=1)
    # There and back again, the ends once.
    with Image.open(tmp_path / "a.gif") as film:
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
        assert len(frames) == film.n_frames == 20
        assert (film.info["loop"], film.info["duration"]) == (0, 120)
    for number, frame in enumerate(frames):
        column = number if number < 11 else 20 - number
        for row, name in enumerate(names):
            drawn = cell(frame, row, 0, (8, 8), NAMES)
            # 256 colours for all of a film: greys are near theirs, and every frame is its own.
            assert np.abs(drawn - expected[name][column]).mean() < 2
    assert np.abs(frames[0].astype(int) - frames[10]).max() > 10


def test_a_film_of_colours_keeps_them_nearly(visits, sprites, tmp_path):
    with opened(visits, sprites) as visited:
        rows = grid(visited)
        save(visited, "Save the grid as GIF", tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as film:
        frames = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(film)]
    for number in (0, 5, 10):
        frame = frames[number]
        for row, images in enumerate(rows.values()):
            drawn = cell(frame, row, 0, (64, 64), NAMES)
            assert np.abs(drawn - images[min(number, len(images) - 1)]).mean() < 6
