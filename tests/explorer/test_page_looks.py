"""Every view in both themes: nothing serious by axe, nothing wider than the screen, and a screenshot."""

import itertools
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = ROOT / "screenshots"
WIDTHS = {1440: 900, 1024: 768, 390: 844, 360: 740}
CHECK = """async () => (await axe.run({resultTypes: ["violations"]})).violations.map(
  ({id, impact, nodes}) => [id, impact, nodes.slice(0, 3).map((node) => node.html.slice(0, 200))])"""


@pytest.fixture(scope="module")
def axe():
    if not AXE.is_file():
        sentence = "no axe-core to judge the page with; 'npm ci' in frontend/ gets it"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    from image_files import drawing
    from PIL import Image

    file = tmp_path_factory.mktemp("mine") / "mine.png"
    Image.fromarray(drawing(80, 60, 3, 1)).save(file)
    return file


def views(visited, mine):
    """Open one view after the other, each with all that it can show."""
    for tab in visited.page.get_by_role("tab").all():
        name = tab.inner_text()
        tab.click()
        if name == "Your image":
            visited.page.get_by_label("Choose an image").set_input_files(mine)
        visited.page.wait_for_timeout(500)
        visited.settle()
        yield name
        if name == "Map":
            visited.page.get_by_role("radiogroup", name="Show").get_by_role("radio", name="Decoded").check()
            surface = visited.page.get_by_role("application")
            surface.click(position={"x": 15, "y": 60})
            surface.hover(position={"x": 20, "y": 65})
            visited.settle()
            yield "Map with decoded images"


@pytest.mark.parametrize(
    ("name", "theme"),
    [
        ("classes", "light"),
        ("sprites", "dark"),
        *(pytest.param(name, "light", marks=pytest.mark.slow) for name in ("sprites", "told", "both")),
        *(pytest.param(name, "dark", marks=pytest.mark.slow) for name in ("classes", "told", "both")),
    ],
)
def test_axe_finds_nothing_serious(request, visits, axe, mine, name, theme):
    page = request.getfixturevalue(name)
    with visits(page.file, color_scheme=theme) as visited:
        visited.page.evaluate(axe)
        for view in views(visited, mine):
            found = visited.page.evaluate(CHECK)
            assert [each for each in found if each[1] in {"serious", "critical"}] == [], view


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "theme", "width"),
    [
        *itertools.product(("classes", "sprites"), ("light", "dark"), WIDTHS),
        *itertools.product(("told", "plain", "both"), ("light",), (min(WIDTHS), max(WIDTHS))),
    ],
)
def test_every_view_fits_and_is_kept_to_look_at(request, visits, mine, name, theme, width):
    page = request.getfixturevalue(name)
    SCREENSHOTS.mkdir(exist_ok=True)
    with visits(page.file, color_scheme=theme, viewport={"width": width, "height": WIDTHS[width]}) as visited:
        for view in views(visited, mine):
            file = SCREENSHOTS / f"{name}-{view.lower().replace(' ', '-')}-{theme}-{width}.png"
            visited.page.screenshot(path=file, full_page=True)
            assert file.stat().st_size > 5000
            wide = visited.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, view
