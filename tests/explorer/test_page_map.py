"""The map: a click decodes that place, hovering shows that picture, and what is hidden or reduced is said."""

import base64
import io
import json
import re

import numpy as np
import pytest
from charts import Chart
from PIL import Image
from visiting import assert_same, pixels

from distaff.explorer.blocks import Blocks, Bundle
from distaff.explorer.document import to_html

CANVASES = (
    """surface => [...surface.parentElement.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL())"""
)


def array(page, reference):
    content = page.bundle.blocks[reference["block"]]
    return np.frombuffer(content, dtype=reference["dtype"]).reshape(reference["shape"])


def points(page, kind):
    (entry,) = (each for each in page.entry["maps"] if each["kind"] == kind)
    return entry, array(page, entry["points"])


def choose_map(visited, name):
    visited.page.get_by_role("combobox", name="Map").select_option(label=name)
    visited.settle()


def status(visited):
    return visited.page.get_by_text(re.compile(r"test pictures shown"))


@pytest.fixture(scope="module")
def plane(visits, classes):
    with visits(classes.file, "#view=map") as visited:
        yield visited


@pytest.fixture(scope="module")
def wide(visits, plain):
    with visits(plain.file, "#view=map") as visited:
        yield visited


def test_a_click_on_two_latents_decodes_that_place(plane, classes):
    chart = Chart(plane, points(classes, "pair")[1])
    pictures = []
    for x, y in chart.random_places(20):
        chart.click(x, y)
        np.testing.assert_allclose(plane.code, chart.to_map(x, y), atol=1.5 / chart.scale)
        np.testing.assert_allclose(chart.marked, (x, y), atol=0.6)
        pictures.append(plane.live)
        assert_same(pictures[-1], classes.model.decode(plane.code[None])[0])
    assert np.ptp(np.stack(pictures).astype(int), axis=0).max() > 50


def test_a_click_on_principal_components_decodes_that_place(wide, plain):
    choose_map(wide, "PCA")
    entry, places = points(plain, "pca")
    chart = Chart(wide, places)
    mean, axes = (np.array(entry["inverse"][name]) for name in ("mean", "components"))
    for x, y in chart.random_places(10):
        chart.click(x, y)
        np.testing.assert_allclose(wide.code, mean + chart.to_map(x, y) @ axes, atol=2 / chart.scale)
        # In the plane to float32, wherever in it the pixel was.
        off = wide.code - mean
        np.testing.assert_allclose(off - off @ axes.T @ axes, 0, atol=1e-4)
        assert_same(wide.live, plain.model.decode(wide.code[None])[0])
    assert wide.page.get_by_role("button", name="exact").is_visible()


def test_a_map_that_cannot_be_turned_back_says_so_and_blends_what_is_near(wide, plain):
    choose_map(wide, "t-SNE")
    _, places = points(plain, "tsne")
    codes = array(plain, plain.entry["points"]["codes"]).astype(np.float32)
    assert wide.page.get_by_role("button", name="approximate").is_visible()
    chart = Chart(wide, places)
    chart.click(*chart.to_screen(places[7]))
    np.testing.assert_array_equal(wide.code, codes[7])
    assert wide.state("s.row") == 7
    empty = max(
        chart.random_places(200), key=lambda at: np.linalg.norm(places - chart.to_map(*at), axis=1).min()
    )
    chart.click(*empty)
    near = codes[np.argsort(np.linalg.norm(places - chart.to_map(*empty), axis=1))[:5]]
    assert (wide.code >= near.min(axis=0) - 1e-4).all()
    assert (wide.code <= near.max(axis=0) + 1e-4).all()
    assert_same(wide.live, plain.model.decode(wide.code[None])[0])


def test_any_two_latents_make_a_map(wide, plain):
    wide.page.get_by_role("combobox", name="Map").select_option(label="Any two latents…")
    right, up = plain.model.latents[4], plain.model.latents[7]
    wide.page.get_by_role("combobox", name="Latent to the right").select_option(label=right.label)
    wide.page.get_by_role("combobox", name="Latent upwards").select_option(label=up.label)
    wide.settle()
    codes = array(plain, plain.entry["points"]["codes"]).astype(np.float32)
    chart = Chart(wide, codes[:, [right.index, up.index]])
    before = wide.code
    x, y = chart.random_places(1)[0]
    chart.click(x, y)
    np.testing.assert_allclose(wide.code[[right.index, up.index]], chart.to_map(x, y), atol=1.5 / chart.scale)
    rest = [each.index for each in plain.model.latents if each not in {right, up}]
    np.testing.assert_array_equal(wide.code[rest], before[rest])


def thumbnail(page, row):
    entry = page.entry["points"]["thumbnails"]
    sheet = Image.open(io.BytesIO(page.bundle.blocks[entry["block"]["block"]])).convert("RGB")
    top, left = divmod(row, entry["columns"])
    box = (left * entry["width"], top * entry["height"])
    return np.asarray(sheet)[box[1] : box[1] + entry["height"], box[0] : box[0] + entry["width"]]


