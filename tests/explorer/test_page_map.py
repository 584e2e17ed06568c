"""The map: a click decodes that place, hovering shows that image, what is hidden or far is said."""

import base64
import io
import json
import re

import numpy as np
import pytest
from charts import Chart
from PIL import Image
from visiting import assert_same, levels, pixels

from distaff.explorer._bundle import Blocks, Bundle, to_html

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
    return visited.page.get_by_text(re.compile(r"test images shown"))


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
    images = []
    for x, y in chart.random_places(20):
        chart.click(x, y)
        np.testing.assert_allclose(plane.code, chart.to_map(x, y), atol=1.5 / chart.scale)
        np.testing.assert_allclose(chart.marked, (x, y), atol=0.6)
        images.append(plane.live)
        assert_same(images[-1], classes.model.decode(plane.code[None])[0])
    assert np.ptp(np.stack(images).astype(int), axis=0).max() > 10


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
    assert wide.page.get_by_role("button", name="Click decodes this exact point").is_visible()


def test_an_embedding_says_that_it_blends_the_nearest_codes(wide, plain):
    choose_map(wide, "t-SNE")
    _, places = points(plain, "tsne")
    codes = array(plain, plain.entry["points"]["codes"]).astype(np.float32)
    assert wide.page.get_by_role("button", name="Click decodes a nearby blend").is_visible()
    chart = Chart(wide, places)
    row = chart.lonely()
    chart.click(*chart.to_screen(places[row]))
    np.testing.assert_array_equal(wide.code, codes[row])
    assert wide.state("s.row") == row
    empty = chart.far_place()
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


def test_hovering_shows_that_image_after_any_filter(plane, classes):
    places = points(classes, "pair")[1]
    labels = array(classes, classes.entry["points"]["attributes"]["digit"])
    chart = Chart(plane, places)
    chips = plane.page.get_by_role("group", name="Shown classes")
    for digit in ("0", "4", "7"):
        chips.get_by_role("button", name=digit, exact=True).click()
    plane.settle()
    hidden = np.isin(labels, (0, 4, 7))
    assert status(plane).inner_text().startswith(f"{(~hidden).sum()} of {len(labels)} test images shown")
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
        card = plane.page.get_by_text(f"test image {nearest + 1}", exact=True)
        assert card.is_visible()
        shown = pixels(card.locator("xpath=ancestor::*[.//canvas][1]").locator("canvas").first)
        np.testing.assert_array_equal(shown, thumbnail(classes, nearest))
        seen += 1
    assert seen > 10
    chips.get_by_role("button", name="Show all").or_(
        plane.page.get_by_role("button", name="Show all")
    ).first.click()
    plane.settle()
    assert status(plane).inner_text().startswith(f"{len(labels)} of {len(labels)} test images shown")


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
    for name in ("Zoom in", "Zoom out", "Fit to data"):
        plane.page.get_by_role("button", name=name).click()
    np.testing.assert_allclose(chart.marked, (x, y), atol=2)


def test_borders_can_be_hidden_and_tints_fade_at_low_confidence(plane, classes):
    chart = Chart(plane, points(classes, "pair")[1])
    plane.page.wait_for_timeout(1000)
    with_borders = chart.surface.evaluate(CANVASES)
    plane.page.get_by_role("checkbox", name="Borders").uncheck()
    plane.settle()
    assert chart.surface.evaluate(CANVASES)[0] != with_borders[0]
    places = near_data(chart, chart.random_places(1500))
    tint = base64.b64decode(chart.surface.evaluate(CANVASES)[0].partition(",")[2])
    columns, rows = places.astype(int).T
    alphas = np.asarray(Image.open(io.BytesIO(tint)).convert("RGBA"))[rows, columns, 3]
    codes = np.stack([chart.to_map(*place) for place in places]).astype(np.float32)
    confidence = classes.model.read_probabilities(codes)["digit"].max(axis=1)
    ranks = [np.argsort(np.argsort(each)) for each in (alphas, confidence)]
    assert np.corrcoef(*ranks)[0, 1] > 0.8
    plane.page.get_by_role("checkbox", name="Borders").check()
    plane.settle()
    assert chart.surface.evaluate(CANVASES)[0] == with_borders[0]


def show(visited, layer):
    visited.page.get_by_role("radiogroup", name="Show").get_by_role("radio", name=layer).check()
    visited.settle()


def test_test_images_stand_on_their_points(plane, classes):
    points = plane.page.get_by_role("application").evaluate(CANVASES)
    show(plane, "Images")
    assert plane.page.get_by_role("application").evaluate(CANVASES)[1] != points[1]
    assert re.search(r"shown · \d+ test images on the map", status(plane).inner_text())
    show(plane, "Points")


