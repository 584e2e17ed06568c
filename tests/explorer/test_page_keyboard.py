"""All of it by keyboard alone: every control is reached, shows that it has the focus, and does its work."""

import io

import numpy as np
import pytest
from image_files import drawing
from PIL import Image
from visiting import assert_same

CONTROLS = """() => {
  const groups = new Set();
  const found = [...document.querySelectorAll(
    'button, input, select, textarea, a[href], summary, [tabindex]')].filter((each) => {
    if (each.disabled || each.tabIndex < 0 || !each.checkVisibility({visibilityProperty: true})) return false;
    if (each.type !== "radio") return true;
    if (groups.has(each.name)) return false;
    groups.add(each.name);
    return true;
  });
  const name = (each) => each.type === "radio" ? `radio ${each.name}` : each.dataset.stop ?? "unknown";
  found.forEach((each, i) => { each.dataset.stop = i; });
  window.stops = [];
  window.listens ??= document.addEventListener("focusin", ({target}) => {
    const ring = getComputedStyle(target.type === "radio" ? target.labels[0] : target);
    const ringed = ring.outlineStyle !== "none" && parseFloat(ring.outlineWidth) >= 2;
    // The thumb of a slider has the ring, where no script can see it; a slower test looks at the pixels.
    stops.push([name(target), ringed || target.type === "range"]);
  }) ?? true;
  found[0].focus();
  scrollTo(0, 0);
  return found.map(name);
}"""
NAMED = "() => [document.activeElement.tagName, document.activeElement.outerHTML.slice(0, 200)].join(' ')"


@pytest.fixture(scope="module")
def plane(visits, classes):
    with visits(classes.file, reduced_motion="reduce") as visited:
        yield visited


def go_to(visited, view):
    """Open a view by the arrow keys of the tabs."""
    page = visited.page
    page.get_by_role("tab", selected=True).focus()
    for _ in range(8):
        if page.get_by_role("tab", selected=True).inner_text() == view:
            break
        page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", selected=True).inner_text() == view
    visited.settle()


@pytest.mark.parametrize("name", ["classes", pytest.param("sprites", marks=pytest.mark.slow)])
def test_tab_reaches_every_control_of_every_view_and_rings_it(request, visits, name):
    page = request.getfixturevalue(name)
    with visits(page.file) as visited:
        for view in [each.inner_text() for each in visited.page.get_by_role("tab").all()]:
            go_to(visited, view)
            visited.page.wait_for_timeout(200)
            controls = visited.page.evaluate(CONTROLS)
            for _ in controls[1:]:
                visited.page.keyboard.press("Tab")
            reached = visited.page.evaluate("stops")
            assert [each for each, _ in reached if each == "unknown"] == [], view
            assert {each for each, _ in reached} == set(controls), view
            # The first got its focus from the script, not from the keyboard.
            assert [each for each, ringed in reached[1:] if not ringed] == [], view


@pytest.mark.slow
@pytest.mark.parametrize(("name", "theme"), [("classes", "dark"), ("sprites", "light")])
def test_what_has_the_focus_is_seen(request, visits, name, theme):
    page = request.getfixturevalue(name)
    with visits(page.file, color_scheme=theme, reduced_motion="reduce") as visited:
        tip = visited.page.get_by_role("tooltip")
        for view in [each.inner_text() for each in visited.page.get_by_role("tab").all()]:
            go_to(visited, view)
            for _ in visited.page.evaluate(CONTROLS)[1:]:
                visited.page.keyboard.press("Tab")
                assert changes(visited.page, tip), visited.page.evaluate(NAMED)


def changes(page, tip):
    """Whether the screen about the focused control is another without the focus; a tip does not count."""
    box = page.evaluate(
        "() => { const e = document.activeElement; const b = (e.labels?.[0] ?? e).getBoundingClientRect();"
        "return {x: b.x - 6, y: b.y - 6, width: b.width + 12, height: b.height + 12}; }"
    )
    left, top = max(box["x"], 0), max(box["y"], 0)
    right, bottom = min(box["x"] + box["width"], 1440), min(box["y"] + box["height"], 900)
    clip = {"x": left, "y": top, "width": max(right - left, 1), "height": max(bottom - top, 1)}
    if tip.is_visible():
        page.keyboard.press("Escape")
    with_focus = page.screenshot(clip=clip)
    page.evaluate("window.had = document.activeElement, had.blur()")
    without = page.screenshot(clip=clip)
    page.evaluate("had.focus({preventScroll: true})")
    first, second = (
        np.asarray(Image.open(io.BytesIO(each)).convert("RGB")).astype(int) for each in (with_focus, without)
    )
    # A ring, not a shade of grey: some pixels change much.
    return (np.abs(first - second).max(axis=-1) > 60).sum() > 20