def test_hovering_shows_that_picture_after_any_filter(plane, classes):
    places = points(classes, "pair")[1]
    labels = array(classes, classes.entry["points"]["attributes"]["digit"])
    chart = Chart(plane, places)
    chips = plane.page.get_by_role("group", name="Shown classes")
    for digit in ("0", "4", "7"):
        chips.get_by_role("button", name=digit, exact=True).click()
    plane.settle()
    hidden = np.isin(labels, (0, 4, 7))
    assert status(plane).inner_text().startswith(f"{(~hidden).sum()} of {len(labels)} test pictures shown")
    seen = 0
    for row in range(0, len(labels), 3):
        x, y = chart.to_screen(places[row])
        chart.hover(x, y)
        distances = np.where(hidden, np.inf, np.linalg.norm(places - places[row], axis=1))
        nearest = int(distances.argmin())
        if not hidden[row]:
            assert nearest == row or distances[nearest] == 0
        if distances[nearest] * chart.scale > 10:
            continue
        card = plane.page.get_by_text(f"test picture {nearest + 1}", exact=True)
        assert card.is_visible()
        shown = pixels(card.locator("xpath=ancestor::*[.//canvas][1]").locator("canvas"))
        np.testing.assert_array_equal(shown, thumbnail(classes, nearest))
        seen += 1
    assert seen > 10
    chips.get_by_role("button", name="Show all").or_(
        plane.page.get_by_role("button", name="Show all")
    ).first.click()
    plane.settle()
    assert status(plane).inner_text().startswith(f"{len(labels)} of {len(labels)} test pictures shown")


def test_zooming_keeps_the_place_and_dragging_takes_it_along(plane, classes):
    chart = Chart(plane, points(classes, "pair")[1])
    x, y = chart.random_places(1, seed=3)[0]
    chart.click(x, y)
    place = plane.code
    chart.hover(x, y)
    plane.page.mouse.wheel(0, -600)
    plane.settle()
    np.testing.assert_allclose(chart.marked, (x, y), atol=2)
    # Beside the mark, which would be taken along itself.
    start = chart.client(x - 40, y - 40)
    plane.page.mouse.move(*start)
    plane.page.mouse.down()
    plane.page.mouse.move(start[0] + 60, start[1] + 35, steps=4)
    plane.page.mouse.up()
    np.testing.assert_allclose(chart.marked, (x + 60, y + 35), atol=2)
    np.testing.assert_array_equal(plane.code, place)
    for name in ("Closer", "Farther", "Whole map"):
        plane.page.get_by_role("button", name=name).click()
    np.testing.assert_allclose(chart.marked, (x, y), atol=2)


def test_borders_can_be_hidden_and_tints_fade_where_the_classifier_is_unsure(plane, classes):
    chart = Chart(plane, points(classes, "pair")[1])
    plane.page.wait_for_timeout(1000)
    with_borders = chart.surface.evaluate(CANVASES)
    plane.page.get_by_role("checkbox", name="Borders").uncheck()
    plane.settle()
    assert chart.surface.evaluate(CANVASES)[0] != with_borders[0]
    places = chart.random_places(300)
    tint = base64.b64decode(chart.surface.evaluate(CANVASES)[0].partition(",")[2])
    columns, rows = places.astype(int).T
    alphas = np.asarray(Image.open(io.BytesIO(tint)).convert("RGBA"))[rows, columns, 3]
    codes = np.stack([chart.to_map(*place) for place in places]).astype(np.float32)
    sure = classes.model.read_probabilities(codes)["digit"].max(axis=1)
    assert np.ptp(sure) > 0.3
    ranks = [np.argsort(np.argsort(each)) for each in (alphas, sure)]
    assert np.corrcoef(*ranks)[0, 1] > 0.9
    plane.page.get_by_role("checkbox", name="Borders").check()
    plane.settle()
    assert chart.surface.evaluate(CANVASES)[0] == with_borders[0]


def test_pictures_stand_on_the_points(plane, classes):
    dots = plane.page.get_by_role("application").evaluate(CANVASES)
    plane.page.get_by_role("checkbox", name="Pictures").check()
    plane.settle()
    assert plane.page.get_by_role("application").evaluate(CANVASES)[1] != dots[1]
    assert re.search(r"shown, \d+ of them as pictures", status(plane).inner_text())
    plane.page.get_by_role("checkbox", name="Pictures").uncheck()


def enlarged(page, count):
    """Return the bundle of a run with so many points, by repeating its own a little aside."""
    manifest = json.loads(json.dumps(page.bundle.manifest))
    entry, old = manifest["runs"][0], page.bundle.blocks
    rng, blocks = np.random.default_rng(0), Blocks(9)
    order = np.resize(np.arange(entry["points"]["count"]), count)

    def repeat(reference):
        values = array(page, reference)[order]
        return values + rng.normal(0, 0.05, values.shape).astype(np.float32) if values.ndim > 1 else values

    codes = repeat(entry["points"]["codes"]).astype(np.float16)
    entry["points"] |= {"count": count, "total": count, "codes": blocks.add("codes", codes)}
    for part in ("attributes", "predicted", "confidence"):
        for name, reference in entry["points"][part].items():
            entry["points"][part][name] = blocks.add(f"{part}/{name}", repeat(reference))
    (plane,) = entry["maps"]
    plane |= {"count": count, "points": blocks.add("points", codes.astype(np.float32))}
    return Bundle(manifest, old | blocks.content), codes.astype(np.float32)


def test_a_hundred_thousand_points_are_all_there(visits, classes, tmp_path):
    bundle, places = enlarged(classes, 100_000)
    file = tmp_path / "many.html"
    file.write_text(to_html(bundle))
    with visits(file, "#view=map") as visited:
        assert status(visited).inner_text().startswith("100,000 of 100,000 test pictures shown")
        chart = Chart(visited, places)
        inside = [row for row in range(0, 100_000, 9973) if abs(places[row]).max() < abs(places).max() * 0.6]
        for row in inside[:6]:
            chart.hover(*chart.to_screen(places[row]))
            found = int(chart.surface.locator("xpath=..").get_attribute("data-hovered"))
            assert np.linalg.norm(places[found] - places[row]) * chart.scale < 2
        before = chart.surface.evaluate(CANVASES)[1]
        visited.page.mouse.wheel(0, -300)
        visited.settle()
        assert chart.surface.evaluate(CANVASES)[1] != before