def canvas(visited, number):
    """Return the pixels of one canvas of the map: uint8 [h, w, 4]."""
    url = visited.page.get_by_role("application").evaluate(CANVASES)[number]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA"))


def test_decoded_images_lie_over_the_map_where_data_are(plane, classes):
    chart = Chart(plane, points(classes, "pair")[1])
    show(plane, "Decoded")
    plane.page.wait_for_timeout(200)
    plane.settle()
    drawn = canvas(plane, 1)
    said = re.search(r"(\d+) decoded images on the map", status(plane).inner_text())
    assert int(said[1]) > 10
    step = 2 ** (np.ceil(2 * np.log2(36 / chart.scale)) / 2)
    seen = 0
    for column, row in np.unique(np.floor(chart.points / step), axis=0):
        centre = np.array([column + 0.5, row + 0.5]) * step
        x, y = chart.to_screen(centre)
        half = step * chart.scale / 2 - 1
        box = [round(y - half), round(y + half), round(x - half), round(x + half)]
        if min(box) < 0 or box[1] > drawn.shape[0] or box[3] > drawn.shape[1]:
            continue
        tile = drawn[box[0] + 2 : box[1] - 2, box[2] + 2 : box[3] - 2]
        if not tile[..., 3].all():
            # The middle of a cell at the margin of the data may be far from them.
            continue
        expected = levels(classes.model.decode(np.float32(centre)[None])[0])
        assert tile[..., :3].mean() == pytest.approx(expected.mean(), abs=12)
        seen += 1
    assert seen > 10
    x, y = np.rint(chart.far_place()).astype(int)
    assert drawn[y, x, 3] == 0
    show(plane, "Points")