def test_the_arrows_move_the_mark_on_the_map(plane, classes):
    go_to(plane, "Map")
    surface = plane.page.get_by_role("application")
    surface.focus()
    start = plane.code
    spot = surface.locator("xpath=..").get_attribute("data-marker")
    for _ in range(4):
        plane.page.keyboard.press("ArrowRight")
    plane.page.keyboard.press("ArrowUp")
    image = plane.live
    code = plane.code
    assert code[0] > start[0]
    assert code[1] > start[1]
    assert code[0] - start[0] == pytest.approx(4 * (code[1] - start[1]), rel=0.05)
    assert_same(image, classes.model.decode(code[None])[0])
    moved = surface.locator("xpath=..").get_attribute("data-marker")
    assert moved != spot
    for keys in (["Shift+ArrowLeft"], ["+", "+"], ["-"]):
        for key in keys:
            plane.page.keyboard.press(key)
        plane.settle()
        assert surface.locator("xpath=..").get_attribute("data-marker") != moved
        np.testing.assert_array_equal(plane.code, code)
    plane.page.keyboard.press("0")
    plane.settle()
    assert surface.locator("xpath=..").get_attribute("data-marker") == moved


def test_classes_are_hidden_and_shown_by_the_space_bar(plane):
    go_to(plane, "Map")
    chip = plane.page.get_by_role("group", name="Shown classes").get_by_role("button", name="5")
    for pressed in ("false", "true"):
        chip.focus()
        plane.page.keyboard.press("Space")
        plane.settle()
        assert chip.get_attribute("aria-pressed") == pressed
        # The legend is drawn anew, and the focus stays where it was.
        assert chip.evaluate("e => e === document.activeElement")


def test_the_arrows_move_in_the_grid(plane, classes):
    go_to(plane, "Traversals")
    plane.page.wait_for_timeout(300)
    plane.settle()
    cells = plane.page.get_by_role("gridcell").get_by_role("button")
    plane.page.locator("[role=grid] button[tabindex='0']").focus()
    plane.page.keyboard.press("End")
    assert cells.nth(10).evaluate("e => e === document.activeElement")
    plane.page.keyboard.press("ArrowDown")
    assert cells.nth(21).evaluate("e => e === document.activeElement")
    before = plane.code
    second = plane.page.get_by_role("rowheader").nth(1).locator("b").inner_text()
    plane.page.keyboard.press("Enter")
    plane.settle()
    (moved,) = (each.index for each in classes.model.latents if each.label == second)
    assert plane.code[moved] > before[moved]
    assert plane.code[1 - moved] == before[1 - moved]


def test_an_image_is_chosen_by_keyboard(plane, tmp_path):
    Image.fromarray(drawing(20, 20, 1, 0)).save(tmp_path / "mine.png")
    go_to(plane, "Your image")
    with plane.page.expect_file_chooser() as opened:
        plane.page.get_by_role("button", name="choose a file").press("Enter")
    before = plane.code
    opened.value.set_files(tmp_path / "mine.png")
    plane.page.get_by_role("img", name="Your image as the model takes it").wait_for()
    plane.settle()
    assert np.abs(plane.code - before).max() > 0


def test_an_interpolation_is_scrubbed_and_played_by_keyboard(plane):
    go_to(plane, "Interpolation")
    scrub = plane.page.get_by_role("slider", name="Place on the path from A to B")
    scrub.focus()
    plane.page.keyboard.press("End")
    for _ in range(8):
        plane.page.keyboard.press("ArrowLeft")
    assert plane.state("s.t") == pytest.approx(0.96)
    plane.page.get_by_role("button", name="Play", exact=True).focus()
    plane.page.keyboard.press("Enter")
    plane.page.get_by_role("button", name="Pause").wait_for()
    plane.page.get_by_role("button", name="Play", exact=True).wait_for()
    assert plane.state("s.t") == 1


def test_a_cell_of_the_heat_map_opens_by_enter(plane, classes):
    go_to(plane, "Metrics")
    name = f"{classes.model.latents[0].label} and digit"
    plane.page.get_by_role("button", name=name).focus()
    plane.page.keyboard.press("ArrowDown")
    plane.page.keyboard.press("Enter")
    plane.settle()
    assert plane.page.get_by_role("tab", selected=True).inner_text() == "Traversals"
    assert plane.state("s.latent") == 1


def test_explanations_come_with_the_focus_and_go_with_escape(plane):
    go_to(plane, "Map")
    term = plane.page.get_by_role("button", name="latents", exact=True).first
    term.focus()
    tip = plane.page.get_by_role("tooltip")
    assert "numbers" in tip.inner_text()
    assert term.get_attribute("aria-describedby") == tip.get_attribute("id")
    plane.page.keyboard.press("Escape")
    assert not tip.is_visible()