def near_data(chart, places):
    """Return the places that are hardly farther from a point than points are from each other."""
    apart = np.linalg.norm(chart.points[:, None] - chart.points[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    usual = np.quantile(apart.min(axis=1), 0.5)
    near = [np.linalg.norm(chart.points - chart.to_map(*at), axis=1).min() < usual for at in places]
    return places[near]


def test_what_is_far_from_data_is_not_tinted_and_not_predicted(plane, classes):
    chart = Chart(plane, points(classes, "pair")[1])
    plane.page.wait_for_timeout(500)
    tint = canvas(plane, 0)
    x, y = (int(each) for each in chart.far_place())
    assert tint[y, x, 3] == 0
    # The tint ends nowhere in an edge: next to nothing there is next to nothing.
    alphas = canvas_without_borders(plane)[..., 3].astype(int)
    assert alphas.max() > 60
    for axis in (0, 1):
        steps = np.abs(np.diff(alphas, axis=axis))
        faint = np.minimum(np.delete(alphas, 0, axis), np.delete(alphas, -1, axis)) == 0
        assert steps[faint].max() <= 12
    chart.click(x, y)
    side = plane.page.get_by_role("complementary")
    assert side.get_by_role("button", name="Far from any training image").is_visible()
    assert "%" not in side.inner_text()
    chart.hover(x + 5, y)
    card = plane.page.locator(".hover-card")
    assert "Far from any training image" in card.inner_text()
    assert "%" not in card.inner_text()
    near = chart.to_screen(chart.points[chart.lonely()])
    chart.click(*near)
    assert "Far from" not in side.inner_text()
    assert "%" in side.inner_text()
    chart.hover(near[0] + 3, near[1])
    assert "predicted" in card.inner_text()


def test_an_empty_place_of_an_embedding_is_not_predicted_either(wide, plain):
    choose_map(wide, "t-SNE")
    chart = Chart(wide, points(plain, "tsne")[1])
    x, y = chart.far_place()
    chart.click(x, y)
    side = wide.page.get_by_role("complementary")
    assert side.get_by_role("button", name="Far from any training image").is_visible()
    assert "%" not in side.inner_text()
    chart.click(*chart.to_screen(chart.points[chart.lonely()]))
    assert "Far from" not in side.inner_text()


def canvas_without_borders(visited):
    visited.page.get_by_role("checkbox", name="Borders").uncheck()
    visited.settle()
    found = canvas(visited, 0)
    visited.page.get_by_role("checkbox", name="Borders").check()
    return found


@pytest.mark.parametrize("name", ["plane", "wide"])
def test_hovering_decodes_the_place(request, name):
    visited = request.getfixturevalue(name)
    page = request.getfixturevalue({"plane": "classes", "wide": "plain"}[name])
    if name == "wide":
        choose_map(visited, "t-SNE")
    _, places = points(page, {"plane": "pair", "wide": "tsne"}[name])
    chart = Chart(visited, places)
    before = visited.code
    for x, y in chart.random_places(6, seed=5):
        chart.hover(x, y)
        card = visited.page.locator(".hover-card")
        code = np.array(card.get_attribute("data-code").split("_"), dtype=np.float32)
        if name == "plane":
            np.testing.assert_allclose(code, chart.to_map(x, y), atol=1.5 / chart.scale)
        shown = pixels(card.locator("canvas").last)
        np.testing.assert_allclose(shown, levels(page.model.decode(code[None])[0]), atol=1.5)
    np.testing.assert_array_equal(visited.code, before)


@pytest.mark.parametrize("end", ["from", "to"])
def test_the_ends_of_the_path_can_be_dragged(plane, classes, end):
    chart = Chart(plane, points(classes, "pair")[1])
    plane.page.evaluate("distaff.showRow(0)")
    plane.settle()

    def spots():
        pairs = chart.surface.locator("xpath=..").get_attribute("data-path").split(" ")
        return [tuple(float(each) for each in pair.split(",")) for pair in (pairs[0], pairs[-1])]

    index = ("from", "to").index(end)
    goal = chart.random_places(1, seed=7 + index)[0]
    other = plane.state(f"Array.from(s.{('to', 'from')[index]}.code)")
    chart.drag(spots()[index], goal)
    np.testing.assert_allclose(spots()[index], goal, atol=1)
    moved = plane.state(f"Array.from(s.{end}.code)")
    np.testing.assert_allclose(moved, chart.to_map(*goal), atol=1.5 / chart.scale)
    assert plane.state(f"Array.from(s.{('to', 'from')[index]}.code)") == other
    # The end that is dragged is decoded, and by keyboard it is put where the mark is.
    np.testing.assert_allclose(plane.code, moved, atol=1e-6)
    chart.click(*chart.random_places(1, seed=9)[0])
    chart.surface.press("AB"[index].lower())
    plane.settle()
    np.testing.assert_allclose(plane.state(f"Array.from(s.{end}.code)"), plane.code, atol=1e-6)
    words = plane.page.get_by_role("combobox", name=f"{'AB'[index]}, where the path")
    assert "a place on the map" in words.evaluate("e => e.selectedOptions[0].textContent")


def test_every_class_keeps_its_name(plane, classes):
    chart = Chart(plane, points(classes, "pair")[1])
    frame = chart.surface.locator("xpath=..")
    # The model of this test may mix classes; what is named at first stays named.
    named = frame.get_attribute("data-names").split()
    for name in ("Zoom out", "Zoom out", "Fit to data"):
        plane.page.get_by_role("button", name=name).click()
        plane.settle()
        assert frame.get_attribute("data-names").split() == named
    for layer in ("Images", "Decoded", "Points"):
        show(plane, layer)
        assert frame.get_attribute("data-names").split() == named


def test_classes_side_by_side_have_unlike_colours(plane):
    colours = [
        np.array(re.findall(r"\d+", each.evaluate("e => getComputedStyle(e).backgroundColor")), dtype=int)[:3]
        for each in plane.page.get_by_role("group", name="Shown classes").locator(".dot").all()
    ]
    apart = np.linalg.norm(np.stack(colours)[:, None] - np.stack(colours)[None], axis=-1)
    assert apart[~np.eye(10, dtype=bool)].min() > 60
    ends = np.array(plane.page.evaluate("Array.from(distaff.run.ends.get('digit'))")).reshape(10, -1)
    known = np.isfinite(ends[:, 0])
    near = np.linalg.norm(ends[:, None] - ends[None], axis=-1)
    near[np.eye(10, dtype=bool)] = np.inf
    near[~known] = np.inf
    neighbours = near.argmin(axis=1)
    nearest = np.mean([apart[i, neighbours[i]] for i in np.flatnonzero(known)])
    assert nearest > apart[~np.eye(10, dtype=bool)].mean() * 0.95


@pytest.mark.parametrize("name", ["plane", "wide"])
def test_the_caption_says_where_the_image_comes_from(request, name):
    visited = request.getfixturevalue(name)
    caption = visited.page.locator(".caption")
    visited.page.get_by_role("button", name="Reset", exact=True).click()
    assert re.fullmatch(r"Decoded from the code of test image \d+", caption.inner_text())
    visited.page.get_by_role("slider").first.press("Home")
    assert re.fullmatch(r"Decoded from the code of test image \d+, edited", caption.inner_text())
    box = visited.page.get_by_role("application").bounding_box()
    visited.page.mouse.click(box["x"] + 30, box["y"] + box["height"] - 40)
    assert "Decoded from" in caption.inner_text()
    visited.page.get_by_role("slider", name="Place on the path from A to B").fill("0.5")
    assert "50 % of the path from A to B" in caption.inner_text()
    visited.page.get_by_role("button", name="Random test image").click()
    assert "test image" in caption.inner_text()


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
        assert status(visited).inner_text().startswith("100,000 of 100,000 test images shown")
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
